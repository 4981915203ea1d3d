//! An interactive terminal, from the client's keys to what may be judged of them.
//!
//! Pure: keys and the target's bytes go in with the time, steps come out. A terminal is a guard
//! rail with evidence and no wall: what a shell makes of its keys is seen on the screen alone, so
//! the line is read off there when a key comes that may submit it ([`keys::submits`]), and compared
//! with what was typed. Such a key leaves here only as [`Submit`], after its line was judged, or
//! while a full-screen program runs, of which the record was told once.

mod keys;
mod line;
mod look;
mod reader;
mod screen;
mod window;

pub(crate) use keys::{Submit, Typed};
pub(crate) use reader::{Step, Terminal};
pub(crate) use window::{Request, Window};

#[cfg(test)]
mod tests;
