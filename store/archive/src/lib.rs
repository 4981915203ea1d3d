//! An archive of the record in a directory: segments of each chain, one event a line, each with a
//! manifest that a node has signed; how long they must be kept, and what must be kept for longer.
//!
//! It must never take away what is younger than its retention or under a hold, never leave a gap in
//! a chain, and never change a segment that is sealed.

mod error;
mod layout;
mod prune;
mod read;
mod seal;
mod settings;

#[cfg(test)]
mod tests;

pub use error::Error;
pub use layout::Sealed;
pub use prune::{Kept, Pruned};
pub use read::{Checked, Lines};
pub use seal::{Sealer, SealerOptions};
pub use settings::{Archive, HOLDS_LIMIT, Hold};
