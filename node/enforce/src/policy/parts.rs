//! The parts of a checked policy. Made by the checker alone.

use std::sync::Arc;
use std::time::Duration;

use proto::reading::{Channel, Durability, Verdict};
use schemars::JsonSchema;

use super::condition::{TargetSet, When, WhoSet};
use crate::mask::{Action, MaskRule};

macro_rules! words {
    ($($(#[doc = $text:literal])* enum $name:ident {
        $($(#[doc = $doc:literal])* $variant:ident = $word:literal,)*
    })*) => {$(
        $(#[doc = $text])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema)]
        #[schemars(rename_all = "snake_case")]
        pub enum $name { $($(#[doc = $doc])* $variant,)* }

        impl $name {
            /// Every one, with its word in a policy.
            pub const ALL: &'static [(&'static str, Self)] = &[$(($word, Self::$variant),)*];

            /// Its word in a policy.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    )*};
}

words! {
    /// What a role permits.
    enum Permission {
        /// See sessions and events.
        Sessions = "sessions",
        /// Watch replays.
        Replay = "replay",
        /// Export events and sessions.
        Export = "export",
        /// Read raw text.
        Unseal = "unseal",
        /// End sessions.
        Kill = "kill",
        /// Lock people, targets and nodes out.
        Lock = "lock",
        /// Change targets.
        Targets = "targets",
        /// Change people.
        People = "people",
        /// Change the cluster.
        Cluster = "cluster",
        /// Change policy.
        Policy = "policy",
    }
    /// Which commands a grant is for.
    enum Commands {
        /// Whatever the rules do not block or hold.
        Any = "any",
        /// What allow rules match.
        Listed = "listed",
    }
    /// Whether forwards of a grant may lead to what the gateway would read.
    enum Opaque {
        /// They may not.
        Block = "block",
        /// They may: what is done there is in no record.
        Allow = "allow",
    }
    /// What an approval covers.
    enum Covers {
        /// One command, to the byte.
        Command = "command",
        /// The session, for a time.
        Session = "session",
    }
    /// What a workload gets instead of waiting for an approval.
    enum Unattended {
        /// It is let through.
        Allow = "allow",
        /// It is blocked.
        Block = "block",
    }
    /// When output goes to the client; the later one is the stricter.
    enum Output {
        /// When its record was handed to the journal, in order.
        Ordered = "ordered",
        /// When its record is durable.
        Strict = "strict",
    }
    /// What becomes of what is made of masked columns; the later one is the stricter.
    enum Derived {
        /// It is null.
        Null = "null",
        /// The statement is refused.
        Block = "block",
    }
    /// Whether rows may be chosen, ordered or grouped by masked columns; the later one is the
    /// stricter.
    enum Predicates {
        /// They may: whoever asks often enough learns what is in them.
        Allow = "allow",
        /// The statement is refused.
        Block = "block",
    }
    /// What happens when a file that is sent to a target holds what a mask finds; the later one is
    /// the stricter.
    enum Uploads {
        /// It is written.
        Allow = "allow",
        /// No more of it is written.
        Block = "block",
    }
    /// What happens while the replicated stream cannot be reached; the later one is the stricter.
    enum StreamDown {
        /// Commands run with what this node keeps.
        Local = "local",
        /// Nothing runs that needs the stream.
        Refuse = "refuse",
    }
}

/// Limits of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// How long a session may be idle.
    pub idle: Duration,
    /// How long a session may last.
    pub max: Duration,
    /// How many sessions a person may have at once.
    pub per_person: u32,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(15 * 60),
            max: Duration::from_secs(8 * 60 * 60),
            per_person: 20,
        }
    }
}

/// How a command is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordRules {
    /// How safely its verdict is kept before it runs.
    pub durability: Durability,
    /// When its output goes to the client.
    pub output: Output,
    /// What happens while the stream is down.
    pub when_stream_down: StreamDown,
    /// How many bytes of its output are recorded.
    pub limit: u64,
    /// Whether rows of a database are recorded.
    pub rows: bool,
    /// What ends it.
    pub ends: Limits,
}

/// What is too much for a statement of a database, or for a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// How many rows it may give.
    pub rows: Option<u64>,
    /// How many bytes of a file may pass, either way.
    pub file: Option<u64>,
    /// How many bytes its rows may have.
    pub bytes: Option<u64>,
    /// How long it may run.
    pub time: Option<Duration>,
    /// How many statements a connection may run within a second.
    pub statements_per_second: Option<u32>,
}

impl Limits {
    /// Both together: the strictest of each.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        fn least<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
            one.into_iter().chain(other).min()
        }
        Self {
            rows: least(self.rows, other.rows),
            file: least(self.file, other.file),
            bytes: least(self.bytes, other.bytes),
            time: least(self.time, other.time),
            statements_per_second: least(self.statements_per_second, other.statements_per_second),
        }
    }
}

