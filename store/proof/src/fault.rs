//! What can be wrong with a record, and how bad that is.
//!
//! Only what an untouched record can never show is tampering. A crash, a clock that was set and a
//! delivery that came twice happen to honest nodes.

use std::fmt;

use proto::entry::ApprovalId;
use proto::ids::{Digest, EventId, Name, SessionId};
use serde::Serialize;

use crate::seal_fault::SealFault;

/// How bad a finding is; the later one is the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// How things are: a node crashed, and what was under way has an unknown outcome.
    State,
    /// Somebody should look, but nothing was taken from the record or changed in it.
    Warning,
    /// The record is not the one that was written. Exit code 1.
    Tampering,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::State => "state",
            Self::Warning => "warning",
            Self::Tampering => "tampering",
        })
    }
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Bytes that are not an event.
    Unreadable {
        /// Why not.
        why: String,
    },
    /// An event of another cluster than the rest; named once for each such cluster.
    ForeignCluster {
        /// The cluster of the record.
        expected: Name,
        /// The cluster of this event.
        found: Name,
    },
    /// The event does not point back to the one before it: one of the two was edited.
    Edited {
        /// The one before it; absent when this is the first of its chain.
        before: Option<EventId>,
    },
    /// Places before this event are empty (node chains).
    Missing {
        /// The first empty place.
        first: u64,
        /// The last empty place.
        last: u64,
    },
    /// The event points back to one that is not here, and no node has stated that (control chain).
    LinkBroken {
        /// The event that is before it here.
        before: Option<EventId>,
    },
    /// The event follows the one before, and its place does not; it does not say why.
    Jumped {
        /// The place before.
        from: u64,
    },
    /// Events of the control chain are not in the record of this node, as it has stated itself.
    NotKept {
        /// The first that is not here.
        first: u64,
        /// The last that is not here.
        last: u64,
    },
    /// The cluster was restored from a backup that is older than these events: it goes on without
    /// them.
    Abandoned {
        /// The first of them.
        first: u64,
        /// The last of them.
        last: u64,
    },
    /// The same bytes came before: a second delivery.
    Duplicate,
    /// The event comes after events that follow it.
    Reordered,
    /// Another event has the same place: a second writer, or a rewritten record.
    Forked,
    /// The node's epoch is lower than before it.
    EpochWentBack {
        /// The epoch before.
        from: u64,
        /// The epoch of this event.
        to: u64,
    },
    /// The clock is behind the event before by more than [`crate::Verifier::CLOCK_TOLERANCE_MS`].
    ClockWentBack {
        /// By how many milliseconds.
        by_ms: u64,
    },
    /// The record shows no end of a session that has ended.
    SessionWithoutEnd {
        /// Which session.
        session: SessionId,
        /// Whether the node stopped in good order, which ends sessions; else it crashed.
        stopped: bool,
    },
    /// An event of a session that had ended before.
    EventAfterEnd {
        /// Which session.
        session: SessionId,
    },
    /// An event of a session that nothing opened.
    SessionNotOpened {
        /// Which session.
        session: SessionId,
    },
    /// The event does not have the place in its session that follows the one before.
    SessionSeqGap {
        /// Which session.
        session: SessionId,
        /// The place that follows.
        expected: u64,
        /// The place of this event.
        found: u64,
        /// Whether the session says that the record failed, or broke off: then what is missing was
        /// never written.
        unwritten: bool,
    },
    /// A command was judged under a number that had been used.
    CommandReused {
        /// Which session.
        session: SessionId,
        /// Which command.
        command: u64,
    },
    /// A command was started twice.
    CommandStartedTwice {
        /// Which session.
        session: SessionId,
        /// Which command.
        command: u64,
    },
    /// A command ended twice.
    CommandFinishedTwice {
        /// Which session.
        session: SessionId,
        /// Which command.
        command: u64,
    },
    /// A command started or gave output after it had ended.
    CommandAfterFinish {
        /// Which session.
        session: SessionId,
        /// Which command.
        command: u64,
    },
    /// A command started, gave output or ran to its end without a verdict `allow` before.
    OutputBeyondJudgement {
        /// Which session.
        session: SessionId,
        /// Which command.
        command: u64,
    },
    /// A held command was let go by an approval that the control chain does not show spent on it.
    ReleasedUnapproved {
        /// Which session.
        session: SessionId,
        /// Which command.
        command: u64,
        /// The approval that it names.
        approval: ApprovalId,
    },
    /// A command was let go that was not held.
    ReleasedUnheld {
        /// Which session.
        session: SessionId,
        /// Which command.
        command: u64,
    },
    /// An approval was spent that was not satisfied, had ended, or was for something else.
    SpentUnapproved {
        /// Which.
        approval: ApprovalId,
    },
    /// An approval of one command was spent twice.
    SpentTwice {
        /// Which.
        approval: ApprovalId,
    },
    /// Somebody ruled on what they had asked for.
    SelfApproved {
        /// Which.
        approval: ApprovalId,
    },
    /// The chain ends before the event that is known to be in it.
    Truncated {
        /// The place that is known.
        expected: u64,
        /// The last place here; 0 when nothing is here.
        found: u64,
    },
    /// The record and its signed checkpoints contradict each other.
    Seal(SealFault),
    /// The event at the known place has other bytes.
    HeadDiffers {
        /// The known hash.
        expected: Digest,
        /// The hash here.
        found: Digest,
    },
}

