//! Which environment variables of a client reach the target.
//!
//! A variable is never judged or recorded, so only those pass that say how to talk, with values
//! that cannot be a path or a program. None may choose a charset: the gateway reads a command as
//! UTF-8, and a shell that reads it in GBK, say, cuts it elsewhere.

/// Names that pass with any harmless value. `GIT_PROTOCOL` lets git speak its second protocol.
const NAMES: &[&str] = &["TERM", "COLORTERM", "NO_COLOR", "CLICOLOR", "GIT_PROTOCOL"];
/// The name of a list of languages for messages.
const LANGUAGES: &str = "LANGUAGE";
/// The name of a locale.
const LOCALE: &str = "LANG";
/// Names of locales have this in front, and upper-case letters or `_` after it.
const LOCALE_PREFIX: &str = "LC_";
/// Locales without a charset of their own.
const PLAIN_LOCALES: &[&str] = &["C", "POSIX"];
/// The charsets that a locale may have, in any case.
const CHARSETS: &[&str] = &["UTF-8", "utf8"];
/// How many variables a channel may set.
pub(crate) const VARIABLES: usize = 32;
/// The longest name, in bytes.
const NAME_BYTES: usize = 32;
/// The longest value, in bytes.
const VALUE_BYTES: usize = 128;

/// Whether a variable is passed on.
pub(crate) fn passes(name: &str, value: &str) -> bool {
    if name.len() > NAME_BYTES || value.len() > VALUE_BYTES {
        return false;
    }
    if is_locale(name) {
        return locale_passes(value);
    }
    if name == LANGUAGES {
        return value.bytes().all(|byte| byte.is_ascii_alphabetic() || b"_:".contains(&byte));
    }
    NAMES.contains(&name) && value.bytes().all(harmless)
}

fn is_locale(name: &str) -> bool {
    let category = |rest: &str| {
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    };
    name == LOCALE || name.strip_prefix(LOCALE_PREFIX).is_some_and(category)
}

/// The end alone would not do: the charset of `zh_CN.GBK@x.UTF-8` is GBK.
fn locale_passes(value: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let utf8 = |(language, charset): (&str, &str)| {
        !language.is_empty()
            && language.bytes().all(plain)
            && CHARSETS.iter().any(|known| known.eq_ignore_ascii_case(charset))
    };
    PLAIN_LOCALES.contains(&value) || value.split_once('.').is_some_and(utf8)
}

/// No slash (a path to load), no space, quote or shell character.
fn harmless(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-.,:@+=".contains(&byte)
}
