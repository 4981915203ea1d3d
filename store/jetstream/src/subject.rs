//! Subjects: where a chain's events are published.
//!
//! A name becomes one token, and two names never the same one: what is not plain is `x` and base32
//! (RFC 4648, lower case, no padding), and a plain name that begins with `x` is not plain.

use proto::ids::{Chain, Name};

/// The letters of base32.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The longest token that is written as it is.
const PLAIN_LIMIT: usize = 64;

/// What stands for nothing.
const NOTHING: &str = "-";

/// A text as one token of a subject: `[a-z0-9_-]`.
#[must_use]
pub fn token(text: &str) -> String {
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    if text.is_empty() {
        return NOTHING.to_owned();
    }
    let is_plain = text.bytes().all(plain) && text.len() <= PLAIN_LIMIT;
    if is_plain && !text.starts_with('x') && text != NOTHING {
        return text.to_owned();
    }
    format!("x{}", base32(text.as_bytes()))
}

fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for chunk in bytes.chunks(5) {
        let mut group = [0; 5];
        group[..chunk.len()].copy_from_slice(chunk);
        let bits = group.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        let letters = (chunk.len() * 8).div_ceil(5);
        for letter in 0..letters {
            let index = usize::try_from(bits >> (35 - 5 * letter) & 31).unwrap_or(0);
            text.push(char::from(BASE32[index]));
        }
    }
    text
}

/// The one subject of a chain in the record.
#[must_use]
pub fn record_subject(cluster: &Name, chain: &Chain) -> String {
    let chain = match chain {
        Chain::Control => "control".to_owned(),
        Chain::Node(node) => token(node.as_str()),
    };
    format!("sallyport.record.{}.{chain}", token(cluster.as_str()))
}

/// The subjects of all events for subscribers, of a cluster.
#[must_use]
pub(crate) fn event_subjects(cluster: &Name) -> String {
    format!("sallyport.events.{}.>", token(cluster.as_str()))
}

/// The subjects of all chains of a cluster.
#[must_use]
pub(crate) fn record_subjects(cluster: &Name) -> String {
    format!("sallyport.record.{}.*", token(cluster.as_str()))
}
