//! What the control plane is told: the entries that every node applies in the same order.
//!
//! rkyv, because only nodes of this product read them. Each kind of entry is a struct of its own
//! behind a tag, so that a new kind never changes the bytes of another; a kind that changes gets a
//! new tag, and the old one is read for ever. Nothing is ever taken out.

#![allow(missing_docs, reason = "rkyv derives a resolver whose fields it does not document")]

mod approvals;
mod bytes;
mod documents;
mod nodes;
mod sessions;
pub mod v1;

pub use approvals::{
    ApprovalConsumption, ApprovalId, ApprovalRequest, ApprovalRevocation, ApprovalRuling,
    ApprovalWithdrawal, AskedRule, CommandRef, Covered, LockLift, LockScope, LockSetting, Ruling,
    Withdrawn,
};
pub use bytes::{BadProposal, ENTRY_LIMIT, ENTRY_VERSION};
pub use documents::{PeopleSetting, PolicyProposal, PolicySetting, TargetsSetting};
pub use nodes::{
    ChainSealing, Checkpoint, ClusterCreation, ClusterRestoration, ControlPublication,
    ControlSigning, JoinToken, NodeAddresses, NodeEpoch, NodeJoining, NodeKeySetting, NodeRemoval,
    NodeStart, Passing, SecretSetting, VersionRaise,
};
pub use sessions::{SessionClosing, SessionOpening};

use rkyv::{Archive, Deserialize as RkyvDeserialize, Serialize as RkyvSerialize};

use crate::ids::Name;
use crate::person::Person;
use crate::target::DATABASES_SINCE;
use crate::time::Utc;

/// What one fsync of the replicated log carries: proposals that came together, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The leader's time when it put them into the log.
    pub at: Utc,
    /// What is asked for.
    pub proposals: Vec<Proposal>,
}

/// An entry with who asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Who asked.
    pub client: Client,
    /// The client's own number of the request: it only rises, also over restarts. With `client` it
    /// names one effect, however often it is retried.
    pub request: u64,
    /// What is asked for.
    pub entry: Entry,
}

/// A lane of a node: one request of it is under way at a time, so that the last reply is all that
/// must be kept of it (Ongaro's dissertation, section 6.3).
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Archive, RkyvSerialize, RkyvDeserialize,
)]
#[rkyv(derive(PartialEq, Eq, PartialOrd, Ord))]
pub struct Client {
    /// The node.
    pub node: Name,
    /// Which of its lanes.
    pub lane: u32,
}

/// Who changes something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Archive, RkyvSerialize, RkyvDeserialize)]
pub enum By {
    /// A person.
    Person(Name),
    /// Whoever holds the administrator's token: no person.
    Administrator,
    /// A node by itself, e.g. for the files that it was started with.
    Node(Name),
}

impl By {
    /// The person, when it is one.
    #[must_use]
    pub fn person(&self) -> Option<&Name> {
        match self {
            Self::Person(name) => Some(name),
            Self::Administrator | Self::Node(_) => None,
        }
    }
}

impl std::fmt::Display for By {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Person(name) => name.fmt(f),
            Self::Administrator => f.write_str("administrator"),
            Self::Node(name) => write!(f, "node {name}"),
        }
    }
}

macro_rules! entries {
    ($($kind:ident($body:ty) = $tag:literal, since $since:literal, $text:literal;)*) => {
        /// One change of the control plane.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Entry { $(#[doc = $text] $kind($body),)* }

        impl Entry {
            /// Every kind's name, in the order of the tags.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($kind),)*];

            /// The kind's name.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self { $(Self::$kind(_) => stringify!($kind),)* }
            }

            /// The cluster version from which on this kind may be written.
            fn kind_since(&self) -> u32 {
                match self { $(Self::$kind(_) => $since,)* }
            }

            pub(super) fn tag(&self) -> u16 {
                match self { $(Self::$kind(_) => $tag,)* }
            }

            pub(super) fn body(&self) -> Result<rkyv::util::AlignedVec, BadProposal> {
                match self { $(Self::$kind(body) => bytes::write(body),)* }
            }

            pub(super) fn read(tag: u16, body: &[u8]) -> Result<Self, BadProposal> {
                match tag {
                    $($tag => bytes::read::<$body>(body).map(Self::$kind),)*
                    other => Err(BadProposal::Kind(other)),
                }
            }
        }
    };
}

