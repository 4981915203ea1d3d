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
    let is_word = |word: &&str| value.eq_ignore_ascii_case(word.as_bytes());
    if value.first().is_some_and(u8::is_ascii_alphanumeric) {
        return WORDS.iter().any(is_word);
    }
    value.iter().all(|b| *b == b'*')
        || value.iter().all(|b| *b == b'.')
        || (framed(b"<", b">") && !value[1..value.len() - 1].contains(&b'<'))
        || framed(b"${", b"}")
        || framed(b"{{", b"}}")
        || value.strip_prefix(b"$").is_some_and(variable)
        || WORDS.iter().any(is_word)
}

/// True for words that name an HTTP authentication scheme, before the credentials themselves.
pub(super) fn is_scheme(value: &[u8]) -> bool {
    const SCHEMES: &[&str] =
        &["bearer", "basic", "token", "apikey", "negotiate", "ntlm", "bot", "ssws", "digest"];
    SCHEMES.iter().any(|scheme| value.eq_ignore_ascii_case(scheme.as_bytes()))
}

/// True for what is rather a secret than a word of a sentence: long, or not short with a digit.
pub(super) fn is_secret_like(value: &[u8]) -> bool {
    value.len() >= 20 || (value.len() >= 8 && value.iter().any(u8::is_ascii_digit))
}

/// Words of programming languages that declare what stands behind them.
const DECLARES: &[&[u8]] = &[b"let", b"mut", b"pub", b"const", b"static", b"var"];

/// Constructors and types that a value begins with in source code, and in no password.
#[rustfmt::skip]
const BEGINS_CODE: &[&[u8]] = &[
    b"Some(", b"Ok(", b"Err(", b"Option<", b"Result<", b"Vec<", b"Box<", b"Arc<", b"Rc<",
    b"function(",
];
/// Words that stand there alone. A password may begin with them.
const CODE_WORDS: &[&[u8]] =
    &[b"None", b"str", b"mut", b"impl", b"match", b"if", b"await", b"async"];

/// True if a word that declares something stands before the name that ends in `before`.
pub(super) fn is_declared(before: &[u8]) -> bool {
    let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let name = before.iter().rev().take_while(|byte| in_name(byte)).count();
    let before = before[..before.len() - name].trim_ascii_end();
    // `pub(crate)` and its like.
    let before = match before.strip_suffix(b")").and_then(|inner| memchr::memrchr(b'(', inner)) {
        Some(at) => &before[..at],
        None => before,
    };
    let word = before.iter().rev().take_while(|byte| in_name(byte)).count();
    DECLARES.contains(&&before[before.len() - word..])
}

/// True for what is rather an expression of a programming language than a value: a path with
/// `::`, the call of a method or of a function with `_` in its name, a constructor or a type.
pub(super) fn is_code(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"&").unwrap_or(value);
    let word = value.trim_ascii_end();
    let stop = word.iter().rposition(|byte| !b",;)}".contains(byte)).map_or(0, |last| last + 1);
    if BEGINS_CODE.iter().any(|begin| value.starts_with(begin))
        || CODE_WORDS.contains(&&word[..stop])
    {
        return true;
    }
    let in_path = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':');
    let length = value.iter().take_while(|byte| in_path(byte)).count();
    let path = &value[..length];
    let begins = path.first().is_some_and(|first| first.is_ascii_alphabetic() || *first == b'_');
    let rest = &value[length..];
    let own = path.starts_with(b"self.") || path.starts_with(b"this.");
    let called = rest.starts_with(b"(")
        && path.iter().any(|byte| matches!(byte, b'_' | b'.'))
        && !path.iter().any(u8::is_ascii_digit);
    let told = rest.starts_with(b"!(") || rest.starts_with(b"(&");
    let generic = rest.starts_with(b"<") && rest.ends_with(b">");
    let named = rest.starts_with(b"(") || rest.starts_with(b"<");
    let qualified = memchr::memmem::find(path, b"::").is_some()
        && (named || !path.iter().any(u8::is_ascii_digit));
    begins && (own || called || told || generic || qualified)
}
