//! Every endpoint that there is, and who may use it: the one table from which the router, the
//! authorisation, the OpenAPI document and the test over all endpoints come.
//!
//! There must never be a route that is not in this table: [`crate::routes`] builds from nothing
//! else, and what is not here is not found.

use node_enforce::policy::Permission;

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
    /// The policy in force.
    Policy,
    /// A policy of any revision.
    PolicyByDigest,
    /// People.
    People,
    /// Targets.
    Targets,
    /// How the journal is.
    JournalStatus,
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
}

impl Endpoint {
    /// Method and path pattern, as events and the OpenAPI document name it.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} {}", self.method.name(), self.path)
    }
}

const PAGE: &[(&str, &str)] = &[
    ("person", "only sessions of this person"),
    ("target", "only sessions with this target"),
    ("state", "only sessions in this state: open, closed or unknown"),
    ("from", "only sessions opened at this instant or later"),
    ("to", "only sessions opened before this instant"),
    ("after", "the `next` of the page before"),
    ("limit", "at most this many rows, up to 1000"),
];

const EVENTS: &[(&str, &str)] = &[
    ("position", "where in the log to start, from 1"),
    ("tail", "start so many positions before the end"),
    ("session", "only events of this session"),
    ("kind", "only these kinds, separated by commas, e.g. `command.judged`"),
    ("from", "only events of this instant or later"),
    ("to", "only events before this instant"),
    ("follow", "`true` to wait for events to come"),
];

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
    get(
        Operation::Policy,
        "/v1/policy",
        Access::May(&[Permission::Policy, Permission::Export]),
        "The policy in force.",
    ),
    get(
        Operation::PolicyByDigest,
        "/v1/policy/{digest}",
        Access::May(&[Permission::Policy, Permission::Export]),
        "The exact text of a policy that was ever in force.",
    ),
    get(Operation::People, "/v1/people", Access::May(&[Permission::People]), "People, by name."),
    get(
        Operation::Targets,
        "/v1/targets",
        Access::May(&[Permission::Targets]),
        "Targets, by name.",
    ),
    get(
        Operation::JournalStatus,
        "/v1/journal/status",
        Access::May(&[Permission::Cluster]),
        "How full the journal is, and whether it can be relied on.",
    ),
];

const fn get(
    operation: Operation,
    path: &'static str,
    access: Access,
    summary: &'static str,
) -> Endpoint {
    Endpoint { operation, method: Method::Get, path, access, summary, query: &[] }
}

const fn post(
    operation: Operation,
    path: &'static str,
    access: Access,
    summary: &'static str,
) -> Endpoint {
    Endpoint { operation, method: Method::Post, path, access, summary, query: &[] }
}
