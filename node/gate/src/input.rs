//! What a gate can be told.

use bytes::Bytes;
use node_enforce::mask::{Place, Raw};
use proto::entry::{ApprovalId, Withdrawn};
use proto::event::{Counted, FileTransferred, ForwardClosed, Outcome, Stream};
use proto::refusal::Told;
use store_log::Receipt;

use crate::command::Command;
use crate::consumption::Consumption;
use crate::facts::SessionFacts;
use crate::leash::Leash;

/// One thing that happened to a session.
#[derive(Debug)]
pub enum Input<'a> {
    /// Whether the replicated stream takes events now.
    StreamUp(bool),
    /// A whole command arrived from the client.
    Command(Command, Leash),
    /// What is known of the session changed: what is under way is judged again.
    Facts(Box<SessionFacts>, Leash),
    /// Everybody who must approve the held command has.
    Approved(ApprovalId),
    /// The approval was spent.
    Consumed(Consumption, Leash),
    /// The held command does not run; what to tell.
    NotApproved(Told),
    /// Whoever waits for the held command waits no more.
    Withdrawn(Withdrawn),
    /// The event that the gate asked to be kept is kept.
    Recorded(Receipt),
    /// The event that the gate asked to be kept is not kept, or nobody knows; what to tell.
    NotRecorded(Told),
    /// The target took the command.
    Started,
    /// Bytes came from the target.
    Output {
        /// From which of the command's outputs.
        stream: Stream,
        /// The bytes, unmasked.
        raw: Raw<'a>,
    },
    /// Whole messages came from a database, with values in them: those of the running command, or
    /// beside any.
    Values {
        /// The messages, unmasked.
        batch: Bytes,
        /// Where values are in them.
        places: &'a [Place],
        /// How many rows they hold.
        rows: u64,
    },
    /// Values that were let through, as the record shows them. They are masked once more: side by
    /// side they may be what none of them is.
    Results(Raw<'a>),
    /// The target has answered what was asked within a file transfer, or a forward is over: so it
    /// ended.
    Answered {
        /// Its number.
        command: u64,
        /// How.
        outcome: Outcome,
        /// What passed of what it opened, if it opened anything.
        passed: Option<Carried>,
    },
    /// A connection ended that came in where a forward listens.
    Forwarded(Box<ForwardClosed>),
    /// Bytes were passed to the command's input.
    InputPassed,
    /// The target has sent nothing for a while.
    OutputQuiet,
    /// The target will send no more on this output.
    OutputEnded(Stream),
    /// The command ended; its outputs have ended before, or end with this.
    Ended {
        /// How.
        ending: Ending,
        /// What was passed to its input.
        input: Counted,
    },
    /// Time passed.
    Tick,
    /// The session is over; why, for the record.
    Close(String),
}

/// What passed of what was asked for within a session, and is counted there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carried {
    /// Of a file that was opened.
    File(Box<FileTransferred>),
    /// Of a connection that was forwarded.
    Forward(Box<ForwardClosed>),
}

/// How a command ended, as the edge saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The target said an exit status.
    Exited(u32),
    /// The target said that a signal ended it.
    Signalled(String),
    /// The client left.
    ClientLeft,
    /// The way to the target, or the gateway, failed.
    Failed(Told),
    /// The gateway ended it.
    Refused(Told),
}
