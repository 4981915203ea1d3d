//! Why an entry changed nothing.

#![allow(missing_docs, reason = "rkyv derives a resolver whose fields it does not document")]

use proto::entry::{ApprovalId, LockScope};
use proto::ids::{Epoch, Name, SessionId};
use proto::refusal::Code;
use rkyv::{Archive, Deserialize, Serialize};

use crate::approvals::Status;

/// Why an entry changed nothing. As with [`crate::Reply`], a variant is never changed or taken out,
/// and a new one comes last.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Archive, Serialize, Deserialize)]
pub enum Denied {
    /// A retry that is too old: whether its request had an effect can no longer be told.
    #[error("the request is too old to be answered again")]
    RequestExpired,
    /// Whoever asks is no member of the cluster, or was removed.
    #[error("node {0} is not a member of this cluster")]
    NotAMember(Name),
    /// There is no cluster yet.
    #[error("the cluster has not been created")]
    NoCluster,
    /// There is a cluster already.
    #[error("the cluster has been created already")]
    AlreadyCreated,
    /// Not all nodes understand this kind of entry.
    #[error("this needs cluster version {needs}, and the cluster is at version {version}")]
    NotYet {
        /// From which version on it may be written.
        needs: u32,
        /// The cluster's version.
        version: u32,
    },
    /// Over one of the [`crate::limits`].
    #[error("too large: {what} may be at most {limit}")]
    Limit {
        /// What was counted, with its unit.
        what: String,
        /// The limit.
        limit: u64,
    },
    /// The event that lists what changed would be larger than any event may be.
    #[error("too many changes at once: the event would be {bytes} bytes; apply them in steps")]
    ChangeTooLarge {
        /// How large the event came out.
        bytes: u64,
    },
    /// A field has a value that means nothing.
    #[error("{what} is not right")]
    Malformed {
        /// Which field.
        what: String,
    },
    /// Somebody else changed it since the editor saw it.
    #[error("{what} is at revision {actual}, not {expected}")]
    StaleRevision {
        /// `the policy`, `the list of people` or `the list of targets`.
        what: String,
        /// The revision that the editor saw.
        expected: u64,
        /// The current revision, 0 when there is none.
        actual: u64,
    },
    /// The digest is not that of the document.
    #[error("the digest is not that of the policy document")]
    DigestDiffers,
    /// It was judged by a policy that is no longer in force: judge again.
    #[error("the policy is now at revision {current}")]
    PolicyChanged {
        /// The current revision, 0 when there is none.
        current: u64,
    },
    /// A name occurs twice in a document.
    #[error("{what} {name} occurs twice")]
    Duplicate {
        /// `person` or `target`.
        what: String,
        /// The name.
        name: Name,
    },
    /// No such person.
    #[error("there is no person {0}")]
    UnknownPerson(Name),
    /// No such target.
    #[error("there is no target {0}")]
    UnknownTarget(Name),
    /// No such node.
    #[error("there is no node {0}")]
    UnknownNode(Name),
    /// The node had no contact for too long, and has not said since that it is there.
    #[error("node {0} was lost, and has not been seen since")]
    NodeLost(Name),
    /// The node stopped, or has not started yet.
    #[error("node {0} is not running")]
    NodeNotRunning(Name),
    /// A node of that name is a member.
    #[error("there is a node {0} already")]
    NodePresent(Name),
    /// The public key is another member's.
    #[error("the key is that of node {0}")]
    KeyInUse(Name),
    /// The node has started again since: whoever asks is a clone or a ghost.
    #[error("the node is in epoch {}", current.0)]
    StaleEpoch {
        /// The epoch that the node is in.
        current: Epoch,
    },
    /// The disk is an old copy of the node's, or another node's.
    #[error("the disk remembers epoch {}, and the node is in epoch {}", remembered.0, current.0)]
    StaleDisk {
        /// What the disk remembers.
        remembered: Epoch,
        /// The epoch that the node is in.
        current: Epoch,
    },
    /// The join token does not exist, was spent, or is too old.
    #[error("the join token is not good, was used, or is too old")]
    JoinTokenWrong,
    /// The node's program is older than the cluster's version.
    #[error("the program understands cluster version {supports}, and {needs} is in use")]
    TooOld {
        /// The newest version that it understands.
        supports: u32,
        /// The version in use.
        needs: u32,
    },
    /// A member does not understand the version.
    #[error("node {node} understands only version {supports}")]
    NotSupported {
        /// The member.
        node: Name,
        /// The newest version that it understands.
        supports: u32,
    },
    /// The cluster would have no node left.
    #[error("node {0} is the last one")]
    LastNode(Name),
    /// The person has as many sessions open as the policy lets them.
    #[error("{limit} sessions of this person are open, which is the limit")]
    TooManySessions {
        /// The policy's limit.
        limit: u32,
    },
    /// The session's id is not `<node>-<epoch>-<count>` of the node that opens it.
    #[error("{0} is not an id that this node may give")]
    NotItsSession(SessionId),
    /// The session's id has been used, or its number is far below those in use.
    #[error("session {0} is or was open")]
    SessionUsed(SessionId),
    /// The session is not open, or not with that person, target and login.
    #[error("session {0} is not open so")]
    SessionNotOpen(SessionId),
    /// No such approval, or one that ended long ago.
    #[error("there is no approval {0}")]
    UnknownApproval(ApprovalId),
    /// The request is not open any more, or the approval not unspent.
    #[error("it is {0}")]
    ApprovalOver(Status),
    /// Not enough people have approved.
    #[error("it is not approved yet")]
    NotApproved,
    /// Whoever asked may not rule.
    #[error("nobody approves what they asked for themselves")]
    SelfApproval,
    /// The administrator and nodes are no people.
    #[error("only a person approves")]
    NotAPerson,
    /// The person is in none of the request's sets.
    #[error("{0} is not among those who may approve it")]
    NotAnApprover(Name),
    /// The person has ruled.
    #[error("{0} has ruled on it already")]
    AlreadyRuled(Name),
    /// A rule asks for more people than may approve.
    #[error("rule {rule} asks for {count} approvals, and its set has {approvers} people")]
    NotEnoughApprovers {
        /// The rule.
        rule: String,
        /// How many it asks for.
        count: u32,
        /// How many there are.
        approvers: u32,
    },
    /// The command is not the one that the request is about.
    #[error("the command is not the one that was asked for")]
    CommandDiffers,
    /// A rule holds the command that the approval does not satisfy.
    #[error("rule {0} holds the command too, and was not asked")]
    RuleNotAsked(String),
    /// The person, the target, the node or everything is locked.
    #[error("{scope} is locked (lock {lock})")]
    Locked {
        /// The lock.
        lock: ApprovalId,
        /// What it locks.
        scope: LockScope,
    },
    /// No such lock.
    #[error("there is no lock {0}")]
    UnknownLock(ApprovalId),
    /// The checkpoint is behind the one that is kept.
    #[error("the checkpoint is behind {kept}, which is kept")]
    CheckpointBehind {
        /// The place that is kept.
        kept: u64,
    },
    /// Another event is at this place of the chain by the checkpoint that is kept.
    #[error("the checkpoint that is kept has another event at {seq}")]
    CheckpointDiffers {
        /// The place.
        seq: u64,
    },
    /// The control chain is not that long.
    #[error("the control chain ends at {last}")]
    UnknownEvent {
        /// The last event.
        last: u64,
    },
    /// The secret is wrapped under a newer generation of the key.
    #[error("the secret is of generation {kept}")]
    StaleGeneration {
        /// The generation that is kept.
        kept: u32,
    },
}

