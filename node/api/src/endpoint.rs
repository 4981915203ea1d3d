//! Every endpoint that there is, and who may use it: the one table from which the router, the
//! authorisation, the OpenAPI document and the test over all endpoints come.
//!
//! There must never be a route that is not in this table: [`crate::routes`] builds from nothing
//! else, and what is not here is not found.

mod table;

use node_enforce::policy::Permission;

pub use table::ENDPOINTS;

/// Who may use an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody, also without a token.
    Public,
    /// Every person with a valid token, and the administrator.
    AnyPerson,
    /// People whose roles permit any of these, and the administrator.
    May(&'static [Permission]),
}

/// How an endpoint is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads, and changes nothing.
    Get,
    /// Changes something.
    Post,
}

impl Method {
    /// The method's name in a request.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// What an endpoint does; [`crate::routes`] has a handler for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Whether commands run.
    Health,
    /// Prometheus metrics.
    Metrics,
    /// The OpenAPI document.
    OpenApi,
    /// Something to sign.
    Challenge,
    /// A login by an SSH key.
    SshLogin,
    /// A login by a password.
    PasswordLogin,
    /// Gives the token up.
    Logout,
    /// A credential for databases.
    DatabaseCredential,
    /// Who the token is for.
    WhoAmI,
    /// Sessions.
    Sessions,
    /// One session.
    Session,
    /// The events of one session, for its replay.
    SessionEvents,
    /// Events.
    Events,
    /// Events of one chain, out of the replicated stream.
    Chain,
    /// Public keys and checkpoints.
    Seals,
    /// What is let through in a session, as it is.
    SessionWatch,
    /// Ends a session.
    SessionKill,
    /// The policy in force.
    Policy,
    /// Brings a policy into force.
    PolicyApply,
    /// All revisions of the policy.
    PolicyRevisions,
    /// One revision of the policy.
    PolicyRevision,
    /// Brings an earlier policy into force.
    PolicyRollback,
    /// A policy of any revision.
    PolicyByDigest,
    /// Requests for approvals.
    Approvals,
    /// Requests for approvals, as they change.
    ApprovalsWatch,
    /// One request for an approval.
    Approval,
    /// Approves or denies.
    ApprovalRule,
    /// Takes an approval back.
    ApprovalRevoke,
    /// Locks.
    Locks,
    /// Locks somebody or something out.
    LockSet,
    /// Lifts a lock.
    LockLift,
    /// People.
    People,
    /// Replaces the people.
    PeopleApply,
    /// Takes a person out.
    PersonRemove,
    /// Targets.
    Targets,
    /// Replaces the targets.
    TargetsApply,
    /// Takes a target out.
    TargetRemove,
    /// How the cluster is.
    ClusterStatus,
    /// Makes a join token.
    JoinToken,
    /// Takes a node out.
    NodeRemove,
    /// Takes a backup of the control plane.
    Backup,
    /// How the journal is.
    JournalStatus,
    /// How the audit views are.
    ViewsStatus,
    /// Folds audit views anew.
    ViewsRebuild,
}

/// One endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// What it does.
    pub operation: Operation,
    /// How it is called.
    pub method: Method,
    /// Where, with `{parameters}`.
    pub path: &'static str,
    /// Who may.
    pub access: Access,
    /// One line for the OpenAPI document.
    pub summary: &'static str,
    /// Query parameters, with a line for each.
    pub query: &'static [(&'static str, &'static str)],
    /// Whether the caller is judged by what the majority knows now, and not by what this node knew
    /// a moment ago: so it is for whatever changes who may do what.
    pub fresh: bool,
    /// The largest body of a request, in bytes.
    pub body_bytes: usize,
}

impl Endpoint {
    /// Method and path pattern, as events and the OpenAPI document name it.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} {}", self.method.name(), self.path)
    }
}

/// The largest body of a request that holds no document, in bytes.
pub const BODY_BYTES: usize = 64 * 1024;

/// The largest body of a request that holds a document, in bytes: one of the largest documents
/// (4 MiB), with room for what JSON escapes in it.
pub const DOCUMENT_BODY_BYTES: usize = 8 * 1024 * 1024;
