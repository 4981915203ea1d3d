//! One lock: it is set once and lifted once. Which one it is, whoever set it knows by its reason.

use super::Model;

/// Locks, each its own object.
#[derive(Clone, Copy, Debug)]
pub struct Locks;

/// What is asked of a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockCall {
    /// Set it.
    Set,
    /// Lift it; the environment does so too, when it runs out.
    Lift,
    /// Does it hold?
    Holds,
}

impl Model for Locks {
    /// None before it was set; then whether it holds.
    type State = Option<bool>;
    type Call = LockCall;
    /// Whether it holds now.
    type Reply = bool;

    fn step(
        &self,
        state: &Option<bool>,
        call: &LockCall,
        reply: Option<&bool>,
    ) -> Option<Option<bool>> {
        let after = match (call, state) {
            (LockCall::Set, None) => Some(true),
            (LockCall::Lift, Some(true)) => Some(false),
            (LockCall::Holds, state) => *state,
            // A lock is set once, and lifted only while it holds.
            (LockCall::Set | LockCall::Lift, _) => return None,
        };
        let holds = after == Some(true);
        reply.is_none_or(|reply| *reply == holds).then_some(after)
    }
}
