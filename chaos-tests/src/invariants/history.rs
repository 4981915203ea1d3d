//! What clients did and what they saw of it: the raw material of oracles that judge behaviour over
//! time. A simulation and a run with real processes write the same history.
//!
//! All times are since the beginning of the run, on one clock that never goes back.

use std::time::Duration;

/// What a client knows of how its call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<Reply> {
    /// It was performed, and this came back.
    Done(Reply),
    /// It certainly had no effect, and that says nothing about the state (no majority, no right).
    Refused,
    /// Nobody knows: it may take effect at any time from its invocation on, or never. Unknown is
    /// not absent.
    Unknown,
}

/// One call of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation<Call, Reply> {
    /// Who called, for people who read a violation.
    pub client: String,
    /// When the call was made: it took effect no earlier.
    pub invoked: Duration,
    /// When the answer was there: it took effect no later, unless the outcome is unknown.
    pub returned: Duration,
    /// What was asked.
    pub call: Call,
    /// What came back.
    pub outcome: Outcome<Reply>,
}
