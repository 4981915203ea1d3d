//! IPv6 addresses (RFC 4291): what the standard library reads as one, with a digit in it.

use std::net::Ipv6Addr;

use super::entry::{Confidence, DetectorInfo};
use crate::mask::plan::Class;
use crate::mask::scan::glued;
use crate::mask::text::Text;

pub(super) const INFO: DetectorInfo = DetectorInfo {
    name: "ipv6",
    class: Some(Class::Network),
    only_by_name: false,
    description: "IPv6 addresses",
    confidence: Confidence::Low,
    examples: &["from «2001:db8::1» port 22", "inet6 «fe80::21a:2bff:fe3c:4d5e»/64"],
    others: &["at 12:30:45", "std::net and a::b", "1:2:3:4:5:6:7:8:9"],
};

/// Longest address, with an IPv4 address at its end. Bytes.
const MAX: usize = 45;
/// Longest group before the first colon. Bytes.
const GROUP_MAX: u64 = 4;

/// The address whose first colon is at `colon`, as `(start, end)`, if there is one.
pub(in crate::mask) fn around(text: &Text, colon: u64) -> Option<(u64, u64)> {
    let before = text.last(colon, GROUP_MAX + 1);
    let group = before.iter().rev().take_while(|byte| byte.is_ascii_hexdigit()).count() as u64;
    let start = colon - group;
    // Of later colons the first has decided.
    if glued(text, start) || matches!(text.before(start), Some(b':' | b'.')) {
        return None;
    }
    let rest = text.rest(start);
    let in_address = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let run = rest.iter().take(MAX + 1).take_while(|byte| in_address(byte)).count();
    let within = rest.get(run).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    if run > MAX || within {
        return None;
    }
    // A sentence may end behind it.
    let end = rest[..run].iter().rposition(|byte| *byte != b'.').map_or(0, |last| last + 1);
    let end = end - usize::from(rest[..end].ends_with(b":") && !rest[..end].ends_with(b"::"));
    let written = std::str::from_utf8(&rest[..end]).ok()?;
    let digit = written.bytes().any(|byte| byte.is_ascii_digit());
    (digit && written.parse::<Ipv6Addr>().is_ok()).then_some((start, start + end as u64))
}
