//! The small forms in a policy's texts: durations, sizes, times of day, days, offsets.

use std::time::Duration;

/// `90s`, `15m`, `8h`, `7d`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|next: char| !next.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    let seconds = match &text[digits..] {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    let seconds = number.checked_mul(seconds).filter(|all| (1..=365 * 86_400).contains(all))?;
    Some(Duration::from_secs(seconds))
}

/// `4096`, `64KiB`, `16MiB`, `1GiB`; in bytes.
pub(super) fn size(text: &str) -> Option<u64> {
    let digits = text.find(|next: char| !next.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let unit = match &text[digits..] {
        "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(unit).filter(|bytes| *bytes <= 1 << 40)
}

/// `08:00` to `24:00`; in minutes.
pub(super) fn time_of_day(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes): (u16, u16) = (number(hours)?, number(minutes)?);
    (minutes < 60 && hours * 60 + minutes <= 24 * 60).then_some(hours * 60 + minutes)
}

/// `Z`, `+02:00`, `-05:30`; in minutes ahead of UTC.
pub(super) fn offset(text: &str) -> Option<i16> {
    if text == "Z" {
        return Some(0);
    }
    let minutes = i16::try_from(time_of_day(text.get(1..)?)?).ok()?;
    match text.as_bytes().first()? {
        b'+' if minutes <= 14 * 60 => Some(minutes),
        b'-' if minutes <= 14 * 60 => Some(-minutes),
        _ => None,
    }
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// `mon`, or `mon-fri`, or over the end of the week `sat-mon`; a bit for each day from Monday.
pub(super) fn days(text: &str) -> Option<u8> {
    let day = |name: &str| DAYS.iter().position(|known| *known == name);
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (day(first)?, day(last)?);
    let mut bits = 1 << last;
    let mut at = first;
    while at != last {
        bits |= 1 << at;
        at = (at + 1) % 7;
    }
    Some(bits)
}

fn number(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}
