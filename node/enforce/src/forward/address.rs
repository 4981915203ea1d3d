//! Where a forward leads, in normal form: one spelling for each place, since what was judged is
//! what the target is sent.
//!
//! A target's `sshd` takes whatever `getaddrinfo` takes: `127.1`, `0x7f000001`, `::ffff:127.0.0.1`
//! and `LOCALHOST.` are all `127.0.0.1`, or lead there. Numbers become addresses here, names lose
//! their case and their last dot, and what is neither is no host.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proto::reading::ForwardOperation;

use crate::files;

/// The longest name of a host, in bytes (RFC 1035, 2.3.4).
const NAME_BYTES: usize = 253;
/// The longest part of such a name.
const LABEL_BYTES: usize = 63;
/// The longest path of a socket: Linux takes no longer one (`unix(7)`, `sun_path`).
const PATH_BYTES: usize = 107;
/// The one name that means the target's own machine wherever it is looked up (RFC 6761, 6.3).
pub(crate) const LOCALHOST: &str = "localhost";

/// Where a forward leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A port of a host.
    Place {
        /// The host.
        host: Host,
        /// The port; 0 where the target is to choose one to listen at.
        port: u16,
    },
    /// A socket of the target, by its absolute path.
    Socket(String),
}

/// A host as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// All of the target's own addresses: only to listen at.
    Every,
    /// A name that somebody must look up; `localhost` is looked up by nobody but the target.
    Name(String),
    /// An address.
    At(IpAddr),
}

impl Host {
    /// The host in normal form; nothing when it is none.
    #[must_use]
    pub fn normal(written: &str, operation: ForwardOperation) -> Option<Self> {
        if operation == ForwardOperation::Listen && matches!(written, "" | "*") {
            return Some(Self::Every);
        }
        let inner = written.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let address = match inner {
            Some(inner) => Some(IpAddr::V6(inner.parse().ok()?)),
            None => number(written),
        };
        if let Some(address) = address.map(|address| address.to_canonical()) {
            return Some(Self::At(match (operation, address) {
                // Whoever connects to no address in particular reaches the machine that it is on.
                (ForwardOperation::Connect, IpAddr::V4(Ipv4Addr::UNSPECIFIED)) => {
                    Ipv4Addr::LOCALHOST.into()
                }
                (ForwardOperation::Connect, IpAddr::V6(Ipv6Addr::UNSPECIFIED)) => {
                    Ipv6Addr::LOCALHOST.into()
                }
                (_, address) => address,
            }));
        }
        name(written).map(Self::Name)
    }

    /// Whether it is the machine of whoever looks.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Every => false,
            Self::Name(name) => name == LOCALHOST,
            Self::At(address) => address.is_loopback(),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every => f.write_str("*"),
            Self::Name(name) => f.write_str(name),
            Self::At(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::At(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// An address in any of the spellings that `getaddrinfo` takes.
fn number(written: &str) -> Option<IpAddr> {
    if let Ok(address) = written.parse::<IpAddr>() {
        return Some(address);
    }
    let parts: Vec<u64> = written.split('.').map(part).collect::<Option<_>>()?;
    let (last, before) = parts.split_last()?;
    // The last number fills what the others leave of four bytes (`inet_aton(3)`).
    if before.len() > 3 || before.iter().any(|byte| *byte > 0xff) {
        return None;
    }
    let left = 8 * (4 - before.len());
    if *last >= 1 << left {
        return None;
    }
    let above = before.iter().fold(0, |all, byte| all << 8 | byte);
    u32::try_from(above << left | last).ok().map(|bits| Ipv4Addr::from(bits).into())
}

/// A number in decimal, octal (`0…`) or hexadecimal (`0x…`).
fn part(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let (digits, radix) = match lower.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None if lower.len() > 1 && lower.starts_with('0') => (&lower[1..], 8),
        None => (&*lower, 10),
    };
    let is_number = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
    if is_number { u64::from_str_radix(digits, radix).ok() } else { None }
}

/// A name in lower case and without its last dot.
fn name(written: &str) -> Option<String> {
    let name = written.strip_suffix('.').unwrap_or(written).to_ascii_lowercase();
    let fits = |label: &str| {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_plain = label.bytes().all(letter) && !label.starts_with('-');
        (1..=LABEL_BYTES).contains(&label.len()) && is_plain
    };
    if name.len() > NAME_BYTES || !name.split('.').all(fits) {
        return None;
    }
    // What ends in a number is an address to some and a name to others.
    let is_number = |last: &str| part(last).is_some() || last.bytes().all(|b| b.is_ascii_digit());
    if name.rsplit('.').next().is_none_or(is_number) {
        return None;
    }
    let is_local = name == LOCALHOST || name.ends_with(".localhost");
    Some(if is_local { LOCALHOST.to_owned() } else { name })
}

impl Address {
    /// A port of a host, as a client asks for it; nothing when it is none.
    #[must_use]
    pub fn place(host: &str, port: u32, operation: ForwardOperation) -> Option<Self> {
        let port = u16::try_from(port).ok()?;
        if port == 0 && operation == ForwardOperation::Connect {
            return None;
        }
        Some(Self::Place { host: Host::normal(host, operation)?, port })
    }

    /// A socket by its path, as a client asks for it; nothing when it is none.
    #[must_use]
    pub fn socket(path: &str) -> Option<Self> {
        let is_plain = !path.contains(|letter: char| letter.is_control() || letter.is_whitespace());
        if !path.starts_with('/') || path.ends_with('/') || !is_plain {
            return None;
        }
        let path = String::from_utf8(files::normal(b"/", path.as_bytes())).ok()?;
        (path.len() <= PATH_BYTES && path != "/").then_some(Self::Socket(path))
    }

    /// Reads it back; nothing when it is not in normal form.
    #[must_use]
    pub fn parse(text: &str, operation: ForwardOperation) -> Option<Self> {
        let address = if text.starts_with('/') {
            Self::socket(text)
        } else {
            let (host, port) = text.rsplit_once(':')?;
            Self::place(host, port.parse().ok()?, operation)
        };
        address.filter(|address| address.to_string() == text)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Place { host, port } => write!(f, "{host}:{port}"),
            Self::Socket(path) => f.write_str(path),
        }
    }
}