impl Denied {
    /// The code by which people are told.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::RequestExpired => Code::OutcomeUnknown,
            Self::NotAMember(_) => Code::NotAMember,
            Self::NoCluster => Code::ClusterUninitialized,
            Self::AlreadyCreated => Code::AlreadyInitialized,
            Self::NotYet { .. } | Self::TooOld { .. } | Self::NotSupported { .. } => {
                Code::VersionMismatch
            }
            Self::Limit { .. }
            | Self::ChangeTooLarge { .. }
            | Self::Malformed { .. }
            | Self::DigestDiffers
            | Self::Duplicate { .. }
            | Self::NotEnoughApprovers { .. }
            | Self::NodePresent(_)
            | Self::CheckpointBehind { .. }
            | Self::CheckpointDiffers { .. }
            | Self::UnknownEvent { .. } => Code::BadRequest,
            Self::StaleRevision { .. }
            | Self::PolicyChanged { .. }
            | Self::StaleGeneration { .. } => Code::StaleRevision,
            Self::UnknownPerson(_)
            | Self::UnknownTarget(_)
            | Self::UnknownNode(_)
            | Self::UnknownApproval(_)
            | Self::UnknownLock(_) => Code::NotFound,
            Self::NodeLost(_) | Self::NodeNotRunning(_) => Code::ContactLost,
            Self::KeyInUse(_) | Self::JoinTokenWrong => Code::JoinRefused,
            Self::StaleEpoch { .. } | Self::StaleDisk { .. } => Code::StaleDisk,
            Self::LastNode(_) => Code::LastVoter,
            Self::TooManySessions { .. } => Code::TooManySessions,
            Self::NotItsSession(_) | Self::SessionUsed(_) | Self::SessionNotOpen(_) => {
                Code::PermissionDenied
            }
            Self::ApprovalOver(_) => Code::ApprovalOver,
            Self::NotApproved => Code::Held,
            Self::SelfApproval => Code::SelfApproval,
            Self::NotAPerson => Code::AdministratorNeverApproves,
            Self::NotAnApprover(_) => Code::NotAnApprover,
            Self::AlreadyRuled(_) => Code::AlreadyRuled,
            Self::CommandDiffers | Self::RuleNotAsked(_) => Code::ApprovalOver,
            Self::Locked { .. } => Code::Locked,
        }
    }
}
