//! People and programs that use the cluster, on whichever machine they meet.

mod editor;
mod gate;
mod holder;
mod locker;

pub(crate) use editor::{edit, set as set_policy};
pub(crate) use gate::guard;
pub(crate) use holder::{Sessions, hold};
pub(crate) use locker::{look_at_locks, set_locks};

use std::sync::Arc;
use std::time::Duration;

use consensus_raft::{Answer, ProposeError};
use consensus_state::{Denied, Reply, State};
use proto::entry::Entry;
use proto::ids::Name;

use super::machine::{Called, Machine};
use super::oracles::Span;
use super::runtime;
use crate::invariants::history::Outcome;

/// Everybody.
pub(crate) const PEOPLE: &[&str] = &["alice", "bob", "carol", "dave", "eve"];
/// What they reach.
pub(crate) const TARGETS: &[&str] = &["web-1", "web-2"];

pub(crate) fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

/// Since the beginning.
pub(crate) fn now() -> Duration {
    runtime::now().saturating_sub(runtime::BEGINNING)
}

/// Proposes something at a machine, and says what is known of it.
pub(crate) async fn propose(machine: &Arc<Machine>, entry: Entry) -> (Span, Outcome<Answer>) {
    let invoked = now();
    let called = machine.call(|node, _| async move { node.propose(entry).await }).await;
    let outcome = match called {
        // A retry of a request whose answer nobody knows any more.
        Called::Done(Ok(Answer {
            reply: Reply::Refused(Denied::RequestExpired | Denied::NotAMember(_)),
            ..
        })) => Outcome::Unknown,
        Called::Done(Ok(answer)) => Outcome::Done(answer),
        Called::Done(Err(ProposeError::Unknown)) | Called::Died => Outcome::Unknown,
        Called::Done(Err(_)) | Called::Down => Outcome::Refused,
    };
    (Span { invoked, returned: now() }, outcome)
}

/// Reads what is surely true at a machine; nothing when it could not be read.
pub(crate) async fn read<T: Send + 'static>(
    machine: &Arc<Machine>,
    look: impl FnOnce(&State) -> T + Send + 'static,
) -> (Span, Option<T>) {
    let invoked = now();
    let called = machine.call(|node, _| async move {
        node.read().await.ok()?;
        Some(node.with_state(look))
    });
    let seen = match called.await {
        Called::Done(seen) => seen,
        Called::Died | Called::Down => None,
    };
    (Span { invoked, returned: now() }, seen)
}
