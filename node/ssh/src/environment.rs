//! Which environment variables of a client reach the target.
//!
//! A variable is never judged or recorded, so only those pass that say how to talk, with values
//! that cannot be a path or a program.

/// Names that pass as they are. `GIT_PROTOCOL` lets git speak its second protocol.
const NAMES: &[&str] =
    &["LANG", "LANGUAGE", "TERM", "COLORTERM", "NO_COLOR", "CLICOLOR", "GIT_PROTOCOL"];
/// Names that pass with this in front and upper-case letters or `_` after it.
const PREFIX: &str = "LC_";
/// How many variables a channel may set.
pub(crate) const VARIABLES: usize = 32;
/// The longest name, in bytes.
const NAME_BYTES: usize = 32;
/// The longest value, in bytes.
const VALUE_BYTES: usize = 128;

/// Whether a variable is passed on.
pub(crate) fn passes(name: &str, value: &str) -> bool {
    name_passes(name) && value.len() <= VALUE_BYTES && value.bytes().all(harmless)
}

fn name_passes(name: &str) -> bool {
    if name.len() > NAME_BYTES {
        return false;
    }
    let locale = |rest: &str| {
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    };
    NAMES.contains(&name) || name.strip_prefix(PREFIX).is_some_and(locale)
}

/// No slash (a path to load), no space, quote or shell character.
fn harmless(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-.,:@+=".contains(&byte)
}