impl Fault {
    /// How bad it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::SessionWithoutEnd { stopped: false, .. } | Self::NotKept { .. } => {
                Severity::State
            }
            Self::SessionWithoutEnd { stopped: true, .. }
            | Self::SessionSeqGap { unwritten: true, .. }
            | Self::Duplicate
            | Self::Abandoned { .. }
            | Self::ClockWentBack { .. } => Severity::Warning,
            _ => Severity::Tampering,
        }
    }

    /// Its name in machine-readable output.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "unreadable",
            Self::ForeignCluster { .. } => "foreign-cluster",
            Self::Edited { .. } => "edited",
            Self::Missing { .. } => "missing",
            Self::LinkBroken { .. } => "link-broken",
            Self::Jumped { .. } => "jumped",
            Self::NotKept { .. } => "not-kept",
            Self::Abandoned { .. } => "abandoned",
            Self::Duplicate => "duplicate",
            Self::Reordered => "reordered",
            Self::Forked => "forked",
            Self::EpochWentBack { .. } => "epoch-went-back",
            Self::ClockWentBack { .. } => "clock-went-back",
            Self::SessionWithoutEnd { .. } => "session-without-end",
            Self::EventAfterEnd { .. } => "event-after-end",
            Self::SessionNotOpened { .. } => "session-not-opened",
            Self::SessionSeqGap { .. } => "session-seq-gap",
            Self::CommandReused { .. } => "command-reused",
            Self::CommandStartedTwice { .. } => "command-started-twice",
            Self::CommandFinishedTwice { .. } => "command-finished-twice",
            Self::CommandAfterFinish { .. } => "command-after-finish",
            Self::OutputBeyondJudgement { .. } => "output-beyond-judgement",
            Self::ReleasedUnapproved { .. } => "released-unapproved",
            Self::ReleasedUnheld { .. } => "released-unheld",
            Self::SpentUnapproved { .. } => "spent-unapproved",
            Self::SpentTwice { .. } => "spent-twice",
            Self::SelfApproved { .. } => "self-approved",
            Self::Truncated { .. } => "truncated",
            Self::HeadDiffers { .. } => "head-differs",
            Self::Seal(fault) => fault.name(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { why } => write!(f, "{}", why.escape_debug()),
            Self::ForeignCluster { expected, found } => {
                write!(f, "it is of the cluster {found}, the record is of {expected}")
            }
            Self::Edited { before: Some(before) } => {
                write!(f, "it does not point back to {before}: one of the two was edited")
            }
            Self::Edited { before: None } => {
                f.write_str("it is the first of its chain and points back to another event")
            }
            Self::Missing { first, last } if first == last => {
                write!(f, "event {first} is missing before it")
            }
            Self::Missing { first, last } => {
                write!(f, "events {first} to {last} are missing before it")
            }
            Self::LinkBroken { before: Some(before) } => write!(
                f,
                "it does not point back to {before}: one of the two was edited, or events between \
                 them are missing"
            ),
            Self::LinkBroken { before: None } => {
                f.write_str("it points back to an event that is missing")
            }
            Self::Jumped { .. } | Self::NotKept { .. } | Self::Abandoned { .. } => self.fmt_gap(f),
            Self::Duplicate => f.write_str("the same event came before"),
            Self::Reordered => f.write_str("it comes after events that follow it"),
            Self::Forked => f.write_str("another event has the same place in the chain"),
            Self::EpochWentBack { from, to } => {
                write!(f, "the node's epoch went back from {from} to {to}")
            }
            Self::ClockWentBack { by_ms } => write!(f, "the clock went back by {by_ms} ms"),
            Self::Truncated { expected, found } => {
                write!(f, "event {expected} is known to be in the chain, which ends at {found}")
            }
            Self::HeadDiffers { expected, found } => {
                write!(f, "its hash is known to be {expected}, and is {found}")
            }
            Self::Seal(fault) => fault.fmt(f),
            Self::SpentUnapproved { approval } => write!(
                f,
                "approval {approval} was spent, and was not satisfied, had ended, or was asked for \
                 something else"
            ),
            Self::SpentTwice { approval } => write!(f, "approval {approval} was spent before"),
            Self::SelfApproved { approval } => {
                write!(f, "whoever asked for approval {approval} ruled on it")
            }
            session => session.fmt_session(f),
        }
    }
}

