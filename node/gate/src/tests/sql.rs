//! Commands of a database: read by the reader of SQL, and shown with their parameters, masked.

use node_enforce::decide::{Facts, decide};
use proto::reading::{Channel, Effect, Verdict};
use proto::target::TargetKind;

use super::values::{facts, moment, text};
use crate::record::{Shown, shown};
use crate::{CommandText, SessionFacts};

const POLICY: &str = "version: 1
grants:
  - { name: all, who: {}, targets: {}, as: [deploy], channels: [query] }
rules:
  - { name: no-drop, when: { sql: { statements: drop table, tables: ['ghp*', a] } }, then: block }
";

fn database() -> SessionFacts {
    let mut facts = facts(POLICY, 1);
    facts.target.kind = TargetKind::Postgres;
    facts.channel = Channel::Query;
    facts
}

fn show(bytes: Vec<u8>) -> Shown {
    shown(&database(), &CommandText::new(bytes).expect("a short command"), moment())
}

/// The body of a Bind: values, each with whether it is binary.
fn bound(sql: &str, values: &[(bool, Option<&[u8]>)]) -> Vec<u8> {
    let count = u16::try_from(values.len()).expect("few values").to_be_bytes();
    let mut bytes = [sql.as_bytes(), b"\0\0\0", &count].concat();
    for (binary, _) in values {
        bytes.extend(u16::from(*binary).to_be_bytes());
    }
    bytes.extend(count);
    for (_, value) in values {
        match value {
            None => bytes.extend((-1_i32).to_be_bytes()),
            Some(value) => {
                bytes.extend(u32::try_from(value.len()).expect("a short value").to_be_bytes());
                bytes.extend(*value);
            }
        }
    }
    bytes.extend([0, 0]);
    bytes
}

#[track_caller]
fn check(bytes: Vec<u8>, expected: &str, exact: bool) {
    let shown = show(bytes);
    let (text, masked) = shown.cut();
    assert_eq!((text.as_str(), masked), (expected, !exact));
}

#[test]
fn parameters_are_shown_below_the_text() {
    let sql = "SELECT $1, $2";
    let (a, b): (&[u8], &[u8]) = (b"it's", b"\0\x01\xfe");
    check(sql.into(), sql, true);
    let expected = "SELECT $1, $2\n$1 = 'it''s'\n$2 = '\\x0001fe'\n$3 = null";
    check(bound(sql, &[(false, Some(a)), (true, Some(b)), (false, None)]), expected, true);
    // A value makes no line of its own.
    let forged: &[u8] = b"a'\n$2 = 'b\\";
    check(bound("x", &[(false, Some(forged))]), "x\n$1 = E'a''\\n$2 = ''b\\\\'", true);
    let long = [b'x'; 5000];
    let expected = format!("x\n$1 = '{}' … 5000 bytes", "x".repeat(4096));
    let (found, masked) = show(bound("x", &[(false, Some(&long))])).cut();
    assert!(masked && expected.starts_with(&found), "{found}");
    check(b"SELECT 1\0\0".to_vec(), "SELECT 1\n-- parameters that cannot be read", false);
}

#[test]
fn secrets_are_masked_in_text_parameters_and_names() {
    let token = text("{github}");
    let sql = format!("DROP TABLE \"{token}\"");
    let value = token.as_bytes();
    let shown = show(bound(&sql, &[(false, Some(value)), (true, Some(value))]));
    let (found, masked) = shown.cut();
    assert!(masked && !found.contains(&token), "{found}");
    let hexadecimal: String = token.bytes().map(|byte| format!("{byte:02x}")).collect();
    assert!(!found.contains(&hexadecimal[20..40]), "{found}");
    let statement = &shown.reading.statements[0];
    assert_eq!(
        (statement.tag.as_str(), &statement.effects[..]),
        ("drop table", &[Effect::Ddl][..])
    );
    assert!(!statement.tables[0].contains(&token), "{:?}", statement.tables);
    // What is decided is decided on the masked reading, and the same.
    let (facts, now) = (database(), moment());
    let judged = Facts { reading: Some(&shown.reading), ..facts.judged(&now) };
    assert_eq!(decide(&facts.policy, &judged).verdict, Verdict::Block);
}

#[test]
fn a_reading_of_very_many_names_leaves_them_out() {
    let columns: Vec<String> = (0..60).map(|at| format!("c{at}{}", "x".repeat(50))).collect();
    let sql = format!("SELECT {} FROM a;", columns.join(", ")).repeat(25);
    let reading = show(sql.into_bytes()).reading;
    assert_eq!((reading.statements.len(), reading.unreadable), (25, None));
    assert!(reading.statements.iter().all(|one| one.columns.is_empty() && one.tag == "select"));
}

#[test]
fn parameters_that_are_none_are_not_read() {
    let shown = show(b"SELECT 1\0\0".to_vec());
    let why = shown.reading.unreadable.as_deref();
    assert_eq!(why, Some("its parameters are not of the protocol's form"));
    assert!(shown.reading.statements.is_empty());
}