impl Entry {
    /// The cluster version from which on this may be written: what an older node cannot read is
    /// kept from it.
    #[must_use]
    pub fn since(&self) -> u32 {
        let newer = match self {
            Self::TargetsSet(setting) => setting.targets.iter().any(|one| one.database().is_some()),
            Self::PeopleSet(setting) => setting.people.iter().any(Person::has_verifier),
            _ => false,
        };
        if newer { self.kind_since().max(DATABASES_SINCE) } else { self.kind_since() }
    }
}

entries! {
    ClusterCreated(ClusterCreation) = 1, since 1, "The cluster begins, with its first node.";
    ClusterRestored(ClusterRestoration) = 2, since 1, "A backup becomes a new cluster of one.";
    JoinTokenCreated(JoinToken) = 3, since 1, "Somebody may join, once.";
    NodeJoined(NodeJoining) = 4, since 1, "A node is a member from now on.";
    NodeStarted(NodeStart) = 5, since 1, "A node starts: it gets its next epoch.";
    NodeSeen(NodeEpoch) = 6, since 1, "A node that was lost has contact again.";
    NodeLost(NodeEpoch) = 7, since 1, "The leader had no contact with a node for 3T.";
    NodeStopped(NodeEpoch) = 8, since 1, "A node stopped in good order.";
    NodeRemoved(NodeRemoval) = 9, since 1, "A node is a member no longer, for ever.";
    VersionRaised(VersionRaise) = 10, since 1, "All members understand a newer version.";
    SecretSet(SecretSetting) = 11, since 1, "A secret of the cluster, wrapped.";
    CheckpointSealed(Checkpoint) = 12, since 1, "How far a node's chain is durable.";
    ControlPublished(ControlPublication) = 13, since 1, "Events of the control chain are kept.";
    NodeKeySet(NodeKeySetting) = 14, since 2, "A node signs with this key.";
    ChainSealed(ChainSealing) = 15, since 2, "A node's chain has a new checkpoint.";
    ControlCut(Passing) = 16, since 2, "The control chain is to have a new checkpoint.";
    ControlSigned(ControlSigning) = 17, since 2, "A node signs the control chain's checkpoint.";
    PolicySet(PolicySetting) = 20, since 1, "A policy comes into force as a whole.";
    PolicyProposed(PolicyProposal) = 21, since 1, "A policy waits for a second person.";
    PeopleSet(PeopleSetting) = 22, since 1, "The people of the cluster, as a whole.";
    TargetsSet(TargetsSetting) = 23, since 1, "The targets of the cluster, as a whole.";
    SessionOpen(SessionOpening) = 30, since 1, "A session is to be opened.";
    SessionClose(SessionClosing) = 31, since 1, "A session is closed.";
    ApprovalRequested(ApprovalRequest) = 40, since 1, "A held command asks for an approval.";
    ApprovalRuled(ApprovalRuling) = 41, since 1, "Somebody approves or denies.";
    ApprovalConsumed(ApprovalConsumption) = 42, since 1, "An approval is spent.";
    ApprovalWithdrawn(ApprovalWithdrawal) = 43, since 1, "Whoever asked asks no more.";
    ApprovalRevoked(ApprovalRevocation) = 44, since 1, "An approval is taken back.";
    LockSet(LockSetting) = 50, since 1, "Somebody or something is locked out.";
    LockLifted(LockLift) = 51, since 1, "A lock is lifted.";
    Tick(Passing) = 60, since 1, "Time passes.";
}
