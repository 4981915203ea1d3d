//! What must be true of a world, beside what all runs share in [`crate::invariants`].

mod applied;
mod judge;
mod promises;
mod told;

pub(crate) use applied::{Applied, CLOCK_BOUND};
pub(crate) use judge::judge;
pub(crate) use promises::Promises;
pub(crate) use told::{Held, Span, Told};
