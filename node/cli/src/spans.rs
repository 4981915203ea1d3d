//! Lengths of time on the command line: `90s`, `15m`, `1h`, `2d`.

use std::time::Duration;

/// The longest that can be said, in days.
const DAYS_LIMIT: u64 = 3650;

/// A length of time from its text.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    const EXPECTED: &str = "expected a number and one of s, m, h, d, such as 90s or 1h";
    let (number, unit) = text.split_at(text.len() - text.chars().last().map_or(0, char::len_utf8));
    let seconds: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return Err(EXPECTED.to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| EXPECTED.to_owned())?;
    match number.checked_mul(seconds) {
        Some(0) => Err("expected more than nothing".to_owned()),
        Some(seconds) if seconds <= DAYS_LIMIT * 24 * 60 * 60 => Ok(Duration::from_secs(seconds)),
        _ => Err(format!("expected at most {DAYS_LIMIT}d")),
    }
}
