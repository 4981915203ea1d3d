//! Cookies (RFC 6265): the values of those that are a session, in `Cookie:` and `Set-Cookie:`.

use super::entry::{Confidence, DetectorInfo};
use super::value::is_placeholder;
use super::{Machine, Progress};
use crate::mask::plan::Class;
use crate::mask::text::Text;

pub(super) const INFO: DetectorInfo = DetectorInfo {
    name: "cookie",
    class: Some(Class::Credentials),
    only_by_name: false,
    description: "values of session cookies in Cookie and Set-Cookie headers",
    confidence: Confidence::Medium,
    examples: &[
        "Set-Cookie: sessionid=«38afes7a8»; Path=/; HttpOnly",
        "Cookie: theme=dark; auth=«abcd1234»; lang=en",
    ],
    others: &["Set-Cookie: theme=dark; Max-Age=3600; Path=/account", "the cookie: it is sweet"],
};

/// What is in the name of a cookie that is a session.
const SESSION: &[&[u8]] = &[
    b"sess",
    b"sid",
    b"auth",
    b"token",
    b"jwt",
    b"csrf",
    b"xsrf",
    b"login",
    b"secret",
    b"remember",
];
/// What says how a cookie is to be kept.
const ATTRIBUTES: &[&[u8]] =
    &[b"path", b"domain", b"expires", b"max-age", b"samesite", b"priority", b"version"];
/// Longest name. Bytes.
const NAME_MAX: u64 = 96;
/// Shortest value of a session. Bytes.
const SHORT: usize = 4;
/// Shortest value that is a session whatever it is called. Bytes.
const LONG: usize = 24;
/// A longer value is masked, whatever it is. Bytes.
const UNDECIDED_MAX: u64 = 128;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Before a name.
    Gap,
    /// In the name that begins at a place.
    Name(u64),
    /// In a value, behind a name that is one of a session, or of an attribute.
    Value { begin: u64, session: bool, attribute: bool },
}

/// A header whose name and colon have been read.
pub(in crate::mask) struct Cookie {
    begin: u64,
    /// A quote around all of it.
    quote: Option<u8>,
    phase: Phase,
    position: u64,
}

impl Cookie {
    /// The header whose colon is at `at`.
    pub(super) fn new(at: u64) -> Self {
        let begin = at + 1;
        Self { begin, quote: None, phase: Phase::Gap, position: begin }
    }

    fn ends_header(&self, byte: u8) -> bool {
        let opens = match self.phase {
            Phase::Gap => self.quote.is_none(),
            Phase::Name(_) => false,
            Phase::Value { begin, .. } => self.position == begin && self.quote != Some(byte),
        };
        // In a text in JSON there is a backslash before each quote.
        let escapes = byte == b'\\' && (self.phase != Phase::Gap || self.quote.is_some());
        byte < b' ' && byte != b'\t' || escapes || b"\"'".contains(&byte) && !opens
    }

    /// Decides about the value that ends before `end`.
    fn decide(&self, text: &Text, end: u64) -> Option<(u64, u64)> {
        let Phase::Value { begin, session, attribute } = self.phase else { return None };
        if self.certain(end) {
            return Some((begin, end));
        }
        if attribute {
            return None;
        }
        let value = text.slice(begin, end);
        let value = value.strip_prefix(b"\"").unwrap_or(value);
        let long = value.len() >= if session { SHORT } else { LONG };
        (long && !is_placeholder(value)).then_some((begin, end))
    }

    /// Whether a value that reaches to `end` is masked, whatever follows.
    fn certain(&self, end: u64) -> bool {
        match self.phase {
            Phase::Value { begin, attribute, .. } => !attribute && end - begin > UNDECIDED_MAX,
            _ => false,
        }
    }

    /// Takes a byte that does not end the header; false if this is no cookie.
    fn take(&mut self, text: &Text, byte: u8) -> bool {
        let at = self.position;
        self.phase = match (self.phase, byte) {
            (Phase::Gap, b' ' | b'\t' | b';' | b'\\') => Phase::Gap,
            (Phase::Gap, b'"' | b'\'') if self.quote.is_none() => {
                self.quote = Some(byte);
                Phase::Gap
            }
            (Phase::Gap, _) => Phase::Name(at),
            (Phase::Name(begin), b'=') => {
                let name = text.slice(begin, at).to_ascii_lowercase();
                let has = |word: &&[u8]| memchr::memmem::find(&name, word).is_some();
                let session = SESSION.iter().any(has);
                Phase::Value { begin: at + 1, session, attribute: ATTRIBUTES.contains(&&name[..]) }
            }
            // `HttpOnly` and `Secure` have no value.
            (Phase::Name(_), b';') => Phase::Gap,
            (Phase::Name(begin), b' ' | b':') => return self.begin != begin && byte == b' ',
            (Phase::Name(begin), _) => return at - begin < NAME_MAX,
            (phase, _) => phase,
        };
        true
    }
}

impl Machine for Cookie {
    fn advance(&mut self, text: &Text, ended: bool) -> Progress {
        while let Some(byte) = text.get(self.position) {
            let ends = self.ends_header(byte);
            let value = matches!(self.phase, Phase::Value { .. });
            if ends || value && byte == b';' {
                let span = self.decide(text, self.position);
                if ends {
                    return Progress::Done(span);
                }
                self.phase = Phase::Gap;
                self.position += 1;
                match span {
                    Some(span) => return Progress::Next(span),
                    None => continue,
                }
            }
            if !self.take(text, byte) {
                return Progress::Done(None);
            }
            self.position += 1;
        }
        if ended {
            return Progress::Done(self.decide(text, self.position));
        }
        Progress::Open(self.open().map(|begin| (begin, self.position)))
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn hold(&self) -> u64 {
        match self.phase {
            Phase::Value { begin, attribute: false, .. } if !self.certain(self.position) => begin,
            _ => self.position,
        }
    }

    fn open(&self) -> Option<u64> {
        match self.phase {
            Phase::Value { begin, .. } if self.certain(self.position) => Some(begin),
            _ => None,
        }
    }

    fn exclusive_from(&self) -> Option<u64> {
        Some(self.begin)
    }
}
