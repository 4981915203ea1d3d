//! Views: what people look at, folded from events.
//!
//! Pure, and disposable: a view holds nothing that the log does not hold, so it may be dropped at
//! any time and folded anew, and comes out equal. It must never be asked whether something may be
//! done; the log and the control plane decide that.

mod cast;
mod replay;
mod row;
mod sessions;

#[cfg(test)]
mod tests;

pub use cast::{ReplayOptions, to_asciicast};
pub use replay::{
    Frame, FrameBytes, Gap, REPLAY_LIMIT, Replay, ReplayBuilder, ReplayCommand, verify_continuity,
};
pub use row::{COMMANDS_LIMIT, CommandRow, CommandState, SessionRow, SessionState, TEXT_LIMIT};
pub use sessions::{SESSIONS_LIMIT, SessionsView};
