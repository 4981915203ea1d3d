//! ANSI-C quoting: `$'…'` (bash manual, 3.1.2.4). It must never give a text that the shell would
//! not: what is rare or has no text, as a NUL, is refused.

/// The text of what stands between `$'` and `'`; `None` when it has none.
pub(super) fn decode(body: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(next) = rest.chars().next() {
        rest = &rest[next.len_utf8()..];
        if next == '\\' {
            escape(&mut rest, &mut bytes)?;
        } else {
            push(&mut bytes, next);
        }
    }
    if bytes.contains(&0) {
        return None;
    }
    String::from_utf8(bytes).ok()
}

fn escape(rest: &mut &str, bytes: &mut Vec<u8>) -> Option<()> {
    let kind = rest.chars().next()?;
    if !kind.is_digit(8) {
        *rest = &rest[kind.len_utf8()..];
    }
    match kind {
        'a' => bytes.push(7),
        'b' => bytes.push(8),
        'e' | 'E' => bytes.push(27),
        'f' => bytes.push(12),
        'n' => bytes.push(b'\n'),
        'r' => bytes.push(b'\r'),
        't' => bytes.push(b'\t'),
        'v' => bytes.push(11),
        'x' => bytes.push(u8::try_from(number(rest, 16, 2)?).ok()?),
        'u' => push(bytes, char::from_u32(number(rest, 16, 4)?)?),
        'U' => push(bytes, char::from_u32(number(rest, 16, 8)?)?),
        '0'..='7' => bytes.push(u8::try_from(number(rest, 8, 3)?).ok()?),
        '\\' | '\'' | '"' | '?' => push(bytes, kind),
        _ => return None,
    }
    Some(())
}

fn number(rest: &mut &str, radix: u32, most: usize) -> Option<u32> {
    let length = rest.chars().take(most).take_while(|digit| digit.is_digit(radix)).count();
    let value = u32::from_str_radix(&rest[..length], radix).ok()?;
    *rest = &rest[length..];
    Some(value)
}

fn push(bytes: &mut Vec<u8>, letter: char) {
    bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
}
