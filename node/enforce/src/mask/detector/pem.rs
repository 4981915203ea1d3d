//! PEM private keys (RFC 7468) and their OpenSSH and PGP kin: masked from header to END line.
//!
//! A key without END masks the rest of the stream. Memory is constant.

use super::entry::{Confidence, DetectorInfo};
use super::{Machine, Progress};
use crate::mask::plan::Class;
use crate::mask::text::Text;

pub(super) const INFO: DetectorInfo = DetectorInfo {
    name: "private-key",
    class: Some(Class::Secrets),
    only_by_name: false,
    description: "PEM, OpenSSH and PGP private keys",
    confidence: Confidence::High,
    examples: &[
        "-----BEGIN PRIVATE· KEY-----«\nMIIEvQIBADANBgkqhkiG9w\n»-----END PRIVATE· KEY-----",
    ],
    others: &[
        "-----BEGIN CERTIFICATE-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END CERTIFICATE-----",
    ],
};

/// What stands between the first dashes of a header and its label.
const BEGIN: &[u8] = b"BEGIN ";
/// Longest label of a header. Bytes.
const LABEL_MAX: u64 = 64;
const END: &[u8; 4] = b"END ";
const DASHES: u64 = 5;

/// A PEM block whose first five dashes have been read.
pub(in crate::mask) struct Pem {
    begin: u64,
    body: Option<u64>,
    position: u64,
    /// Dashes just read, and how much of `END ` after them.
    dashes: u64,
    matched: u8,
}

impl Pem {
    /// The block whose first dashes end before `begin`, if there are so many, and if it may be one
    /// as far as it is known.
    pub(in crate::mask) fn at(text: &Text, begin: u64) -> Option<Self> {
        let rest = text.rest(begin);
        let own = BEGIN.starts_with(&rest[..rest.len().min(BEGIN.len())])
            && text.last(begin, DASHES) == b"-----";
        own.then_some(Self { begin, body: None, position: begin, dashes: 0, matched: 0 })
    }

    /// Reads the header's rest; false if it is none of a private key.
    fn header(&mut self, text: &Text, byte: u8) -> bool {
        let read = usize::try_from(self.position - self.begin).unwrap_or(usize::MAX);
        if let Some(own) = BEGIN.get(read) {
            return byte == *own;
        }
        let label = self.begin + BEGIN.len() as u64;
        if byte == b'-' {
            self.dashes += 1;
            if self.dashes < DASHES {
                return true;
            }
            let label = text.slice(label, self.position + 1 - DASHES);
            self.dashes = 0;
            self.body = Some(self.position + 1);
            return memchr::memmem::find(label, b"PRIVATE KEY").is_some();
        }
        let letter = byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ';
        self.dashes == 0 && letter && self.position - label < LABEL_MAX
    }

    /// Reads the body; true at the end of `-----END `.
    fn reads_end(&mut self, byte: u8) -> bool {
        if byte == b'-' {
            self.dashes = if self.matched > 0 { 1 } else { self.dashes + 1 };
            self.matched = 0;
        } else if self.dashes >= DASHES && byte == END[usize::from(self.matched)] {
            self.matched += 1;
        } else {
            self.dashes = 0;
            self.matched = 0;
        }
        usize::from(self.matched) == END.len()
    }

    /// Up to here all that was read is body.
    fn certain_to(&self) -> u64 {
        self.position - self.dashes.min(DASHES) - u64::from(self.matched)
    }
}

impl Machine for Pem {
    fn advance(&mut self, text: &Text, ended: bool) -> Progress {
        while let Some(byte) = text.get(self.position) {
            match self.body {
                None => {
                    let goes_on = self.header(text, byte);
                    if !goes_on {
                        return Progress::Done(None);
                    }
                    self.position += 1;
                }
                Some(body) => {
                    let done = self.reads_end(byte);
                    self.position += 1;
                    if done {
                        return Progress::Done(Some((body, self.certain_to())));
                    }
                }
            }
        }
        match self.body {
            Some(body) if ended => Progress::Done(Some((body, self.position))),
            Some(body) => Progress::Open(Some((body, self.certain_to()))),
            None if ended => Progress::Done(None),
            None => Progress::Open(None),
        }
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn hold(&self) -> u64 {
        if self.body.is_some() { self.certain_to() } else { self.position }
    }

    fn open(&self) -> Option<u64> {
        self.body
    }

    fn exclusive_from(&self) -> Option<u64> {
        Some(self.begin)
    }
}
