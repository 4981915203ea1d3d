//! What applying an entry causes outside of the state.

use proto::event::Stamped;
use proto::ids::SessionId;

/// What applying an entry, or the passing of time, causes outside of the state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Events of the control chain in order, exact bytes. They are in the state's outbox too.
    pub events: Vec<Stamped>,
    /// What readers of the state must look at again.
    pub changed: Changed,
    /// Sessions that were open and are closed because their node does not run them any more.
    pub lost_sessions: Vec<SessionId>,
}

/// Which parts of the state changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// The policy in force.
    pub policy: bool,
    /// People.
    pub people: bool,
    /// Targets.
    pub targets: bool,
    /// Approvals: one was asked for, or its status is another.
    pub approvals: bool,
    /// Locks.
    pub locks: bool,
    /// Nodes, the cluster's version, join tokens.
    pub nodes: bool,
    /// Open sessions.
    pub sessions: bool,
    /// Secrets of the cluster.
    pub secrets: bool,
    /// Signing keys and checkpoints.
    pub seals: bool,
}

impl Changed {
    /// All parts: what a reader that starts must look at.
    pub const ALL: Self = Self {
        policy: true,
        people: true,
        targets: true,
        approvals: true,
        locks: true,
        nodes: true,
        sessions: true,
        secrets: true,
        seals: true,
    };

    /// Whether anything changed.
    #[must_use]
    pub fn any(self) -> bool {
        self != Self::default()
    }

    /// Adds what else changed.
    pub fn merge(&mut self, other: Self) {
        self.policy |= other.policy;
        self.people |= other.people;
        self.targets |= other.targets;
        self.approvals |= other.approvals;
        self.locks |= other.locks;
        self.nodes |= other.nodes;
        self.sessions |= other.sessions;
        self.secrets |= other.secrets;
        self.seals |= other.seals;
    }
}

impl Effects {
    /// Adds what came after.
    pub fn merge(&mut self, later: Self) {
        self.events.extend(later.events);
        self.changed.merge(later.changed);
        self.lost_sessions.extend(later.lost_sessions);
    }
}
