//! What a text is judged with: prepared statements that it executes by name, and parameters of the
//! session that are not what they were. Each script is what was said before, with what the
//! database answered, and the line that is judged then.

use node_enforce::sql::SqlCommand;

use crate::codec::places::Finder;
use crate::conversation::{Bound, Conversation, Parameters, Statement, is_no_text, script};

fn come(talk: &mut Conversation, kind: u8, body: &[u8]) {
    let mut places = Vec::new();
    let finder = Finder { places: &mut places, at: 0 };
    talk.answered(kind, body, finder).expect("the database keeps to the protocol");
}

/// A `Query`, and the tags of what of it was done; what ends with `!` failed behind them.
fn query(talk: &mut Conversation, text: &str, tags: &str, state: u8) {
    let (_, read) = talk.command(&script(text.as_bytes()), text.as_bytes(), None);
    talk.queried(read);
    for tag in tags.trim_end_matches('!').split(',').filter(|tag| !tag.is_empty()) {
        come(talk, b'C', format!("{}\0", tag.trim()).as_bytes());
    }
    if tags.ends_with('!') {
        come(talk, b'E', b"C42601\0\0");
    }
    come(talk, b'Z', &[state]);
    talk.take_over();
}

/// A `Parse` that is confirmed.
fn prepare(talk: &mut Conversation, name: &str, text: &str) {
    talk.parsed(name.as_bytes(), Statement::new(text.as_bytes().into()));
    come(talk, b'1', b"");
}

/// What is judged for a text: `name = value` of each parameter, `name: text` of each prepared
/// statement, the text.
fn judged(talk: &Conversation, text: &str) -> String {
    let (bytes, _) = talk.command(&script(text.as_bytes()), text.as_bytes(), None);
    let command = SqlCommand::parse(&bytes).expect("a command of a known form");
    let word = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said_in = &command.circumstances;
    let mut words: Vec<_> = Vec::new();
    words.extend(said_in.settings.iter().map(|(a, b)| format!("{} = {}", word(a), word(b))));
    words.extend(said_in.prepared.iter().map(|(a, b)| format!("{}: {}", word(a), word(b))));
    words.push(word(command.text));
    words.join("; ")
}

#[test]
fn names_are_what_was_prepared_under_them() {
    let mut talk = Conversation::new();
    assert_eq!(judged(&talk, "execute p"), "execute p", "nobody prepared it");
    query(
        &mut talk,
        "select 1; prepare p as select 2; select 3",
        "SELECT 1,PREPARE,SELECT 1",
        b'I',
    );
    assert_eq!(judged(&talk, "execute p"), "p: prepare p as select 2; execute p");
    assert_eq!(judged(&talk, "EXECUTE P(1)"), "p: prepare p as select 2; EXECUTE P(1)");
    assert_eq!(judged(&talk, "execute \"P\""), "execute \"P\"");
    prepare(&mut talk, "P", "delete from a");
    assert_eq!(judged(&talk, "execute \"P\""), "P: delete from a; execute \"P\"");
    assert_eq!(
        judged(&talk, "explain analyze execute \"P\"; create table b as execute p"),
        "p: prepare p as select 2; P: delete from a; explain analyze execute \"P\"; \
         create table b as execute p"
    );
    // One that runs another.
    prepare(&mut talk, "two", "execute p");
    assert_eq!(
        judged(&talk, "execute two"),
        "two: execute p; p: prepare p as select 2; execute two"
    );
    // By the protocol, what SQL has prepared is executed by its name.
    let statement = talk.statement(b"p").expect("one namespace");
    assert_eq!(&*statement.text, b"EXECUTE \"p\"");
    // The database cuts names.
    let long = "n".repeat(63);
    prepare(&mut talk, &format!("{long}xyz"), "delete from b");
    assert_eq!(
        judged(&talk, &format!("execute {long}")),
        format!("{long}: delete from b; execute {long}")
    );
}

