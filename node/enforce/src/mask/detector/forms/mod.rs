//! Numbers of people, firms and machines that are written in fixed forms: each an entry with its
//! forms and its check digits.
//!
//! **Forms.** `9` is a digit, `A` a capital, `X` either of these, `H` a hexadecimal digit; all else
//! is itself. A form uses only what `marks/numbers.rs` takes for a part of a number.

mod america;
mod asia;
mod digits;
mod europe;
mod network;

use crate::mask::detector::entry::{Confidence, DetectorInfo};
use crate::mask::detector::number::may_begin;
use crate::mask::plan::Class;
use crate::mask::text::Text;

/// Longest form. Bytes.
pub(in crate::mask) const FORM_MAX: usize = 24;

/// What is written in one of a few forms.
pub(in crate::mask) struct Written {
    /// Stable name.
    pub name: &'static str,
    /// The class that switches it.
    pub class: Class,
    /// A rule must name it: most other numbers of that length look the same.
    pub only_by_name: bool,
    /// What it finds, in one line.
    pub description: &'static str,
    /// How it is written.
    pub forms: &'static [&'static str],
    /// Whether what is left without separators is one.
    pub holds: fn(&[u8]) -> bool,
    /// Texts in which it finds something, written as [`Example`](super::Example) says.
    pub examples: &'static [&'static str],
    /// Texts in which it finds nothing.
    pub others: &'static [&'static str],
}

/// All of them.
pub(in crate::mask) static WRITTEN: &[&[Written]] =
    &[america::WRITTEN, asia::WRITTEN, europe::WRITTEN, network::WRITTEN];

impl Written {
    /// What the list of detectors says of it.
    pub(in crate::mask) fn info(&self) -> DetectorInfo {
        DetectorInfo {
            name: self.name,
            class: Some(self.class),
            only_by_name: self.only_by_name,
            description: self.description,
            confidence: if self.class == Class::Network {
                Confidence::Low
            } else {
                Confidence::Medium
            },
            examples: self.examples,
            others: self.others,
        }
    }

    /// Where it ends that begins at `start`, if one does.
    pub(in crate::mask) fn ends(&self, text: &Text, start: u64) -> Option<u64> {
        if !may_begin(text, start) || text.before(start) == Some(b':') {
            return None;
        }
        let rest = text.rest(start);
        let length = self.forms.iter().find_map(|form| {
            let bytes = rest.get(..form.len())?;
            let fits = form.bytes().zip(bytes).all(|(own, byte)| Self::may_have(own, *byte));
            let next = rest.get(form.len());
            let apart = next.is_none_or(|byte| Self::may_follow(*byte));
            // A dash or a dot goes on with it only before more of the kind.
            let more = next.is_some_and(|byte| b"-.".contains(byte))
                && rest.get(form.len() + 1).is_some_and(u8::is_ascii_alphanumeric);
            (fits && apart && !more && self.holds(bytes)).then_some(form.len())
        });
        length.map(|length| start + length as u64)
    }

    /// Whether a byte may stand where a form has `own`.
    pub(in crate::mask) fn may_have(own: u8, byte: u8) -> bool {
        match own {
            b'9' => byte.is_ascii_digit(),
            b'A' => byte.is_ascii_uppercase(),
            b'X' => byte.is_ascii_digit() || byte.is_ascii_uppercase(),
            b'H' => byte.is_ascii_hexdigit(),
            other => byte == other,
        }
    }

    /// Whether it may end before a byte.
    pub(in crate::mask) fn may_follow(byte: u8) -> bool {
        !byte.is_ascii_alphanumeric() && !b"_:".contains(&byte)
    }

    /// Asks its check digits.
    fn holds(&self, written: &[u8]) -> bool {
        let mut bare = [0; FORM_MAX];
        let mut count = 0;
        for byte in written.iter().filter(|byte| byte.is_ascii_alphanumeric()) {
            bare[count] = *byte;
            count += 1;
        }
        (self.holds)(&bare[..count])
    }
}
