//! The tables in `cases/sql`: a text, and what is read in it.
//!
//! `text => tag [effects] tables (functions) unbounded; next ! why it cannot be read`. A `⏎` is a
//! line feed. `handling.txt` says what each statement means for the protocol.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proto::reading::{Effect, Statement};

use super::*;

const OFF: Options = Options { standard_conforming_strings: false };

fn shown(script: &Script) -> String {
    let each: Vec<String> = script.reading.statements.iter().map(statement).collect();
    let mut text = each.join("; ");
    if let Some(why) = &script.reading.unreadable {
        text.push_str(" ! ");
        text.push_str(why);
    }
    text.trim_start().to_owned()
}

fn statement(one: &Statement) -> String {
    let word =
        |effect: &Effect| Effect::ALL.iter().find(|(_, known)| known == effect).map(|it| it.0);
    let effects: Vec<&str> = one.effects.iter().filter_map(word).collect();
    let mut text = format!("{} [{}]", one.tag, effects.join(" "));
    for table in &one.tables {
        text.push(' ');
        text.push_str(table);
    }
    if !one.functions.is_empty() {
        text.push_str(&format!(" ({})", one.functions.join(" ")));
    }
    if one.unbounded {
        text.push_str(" unbounded");
    }
    text
}

fn handled(script: &Script) -> String {
    let each: Vec<String> = script.handling.iter().map(handling).collect();
    each.join("; ")
}

fn handling(one: &Handling) -> String {
    let mut words = Vec::new();
    words.extend(one.transaction.as_ref().map(|transaction| format!("{transaction:?}")));
    words.extend(one.prepared.as_ref().map(|prepared| format!("{prepared:?}")));
    words.extend(one.copy.as_ref().map(|copy| format!("{copy:?}")));
    for Setting { name, to, local } in &one.settings {
        let to = match to {
            To::Value(value) => format!("'{value}'"),
            other => format!("{other:?}"),
        };
        words.push(format!("{name}={to}{}", if *local { " local" } else { "" }));
    }
    words.extend(one.returns_rows.then(|| "rows".to_owned()));
    words.join(" ")
}

#[track_caller]
fn check(file: &str, at_least: usize, found: impl Fn(&str) -> String) {
    let path = format!("{}/cases/sql/{file}", env!("CARGO_MANIFEST_DIR"));
    let table = std::fs::read_to_string(path).expect("a table of cases");
    let (mut count, mut wrong) = (0, Vec::new());
    for line in table.lines().filter(|line| !line.is_empty() && !line.starts_with("##")) {
        let (text, expected) = line.rsplit_once(" =>").expect("a line is `text => reading`");
        let found = found(&text.replace('⏎', "\n"));
        count += 1;
        if found != expected.trim() {
            wrong.push(format!("{text} => {found}"));
        }
    }
    assert!(count >= at_least, "{file} has only {count} lines");
    assert!(wrong.is_empty(), "found otherwise:\n{}", wrong.join("\n"));
}

#[test]
fn readings() {
    check("readings.txt", 230, |text| shown(&read(text, Options::default())));
}

#[test]
fn hostile() {
    check("hostile.txt", 60, |text| shown(&read(text, Options::default())));
}

#[test]
fn without_standard_conforming_strings() {
    check("off.txt", 10, |text| shown(&read(text, OFF)));
}

#[test]
fn what_the_protocol_must_know() {
    check("handling.txt", 40, |text| handled(&read(text, Options::default())));
}

/// Names that the test's prepared statements have.
fn lookup(name: &str) -> Option<String> {
    let known: BTreeMap<&str, &str> = [
        ("plain", "SELECT * FROM a"),
        ("sql", "PREPARE sql AS DELETE FROM a"),
        ("role", "SET ROLE dba"),
        ("loop", "EXECUTE loop"),
        ("broken", "SELEC"),
        ("two", "EXECUTE plain"),
    ]
    .into();
    known.get(name).map(ToString::to_string)
}

#[test]
fn prepared_statements() {
    check("prepared.txt", 15, |text| shown(&read_with(text, Options::default(), &lookup)));
    let script = read_with("EXECUTE role", Options::default(), &lookup);
    assert_eq!(handled(&script), "Execute(\"role\") role='dba' rows");
}

#[test]
fn what_a_text_executes_and_prepares() {
    #[track_caller]
    fn check(text: &str, executes: &[&str], prepares: &[&str]) {
        let script = read(text, Options::default());
        assert_eq!(script.executes, executes, "{text}");
        let made = script.handling.iter().filter_map(|one| one.prepares.as_deref());
        assert_eq!(made.collect::<Vec<_>>(), prepares, "{text}");
    }
    check("SELECT 1", &[], &[]);
    check("EXECUTE a; EXECUTE \"B\"; EXECUTE a", &["a", "B"], &[]);
    check("EXPLAIN ANALYZE EXECUTE a", &["a"], &[]);
    check("CREATE TABLE b AS EXECUTE a(1)", &["a"], &[]);
    check("PREPARE a AS SELECT 1; EXECUTE a", &[], &["PREPARE a AS SELECT 1"]);
    check("EXECUTE a; PREPARE a AS SELECT 'ä'; SELECT 1", &["a"], &["PREPARE a AS SELECT 'ä'"]);
    check("SELECT 'ä'; PREPARE a AS /* ; */ SELECT 1;", &[], &["PREPARE a AS /* ; */ SELECT 1"]);
}

