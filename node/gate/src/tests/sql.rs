//! Commands of a database: read by the reader of SQL, and shown with their parameters, masked.

use std::sync::Arc;

use node_enforce::decide::{Facts, decide};
use node_enforce::mask::{KnownValue, MaskKey, MaskPlan};
use node_enforce::sql::Circumstances;
use proto::reading::{Channel, Durability, Effect, Verdict};
use proto::target::TargetKind;

use super::values::{facts, moment, text};
use crate::memory::Memory;
use crate::record::{Shown, least, shown, shown_again};
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

/// A command with what it is said in.
fn said_in(settings: &[(&str, &str)], prepared: &[(&str, &str)], text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut said_in = Circumstances::default();
    said_in.settings.extend(settings.iter().map(|(a, b)| (a.as_bytes(), b.as_bytes())));
    said_in.prepared.extend(prepared.iter().map(|(a, b)| (a.as_bytes(), b.as_bytes())));
    said_in.write(&mut bytes);
    bytes.extend_from_slice(text);
    bytes
}

/// A command whose parameters have these types.
fn typed(types: &[u32], values: &[(bool, Option<&[u8]>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    Circumstances { types: types.to_vec(), ..Circumstances::default() }.write(&mut bytes);
    [bytes, bound("x", values)].concat()
}

#[test]
fn parameters_are_shown_by_their_types() {
    #[track_caller]
    fn check_one(number: u32, binary: bool, value: &[u8], expected: &str) {
        let bytes = typed(&[number], &[(binary, Some(value))]);
        check(bytes, &format!("x\n$1 = {expected}"), true);
    }
    check_one(23, false, b"42", "'42'::int4");
    check_one(23, true, &42_i32.to_be_bytes(), "'42'::int4");
    check_one(21, true, &(-7_i16).to_be_bytes(), "'-7'::int2");
    check_one(20, true, &i64::MIN.to_be_bytes(), "'-9223372036854775808'::int8");
    check_one(26, true, &u32::MAX.to_be_bytes(), "'4294967295'::oid");
    check_one(16, true, &[1], "'t'::bool");
    check_one(701, true, &0.5_f64.to_be_bytes(), "'0.5'::float8");
    check_one(25, true, "it's ü".as_bytes(), "'it''s ü'::text");
    check_one(1043, false, b"a", "'a'::varchar");
    check_one(3802, true, b"\x01{}", "'{}'::jsonb");
    let uuid = 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff_u128.to_be_bytes();
    check_one(2950, true, &uuid, "'00112233-4455-6677-8899-aabbccddeeff'::uuid");
    // What is not as long as its type says, is not text, or has no form that is known.
    check_one(23, true, &[1], "'\\x01'::int4");
    check_one(16, true, &[2], "'\\x02'::bool");
    check_one(25, true, &[0xff], "'\\xff'::text");
    check_one(3802, true, b"\x02{}", "'\\x027b7d'::jsonb");
    check_one(1114, true, &[0; 8], "'\\x0000000000000000'::timestamp");
    check_one(16_385, true, b"a", "'\\x61'::type 16385");
    check_one(16_385, false, b"a", "'a'::type 16385");
    // Nobody said which.
    check_one(0, true, b"a", "'\\x61'");
    check(typed(&[23], &[(false, None)]), "x\n$1 = null::int4", true);
    check(
        typed(&[25], &[(false, Some(b"a")), (true, Some(b"a"))]),
        "x\n$1 = 'a'::text\n$2 = '\\x61'",
        true,
    );
    // Types decide nothing, and are no circumstances that a reading tells of.
    assert!(show(typed(&[23], &[(false, None)])).reading.session.is_empty());
}

/// What a number shows is masked as what it shows.
#[test]
fn numbers_in_binary_are_masked_as_text() {
    let token = text("{github}");
    for (number, value) in
        [(25, token.clone().into_bytes()), (3802, format!("\u{1}{token}").into())]
    {
        let shown = show(typed(&[number], &[(true, Some(&value))]));
        let (found, masked) = shown.cut();
        assert!(masked && !found.contains(&token) && found.contains("::"), "{found}");
    }
}

#[test]
fn what_is_executed_by_name_is_read_and_shown() {
    let token = "ghp_012345678901234567890123456789ABCDEF";
    let drop = said_in(&[], &[("p", "DROP TABLE a")], b"EXECUTE p");
    let reading = show(drop.clone()).reading;
    let statement = &reading.statements[0];
    assert_eq!(
        (statement.tag.as_str(), &statement.tables[..]),
        ("drop table", &["a".to_owned()][..])
    );
    assert_eq!(reading.unreadable, None);
    check(drop, "EXECUTE p\n-- prepared as 'p': 'DROP TABLE a'", true);
    // With its parameters; a text of several lines is shown on one.
    let bytes = said_in(&[], &[("p", "SELECT\n$1")], &bound("EXECUTE p", &[(false, Some(b"x"))]));
    check(bytes, "EXECUTE p\n$1 = 'x'\n-- prepared as 'p': E'SELECT\\n$1'", true);
    // A secret in it is not shown.
    let (text, masked) =
        show(said_in(&[], &[("p", &format!("SELECT '{token}'"))], b"EXECUTE p")).cut();
    assert!(masked && !text.contains(token), "{text}");
    // A rule's expression looks at it too; what is not found cannot be read.
    let other = said_in(&[], &[("q", "SELECT 1")], b"EXECUTE p");
    assert!(show(other).reading.unreadable.is_some());
}

#[test]
fn parameters_of_the_session_are_in_the_reading() {
    let bytes = said_in(&[("role", "dba"), ("search_path", "x, y")], &[], b"SELECT 1");
    let reading = show(bytes.clone()).reading;
    let session: Vec<_> = reading.session.iter().map(|(a, b)| format!("{a} {b}")).collect();
    assert_eq!(session, ["role dba", "search_path x, y"]);
    check(bytes, "SELECT 1\n-- 'role': 'dba'\n-- 'search_path': 'x, y'", true);
    assert!(show(b"SELECT 1".to_vec()).reading.session.is_empty());
}

/// Whatever policy asks, a verdict waits for the disk unless its statements only read.
#[test]
fn only_what_reads_may_be_queued() {
    #[track_caller]
    fn check(bytes: &[u8], expected: Durability) {
        let (facts, shown) = (database(), show(bytes.to_vec()));
        assert_eq!(least(&facts, &shown, Durability::Queued), expected, "{bytes:?}");
        let replicated = Durability::Replicated;
        assert_eq!(least(&facts, &shown, replicated), replicated, "{bytes:?}");
    }
    check(b"SELECT * FROM a", Durability::Queued);
    check(b"SELECT count(*) FROM a", Durability::Queued);
    check(&bound("SELECT $1", &[(false, Some(b"x"))]), Durability::Queued);
    check(&said_in(&[], &[("p", "SELECT 1")], b"EXECUTE p"), Durability::Queued);
    check(&said_in(&[], &[("p", "DELETE FROM a")], b"EXECUTE p"), Durability::Local);
    check(b"EXECUTE p", Durability::Local);
    check(b"SELECT f()", Durability::Local);
    check(b"SELECT 1; DELETE FROM a", Durability::Local);
    check(b"SELEC", Durability::Local);
    let mut shell = database();
    shell.channel = Channel::Exec;
    assert_eq!(least(&shell, &show(b"SELECT 1".to_vec()), Durability::Queued), Durability::Local);
}

/// What is remembered of a text changes nothing of what is made of it: the same text with other
/// values, said in something else, by another policy, with other masks.
#[test]
fn a_text_that_comes_again_is_read_as_if_it_were_new() {
    const BY_VALUE: &str = "version: 1
grants:
  - { name: all, who: {}, targets: {}, as: [deploy], channels: [query] }
rules:
  - { name: no-x, when: { regex: 'secret' }, then: block }
";
    let (token, mut memory) = (text("{github}"), Memory::default());
    let (token, long) = (token.as_bytes(), "x".repeat(70_000));
    let commands = [
        b"SELECT a FROM t".to_vec(),
        bound("SELECT $1", &[(false, Some(b"one"))]),
        bound("SELECT $1", &[(false, Some(b"the secret"))]),
        bound("SELECT $1", &[(false, Some(token)), (true, Some(b"two"))]),
        bound("SELECT 'secret' || $1", &[(false, Some(b"one"))]),
        typed(&[23], &[(true, Some(&42_i32.to_be_bytes()))]),
        typed(&[25], &[(true, Some(b"it's"))]),
        said_in(&[], &[("p", "SELECT 1")], &bound("EXECUTE p", &[(false, Some(b"x"))])),
        said_in(&[], &[("p", "DROP TABLE a")], &bound("EXECUTE p", &[(false, Some(b"x"))])),
        said_in(&[("search_path", "x")], &[], b"SELECT a FROM t"),
        bound("SELECT a FROM ghp_0", &[]),
        b"SELECT 1\0\0".to_vec(),
        format!("SELECT '{long}'").into_bytes(),
    ];
    // Each differs from the first in one thing alone.
    let first = database();
    let value = Arc::new(b"SELECT a FROM t".to_vec().into());
    let known = [KnownValue { label: "a value".into(), value }];
    let plan = MaskPlan::compile(&[], &known, MaskKey::new([7; 32])).expect("masks");
    let masked = SessionFacts { masks: Arc::new(plan), ..first.clone() };
    let by_value = facts(BY_VALUE, 2);
    let other = SessionFacts { policy: by_value.policy, ..first.clone() };
    for (facts, expected) in [(&first, 2), (&masked, 2), (&first, 2), (&other, 4), (&first, 2)] {
        let mut blocked = 0;
        for bytes in commands.iter().chain(&commands) {
            let text = CommandText::new(bytes.clone()).expect("a short command");
            let (new, known) =
                (shown(facts, &text, moment()), shown_again(facts, &mut memory, &text, moment()));
            assert_eq!((new.cut(), &new.reading), (known.cut(), &known.reading), "{text:?}");
            let needed = |shown: &Shown| least(facts, shown, Durability::Queued);
            assert_eq!(needed(&new), needed(&known), "{text:?}");
            blocked += usize::from(!known.reading.matched.is_empty());
        }
        assert_eq!(blocked, expected, "as many as a rule has found, each twice");
    }
    let (texts, bytes) = memory.size();
    assert!(texts > 5 && bytes < 1000, "{texts} texts of {bytes} bytes");
}

/// However many texts a session says, so much is remembered and no more.
#[test]
fn so_much_is_remembered() {
    let (facts, mut memory) = (database(), Memory::default());
    let mut most = (0, 0);
    for length in [10, 5_000] {
        for at in 0..200 {
            let sql = format!("SELECT {at}, '{}'", "x".repeat(length));
            let text = CommandText::new(sql.into_bytes()).expect("a short command");
            drop(shown_again(&facts, &mut memory, &text, moment()));
            let (texts, bytes) = memory.size();
            most = (most.0.max(texts), most.1.max(bytes));
        }
    }
    assert!(most.0 == 64 && most.1 <= 64 * 1024 && most.1 > 32 * 1024, "{most:?}");
}