impl Default for RecordRules {
    fn default() -> Self {
        Self {
            durability: Durability::Local,
            output: Output::Ordered,
            when_stream_down: StreamDown::Refuse,
            limit: 16 * 1024 * 1024,
            rows: false,
            ends: Limits::default(),
        }
    }
}

/// What one rule asks of those who approve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    pub(crate) rule: Arc<str>,
    pub(crate) by: WhoSet,
    /// How many people must approve.
    pub count: u32,
    /// How long the request stands, from when it is made to when it is used.
    pub expires: Duration,
    /// What it covers.
    pub covers: Covers,
    /// How long an approval of a session holds.
    pub lasts: Option<Duration>,
    /// What a workload gets instead of waiting.
    pub unattended: Unattended,
}

impl Approval {
    /// The rule that asks.
    #[must_use]
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// Whether somebody may approve. That the requester may not is for the caller to see to.
    #[must_use]
    pub fn may_approve(&self, who: &super::Who<'_>) -> bool {
        self.by.holds(who)
    }
}

/// What must be approved: every one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApprovalRules {
    /// One for each rule that holds the command; one person may count for several.
    pub each: Vec<Approval>,
}

/// A mask of columns of databases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnMask {
    /// Its name.
    pub name: Arc<str>,
    /// `schema.table.column`, each a glob pattern, or `tag:NAME`: what has `[NAME]` in its comment.
    pub columns: Vec<String>,
    /// What becomes of their values.
    pub action: Action,
    /// What becomes of what is made of them.
    pub derived: Derived,
    /// Whether rows may be chosen by them.
    pub predicates: Predicates,
}

/// All that a document says.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) unmatched: Verdict,
    pub(crate) unreadable: Verdict,
    /// The same of what is typed into a terminal.
    pub(crate) unreadable_typed: Verdict,
    pub(crate) approval: Option<Approval>,
    pub(crate) sessions: SessionLimits,
    pub(crate) roles: Vec<Role>,
    pub(crate) grants: Vec<Grant>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) masks: Vec<Mask>,
    pub(crate) records: Vec<Record>,
    pub(crate) limits: Vec<Limited>,
}

#[derive(Debug)]
pub(crate) struct Role {
    pub(crate) who: WhoSet,
    pub(crate) may: Vec<Permission>,
    pub(crate) second_person: bool,
}

#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) name: String,
    pub(crate) who: WhoSet,
    pub(crate) targets: TargetSet,
    pub(crate) logins: Vec<String>,
    pub(crate) channels: Vec<Channel>,
    pub(crate) commands: Commands,
    pub(crate) opaque: Opaque,
}

#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: Arc<str>,
    pub(crate) when: When,
    pub(crate) then: Verdict,
    pub(crate) message: Option<String>,
    pub(crate) approval: Option<Approval>,
}

#[derive(Debug)]
pub(crate) struct Mask {
    pub(crate) when: When,
    /// Absent when the mask is about columns alone.
    pub(crate) rule: Option<MaskRule>,
    /// Absent when it is about none.
    pub(crate) columns: Option<ColumnMask>,
}

#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) when: When,
    pub(crate) durability: Option<Durability>,
    pub(crate) output: Option<Output>,
    pub(crate) when_stream_down: Option<StreamDown>,
    pub(crate) limit: Option<u64>,
    pub(crate) rows: bool,
}

#[derive(Debug)]
pub(crate) struct Limited {
    pub(crate) when: When,
    pub(crate) limits: Limits,
}
