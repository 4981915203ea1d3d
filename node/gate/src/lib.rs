//! Pure: the session machine and its proof values.
//!
//! A [`Gate`] is told one [`Input`] at a time and answers with [`Output`]s for somebody else to
//! perform. It never awaits, reads a clock or touches a socket. What may leave it is decided by
//! what it holds: a [`Permit`] exists only for a command whose verdict is durable, and a
//! [`Release`] only for masked bytes whose record was handed over first.

mod ask;
mod command;
mod consumption;
mod count;
mod facts;
mod gate;
mod input;
mod leash;
mod memory;
mod output;
mod proof;
mod record;
mod running;

pub use ask::{ASK_TEXT_BYTES, Ask};
pub use command::{COMMAND_LIMIT, Command, CommandText, STATEMENT_LIMIT, TooLong};
pub use consumption::Consumption;
pub use facts::SessionFacts;
pub use gate::Gate;
pub use input::{Carried, Ending, Input};
pub use leash::{Leash, Tie};
pub use output::{Append, Output};
pub use proof::{
    Expired, Held, Judged, Letting, NotSpent, Passage, Permit, Preparation, Refusal, Release,
    Settled, Spent, Unproven, Unreleased,
};

#[cfg(test)]
mod tests;
