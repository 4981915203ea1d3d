//! Views: what people look at, folded from events.
//!
//! Pure, and disposable: a view holds nothing that the log does not hold, so it may be dropped at
//! any time and folded anew, and comes out equal. It must never be asked whether something may be
//! done; the log and the control plane decide that.
//!
//! [`fold`](fn@fold) says what an event changes in the rows of its chain; a [`Projector`] puts
//! events into the order of their chains and folds each once into a [`Home`].

mod cast;
mod cell;
pub mod conformance;
mod delivered;
mod fold;
mod home;
mod lane;
mod memory;
mod projector;
mod replay;
mod row;
mod shown;
mod tables;
mod working;

#[cfg(test)]
mod tests;

pub use cast::{ReplayOptions, to_asciicast};
pub use cell::Cell;
pub use delivered::Delivered;
pub use fold::{TEXT_LIMIT, fold, life};
pub use home::{Cursor, Home, HomeError, Move, Reached, Step, Taken, natural, whole_table};
pub use lane::{EARLY_BYTES, EARLY_EVENTS, Hold, Offered};
pub use memory::Memory;
pub use projector::{Begins, Projector, STEP_EVENTS, Standing};
pub use replay::{
    Frame, FrameBytes, Gap, REPLAY_LIMIT, Replay, ReplayBuilder, ReplayCommand, verify_continuity,
};
pub use row::{COMMANDS_LIMIT, CommandRow, CommandState, SessionRow, SessionState};
pub use shown::{End, end_of, session_row};
pub use tables::{
    Approval, Command, Finding, Key, Login, NodeLife, PolicyChange, Row, RulingMade, Session,
    Table, Tabled,
};
pub use working::Working;