impl Fault {
    fn fmt_gap(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Jumped { from } => {
                write!(f, "its place does not follow place {from}, and it does not say why")
            }
            Self::NotKept { first, last } => write!(
                f,
                "events {first} to {last} are not in this record, as its node says itself: they \
                 were decided before it joined, or while it was away"
            ),
            Self::Abandoned { first, last } => write!(
                f,
                "events {first} to {last} came after the backup that the cluster was restored \
                 from: it goes on without them"
            ),
            other => f.write_str(other.name()),
        }
    }

    fn fmt_session(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A session's id comes from the record: it is escaped before it reaches a terminal.
        let safe = |session: &SessionId| session.as_str().escape_debug().to_string();
        match self {
            Self::SessionWithoutEnd { session, stopped } => {
                let how = if *stopped { "stopped" } else { "crashed" };
                write!(f, "session {} was open when the node {how}", safe(session))
            }
            Self::EventAfterEnd { session } => {
                write!(f, "session {} had ended before", safe(session))
            }
            Self::SessionNotOpened { session } => {
                write!(f, "session {} was not opened before", safe(session))
            }
            Self::SessionSeqGap { session, expected, found, unwritten } => {
                let why = if *unwritten { "; the record failed in between" } else { "" };
                let session = safe(session);
                write!(f, "session {session} goes on with {found} instead of {expected}{why}")
            }
            Self::CommandReused { session, command } => {
                write!(f, "command {command} of session {} was judged before", safe(session))
            }
            Self::CommandStartedTwice { session, command } => {
                write!(f, "command {command} of session {} started before", safe(session))
            }
            Self::CommandFinishedTwice { session, command } => {
                write!(f, "command {command} of session {} had ended before", safe(session))
            }
            Self::CommandAfterFinish { session, command } => {
                write!(f, "command {command} of session {} goes on after its end", safe(session))
            }
            Self::OutputBeyondJudgement { session, command } => {
                let session = safe(session);
                write!(f, "command {command} of session {session} ran without a verdict `allow`")
            }
            Self::ReleasedUnapproved { session, command, approval } => write!(
                f,
                "command {command} of session {} was let go by approval {approval}, which was not \
                 spent on it",
                safe(session)
            ),
            Self::ReleasedUnheld { session, command } => {
                write!(f, "command {command} of session {} was let go and not held", safe(session))
            }
            other => f.write_str(other.name()),
        }
    }
}
