//! The rows of `sessions list` and `sessions show`, as they are shown.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use proto::entry::ApprovalId;
use proto::event::Outcome;
use proto::ids::{Epoch, Name, SessionId};
use proto::reading::{Channel, Verdict};
use proto::refusal::Told;
use proto::time::Utc;
use serde::{Deserialize, Serialize};

/// How many commands a row holds, the newest; the log has them all.
pub const COMMANDS_LIMIT: usize = 1000;

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SessionState {
    /// It goes on.
    #[serde(rename = "open")]
    Open,
    /// It ended, and every command of it did.
    #[serde(rename = "closed")]
    Closed,
    /// It ended, and a command of it was let run whose end is not recorded.
    #[serde(rename = "outcome unknown")]
    OutcomeUnknown,
    /// Its node ended without it.
    #[serde(rename = "lost")]
    Lost,
}

impl fmt::Display for SessionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::OutcomeUnknown => "outcome unknown",
            Self::Lost => "lost",
        })
    }
}

/// Where a command stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CommandState {
    /// It was judged and has not started yet.
    #[serde(rename = "judged")]
    Judged,
    /// It was handed to its target.
    #[serde(rename = "running")]
    Running,
    /// It ended; `outcome` says how.
    #[serde(rename = "finished")]
    Finished,
    /// It was let run, and its end is not recorded.
    #[serde(rename = "outcome unknown")]
    OutcomeUnknown,
    /// It was not let run.
    #[serde(rename = "refused")]
    Refused,
}

impl fmt::Display for CommandState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Judged => "judged",
            Self::Running => "running",
            Self::Finished => "finished",
            Self::OutcomeUnknown => "outcome unknown",
            Self::Refused => "refused",
        })
    }
}

/// One command of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandRow {
    /// Its number within the session, from 1.
    pub command: u64,
    /// When it was judged.
    pub judged: Utc,
    /// Its masked text, cut to [`crate::TEXT_LIMIT`].
    pub text: String,
    /// Whether the text goes on.
    pub cut: bool,
    /// Where it stands.
    pub state: CommandState,
    /// What was decided.
    pub verdict: Verdict,
    /// Names of the rules that matched.
    pub rules: Vec<String>,
    /// What the client was told, when it was not allowed.
    pub told: Option<Told>,
    /// Why a part of it could not be read.
    pub unreadable: Option<String>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// The approval that was spent on it, when it was held and let go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalId>,
    /// From the verdict to the end, in milliseconds.
    pub duration_ms: Option<u64>,
    /// How many places were masked, by detector.
    pub masked: BTreeMap<String, u64>,
    /// Bytes of its standard input.
    pub input_bytes: u64,
    /// Bytes of its standard output.
    pub output_bytes: u64,
    /// Bytes of its standard error.
    pub errors_bytes: u64,
    /// Whether the record holds fewer bytes of its output than passed.
    pub truncated: bool,
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRow {
    /// Its id.
    pub id: SessionId,
    /// Who opened it.
    pub person: Name,
    /// To what.
    pub target: Name,
    /// As whom there.
    pub login: String,
    /// What it can do.
    pub channel: Channel,
    /// The grant that lets it.
    pub grant: String,
    /// The address that the person came from.
    pub from: Option<String>,
    /// Where it stands.
    pub state: SessionState,
    /// When it was opened.
    pub opened: Utc,
    /// When it ended; for a lost one, when that became known.
    pub closed: Option<Utc>,
    /// Why it ended.
    pub reason: Option<String>,
    /// The node that serves it.
    pub node: Name,
    /// That node's epoch.
    pub epoch: Epoch,
    /// How many commands it judged.
    pub commands_judged: u64,
    /// The newest of its commands, oldest first, at most [`COMMANDS_LIMIT`].
    pub commands: VecDeque<CommandRow>,
}
