//! Conditions on forwards.
//!
//! As all conditions on text they are judged once, when what is asked for is read; the outcome is
//! in the reading under the condition's own words: `forward:…` when it is satisfied,
//! `forward-all:…` when that is sure wherever the name leads, and `unknown:forward:…` when nobody
//! here knows where it leads.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use globset::{Glob, GlobMatcher};
use proto::reading::{ForwardOperation, Reading};

use super::check::Checker;
use super::compile::sorted;
use super::condition::{Evaluation, Part, Truth, UNKNOWN};
use super::places::At;
use super::{PATTERN_LIMIT, raw};
use crate::forward::{Address, Asked, Host, LOCALHOST, is_one};

/// A condition on one forward.
#[derive(Debug)]
pub(crate) struct Forward {
    /// `forward:` or `forward-all:` and the condition's own words.
    any: String,
    all: String,
    addresses: Vec<Pattern>,
    operations: Vec<ForwardOperation>,
}

/// A pattern on where a forward leads.
#[derive(Debug)]
enum Pattern {
    /// Whatever it is.
    Anything,
    /// Ports of hosts.
    Place { hosts: Hosts, ports: Ports },
    /// Sockets, by their paths.
    Socket(GlobMatcher),
}

/// Hosts that a pattern means.
#[derive(Debug)]
enum Hosts {
    Every,
    /// The target's own machine, as it calls itself.
    Local,
    /// Those with such a name.
    Named(GlobMatcher),
    /// Those with an address in a network: so many leading bits are the same.
    Within(IpAddr, u8),
}

/// The first and the last port.
type Ports = (u16, u16);

impl Hosts {
    /// Whether it means a host, by its name or by any of the addresses that it has.
    fn mean(&self, host: &Host, at: &[IpAddr]) -> Truth {
        match (self, host) {
            (Self::Every, _) => Truth::True,
            (Self::Local | Self::Within(..), host) if is_every(host) => Truth::True,
            (Self::Local, host) if host.is_local() => Truth::True,
            (Self::Named(glob), Host::Name(name)) => glob.is_match(name).into(),
            (Self::Within(network, bits), Host::At(address)) => {
                within(*network, *bits, *address).into()
            }
            (Self::Within(..) | Self::Local, Host::Name(name)) if name != LOCALHOST => {
                let means = |address: &IpAddr| self.means_address(*address);
                match at {
                    [] => Truth::Unknown,
                    at => at.iter().any(means).into(),
                }
            }
            (Self::Within(..), Host::Name(_)) => {
                let local = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
                local.into_iter().any(|address| self.means_address(address)).into()
            }
            _ => Truth::False,
        }
    }

    /// Whether it means a host wherever its name leads.
    fn mean_all(&self, host: &Host, at: &[IpAddr]) -> bool {
        match (self, host) {
            (Self::Within(..) | Self::Local, host) if is_every(host) => false,
            (Self::Within(..) | Self::Local, Host::Name(name)) if name != LOCALHOST => {
                !at.is_empty() && at.iter().all(|address| self.means_address(*address))
            }
            _ => self.mean(host, at) == Truth::True,
        }
    }

    fn means_address(&self, address: IpAddr) -> bool {
        match self {
            Self::Local => address.is_loopback(),
            Self::Within(network, bits) => within(*network, *bits, address),
            Self::Every | Self::Named(_) => false,
        }
    }
}

/// Whether it is all addresses of a machine, to listen at.
fn is_every(host: &Host) -> bool {
    match host {
        Host::Every => true,
        Host::At(address) => address.is_unspecified(),
        Host::Name(_) => false,
    }
}

/// Whether an address is in a network.
fn within(network: IpAddr, bits: u8, address: IpAddr) -> bool {
    let same = |one: u128, other: u128, width: u32| {
        let behind = width.saturating_sub(bits.into());
        one.checked_shr(behind).unwrap_or(0) == other.checked_shr(behind).unwrap_or(0)
    };
    match (network, address) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            same(one.to_bits().into(), other.to_bits().into(), 32)
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => same(one.to_bits(), other.to_bits(), 128),
        _ => false,
    }
}

impl Pattern {
    fn holds(&self, asked: &Asked) -> Truth {
        match (self, &asked.address) {
            (Self::Anything, _) => Truth::True,
            (Self::Socket(glob), Address::Socket(path)) => glob.is_match(path).into(),
            (Self::Place { hosts, ports: (first, last) }, Address::Place { host, port }) => {
                let fits: Truth = (*first..=*last).contains(port).into();
                fits.min(hosts.mean(host, &asked.at))
            }
            _ => Truth::False,
        }
    }

    fn holds_all(&self, asked: &Asked) -> bool {
        match (self, &asked.address) {
            (Self::Place { hosts, .. }, Address::Place { host, .. }) => {
                self.holds(asked) == Truth::True && hosts.mean_all(host, &asked.at)
            }
            _ => self.holds(asked) == Truth::True,
        }
    }
}