#[test]
fn what_only_reads() {
    #[track_caller]
    fn check(text: &str, reads: bool) {
        let script = read(text, Options::default());
        assert_eq!(only_reads(&script.reading), reads, "{text}");
    }
    check("SELECT * FROM a", true);
    check("SELECT 1; SELECT lower(b), pg_catalog.count(*) FROM a", true);
    check("BEGIN; SELECT 1; COMMIT", true);
    check("", true);
    check("SELECT f(b) FROM a", false);
    check("SELECT public.lower(b) FROM a", false);
    check("SELECT nextval('a')", false);
    check("SELECT 1; DELETE FROM a", false);
    check("WITH x AS (DELETE FROM a RETURNING *) SELECT * FROM x", false);
    check("SELECT * FROM a FOR UPDATE", false);
    check("SET search_path = x", false);
    check("EXECUTE p", false);
    check("SELEC", false);
    check("COPY a TO STDOUT", true);
    check("COPY a FROM STDIN", false);
    check("CALL p()", false);
    let mut reading =
        read("SELECT lower(b), pg_catalog.upper(b)", Options::default()).reading.clone();
    assert!(only_reads(&reading));
    reading.session.insert("search_path".to_owned(), "x".to_owned());
    assert!(!only_reads(&reading), "the name may be another function's");
    assert!(reads::compute().is_sorted());
}

#[test]
fn the_tables_of_tags_and_functions_are_in_order() {
    let names: Vec<_> = functions::names().collect();
    assert!(names.is_sorted(), "{names:?}");
    assert!(tags::nodes().is_sorted());
    let all = tags::all();
    assert!(all.windows(2).all(|two| two[0] < two[1]), "{all:?}");
    for tag in all.iter().map(String::as_str).chain(tags::nodes().map(|node| node.1)) {
        assert!(tags::inherent(tag).is_some(), "{tag}");
    }
}

/// What would take a parser's or a walk's stack is an answer, on a thread of the smallest stack
/// that anything here runs on.
#[test]
fn depth_and_size_end_in_an_answer() {
    let many = |before: &str, times: usize, after: &str| {
        format!("SELECT {}1{}", before.repeat(times), after.repeat(times))
    };
    let texts = [
        many("(", 100, ")"),
        many("(", 12_000, ")"),
        many("- ", 12_000, ""),
        many("NOT ", 12_000, ""),
        many("", 12_000, " + 1"),
        many("", 12_000, " || 1"),
        many("", 12_000, "::int"),
        many("f(", 12_000, ")"),
        many("ARRAY[", 12_000, "]"),
        many("CASE WHEN true THEN ", 12_000, " END"),
        many("(SELECT ", 12_000, ")"),
        format!("{}SELECT 1", "SELECT 1 UNION ALL ".repeat(12_000)),
        format!("{}SELECT 1{}", "SELECT * FROM (".repeat(12_000), ") a".repeat(12_000)),
        format!("{}SELECT 1{}", "WITH a AS (".repeat(12_000), ") SELECT 1".repeat(12_000)),
        format!("SELECT * FROM a{}", " JOIN a ON true".repeat(12_000)),
        format!("SELECT * FROM a{}", ", a".repeat(12_000)),
        format!("SELECT {}", "[".repeat(5_000)),
        format!("SELECT a{}", "[1]".repeat(12_000)),
        format!("SELECT a{}", ".a".repeat(12_000)),
        format!("/*{}", "/*".repeat(5_000)),
        "SELECT '".repeat(5_000),
        "$a$".repeat(10_001),
        "SELECT 1;".repeat(1_100),
        ";".repeat(TEXT_LIMIT),
        " ".repeat(TEXT_LIMIT + 1),
    ];
    let small = std::thread::Builder::new().stack_size(2 * 1024 * 1024);
    let read = move || texts.map(|text| read(&text, Options::default()).reading.unreadable.clone());
    let whys = small.spawn(read).expect("a thread").join().expect("no panic");
    assert_eq!(whys[0], None);
    assert!(whys[24].is_some());
    for why in whys.into_iter().flatten() {
        assert!(why.starts_with("it ") || why.starts_with("PostgreSQL"), "{why}");
    }
}

