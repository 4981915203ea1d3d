//! Pure: read a command, decide, mask.
//!
//! Everything here is a function of its inputs: no clock, no socket, no file, no randomness. That
//! is what lets a decision be derived again from the record years later, and a masker be tested
//! at every split of its input.

pub mod decide;
pub mod files;
pub mod forward;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod mask;
pub mod policy;
pub mod reader;
pub mod shell;
pub mod sql;
pub mod terminal;

#[cfg(test)]
mod tests;
