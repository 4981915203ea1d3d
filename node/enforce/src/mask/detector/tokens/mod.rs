//! The tokens that a public prefix identifies, by whom they are for.
//!
//! Formats are public facts of their vendors. A prefix is never masked; it ends in a mark that
//! text seldom has before so many token bytes, or else it is looked for as a literal.

mod cloud;
mod code;
mod infrastructure;
mod models;
mod services;

use super::token::Shape;

/// A detector of tokens.
pub(in crate::mask) struct Tokens {
    /// Stable name.
    pub name: &'static str,
    /// What it finds, in one line.
    pub description: &'static str,
    /// Prefixes, and what follows each.
    pub starts: &'static [(&'static str, &'static Shape)],
    /// Texts in which it finds something, written as [`Example`](super::Example) says.
    pub examples: &'static [&'static str],
    /// Texts in which it finds nothing.
    pub others: &'static [&'static str],
}

/// All of them.
pub(in crate::mask) static FAMILIES: &[&[Tokens]] =
    &[cloud::TOKENS, code::TOKENS, services::TOKENS, models::TOKENS, infrastructure::TOKENS];

/// What a prefix must end in to be found by its last byte. A prefix that ends otherwise is a
/// literal.
pub(in crate::mask) fn is_joint(byte: u8) -> bool {
    matches!(byte, b'_' | b'-' | b'.' | b'/' | b'~' | b'$')
}