impl Forward {
    /// The outcome for what is asked, as a reading keeps it.
    pub(crate) fn matched(&self, asked: &Asked) -> Vec<String> {
        if !self.operations.is_empty() && !self.operations.contains(&asked.operation) {
            return Vec::new();
        }
        let addresses = || self.addresses.iter();
        let holds = addresses().map(|pattern| pattern.holds(asked)).max();
        let mut matched = Vec::new();
        match if self.addresses.is_empty() { Truth::True } else { holds.unwrap_or(Truth::False) } {
            Truth::True => matched.push(self.any.clone()),
            Truth::Unknown => matched.push(format!("{UNKNOWN}{}", self.any)),
            Truth::False => {}
        }
        if self.addresses.is_empty() || addresses().any(|pattern| pattern.holds_all(asked)) {
            matched.push(self.all.clone());
        }
        matched
    }

    /// What is no forward leads nowhere: under `not`, a condition says nothing of it.
    pub(super) fn judge(&self, reading: &Reading, on: Evaluation) -> Truth {
        if !is_one(reading) || reading.forward.is_none() && reading.unreadable.is_none() {
            return (on.all && on.part == Part::Whole).into();
        }
        if reading.unreadable.is_some() {
            return Truth::Unknown;
        }
        let has = |key: &str| reading.matched.iter().any(|entry| entry == key);
        if has(if on.all { &self.all } else { &self.any }) {
            return Truth::True;
        }
        let unknown =
            reading.matched.iter().any(|entry| entry.strip_prefix(UNKNOWN) == Some(&*self.any));
        if unknown { Truth::Unknown } else { Truth::False }
    }
}

/// Compiles a condition.
pub(super) fn compile(raw: &At<raw::Forward>, checker: &mut Checker<'_>) -> Forward {
    let (place, raw) = (raw.place, &raw.value);
    if raw.addresses.0.is_empty() && raw.operations.0.is_empty() {
        checker.error(place, "`forward` needs addresses or operations");
    }
    let key = serde_json::json!({
        "addresses": sorted(&raw.addresses),
        "operations": sorted(&raw.operations),
    });
    let words = raw.operations.0.iter();
    Forward {
        any: format!("forward:{key}"),
        all: format!("forward-all:{key}"),
        operations: words.filter_map(|word| checker.word(word, ForwardOperation::ALL)).collect(),
        addresses: raw.addresses.0.iter().filter_map(|one| pattern(one, checker)).collect(),
    }
}

fn pattern(written: &At<String>, checker: &mut Checker<'_>) -> Option<Pattern> {
    let text = written.value.as_str();
    if text.len() > PATTERN_LIMIT {
        checker.error(written.place, format!("a pattern has at most {PATTERN_LIMIT} bytes"));
        return None;
    }
    if text == "*" {
        return Some(Pattern::Anything);
    }
    if text.starts_with('/') {
        return glob(text, written, checker).map(Pattern::Socket);
    }
    let split = text.rsplit_once(':').and_then(|(host, port)| Some((host, ports(port)?)));
    let Some((host, ports)) = split else {
        let what = "expected HOST:PORT with a port such as 443, 8000-8999 or *, or a socket's path";
        checker.error(written.place, format!("found `{text}`, {what}"));
        return None;
    };
    Some(Pattern::Place { hosts: hosts(host, written, checker)?, ports })
}

fn hosts(text: &str, written: &At<String>, checker: &mut Checker<'_>) -> Option<Hosts> {
    let lower = text.to_ascii_lowercase();
    if lower == "*" {
        return Some(Hosts::Every);
    }
    if lower == LOCALHOST {
        return Some(Hosts::Local);
    }
    let bare = lower.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&lower);
    if let Some((network, bits)) = network(bare) {
        return Some(Hosts::Within(network, bits));
    }
    // `10.*` is the name `10.example.org` too, and `::1` has no end.
    if !lower.contains(|letter: char| letter.is_ascii_lowercase()) || lower.contains([':', '/']) {
        let what = "expected a name, an address, or a network such as 10.0.0.0/8 or [fd00::/8]";
        checker.error(written.place, format!("found the host `{text}`, {what}"));
        return None;
    }
    glob(&lower, written, checker).map(Hosts::Named)
}

fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Some(width), |bits| bits.parse().ok().filter(|bits| *bits <= width))?;
    Some((address, bits))
}

fn ports(text: &str) -> Option<Ports> {
    let port = |text: &str| text.parse::<u16>().ok().filter(|_| !text.starts_with('+'));
    if text == "*" {
        return Some((0, u16::MAX));
    }
    match text.split_once('-') {
        Some((first, last)) => {
            let (first, last) = (port(first)?, port(last)?);
            (first <= last).then_some((first, last))
        }
        None => port(text).map(|port| (port, port)),
    }
}

fn glob(text: &str, written: &At<String>, checker: &mut Checker<'_>) -> Option<GlobMatcher> {
    let glob = Glob::new(text).inspect_err(|error| {
        checker.error(written.place, format!("not a pattern: {}", error.kind()));
    });
    Some(glob.ok()?.compile_matcher())
}
