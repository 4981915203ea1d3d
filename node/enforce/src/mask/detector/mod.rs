//! The built-in detectors: their stable names, what they begin with, and the machines behind them.
//!
//! A machine reads the stream byte by byte, and must decide by the bytes alone.

mod alphabet;
mod azure;
mod card;
mod check;
mod cookie;
mod discord;
mod email;
mod entry;
mod example;
mod forms;
mod iban;
mod ipv4;
mod ipv6;
mod jwt;
mod key_value;
mod key_words;
mod kubernetes;
mod netrc;
mod number;
mod option;
mod pem;
mod pgpass;
mod phone;
mod ssn;
mod telegram;
mod token;
mod tokens;
mod travel;
mod url;
mod value;
mod wallet;

use std::sync::LazyLock;

use super::plan::Class;
use super::scan::Pending;
use super::text::Text;

pub use entry::{Confidence, DetectorInfo};
pub use example::Example;

pub(super) use azure::Azure;
pub(super) use discord::Discord;
pub(super) use forms::{FORM_MAX, WRITTEN, Written};
pub(super) use key_value::{KeyValue, Word};
pub(super) use key_words::KEY_WORDS;
pub(super) use kubernetes::{Manifest, Section, Values, is_behind_version, is_plain_scalar};
pub(super) use netrc::Netrc;
pub(super) use option::CommandOption;
pub(super) use pem::Pem;
pub(super) use pgpass::Pgpass;
pub(super) use token::Shape;
pub(super) use tokens::{FAMILIES, is_joint};
pub(super) use wallet::Wallet;
pub(super) use {card::ends as card, iban::ends as iban, ipv4::ends as ipv4};
pub(super) use {email::may_be as may_be_email, email::word as word_before};
pub(super) use {ipv6::around as ipv6, travel::around as travel_document};
pub(super) use {phone::begins as phone, ssn::ends as ssn};

/// The last of [`detectors`].
pub(super) const KNOWN_VALUE: DetectorInfo = DetectorInfo {
    name: "known-value",
    class: None,
    only_by_name: false,
    description: "credentials that the gateway itself holds, plain or encoded; always on",
    confidence: Confidence::High,
    examples: &[],
    others: &[],
};

/// The detector whose values may stand in YAML without quotes.
pub(super) const KUBERNETES: &str = kubernetes::INFO.name;

/// Those that are more than a prefix and a body.
const OTHERS: &[DetectorInfo] = &[
    azure::INFO,
    telegram::INFO,
    discord::INFO,
    jwt::INFO,
    pem::INFO,
    url::INFO,
    key_words::AUTHORIZATION,
    cookie::INFO,
    key_words::AWS_SECRET,
    kubernetes::INFO,
    netrc::INFO,
    pgpass::INFO,
    option::INFO,
    key_words::KEY_VALUE,
    email::INFO,
    ssn::INFO,
    travel::INFO,
    phone::INFO,
    card::INFO,
    iban::INFO,
    wallet::INFO,
    ipv4::INFO,
    ipv6::INFO,
];

static ALL: LazyLock<Vec<DetectorInfo>> = LazyLock::new(|| {
    let tokens = FAMILIES.iter().copied().flatten();
    let tokens = tokens.map(|it| DetectorInfo {
        name: it.name,
        class: Some(Class::Secrets),
        only_by_name: false,
        description: it.description,
        confidence: Confidence::High,
        examples: it.examples,
        others: it.others,
    });
    let written = WRITTEN.iter().copied().flatten().map(Written::info);
    tokens.chain(OTHERS.iter().copied()).chain(written).chain([KNOWN_VALUE]).collect()
});

/// All built-in detectors.
#[must_use]
pub fn detectors() -> &'static [DetectorInfo] {
    &ALL
}

/// True for the name of a built-in detector.
#[must_use]
pub fn is_detector(name: &str) -> bool {
    ALL.iter().any(|info| info.name == name)
}

/// What a candidate knows after the bytes so far: the span that is certain, `(start, end)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It needs more bytes.
    Open(Option<(u64, u64)>),
    /// A span is decided, and there may be more: it is to be asked again.
    Next((u64, u64)),
    /// It is decided.
    Done(Option<(u64, u64)>),
}

impl Progress {
    /// The span that is certain.
    pub(super) fn span(self) -> Option<(u64, u64)> {
        match self {
            Self::Open(span) | Self::Done(span) => span,
            Self::Next(span) => Some(span),
        }
    }
}

/// A candidate: what may follow a beginning.
pub(super) trait Machine {
    /// Reads on to its end or to the end of the text. `ended` says that no more bytes will come.
    fn advance(&mut self, text: &Text, ended: bool) -> Progress;
    /// The first byte not yet read.
    fn position(&self) -> u64;
    /// The first byte that it may still mask; `position` if none that has arrived.
    fn hold(&self) -> u64;
    /// The start of its span, once that is certain.
    fn open(&self) -> Option<u64>;
    /// From here on the same beginning starts nothing new while this one reads.
    fn exclusive_from(&self) -> Option<u64>;
    /// What it found has check digits, and they are not right.
    fn is_doubtful(&self) -> bool {
        false
    }
}

