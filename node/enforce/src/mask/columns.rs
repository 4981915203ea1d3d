//! Values of masked columns: replaced whatever they hold, in the way that they are written.

use super::action::{self, name};
use super::compile::{MaskPlan, Treatment};
use super::detector::Confidence;
use super::values::Form;
use super::window::Finding;
use crate::policy::ColumnMask;

/// What stands for a text of a database in which masked values may be.
pub const SILENT: &str = "(not shown: the statement has to do with masked columns)";
/// The detector that findings name.
const DETECTOR: &str = "column";
/// The rule that findings name for what is made of masked columns.
const DERIVED: &str = "derived";

/// What replaces a value.
pub(super) enum New {
    Bytes(Vec<u8>),
    Null,
}

impl MaskPlan {
    /// The plan with masks of columns.
    #[must_use]
    pub fn with_columns(mut self, columns: Vec<ColumnMask>) -> Self {
        self.columns = columns;
        self
    }

    /// The masks of columns, in the order that [`Form`] numbers them.
    #[must_use]
    pub fn columns(&self) -> &[ColumnMask] {
        &self.columns
    }

    fn column(&self, rule: u16) -> Option<Treatment> {
        let mask = self.columns.get(usize::from(rule))?;
        let (rule, action) = (mask.name.clone(), mask.action.clone());
        let confidence = Confidence::High;
        let detector = DETECTOR.into();
        Some(Treatment { detector, rule, action, class: None, confidence, yaml: false })
    }

    fn masked(&self, rule: u16, value: &[u8]) -> Option<Vec<u8>> {
        let treatment = self.column(rule)?;
        let mut out = Vec::with_capacity(value.len());
        action::apply(&treatment, &self.key, value, &mut out);
        Some(out)
    }
}

/// What replaces a value whatever it holds; nothing, when that depends on what it holds.
pub(super) fn replaced(plan: &MaskPlan, form: Form, value: &[u8]) -> Option<New> {
    Some(match form {
        Form::Counted | Form::Bare | Form::Packet | Form::Sealed => return None,
        // A rule that is not there masks everything.
        Form::Masked(rule) => plan.masked(rule, value).map_or(New::Null, New::Bytes),
        Form::Fixed(None) => New::Null,
        Form::Fixed(Some(bytes)) => New::Bytes(bytes.to_vec()),
        Form::Silent => New::Bytes(SILENT.into()),
        Form::Line { rule, csv, delimiter } => {
            let null: &[u8] = if csv { b"" } else { b"\\N" };
            let masked = match rule {
                Some(rule) if value != null => plan.masked(rule, &read(value, csv)),
                _ => None,
            };
            New::Bytes(masked.map_or_else(|| null.to_vec(), |it| written(&it, csv, delimiter)))
        }
    })
}

/// What the record counts of it.
pub(super) fn finding(plan: &MaskPlan, form: Form, length: usize) -> Finding {
    let rule = match form {
        Form::Masked(rule) | Form::Line { rule: Some(rule), .. } => plan.column(rule),
        _ => None,
    };
    Finding {
        detector: DETECTOR.into(),
        action: rule.as_ref().map_or("null", |rule| name(&rule.action)),
        rule: rule.map_or_else(|| DERIVED.into(), |rule| rule.rule),
        offset: 0,
        length: length as u64,
        confidence: Confidence::High,
    }
}

/// A value out of a line of COPY (PostgreSQL documentation, "File Formats").
fn read(value: &[u8], csv: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    if csv {
        let quoted = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
        let mut bytes = quoted.unwrap_or(value).iter().copied().peekable();
        while let Some(byte) = bytes.next() {
            out.push(byte);
            // A quote within quotes is written twice.
            if byte == b'"' && bytes.peek() == Some(&b'"') {
                bytes.next();
            }
        }
        return out;
    }
    let mut bytes = value.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match bytes.next() {
            Some(b'b') => out.push(8),
            Some(b'f') => out.push(12),
            Some(b'n') => out.push(b'\n'),
            Some(b'r') => out.push(b'\r'),
            Some(b't') => out.push(b'\t'),
            Some(b'v') => out.push(11),
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

fn written(value: &[u8], csv: bool, delimiter: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() + 2);
    if csv {
        out.push(b'"');
        for &byte in value {
            if byte == b'"' {
                out.push(byte);
            }
            out.push(byte);
        }
        out.push(b'"');
        return out;
    }
    for &byte in value {
        match byte {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\\' => out.extend_from_slice(b"\\\\"),
            byte if byte == delimiter => out.extend_from_slice(&[b'\\', byte]),
            byte => out.push(byte),
        }
    }
    out
}
