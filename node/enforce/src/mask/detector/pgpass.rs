//! Lines of a PostgreSQL password file: `host:port:database:user:password`.

use super::entry::{Confidence, DetectorInfo};
use super::value::is_placeholder;
use super::{Machine, Progress};
use crate::mask::plan::Class;
use crate::mask::text::Text;

pub(super) const INFO: DetectorInfo = DetectorInfo {
    name: "pgpass",
    class: Some(Class::Credentials),
    only_by_name: false,
    description: "passwords in lines of .pgpass: host:port:database:user:password",
    confidence: Confidence::Medium,
    examples: &["db.internal:5432:orders:app:«hunter2»", "*:*:*:postgres:«hun-ter2»"],
    others: &["main.rs:1234:56:error:unused", "root:x:0:0:root:/root:/bin/bash", "12:30:45:10:x"],
};

/// Longest host. Bytes.
const HOST_MAX: u64 = 80;
/// Longest name of a database or a user, and longest password. Bytes.
const FIELD_MAX: u64 = 128;

/// A line whose host, port and the colon behind these have been read.
pub(in crate::mask) struct Pgpass {
    begin: u64,
    /// Where the field begins that is being read, and how many are behind it.
    field: u64,
    fields: u8,
    position: u64,
}

impl Pgpass {
    /// Whether a colon stands before the four or five digits of a port.
    #[inline]
    pub(in crate::mask) fn may_be(text: &Text, at: u64) -> bool {
        let colon = |back: u64| at.checked_sub(back).and_then(|it| text.get(it)) == Some(b':');
        colon(5) || colon(6)
    }

    /// The line whose second colon is at `at`, if it may be one.
    pub(in crate::mask) fn behind_port(text: &Text, at: u64) -> Option<Self> {
        let before = text.last(at, HOST_MAX);
        let colon = memchr::memrchr(b':', before)?;
        let port = &before[colon + 1..];
        let number = (4..=5).contains(&port.len()) && port.iter().all(u8::is_ascii_digit);
        let host = before[..colon].iter().rev().take_while(|byte| in_host(**byte)).count();
        let begin = colon - host;
        let starts = match begin.checked_sub(1) {
            Some(line) => matches!(before[line], b'\n' | b'\r'),
            None => text.before(at - before.len() as u64).is_none(),
        };
        let own = (number || port == b"*") && host > 0 && starts;
        own.then_some(Self { begin: at, field: at + 1, fields: 0, position: at + 1 })
    }

    /// The password, if it is one, and ends before `end`.
    fn decide(&self, text: &Text, end: u64) -> Progress {
        let password = self.fields == 2 && !is_placeholder(text.slice(self.field, end));
        Progress::Done(password.then_some((self.field, end)))
    }
}

fn in_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'*')
}

impl Machine for Pgpass {
    fn advance(&mut self, text: &Text, ended: bool) -> Progress {
        while let Some(byte) = text.get(self.position) {
            let escaped = text.before(self.position) == Some(b'\\');
            match byte {
                b'\n' | b'\r' => return self.decide(text, self.position),
                0..=b' ' | b'/' | b'"' if self.fields < 2 => return Progress::Done(None),
                b':' if self.fields < 2 && !escaped => {
                    let field = text.slice(self.field, self.position);
                    if field.is_empty() || field.iter().all(u8::is_ascii_digit) {
                        return Progress::Done(None);
                    }
                    self.fields += 1;
                    self.field = self.position + 1;
                }
                b' ' => return Progress::Done(None),
                _ if self.position - self.field >= FIELD_MAX => {
                    return self.decide(text, self.position);
                }
                _ => {}
            }
            self.position += 1;
        }
        if ended { self.decide(text, self.position) } else { Progress::Open(None) }
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn hold(&self) -> u64 {
        if self.fields == 2 { self.field } else { self.position }
    }

    fn open(&self) -> Option<u64> {
        None
    }

    fn exclusive_from(&self) -> Option<u64> {
        Some(self.begin)
    }
}