#[test]
fn names_are_forgotten_when_they_may_mean_something_else() {
    let prepared = |before: &[(&str, &str, u8)]| {
        let mut talk = Conversation::new();
        prepare(&mut talk, "a", "select 1");
        prepare(&mut talk, "b", "select 2");
        for (text, tags, state) in before {
            query(&mut talk, text, tags, *state);
        }
        let is_known = |name| judged(&talk, &format!("execute {name}")).contains(": ");
        format!("{}{}", if is_known("a") { "a" } else { "" }, if is_known("b") { "b" } else { "" })
    };
    assert_eq!(prepared(&[]), "ab");
    assert_eq!(prepared(&[("deallocate a", "DEALLOCATE", b'I')]), "b");
    assert_eq!(prepared(&[("deallocate a", "!", b'I')]), "ab", "it failed");
    assert_eq!(prepared(&[("deallocate a; selec", "", b'I')]), "ab");
    assert_eq!(prepared(&[("deallocate all", "DEALLOCATE ALL", b'I')]), "");
    assert_eq!(prepared(&[("discard all", "DISCARD ALL", b'I')]), "");
    assert_eq!(prepared(&[("discard plans", "DISCARD PLANS", b'I')]), "ab");
    assert_eq!(prepared(&[("select 1; deallocate a", "SELECT 1!", b'I')]), "ab");
    assert_eq!(prepared(&[("select 1; deallocate a", "SELECT 1,DEALLOCATE!", b'I')]), "b");
    // Names do not come back, whatever becomes of the transaction.
    let undone: &[_] = &[
        ("begin", "BEGIN", b'T'),
        ("deallocate a", "DEALLOCATE", b'T'),
        ("rollback", "ROLLBACK", b'I'),
    ];
    assert_eq!(prepared(undone), "b");
    // What nobody could read, and the database took.
    assert_eq!(prepared(&[("selekt", "DEALLOCATE", b'I')]), "");
    assert_eq!(prepared(&[("selekt", "PREPARE", b'I')]), "");
    // What is done by way of another statement.
    let mut talk = Conversation::new();
    prepare(&mut talk, "a", "select 1");
    prepare(&mut talk, "x", "deallocate all");
    // Within one text nobody knows what the next name is then.
    assert_eq!(judged(&talk, "execute x; execute a"), "execute x; execute a");
    assert_eq!(judged(&talk, "execute x"), "x: deallocate all; execute x");
    query(&mut talk, "execute x", "DEALLOCATE ALL", b'I');
    let unknown = "role = unknown; search_path = unknown; session_authorization = unknown";
    assert_eq!(judged(&talk, "execute a"), format!("{unknown}; execute a"));
}

#[test]
fn what_executes_too_much_cannot_be_read() {
    let mut talk = Conversation::new();
    for at in 0..20 {
        prepare(&mut talk, &format!("p{at}"), &format!("execute p{}", at + 1));
    }
    assert_eq!(judged(&talk, "execute p0"), "execute p0");
    assert!(judged(&talk, "execute p10").contains("p19: execute p20"));
    prepare(&mut talk, "loop", "execute loop");
    assert_eq!(judged(&talk, "execute loop"), "loop: execute loop; execute loop");
}

#[test]
fn a_bind_is_judged_by_what_its_statement_executes() {
    let mut talk = Conversation::new();
    prepare(&mut talk, "x", "execute y");
    prepare(&mut talk, "y", "select 1");
    let statement = talk.statement(b"x").expect("it is prepared").clone();
    let bind = b"\0x\0\0\0\0\0\0\0";
    let said = Parameters { bind, types: &statement.types };
    let (bytes, script) = talk.command(&statement.script, &statement.text, Some(said));
    let command = SqlCommand::parse(&bytes).expect("a command of a known form");
    assert_eq!(command.circumstances.prepared, [(&b"y"[..], &b"select 1"[..])]);
    assert!(command.bind.is_some());
    talk.bound(b"", &statement, Bound { bind, script, binary: &[] });
    assert_eq!(&*talk.portal(b"").expect("it is bound").bind, bind);
}

/// The database knows them better than the client, once it was asked.
#[test]
fn a_bind_has_the_types_of_its_parameters() {
    fn of(numbers: &[u32]) -> Vec<u8> {
        let count = u16::try_from(numbers.len()).expect("few").to_be_bytes();
        let numbers = numbers.iter().flat_map(|number| number.to_be_bytes());
        count.into_iter().chain(numbers).collect()
    }
    fn said(talk: &Conversation) -> Vec<u32> {
        let statement = talk.statement(b"x").expect("it is prepared");
        let said = Parameters { bind: b"\0x\0\0\0\0\0\0\0", types: statement.known_types() };
        let (bytes, _) = talk.command(&statement.script, &statement.text, Some(said));
        SqlCommand::parse(&bytes).expect("a command").circumstances.types
    }
    for (by_client, described, expected) in [
        (&[][..], None, &[][..]),
        (&[0, 0], None, &[]),
        (&[23, 0], None, &[23, 0]),
        (&[23, 0], Some(&[23, 25][..]), &[23, 25]),
        (&[], Some(&[1043]), &[1043]),
    ] {
        let mut talk = Conversation::new();
        let statement = Statement::new(b"select $1, $2"[..].into());
        talk.parsed(b"x", statement.with_types(of(by_client).into()));
        come(&mut talk, b'1', b"");
        if let Some(described) = described {
            talk.described(b'S', b"x");
            come(&mut talk, b't', &of(described));
            come(&mut talk, b'n', b"");
        }
        assert_eq!(said(&talk), expected, "{by_client:?} {described:?}");
        let statement = talk.statement(b"x").expect("it is prepared").clone();
        let bound = Bound { bind: b"", script: statement.script.clone(), binary: &[] };
        talk.bound(b"", &statement, bound);
        assert_eq!(talk.portal(b"").expect("it is bound").types, *statement.known_types());
    }
}

