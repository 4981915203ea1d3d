//! How much the state may hold. What is over a limit is refused with [`crate::Denied::Limit`]:
//! nothing that counts is ever dropped to make room. Only kept replies and what became of approvals
//! long ago age.

use std::time::Duration;

use crate::denied::Denied;

/// The longest policy document, in bytes.
pub const POLICY_DOCUMENT_BYTES: usize = 1024 * 1024;
/// How many policy revisions are kept; all of them are, because recorded decisions name them.
pub const POLICY_REVISIONS: usize = 10_000;
/// All distinct policy documents together, in bytes; a rollback shares the text it goes back to.
pub const POLICY_BYTES: usize = 256 * 1024 * 1024;
/// How many people there may be.
pub const PEOPLE: usize = 20_000;
/// How many targets there may be.
pub const TARGETS: usize = 20_000;
/// The longest login on a target, in bytes.
pub const LOGIN_BYTES: usize = 256;

/// How many names of nodes there may ever be, those of removed nodes included.
pub const NODES: usize = 1_024;
/// The longest address of a node, in bytes.
pub const ADDRESS_BYTES: usize = 300;
/// The longest version of a program, in bytes.
pub const PROGRAM_VERSION_BYTES: usize = 64;
/// T of promise 7 is at least this.
pub const CONTACT_LEAST: Duration = Duration::from_millis(100);
/// T of promise 7 is at most this.
pub const CONTACT_MOST: Duration = Duration::from_secs(10 * 60);
/// How many join tokens may be good at once.
pub const JOIN_TOKENS: usize = 64;
/// How long a join token may be good.
pub const JOIN_TOKEN_LASTS: Duration = Duration::from_secs(24 * 60 * 60);
/// How far epochs, Raft ids and places of the control chain jump when a backup is restored: further
/// than a cluster comes that goes on beside it.
pub const RESTORATION_JUMP: u64 = 1 << 20;

/// How many sessions may be open at once in the cluster.
pub const SESSIONS: usize = 100_000;
/// How far the numbers of a node's sessions may run ahead of a number that it never used.
pub const SESSION_NUMBERS_AHEAD: usize = 1_024;

/// How many approvals may be live at once in the cluster: open, approved, or held for a session.
pub const APPROVALS: usize = 4_096;
/// How many approvals of one person may be live.
pub const APPROVALS_OF_PERSON: usize = 128;
/// How many approvals of one session may be live.
pub const APPROVALS_OF_SESSION: usize = 32;
/// How many policies may wait for a second person.
pub const POLICIES_WAITING: usize = 8;
/// How many rules one request may ask.
pub const RULES_ASKED: usize = 32;
/// How many people may be in the set of one rule.
pub const APPROVERS: usize = 4_096;
/// How many names all sets of all kept approvals have together.
pub const APPROVERS_KEPT: usize = 1_048_576;
/// The longest name of a rule, in bytes.
pub const RULE_NAME_BYTES: usize = 256;
/// The longest text of a command in a request, in bytes; the record has all of it.
pub const APPROVAL_TEXT_BYTES: usize = 8 * 1024;
/// How long a request may stand, and an approval hold for a session.
pub const APPROVAL_LASTS: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How many approvals are kept after they ended, so that people can be told what became of them.
pub const APPROVALS_ENDED: usize = 1_024;
/// The longest reason that somebody gives, in bytes.
pub const REASON_BYTES: usize = 1_024;

/// How many locks there may be.
pub const LOCKS: usize = 4_096;
/// How long a lock that ends by itself may last.
pub const LOCK_LASTS: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// How many secrets of the cluster there may be.
pub const SECRETS: usize = 64;
/// The longest wrapped secret, in bytes.
pub const SECRET_BYTES: usize = 16 * 1024;

/// How many events of the control chain may wait to be kept elsewhere; as many again are kept back
/// for what ends or forbids something.
pub const OUTBOX_EVENTS: usize = 32_768;
/// How many bytes they may have, counted in the same way.
pub const OUTBOX_BYTES: usize = 32 * 1024 * 1024;

/// How many lanes a node may have.
pub const LANES: usize = 4_096;
/// How long a reply is kept, in the state's time.
pub const REPLY_AGE: Duration = Duration::from_secs(10 * 60);

/// Refuses what is over a limit.
pub(crate) fn check(length: usize, what: &str, limit: usize) -> Result<(), Denied> {
    if length <= limit {
        return Ok(());
    }
    Err(Denied::Limit { what: what.to_owned(), limit: limit as u64 })
}

/// Refuses a length of time that is none, or over a limit; it is in milliseconds.
pub(crate) fn check_lasts(ms: u64, what: &str, most: Duration) -> Result<(), Denied> {
    if ms == 0 {
        return Err(Denied::Malformed { what: what.to_owned() });
    }
    let limit = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
    if ms <= limit {
        return Ok(());
    }
    Err(Denied::Limit { what: format!("{what} in milliseconds"), limit })
}
