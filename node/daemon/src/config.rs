//! What a node is told at its start: as it was written, and as it is meant.
//!
//! `raw` is turned once into `checked`; nothing behind that looks at `raw` again. `dev` differs
//! from any other start in its defaults alone.

mod checked;
mod raw;

pub use checked::{Config, ConfigError, Documents, check};
pub use raw::RawDev;
