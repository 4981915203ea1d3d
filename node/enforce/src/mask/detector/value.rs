//! What a value looks like that is no secret, and what one looks like that could be.
//!
//! Only whole values may be judged here: a prefix of a secret may look like a placeholder.

const WORDS: &[&str] = &[
    "null",
    "none",
    "nil",
    "true",
    "false",
    "undefined",
    "str",
    "string",
    "bytes",
    "redacted",
    "[redacted]",
];

/// True for what stands for a value: empty, `***`, `<…>`, `${…}`, `{{…}}`, `$VAR`, `null`.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    let framed = |open: &[u8], close: &[u8]| {
        value.len() >= open.len() + close.len() && value.starts_with(open) && value.ends_with(close)
    };
    let variable = |name: &[u8]| {
        name.first().is_some_and(u8::is_ascii_uppercase)
            && name.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_')
    };
    value.iter().all(|b| *b == b'*')
        || value.iter().all(|b| *b == b'.')
        || (framed(b"<", b">") && !value[1..value.len() - 1].contains(&b'<'))
        || framed(b"${", b"}")
        || framed(b"{{", b"}}")
        || value.strip_prefix(b"$").is_some_and(variable)
        || WORDS.iter().any(|word| value.eq_ignore_ascii_case(word.as_bytes()))
}

/// True for words that name an HTTP authentication scheme, before the credentials themselves.
pub(super) fn is_scheme(value: &[u8]) -> bool {
    const SCHEMES: &[&str] = &["bearer", "basic", "token", "apikey", "negotiate", "ntlm"];
    SCHEMES.iter().any(|scheme| value.eq_ignore_ascii_case(scheme.as_bytes()))
}

/// True for what is rather a secret than a word of a sentence: long, or not short with a digit.
pub(super) fn is_secret_like(value: &[u8]) -> bool {
    value.len() >= 20 || (value.len() >= 8 && value.iter().any(u8::is_ascii_digit))
}
