//! What a gate asks to be done.

use proto::entry::{ApprovalConsumption, Withdrawn};
use proto::event::Draft;
use proto::reading::Durability;
use proto::refusal::Told;
use store_log::{Share, Urgency};

use crate::ask::Ask;
use crate::proof::{Permit, Refusal, Release, Unreleased};

/// One thing to do, in the order given.
#[derive(Debug)]
pub enum Output {
    /// Keep an event. With `answer`, tell the gate its receipt once it is that durable.
    Append(Append),
    /// Hand a window of output to the record, and settle it with a receipt of the durability that
    /// it asks for; only then can it be released.
    Keep(Append, Unreleased),
    /// Send the command to the target: the permit holds it.
    Forward(Permit),
    /// The command is held: ask for an approval, or see whether the session has one that covers it.
    Ask(Box<Ask>),
    /// Spend the approval, and say what came of it.
    Spend(Box<ApprovalConsumption>),
    /// The approval that was asked for is needed no more.
    Withdraw(Withdrawn),
    /// Tell the client that the command does not run.
    Refuse(Refusal),
    /// Let bytes through to the client.
    Release(Release),
    /// End the session, and tell the client why.
    End(Told),
}

/// An event to be kept.
#[derive(Debug)]
pub struct Append {
    /// The event.
    pub draft: Box<Draft>,
    /// Whose part of the quota it uses.
    pub share: Share,
    /// Whether it may use the room that is kept back.
    pub urgency: Urgency,
    /// The durability whose receipt the gate waits for; none when it waits for nothing.
    pub answer: Option<Durability>,
}
