//! Names that a client chose, made fit for the record: masked first and cut after, since half of a
//! secret is one that no detector finds. Never let a client's name into a record or a log but
//! through here.

use node_enforce::mask::mask_by_default;

/// The longest name that is looked at, in bytes; nobody types a longer one.
const LOOKED_AT_BYTES: usize = 4096;
/// Recorded in place of a longer one: cut, it could end in half of a secret.
const TOO_LONG: &str = "(too long to be recorded)";

/// A name, masked, of at most so many bytes.
#[must_use]
pub fn masked(name: &str, bytes: usize) -> String {
    if name.len() > LOOKED_AT_BYTES {
        return TOO_LONG.to_owned();
    }
    let mut masked = mask_by_default(name);
    masked.truncate(masked.floor_char_boundary(bytes));
    masked
}

/// As [`masked`], and fit for a terminal: of visible ASCII characters only.
#[must_use]
pub fn printable(name: &str, bytes: usize) -> String {
    let fit = |character: char| if character.is_ascii_graphic() { character } else { '?' };
    masked(name, bytes).chars().map(fit).collect()
}
