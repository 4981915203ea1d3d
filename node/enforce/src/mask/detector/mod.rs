//! The built-in detectors: their stable names, their literals, and the machines behind them.
//!
//! A machine reads the stream byte by byte, and must decide by the bytes alone.

mod card;
mod email;
mod ipv4;
mod jwt;
mod key_value;
mod literals;
mod pem;
mod token;
mod url;
mod value;

use super::plan::Class;
use super::scan::Pending;
use super::text::Text;

pub(super) use card::CardScanner;
pub(super) use email::EmailScanner;
pub(super) use ipv4::Ipv4Scanner;
pub(super) use literals::LITERALS;

/// A detector, as `sallyport detectors list` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DetectorInfo {
    /// Stable name, used in policy and in the record.
    pub name: &'static str,
    /// The class that switches it; `None` for known values, which nothing switches off.
    pub class: Option<Class>,
    /// What it finds, in one line.
    pub description: &'static str,
}

const fn info(name: &'static str, class: Class, description: &'static str) -> DetectorInfo {
    DetectorInfo { name, class: Some(class), description }
}

/// The last of [`detectors`].
pub(super) const KNOWN_VALUE: DetectorInfo = DetectorInfo {
    name: "known-value",
    class: None,
    description: "credentials that the gateway itself holds, plain or encoded; always on",
};

const ALL: &[DetectorInfo] = &[
    info("aws-access-key-id", Class::Secrets, "AWS access key ids: AKIA, ASIA, ABIA, ACCA"),
    info("github-token", Class::Secrets, "GitHub tokens, classic (ghp_ …) and fine-grained"),
    info("gitlab-token", Class::Secrets, "GitLab tokens: glpat- and its relatives"),
    info("slack-token", Class::Secrets, "Slack tokens: xoxb- … and xapp-"),
    info("stripe-key", Class::Secrets, "Stripe secret and restricted keys, webhook secrets"),
    info("npm-token", Class::Secrets, "npm access tokens"),
    info("pypi-token", Class::Secrets, "PyPI and TestPyPI tokens"),
    info("jwt", Class::Secrets, "JSON web tokens, signed or encrypted"),
    info("private-key", Class::Secrets, "PEM, OpenSSH and PGP private keys"),
    info("url-password", Class::Credentials, "the password in scheme://user:password@host"),
    info("authorization", Class::Credentials, "the credentials of an HTTP Authorization header"),
    info("aws-secret-key", Class::Credentials, "AWS secret keys beside their key word"),
    info("key-value", Class::Credentials, "key=value, key: value and \"key\": \"value\" secrets"),
    info("email", Class::Personal, "e-mail addresses"),
    info("card", Class::Financial, "payment card numbers that pass Luhn's check"),
    info("ipv4", Class::Network, "IPv4 addresses"),
    KNOWN_VALUE,
];

/// All but known values, which are selected by value, not by name.
pub(super) const DETECTORS: &[DetectorInfo] = ALL.split_at(ALL.len() - 1).0;

/// All detectors, in a fixed order.
#[must_use]
pub fn detectors() -> &'static [DetectorInfo] {
    ALL
}

/// True if a rule may name this detector.
#[must_use]
pub fn is_detector(name: &str) -> bool {
    ALL.iter().any(|info| info.name == name)
}

/// What a literal starts.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Token(&'static token::Shape),
    Jwt,
    Pem,
    Url,
    KeyValue(key_value::Word),
}

/// What a candidate knows after the bytes so far: the span that is certain, `(start, end)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It needs more bytes.
    Open(Option<(u64, u64)>),
    /// It is decided.
    Done(Option<(u64, u64)>),
}

/// A candidate: what may follow a literal.
pub(super) trait Machine {
    /// Reads on to its end or to the end of the text. `ended` says that no more bytes will come.
    fn advance(&mut self, text: &Text, ended: bool) -> Progress;
    /// The first byte not yet read.
    fn position(&self) -> u64;
    /// The first byte that it may still mask; `position` if none that has arrived.
    fn hold(&self) -> u64;
    /// The start of its span, once that is certain.
    fn open(&self) -> Option<u64>;
    /// From here on the same literal starts nothing new while this one reads.
    fn exclusive_from(&self) -> Option<u64>;
}

/// A candidate of any kind.
pub(super) enum Candidate {
    Token(token::Token),
    Jwt(jwt::Jwt),
    Pem(pem::Pem),
    Url(url::Url),
    KeyValue(key_value::KeyValue),
}

impl Candidate {
    /// The candidate whose literal ends at `at`.
    pub(super) fn new(kind: Kind, at: u64) -> Self {
        match kind {
            Kind::Token(shape) => Self::Token(token::Token::new(shape, at)),
            Kind::Jwt => Self::Jwt(jwt::Jwt::new(at)),
            Kind::Pem => Self::Pem(pem::Pem::new(at)),
            Kind::Url => Self::Url(url::Url::new(at)),
            Kind::KeyValue(word) => Self::KeyValue(key_value::KeyValue::new(word, at)),
        }
    }

    fn machine(&self) -> &dyn Machine {
        match self {
            Self::Token(machine) => machine,
            Self::Jwt(machine) => machine,
            Self::Pem(machine) => machine,
            Self::Url(machine) => machine,
            Self::KeyValue(machine) => machine,
        }
    }

    pub(super) fn advance(&mut self, text: &Text, ended: bool) -> Progress {
        match self {
            Self::Token(machine) => machine.advance(text, ended),
            Self::Jwt(machine) => machine.advance(text, ended),
            Self::Pem(machine) => machine.advance(text, ended),
            Self::Url(machine) => machine.advance(text, ended),
            Self::KeyValue(machine) => machine.advance(text, ended),
        }
    }

    pub(super) fn position(&self) -> u64 {
        self.machine().position()
    }

    pub(super) fn exclusive_from(&self) -> Option<u64> {
        self.machine().exclusive_from()
    }

    /// What a running candidate keeps pending, if the text ends at `end`.
    pub(super) fn pending(&self, end: u64) -> Pending {
        let machine = self.machine();
        Pending { hold: machine.hold().min(end), open: machine.open().unwrap_or(end) }
    }
}