#[test]
fn parameters_are_what_statements_set_them_to() {
    #[track_caller]
    fn check(before: &[(&str, &str, u8)], expected: &str) {
        let mut talk = Conversation::new();
        talk.began(b"session_authorization\0app\0");
        for (text, tags, state) in before {
            query(&mut talk, text, tags, *state);
        }
        let judged = judged(&talk, "select 1");
        assert_eq!(judged.trim_end_matches("select 1").trim_end_matches("; "), expected);
    }
    let path = ("set search_path = other, public", "SET", b'I');
    let begin = ("begin", "BEGIN", b'T');
    let rollback = ("rollback", "ROLLBACK", b'I');
    let commit = ("commit", "COMMIT", b'I');
    check(&[], "");
    check(&[path], "search_path = other, public");
    check(&[("set search_path = x", "!", b'I')], "");
    check(&[path, ("reset search_path", "RESET", b'I')], "");
    check(&[path, ("reset all", "RESET", b'I')], "");
    check(&[path, ("discard all", "DISCARD ALL", b'I')], "");
    check(&[("set role dba", "SET", b'I')], "role = dba");
    check(&[("set role dba", "SET", b'I'), ("set role none", "SET", b'I')], "");
    check(&[("set role dba", "SET", b'I'), ("reset all", "RESET", b'I')], "role = dba");
    // A function is run for each row or for none.
    check(&[("select set_config('role', 'dba', false)", "SELECT 1", b'I')], "role = unknown");
    check(
        &[("select set_config('session_authorization', 'dba', false)", "SELECT 1", b'I')],
        "role = unknown; session_authorization = unknown",
    );
    check(&[("select set_config('role', f(), false)", "SELECT 1", b'I')], "role = unknown");
    check(
        &[("select set_config(f(), 'dba', false)", "SELECT 1", b'I')],
        "role = unknown; search_path = unknown; session_authorization = unknown",
    );
    // A transaction.
    let in_one = ("set search_path = other", "SET", b'T');
    let local = ("set local search_path = here", "SET", b'T');
    check(&[begin, in_one], "search_path = other");
    check(&[begin, in_one, commit], "search_path = other");
    check(&[begin, in_one, rollback], "");
    check(&[begin, in_one, ("commit", "ROLLBACK", b'I')], "");
    check(&[path, begin, in_one, rollback], "search_path = other, public");
    check(&[begin, local], "search_path = here");
    check(&[begin, local, commit], "");
    check(&[begin, in_one, local, commit], "search_path = other");
    let savepoint = ("savepoint s", "SAVEPOINT", b'T');
    let partly = ("rollback to s", "ROLLBACK", b'T');
    check(&[begin, savepoint, in_one, partly], "search_path = unknown");
    check(&[begin, savepoint, in_one, partly, rollback], "");
    check(&[path, begin, savepoint, partly], "search_path = other, public");
    // One text of several statements, which is one transaction unless it says otherwise.
    check(&[("set search_path = a; select 1", "SET!", b'I')], "");
    check(&[("set search_path = a; commit; select 1 / 0", "SET,COMMIT!", b'I')], "search_path = a");
    check(&[("begin; set role a; commit; set role b", "BEGIN,SET,COMMIT,SET", b'I')], "role = b");
    check(&[("begin; set role a; rollback", "BEGIN,SET,ROLLBACK", b'I')], "");
    // What nobody could read; it may have committed what it did.
    let unknown = "role = unknown; search_path = unknown; session_authorization = unknown";
    check(&[("selekt", "SET", b'I')], unknown);
    check(&[("selekt", "SET,COMMIT!", b'I')], unknown);
    check(&[("selekt", "!", b'I')], "");
}

/// Of this one the database says when it changes.
#[test]
fn who_the_session_is_the_database_says() {
    let mut talk = Conversation::new();
    talk.began(b"session_authorization\0app\0");
    come(&mut talk, b'S', b"session_authorization\0dba\0");
    assert_eq!(judged(&talk, "select 1"), "session_authorization = dba; select 1");
    come(&mut talk, b'S', b"session_authorization\0app\0");
    assert_eq!(judged(&talk, "select 1"), "select 1");
}

/// Whoever could say it as a text could say that it means something else.
#[test]
fn what_a_text_is_said_in_is_no_text() {
    let mut talk = Conversation::new();
    query(&mut talk, "set search_path = elsewhere", "SET", b'I');
    let text = b"select 1";
    let (judged, _) = talk.command(&script(text), text, None);
    assert!(judged.ends_with(text) && judged != text);
    assert!(is_no_text(&judged) && !is_no_text(text) && !is_no_text(b""));
}
