//! What a text is said in, where its meaning depends on it: what prepared statements that it
//! executes are, and parameters of the session that are not what they were when it began.
//!
//! It stands before the text, in the same bytes: so it is judged, sealed, shown to approvers and
//! approved with it, and whoever reads the sealed text again reads the same. It begins with a byte
//! that no text in UTF-8 begins with; whoever takes texts of strangers refuses those that do.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::command::quoted;
use super::values::more;
use crate::mask::{MaskPlan, Raw, mask_text};
use crate::reader::Shown;

/// The byte that circumstances begin with.
pub const CIRCUMSTANCES: u8 = 0xFF;
/// How much of a prepared statement's text is shown, in bytes.
const SHOWN_LIMIT: usize = 64 * 1024;

const SETTING: u8 = b's';
const PREPARED: u8 = b'p';
const TYPES: u8 = b't';
const END: u8 = 0;

/// What a text is said in. Names and values have no NUL bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Circumstances<'a> {
    /// Parameters of the session, by name.
    pub settings: Vec<(&'a [u8], &'a [u8])>,
    /// Prepared statements, by name: the texts that made them.
    pub prepared: Vec<(&'a [u8], &'a [u8])>,
    /// The numbers of its parameters' types, zero where nobody said one. They are what values are
    /// shown by; nothing is decided by them.
    pub types: Vec<u32>,
}

impl<'a> Circumstances<'a> {
    /// Whether they say anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.settings.is_empty() && self.prepared.is_empty() && self.types.is_empty()
    }

    /// Writes them; nothing when they say nothing.
    pub fn write(&self, out: &mut Vec<u8>) {
        if self.is_empty() {
            return;
        }
        out.push(CIRCUMSTANCES);
        for (kind, each) in [(SETTING, &self.settings), (PREPARED, &self.prepared)] {
            for (name, value) in each {
                out.push(kind);
                for text in [name, value] {
                    out.extend(text.iter().filter(|byte| **byte != 0));
                    out.push(0);
                }
            }
        }
        if !self.types.is_empty() {
            // In digits, since a NUL ends a text.
            out.extend([TYPES, 0]);
            for (at, number) in self.types.iter().enumerate() {
                let before = if at == 0 { "" } else { "," };
                out.extend_from_slice(format!("{before}{number}").as_bytes());
            }
            out.push(0);
        }
        out.push(END);
    }

    /// Cuts them off a command; nothing when what stands there is not of this form.
    #[must_use]
    pub fn cut(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let mut circumstances = Self::default();
        let Some((&CIRCUMSTANCES, mut rest)) = bytes.split_first() else {
            return Some((circumstances, bytes));
        };
        loop {
            let kind;
            (kind, rest) = rest.split_first()?;
            let into = match *kind {
                SETTING => &mut circumstances.settings,
                PREPARED => &mut circumstances.prepared,
                TYPES => {
                    let (b"", behind) = text(rest)? else { return None };
                    let (written, behind) = text(behind)?;
                    circumstances.types = numbers(written)?;
                    rest = behind;
                    continue;
                }
                END => return Some((circumstances, rest)),
                _ => return None,
            };
            let (name, behind) = text(rest)?;
            let (value, behind) = text(behind)?;
            into.push((name, value));
            rest = behind;
        }
    }

    /// The text that made a prepared statement.
    pub(crate) fn text_of(&self, name: &str) -> Option<String> {
        let mut known = self.prepared.iter();
        let (_, text) = known.find(|(known, _)| *known == name.as_bytes())?;
        String::from_utf8(text.to_vec()).ok()
    }

    /// The parameters, as readings tell them.
    pub(crate) fn session(&self) -> BTreeMap<String, String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.settings.iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    /// Adds a line for each, masked, in the form of a comment: what is shown can be read as SQL.
    pub(crate) fn show(&self, plan: &Arc<MaskPlan>, shown: &mut Shown) {
        let prepared = self.prepared.iter().map(|(name, text)| ("prepared as ", name, text));
        let settings = self.settings.iter().map(|(name, value)| ("", name, value));
        for (what, name, value) in prepared.chain(settings) {
            let (name, value) = (line(plan, name, shown), line(plan, value, shown));
            shown.text.push_str(&format!("\n-- {what}{name}: {value}"));
        }
    }
}

fn numbers(written: &[u8]) -> Option<Vec<u32>> {
    let written = std::str::from_utf8(written).ok()?;
    written.split(',').map(|number| number.parse().ok()).collect()
}

fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(0, bytes)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

fn line(plan: &Arc<MaskPlan>, bytes: &[u8], shown: &mut Shown) -> String {
    let (masked, findings) = mask_text(plan, Raw::new(bytes));
    let text = String::from_utf8_lossy(masked.bytes());
    let cut = &text[..text.floor_char_boundary(SHOWN_LIMIT)];
    shown.exact &= findings.is_empty() && cut.as_bytes() == masked.bytes();
    shown.findings.extend(findings);
    let more = more(cut.len(), text.len());
    format!("{}{more}", quoted(cut))
}
