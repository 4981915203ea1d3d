//! The table of endpoints itself.

use node_enforce::policy::Permission;

use super::{Access, BODY_BYTES, DOCUMENT_BODY_BYTES, Endpoint, Method, Operation};

const PAGE: &[(&str, &str)] = &[
    ("person", "only sessions of this person"),
    ("target", "only sessions with this target"),
    ("state", "only sessions in this state: open, closed or unknown"),
    ("from", "only sessions opened at this instant or later"),
    ("to", "only sessions opened before this instant"),
    ("after", "the `next` of the page before"),
    ("limit", "at most this many rows, up to 1000"),
];

const APPROVALS: &[(&str, &str)] = &[
    (
        "state",
        "only those in this state: open, approved, consumed, denied, withdrawn, expired or revoked",
    ),
    ("after", "the `next` of the page before"),
    ("limit", "at most this many rows, up to 1000"),
];

const FOLLOW: &[(&str, &str)] = &[("follow", "`true`; it is always followed")];

const EVENTS: &[(&str, &str)] = &[
    ("position", "where in the log to start, from 1"),
    ("tail", "start so many positions before the end"),
    ("session", "only events of this session"),
    ("kind", "only these kinds, separated by commas, e.g. `command.judged`"),
    ("from", "only events of this instant or later"),
    ("to", "only events before this instant"),
    ("follow", "`true` to wait for events to come"),
    ("here", "`true` for what this node holds, also when the start is gone and nowhere else"),
];

const PLACES: &[(&str, &str)] =
    &[("first", "the first place of the chain, from 1"), ("last", "the last place")];

