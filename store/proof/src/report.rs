//! What a verification says.

use proto::ids::{Chain, Digest, EventId, Name, SessionId};
use serde::{Serialize, Serializer};

use crate::finding::{Finding, Place};

/// How many commands of unknown outcome are named; more are counted.
pub const UNFINISHED_LIMIT: usize = 10_000;

/// One chain as it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChainReport {
    /// Which chain.
    pub chain: Chain,
    /// The cluster that its events name.
    pub cluster: Name,
    /// How many events are in it, without copies and forks.
    pub events: u64,
    /// Its first event here.
    #[serde(serialize_with = "as_text")]
    pub first: EventId,
    /// Its last event here.
    #[serde(serialize_with = "as_text")]
    pub last: EventId,
    /// SHA-256 of the last event: what to keep elsewhere, to see later that the end was cut off.
    pub head: Digest,
    /// The place that it starts at, when that is not the beginning and the record is partial.
    pub starts_at: Option<u64>,
}

/// Sessions of all chains, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SessionCounts {
    /// Opened.
    pub opened: u64,
    /// Asked for and refused.
    pub refused: u64,
    /// Closed in good order.
    pub closed: u64,
    /// Ended by the end of their node, without an end of their own.
    pub without_end: u64,
    /// Open at the end of the record.
    pub open: u64,
}

/// A command that was allowed and whose end the record does not show: its outcome is unknown, or
/// it still runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnfinishedCommand {
    /// Its session.
    pub session: SessionId,
    /// Its number within the session.
    pub command: u64,
    /// The event that judged it.
    #[serde(serialize_with = "as_text")]
    pub judged: EventId,
    /// Where that event is.
    pub place: Place,
    /// Whether its session is open at the end of the record, so that it may still run.
    pub open: bool,
}

/// A chain against its signed checkpoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SealReport {
    /// Which chain.
    pub chain: Chain,
    /// The last event that the newest known checkpoint covers.
    pub sealed: u64,
    /// The last event up to which the record was found to be what was signed; 0 for none.
    pub covered: u64,
    /// Whether any event of the chain is here.
    pub here: bool,
}

/// What a verification says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether any finding is tampering, also of those that are only counted.
    pub tampered: bool,
    /// The chains, in the order of their names, the control chain first.
    pub chains: Vec<ChainReport>,
    /// What is wrong, in the order in which it was met.
    pub findings: Vec<Finding>,
    /// How many findings more there are than are named.
    pub findings_left_out: u64,
    /// The chains against their signed checkpoints.
    pub seals: Vec<SealReport>,
    /// What could not be verified, and why.
    pub unverified: Vec<String>,
    /// The sessions.
    pub sessions: SessionCounts,
    /// Commands whose end the record does not show.
    pub unfinished_commands: Vec<UnfinishedCommand>,
    /// How many such commands more there are than are named.
    pub unfinished_left_out: u64,
}

fn as_text<S: Serializer>(id: &EventId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

/// Collects what is counted over all chains.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) sessions: SessionCounts,
    pub(crate) unfinished: Vec<UnfinishedCommand>,
    pub(crate) unfinished_left_out: u64,
}

impl Tally {
    pub(crate) fn unfinished(&mut self, command: UnfinishedCommand) {
        if self.unfinished.len() < UNFINISHED_LIMIT {
            self.unfinished.push(command);
        } else {
            self.unfinished_left_out += 1;
        }
    }
}