/// A candidate of any kind.
pub(super) enum Candidate {
    Token(token::Token),
    Jwt(jwt::Jwt),
    Pem(Pem),
    Url(url::Url),
    KeyValue(key_value::KeyValue),
    Email(email::Email),
    Telegram(telegram::Telegram),
    Azure(Azure),
    Cookie(cookie::Cookie),
    Discord(Discord),
    Manifest(Manifest),
    Netrc(Netrc),
    Option(CommandOption),
    Pgpass(Pgpass),
    Section(Section),
    Wallet(Wallet),
}

impl Candidate {
    pub(super) fn token(shape: &'static Shape, at: u64, headed: bool) -> Self {
        Self::Token(token::Token::new(shape, at, headed))
    }

    pub(super) fn jwt(at: u64) -> Self {
        Self::Jwt(jwt::Jwt::new(at))
    }

    pub(super) fn url(at: u64) -> Self {
        Self::Url(url::Url::new(at))
    }

    pub(super) fn key_value(word: Word, at: u64, spaces: u8) -> Self {
        Self::KeyValue(key_value::KeyValue::new(word, at, spaces))
    }

    pub(super) fn email(word: u64, at: u64) -> Self {
        Self::Email(email::Email::new(word, at))
    }

    pub(super) fn cookie(at: u64) -> Self {
        Self::Cookie(cookie::Cookie::new(at))
    }

    pub(super) fn telegram(at: u64) -> Self {
        Self::Telegram(telegram::Telegram::new(at))
    }

    fn machine(&self) -> &dyn Machine {
        match self {
            Self::Token(machine) => machine,
            Self::Jwt(machine) => machine,
            Self::Pem(machine) => machine,
            Self::Url(machine) => machine,
            Self::KeyValue(machine) => machine,
            Self::Email(machine) => machine,
            Self::Telegram(machine) => machine,
            Self::Azure(machine) => machine,
            Self::Cookie(machine) => machine,
            Self::Discord(machine) => machine,
            Self::Manifest(machine) => machine,
            Self::Netrc(machine) => machine,
            Self::Option(machine) => machine,
            Self::Pgpass(machine) => machine,
            Self::Section(machine) => machine,
            Self::Wallet(machine) => machine,
        }
    }

    pub(super) fn advance(&mut self, text: &Text, ended: bool) -> Progress {
        match self {
            Self::Token(machine) => machine.advance(text, ended),
            Self::Jwt(machine) => machine.advance(text, ended),
            Self::Pem(machine) => machine.advance(text, ended),
            Self::Url(machine) => machine.advance(text, ended),
            Self::KeyValue(machine) => machine.advance(text, ended),
            Self::Email(machine) => machine.advance(text, ended),
            Self::Telegram(machine) => machine.advance(text, ended),
            Self::Azure(machine) => machine.advance(text, ended),
            Self::Cookie(machine) => machine.advance(text, ended),
            Self::Discord(machine) => machine.advance(text, ended),
            Self::Manifest(machine) => machine.advance(text, ended),
            Self::Netrc(machine) => machine.advance(text, ended),
            Self::Option(machine) => machine.advance(text, ended),
            Self::Pgpass(machine) => machine.advance(text, ended),
            Self::Section(machine) => machine.advance(text, ended),
            Self::Wallet(machine) => machine.advance(text, ended),
        }
    }

    pub(super) fn position(&self) -> u64 {
        self.machine().position()
    }

    pub(super) fn exclusive_from(&self) -> Option<u64> {
        self.machine().exclusive_from()
    }

    pub(super) fn is_doubtful(&self) -> bool {
        self.machine().is_doubtful()
    }

    /// Whether it has read `at` and keeps it for itself.
    pub(super) fn has(&self, at: u64) -> bool {
        let has = |machine: &dyn Machine| {
            at < machine.position() && machine.exclusive_from().is_some_and(|from| from <= at)
        };
        match self {
            // Asked at each key of a text.
            Self::KeyValue(machine) => machine.has(at),
            _ => has(self.machine()),
        }
    }

    /// Whether an unquoted value whose separator is at `at` is a part of this one's.
    pub(super) fn covers(&self, text: &Text, at: u64) -> bool {
        matches!(self, Self::KeyValue(machine) if machine.covers(text, at))
    }

    /// What a running candidate keeps pending, if the text ends at `end`.
    pub(super) fn pending(&self, end: u64) -> Pending {
        let machine = self.machine();
        Pending { hold: machine.hold().min(end), open: machine.open().unwrap_or(end) }
    }
}