/// What DECISIONS.md says of depth: so much is read, and one more is not.
#[test]
fn depth_is_read_to_a_known_limit() {
    #[track_caller]
    fn check(limit: usize, text: impl Fn(usize) -> String) {
        let why = |depth| read(&text(depth), Options::default()).reading.unreadable.clone();
        assert_eq!(why(limit), None);
        assert_eq!(why(limit + 1).as_deref(), Some(parse::TOO_DEEP));
    }
    let around = |before: &str, after: &str, depth: usize| {
        format!("SELECT {}1{}", before.repeat(depth), after.repeat(depth))
    };
    check(46, |depth| around("", " || 'x'", depth));
    check(46, |depth| around("f(", ")", depth));
    check(46, |depth| around("", "::int", depth));
    check(23, |depth| around("CASE WHEN true THEN ", " END", depth));
    check(15, |depth| around("(SELECT ", ")", depth));
    check(92, |depth| format!("{}SELECT 1", "SELECT 1 UNION ALL ".repeat(depth)));
    check(47, |depth| format!("SELECT * FROM a{}", " JOIN a ON true".repeat(depth)));
    let from =
        |depth| format!("{}SELECT 1{}", "SELECT * FROM (".repeat(depth), ") a".repeat(depth));
    check(23, from);
}

#[test]
fn what_is_long_and_flat_is_read() {
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let script = read(text, Options::default());
        assert_eq!(shown(&script), expected);
    }
    let list = vec!["1"; 5_000].join(", ");
    check(&format!("SELECT * FROM a WHERE b IN ({list})"), "select [read] a");
    let rows = vec!["(1, 'x')"; 2_000].join(", ");
    check(&format!("INSERT INTO a VALUES {rows}"), "insert [write] a");
    let chain = vec!["b = 1"; 5_000].join(" AND ");
    check(&format!("DELETE FROM a WHERE {chain}"), "delete [write] a");
    let chain = vec!["b = 1"; 5_000].join(" OR ");
    check(&format!("SELECT * FROM a WHERE {chain}"), "select [read] a");
    let columns = vec!["b"; 5_000].join(", ");
    check(&format!("SELECT {columns} FROM a"), "select [read] a");
}

#[test]
fn a_command_is_taken_apart_to_its_last_byte() {
    let mut body = b"p\0s\0\0\x01\0\x01\0\x02\0\0\0\x02ab\xff\xff\xff\xff\0\x01\0\0".to_vec();
    let bytes = [b"SELECT $1, $2\0", &body[..]].concat();
    let command = SqlCommand::parse(&bytes).expect("a command");
    let bind = command.bind.expect("parameters");
    assert_eq!(command.text, b"SELECT $1, $2");
    assert_eq!((bind.portal, bind.statement), (&b"p"[..], &b"s"[..]));
    assert_eq!(bind.values, [Some(&b"ab"[..]), None]);
    assert_eq!((bind.formats, bind.result_formats), (vec![1], vec![0]));
    for end in 0..body.len() {
        assert_eq!(Bind::parse(&body[..end]), None, "cut at {end}");
    }
    body.push(0);
    assert_eq!(Bind::parse(&body), None);
    for hostile in [
        &b"\0\0\xff\xff"[..],
        b"\0\0\0\0\xff\xff",
        b"\0\0\0\0\0\x01\x7f\xff\xff\xff\0\0",
        b"\0\0\0\0\0\x01\x80\0\0\0\0\0",
        b"\0\0\0\x02\0\0\0\x01\0\0\0\0\0\0",
    ] {
        assert_eq!(Bind::parse(hostile), None, "{hostile:?}");
    }
}

const WORDS: &[&str] = &[
    "SELECT ",
    "* ",
    "FROM ",
    "a ",
    "WHERE ",
    "DELETE ",
    "UPDATE ",
    "SET ",
    "b = 1 ",
    "INSERT INTO ",
    "VALUES ",
    "(",
    ")",
    ", ",
    ";",
    "'",
    "''",
    "\\'",
    "E'",
    "U&'",
    "$$",
    "$a$",
    "/*",
    "*/",
    "--",
    "\n",
    "WITH a AS (",
    "EXPLAIN ",
    "ANALYZE ",
    "COPY ",
    "TO ",
    "STDOUT ",
    "PROGRAM ",
    "DO ",
    "EXECUTE ",
    "PREPARE p AS ",
    "set_config('a', 'b', true)",
    "query_to_xml('SELECT 1', ",
    "1 ",
    "::int ",
    "$1 ",
    "MERGE INTO ",
    "USING ",
    "ON ",
    "WHEN MATCHED THEN ",
    "DROP TABLE ",
    "GRANT ",
    "\"",
    ".",
    "é",
    "CREATE ",
    "TABLE ",
    "AS ",
    "ALTER ",
    "FUNCTION ",
    "ROLE ",
    "RETURNING ",
    "UNION ",
    "ALL ",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_text_panics(text in "\\PC{0,64}") {
        let script = read(&text, Options::default());
        prop_assert_eq!(script.handling.len(), script.reading.statements.len());
    }

    #[test]
    fn no_words_panic(words in proptest::collection::vec(prop::sample::select(WORDS), 0..24)) {
        let text = words.concat();
        for options in [Options::default(), OFF] {
            let script = read(&text, options);
            prop_assert_eq!(script.handling.len(), script.reading.statements.len());
            prop_assert_eq!(script.names.len(), script.reading.statements.len());
            prop_assert_eq!(&read_anew(&text, options), &*script, "kept and anew differ");
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Some(bind) = Bind::parse(&bytes) {
            prop_assert!(bind.values.len() <= bytes.len() / 4);
        }
        let _command = SqlCommand::parse(&bytes).is_some();
    }
}
