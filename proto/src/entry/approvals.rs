//! Entries about approvals and locks.

use std::fmt;

use rkyv::{Archive, Deserialize as RkyvDeserialize, Serialize as RkyvSerialize};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::By;
use super::nodes::entry_structs;
use crate::ids::{Digest, Epoch, Name, SessionId};

/// An approval or a lock, by the control index of the entry that made it: short enough to type.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    Archive,
    RkyvSerialize,
    RkyvDeserialize,
)]
#[serde(transparent)]
#[rkyv(derive(PartialEq, Eq, PartialOrd, Ord))]
pub struct ApprovalId(pub u64);

impl fmt::Display for ApprovalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! entry_words {
    ($($(#[doc = $text:literal])* enum $name:ident {
        $($(#[doc = $doc:literal])* $variant:ident = $word:literal,)*
    })*) => {$(
        $(#[doc = $text])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
            JsonSchema, Archive, RkyvSerialize, RkyvDeserialize,
        )]
        pub enum $name { $($(#[doc = $doc])* #[serde(rename = $word)] $variant,)* }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $word,)* })
            }
        }
    )*};
}

entry_words! {
    /// What somebody says to a request.
    enum Ruling {
        /// It may go on.
        Approve = "approve",
        /// It may not.
        Deny = "deny",
    }
    /// Why a request was withdrawn.
    enum Withdrawn {
        /// The client left, or cancelled.
        ClientLeft = "client left",
        /// Its session ended.
        SessionEnded = "session ended",
        /// Its node started again, stopped, or had no contact for too long.
        NodeLost = "node lost",
        /// The policy changed: the command was judged again.
        PolicyChanged = "policy changed",
    }
}

/// What an approval covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Archive, RkyvSerialize, RkyvDeserialize)]
pub enum Covered {
    /// One command, to the byte, once.
    Command,
    /// What the same rules hold in the same session, for so many milliseconds from when it is first
    /// used.
    Session {
        /// How long.
        for_ms: u64,
    },
}

/// Who or what is locked out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Archive, RkyvSerialize, RkyvDeserialize)]
pub enum LockScope {
    /// A person, everywhere.
    Person(Name),
    /// A target, for everybody.
    Target(Name),
    /// Whatever a node serves.
    Node(Name),
    /// Everything.
    All,
}

impl fmt::Display for LockScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(name) => write!(f, "person {name}"),
            Self::Target(name) => write!(f, "target {name}"),
            Self::Node(name) => write!(f, "node {name}"),
            Self::All => f.write_str("everything"),
        }
    }
}

entry_structs! {
    /// One command of one session, to the byte.
    struct CommandRef {
        /// The node that holds it.
        node: Name,
        /// That node's epoch.
        epoch: Epoch,
        /// Its session.
        session: SessionId,
        /// Its number within the session.
        command: u64,
        /// HMAC of its raw bytes under the cluster's digest key.
        digest: Digest,
    }
    /// What one rule asks.
    struct AskedRule {
        /// The rule.
        rule: String,
        /// How many people must approve.
        count: u32,
        /// Who may, as they were when it was asked; whoever asks is never among them.
        approvers: Vec<Name>,
    }
    /// A held command asks for an approval.
    struct ApprovalRequest {
        /// The command.
        command: CommandRef,
        /// Who asks.
        person: Name,
        /// Of which target.
        target: Name,
        /// As whom there.
        login: String,
        /// The command's masked text, cut to a length that fits; the record has all of it.
        text: String,
        /// Whether something in the text was masked, or it was cut.
        incomplete: bool,
        /// The policy revision that it was judged by.
        policy_revision: u64,
        /// Every rule that holds it; each must be satisfied.
        rules: Vec<AskedRule>,
        /// What an approval covers.
        covered: Covered,
        /// How long the request stands, consumption included, in milliseconds.
        expires_ms: u64,
    }
    /// Somebody rules.
    struct ApprovalRuling {
        /// On which request.
        approval: ApprovalId,
        /// Who; the administrator is nobody.
        by: By,
        /// What.
        ruling: Ruling,
        /// Why.
        reason: String,
    }
    /// A held command takes what was approved.
    struct ApprovalConsumption {
        /// Which approval.
        approval: ApprovalId,
        /// The command as it will be sent.
        command: CommandRef,
        /// The policy revision that it was judged by.
        policy_revision: u64,
        /// The rules that hold it, in order: an approval that covers a session lets only through
        /// what these rules hold.
        rules: Vec<String>,
    }
    /// Whoever asked asks no more.
    struct ApprovalWithdrawal {
        /// Which request.
        approval: ApprovalId,
        /// Why.
        because: Withdrawn,
    }
    /// An approval is taken back before it is used.
    struct ApprovalRevocation {
        /// Which.
        approval: ApprovalId,
        /// Who takes it back.
        by: By,
        /// Why.
        reason: String,
    }
    /// Somebody or something is locked out.
    struct LockSetting {
        /// Who or what.
        scope: LockScope,
        /// For how many milliseconds; until it is lifted, when absent.
        for_ms: Option<u64>,
        /// Why.
        reason: String,
        /// Who locks.
        by: By,
    }
    /// A lock is lifted.
    struct LockLift {
        /// Which.
        lock: ApprovalId,
        /// Why.
        reason: String,
        /// Who lifts it.
        by: By,
    }
}
