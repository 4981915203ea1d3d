//! Values of masked columns: replaced whatever they hold.

use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::policy::{ColumnMask, Derived, Predicates};

fn plan() -> Arc<MaskPlan> {
    let actions =
        [Action::Redact, Action::KeepLast(2), Action::Constant("a\tb\"c".to_owned()), Action::Hash];
    let mask = |action: Action| ColumnMask {
        name: "m".into(),
        columns: vec!["public.people.ssn".to_owned()],
        action,
        derived: Derived::Null,
        predicates: Predicates::Allow,
    };
    let plan = MaskPlan::compile(&[], &[], MaskKey::new([7; 32])).expect("no rules compile");
    Arc::new(plan.with_columns(actions.into_iter().map(mask).collect()))
}

/// What becomes of one value of a row.
#[track_caller]
fn check(form: Form, value: &str, expected: Option<&str>) {
    let length = u32::try_from(value.len()).expect("short").to_be_bytes();
    let mut batch = b"D\0\0\0\0\0\x01".to_vec();
    batch.extend_from_slice(&length);
    batch.extend_from_slice(value.as_bytes());
    let bytes = u32::try_from(batch.len() - 1).expect("short").to_be_bytes();
    batch[1..5].copy_from_slice(&bytes);
    let place = Place { start: 11, end: batch.len(), message: 1, form };
    let mut masker = ValueMasker::new(plan());
    let (masked, findings) = masker.mask(Bytes::from(batch), &[place]).expect("it lies right");
    let masked = masked.bytes();
    let length = i32::from_be_bytes(masked[7..11].try_into().expect("four bytes"));
    let told = usize::try_from(length).ok().map(|_| &masked[11..]);
    assert_eq!(told.map(String::from_utf8_lossy).as_deref(), expected, "{value}");
    assert_eq!(
        u32::from_be_bytes(masked[1..5].try_into().expect("four bytes")) as usize,
        masked.len() - 1
    );
    assert_eq!(findings.len(), 1);
    assert_eq!(&*findings[0].detector, "column");
}

#[test]
fn values_of_rows() {
    check(Form::Masked(0), "plain", Some("*****"));
    check(Form::Masked(0), "", Some(""));
    check(Form::Masked(1), "plain", Some("***in"));
    check(Form::Masked(2), "plain", Some("a\tb\"c"));
    check(Form::Fixed(None), "plain", None);
    check(Form::Fixed(None), "", None);
    check(Form::Fixed(Some(b"0")), "12345", Some("0"));
    // A mask that the plan does not have masks everything.
    check(Form::Masked(9), "plain", None);
}

#[test]
fn pseudonyms_are_equal_for_equal_values() {
    let of = |value: &str| {
        let plan = plan();
        let form = Form::Line { rule: Some(3), csv: false, delimiter: b'\t' };
        match super::super::columns::replaced(&plan, form, value.as_bytes()) {
            Some(super::super::columns::New::Bytes(bytes)) => bytes,
            _ => panic!("it is replaced"),
        }
    };
    assert_eq!(of("a"), of("a"));
    assert_ne!(of("a"), of("b"));
}

/// What a token of a domain makes of a column's value.
pub(super) fn token(domain: &str, value: &str) -> String {
    let mask = ColumnMask {
        name: "m".into(),
        columns: vec!["public.people.email".to_owned()],
        action: Action::Token(domain.to_owned()),
        derived: Derived::Null,
        predicates: Predicates::Allow,
    };
    let plan = MaskPlan::compile(&[], &[], MaskKey::new([7; 32])).expect("no rules compile");
    match super::super::columns::replaced(
        &plan.with_columns(vec![mask]),
        Form::Masked(0),
        value.as_bytes(),
    ) {
        Some(super::super::columns::New::Bytes(bytes)) => text(&bytes),
        _ => panic!("it is replaced"),
    }
}

/// What becomes of a value within a line of COPY.
#[track_caller]
fn line(rule: Option<u16>, csv: bool, delimiter: u8, value: &str, expected: &str) {
    let batch = [b"d\0\0\0\0", value.as_bytes(), b"\n"].concat();
    let form = Form::Line { rule, csv, delimiter };
    let place = Place { start: 5, end: batch.len() - 1, message: 1, form };
    let mut masker = ValueMasker::new(plan());
    let (masked, _) = masker.mask(Bytes::from(batch), &[place]).expect("it lies right");
    let told = masked.bytes()[5..].strip_suffix(b"\n").expect("a line");
    assert_eq!(String::from_utf8_lossy(told), expected, "{value}");
}

#[test]
fn values_of_lines() {
    line(Some(0), false, b'\t', "plain", "*****");
    line(Some(0), false, b'\t', "\\N", "\\N");
    line(None, false, b'\t', "plain", "\\N");
    line(Some(1), false, b'\t', "abc\\n\\t", "***\\n\\t");
    line(Some(1), false, b'|', "abc\\|x", "***\\|x");
    line(Some(2), false, b'b', "x", "a\\t\\b\"c");
    line(Some(0), true, b',', "plain", "\"*****\"");
    line(Some(0), true, b',', "", "");
    line(Some(0), true, b',', "\"\"", "\"\"");
    line(None, true, b',', "plain", "");
    line(Some(1), true, b',', "\"a,b\"\"c\"", "\"***\"\"c\"");
    line(Some(2), true, b',', "x", "\"a\tb\"\"c\"");
}

#[test]
fn texts_of_a_database() {
    let batch = b"E\0\0\0\0MSECRET\0\0".to_vec();
    let place = Place { start: 6, end: 12, message: 1, form: Form::Silent };
    let mut masker = ValueMasker::new(plan());
    let (masked, _) = masker.mask(Bytes::from(batch), &[place]).expect("it lies right");
    let text = String::from_utf8_lossy(masked.bytes()).into_owned();
    assert!(text.contains(crate::mask::SILENT) && !text.contains("SECRET"), "{text}");
}