/// The table.
pub static ENDPOINTS: &[Endpoint] = &[
    get(Operation::Health, "/v1/health", Access::Public, "Whether commands run."),
    get(
        Operation::Metrics,
        "/metrics",
        Access::May(&[Permission::Cluster]),
        "Metrics in Prometheus' text format.",
    ),
    get(Operation::OpenApi, "/openapi.json", Access::Public, "This document."),
    post(
        Operation::Challenge,
        "/v1/login/challenge",
        Access::Public,
        "Something to sign with an SSH key.",
    ),
    post(
        Operation::SshLogin,
        "/v1/login/ssh",
        Access::Public,
        "A token for a signature with an SSH key.",
    ),
    post(Operation::PasswordLogin, "/v1/login/password", Access::Public, "A token for a password."),
    post(Operation::Logout, "/v1/logout", Access::AnyPerson, "Gives the token up."),
    post(
        Operation::DatabaseCredential,
        "/v1/credentials/database",
        Access::AnyPerson,
        "A name and a password for databases, good for a while; that it was given is recorded.",
    ),
    get(Operation::WhoAmI, "/v1/whoami", Access::AnyPerson, "Who the token is for."),
    Endpoint {
        query: PAGE,
        ..get(
            Operation::Sessions,
            "/v1/sessions",
            Access::May(&[Permission::Sessions]),
            "Sessions, the oldest first.",
        )
    },
    get(
        Operation::Session,
        "/v1/sessions/{id}",
        Access::May(&[Permission::Sessions]),
        "One session with its commands.",
    ),
    get(
        Operation::SessionEvents,
        "/v1/sessions/{id}/events",
        Access::May(&[Permission::Replay]),
        "The exact bytes of a session's events, one a line; asking for them is recorded.",
    ),
    Endpoint {
        query: EVENTS,
        ..get(
            Operation::Events,
            "/v1/events",
            Access::May(&[Permission::Export]),
            "The exact bytes of events, one a line; asking for them is recorded.",
        )
    },
    Endpoint {
        query: PLACES,
        ..get(
            Operation::Chain,
            "/v1/chains/{chain}/events",
            Access::May(&[Permission::Export]),
            "The exact bytes of a chain's events out of the replicated stream, one a line; asking \
             for them is recorded. A chain is a node's name, or `control`.",
        )
    },
    get(
        Operation::Seals,
        "/v1/seals",
        Access::May(&[Permission::Export, Permission::Cluster]),
        "Public keys of the nodes, and the newest checkpoints of the record as signed notes.",
    ),
    Endpoint {
        query: FOLLOW,
        ..get(
            Operation::SessionWatch,
            "/v1/sessions/{id}/watch",
            Access::May(&[Permission::Replay]),
            "What is let through to a live session's client from now on; watching is recorded.",
        )
    },
    post(
        Operation::SessionKill,
        "/v1/sessions/{id}/kill",
        Access::May(&[Permission::Kill]),
        "Ends a live session, on whatever node it is.",
    ),
    get(
        Operation::Policy,
        "/v1/policy",
        Access::May(&[Permission::Policy, Permission::Export]),
        "The policy in force.",
    ),
    document(
        Operation::PolicyApply,
        "/v1/policy",
        Access::May(&[Permission::Policy]),
        "Brings a policy into force, or has it wait for a second person (202).",
    ),
    get(
        Operation::PolicyRevisions,
        "/v1/policy/revisions",
        Access::May(&[Permission::Policy, Permission::Export]),
        "All revisions of the policy, the oldest first.",
    ),
    get(
        Operation::PolicyRevision,
        "/v1/policy/revisions/{revision}",
        Access::May(&[Permission::Policy, Permission::Export]),
        "One revision of the policy.",
    ),
    fresh(
        Operation::PolicyRollback,
        "/v1/policy/rollback",
        Access::May(&[Permission::Policy]),
        "Brings an earlier policy into force, or has it wait for a second person (202).",
    ),
    get(
        Operation::PolicyByDigest,
        "/v1/policy/{digest}",
        Access::May(&[Permission::Policy, Permission::Export]),
        "The exact text of a policy that was ever in force.",
    ),
    Endpoint {
        query: APPROVALS,
        ..get(
            Operation::Approvals,
            "/v1/approvals",
            Access::AnyPerson,
            "Requests for approvals that the caller asked for or may rule on, the oldest first; \
             with the permission `sessions`, all.",
        )
    },
    Endpoint {
        query: FOLLOW,
        ..get(
            Operation::ApprovalsWatch,
            "/v1/approvals/watch",
            Access::AnyPerson,
            "Requests that are open, one a line, then each one again as it changes.",
        )
    },
    get(
        Operation::Approval,
        "/v1/approvals/{id}",
        Access::AnyPerson,
        "One request for an approval.",
    ),
    post(
        Operation::ApprovalRule,
        "/v1/approvals/{id}/ruling",
        Access::AnyPerson,
        "Approves or denies: whoever is among the request's approvers may, once.",
    ),
    post(
        Operation::ApprovalRevoke,
        "/v1/approvals/{id}/revoke",
        Access::AnyPerson,
        "Takes an approval back before it is used: its approvers may, and who may end sessions.",
    ),
    get(
        Operation::Locks,
        "/v1/locks",
        Access::May(&[Permission::Lock]),
        "Locks in force, the oldest first.",
    ),
    fresh(
        Operation::LockSet,
        "/v1/locks",
        Access::May(&[Permission::Lock]),
        "Locks somebody or something out, on every node: live sessions end.",
    ),
    fresh(
        Operation::LockLift,
        "/v1/locks/{id}/lift",
        Access::May(&[Permission::Lock]),
        "Lifts a lock.",
    ),
    get(Operation::People, "/v1/people", Access::May(&[Permission::People]), "People, by name."),
    document(
        Operation::PeopleApply,
        "/v1/people",
        Access::May(&[Permission::People]),
        "Replaces the people by those of a document.",
    ),
    fresh(
        Operation::PersonRemove,
        "/v1/people/{name}/remove",
        Access::May(&[Permission::People]),
        "Takes a person out.",
    ),
    get(
        Operation::Targets,
        "/v1/targets",
        Access::May(&[Permission::Targets]),
        "Targets, by name.",
    ),
    document(
        Operation::TargetsApply,
        "/v1/targets",
        Access::May(&[Permission::Targets]),
        "Replaces the targets by those of a document.",
    ),
    fresh(
        Operation::TargetRemove,
        "/v1/targets/{name}/remove",
        Access::May(&[Permission::Targets]),
        "Takes a target out.",
    ),
    get(
        Operation::ClusterStatus,
        "/v1/cluster/status",
        Access::May(&[Permission::Cluster]),
        "The nodes, and what is wrong.",
    ),
    fresh(
        Operation::JoinToken,
        "/v1/cluster/join-token",
        Access::May(&[Permission::Cluster]),
        "Makes a token by which one node may join, once.",
    ),
    fresh(
        Operation::NodeRemove,
        "/v1/cluster/nodes/{name}/remove",
        Access::May(&[Permission::Cluster]),
        "Takes a node out, for ever.",
    ),
    fresh(
        Operation::Backup,
        "/v1/cluster/backup",
        Access::May(&[Permission::Cluster]),
        "The control plane, encrypted to a key; taking it is recorded.",
    ),
    get(
        Operation::JournalStatus,
        "/v1/journal/status",
        Access::May(&[Permission::Cluster]),
        "How full the journal is, and whether it can be relied on.",
    ),
    get(
        Operation::ViewsStatus,
        "/v1/views/status",
        Access::May(&[Permission::Cluster]),
        "How far the audit views are behind the record, in each home.",
    ),
    post(
        Operation::ViewsRebuild,
        "/v1/views/rebuild",
        Access::May(&[Permission::Cluster]),
        "Drops the audit views that this node folds, and folds them anew.",
    ),
];

const fn get(
    operation: Operation,
    path: &'static str,
    access: Access,
    summary: &'static str,
) -> Endpoint {
    let (method, query, fresh, body_bytes): (_, &[_], _, _) = (Method::Get, &[], false, BODY_BYTES);
    Endpoint { operation, method, path, access, summary, query, fresh, body_bytes }
}

const fn post(
    operation: Operation,
    path: &'static str,
    access: Access,
    summary: &'static str,
) -> Endpoint {
    Endpoint { method: Method::Post, ..get(operation, path, access, summary) }
}

/// Changes who may do what.
const fn fresh(
    operation: Operation,
    path: &'static str,
    access: Access,
    summary: &'static str,
) -> Endpoint {
    Endpoint { fresh: true, ..post(operation, path, access, summary) }
}

/// Changes who may do what, by a document.
const fn document(
    operation: Operation,
    path: &'static str,
    access: Access,
    summary: &'static str,
) -> Endpoint {
    Endpoint { body_bytes: DOCUMENT_BODY_BYTES, ..fresh(operation, path, access, summary) }
}
