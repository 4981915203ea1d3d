//! What a client and its database are in the middle of, told as what was sent and what came back.

use proto::refusal::{Code, Told};

use crate::codec::places::Finder;
use crate::conversation::{Bound, Conversation, Passed, Statement, script};

fn come(talk: &mut Conversation, kind: u8, body: &[u8]) -> Passed {
    let mut places = Vec::new();
    let finder = Finder { places: &mut places, at: 0 };
    talk.answered(kind, body, finder).expect("the database keeps to the protocol")
}

fn statement(text: &str) -> Statement {
    Statement::new(text.as_bytes().into())
}

fn bound() -> Bound<'static> {
    Bound { bind: b"", script: script(b"select 1"), binary: &[] }
}

fn text(talk: &Conversation, name: &[u8]) -> Option<String> {
    talk.statement(name).map(|one| String::from_utf8_lossy(&one.text).into_owned())
}

fn told() -> Told {
    Told::plain(Code::BlockedByRule)
}

#[test]
fn a_name_means_what_the_database_confirmed() {
    let mut talk = Conversation::new();
    talk.parsed(b"s", statement("one"));
    assert_eq!(text(&talk, b"s").as_deref(), Some("one"), "pipelined: it may be bound at once");
    come(&mut talk, b'1', b"");
    talk.parsed(b"s", statement("two"));
    assert_eq!(text(&talk, b"s").as_deref(), Some("two"));
    // It fails: what is bound behind it in the pipeline is left out by the database.
    come(&mut talk, b'E', b"C42P05\0\0");
    assert_eq!(text(&talk, b"s").as_deref(), Some("one"));
    assert!(talk.is_skipping());
    talk.synced();
    come(&mut talk, b'Z', b"I");
    assert_eq!(text(&talk, b"s").as_deref(), Some("one"));
}

/// Whatever ran under no name before must not run in its place; a name keeps what it means.
#[test]
fn a_parse_that_is_refused_takes_the_unnamed_statement_away() {
    let mut talk = Conversation::new();
    for name in [&b""[..], b"s"] {
        talk.parsed(name, statement("one"));
        come(&mut talk, b'1', b"");
        talk.not_parsed(name);
    }
    assert_eq!(text(&talk, b""), None);
    assert_eq!(text(&talk, b"s").as_deref(), Some("one"));
}

#[test]
fn sql_may_take_names_away() {
    for tag in [&b"DEALLOCATE\0"[..], b"DEALLOCATE ALL\0", b"DISCARD ALL\0"] {
        let mut talk = Conversation::new();
        talk.parsed(b"s", statement("one"));
        come(&mut talk, b'1', b"");
        // What nobody could read may have done it to any name.
        talk.queried(script(b"selekt"));
        come(&mut talk, b'C', tag);
        come(&mut talk, b'Z', b"I");
        assert_eq!(text(&talk, b"s"), None, "{tag:?}");
    }
}

#[test]
fn portals_do_not_outlive_their_transaction() {
    let mut talk = Conversation::new();
    let one = statement("one");
    talk.bound(b"p", &one, bound());
    come(&mut talk, b'2', b"");
    talk.synced();
    come(&mut talk, b'Z', b"T");
    assert!(talk.portal(b"p").is_some());
    talk.synced();
    come(&mut talk, b'Z', b"I");
    assert!(talk.portal(b"p").is_none());
}

#[test]
fn a_refusal_takes_the_place_of_the_error_that_was_asked_for() {
    let mut talk = Conversation::new();
    talk.parsed(b"", statement("one"));
    talk.refused(told());
    assert!(talk.is_skipping());
    assert_eq!(come(&mut talk, b'1', b""), Passed::On);
    assert_eq!(come(&mut talk, b'E', b"C34000\0\0"), Passed::Instead(told()));
    talk.synced();
    assert!(!talk.is_skipping());
    assert_eq!(come(&mut talk, b'Z', b"E"), Passed::On);
    assert!(talk.is_quiet());
}

#[test]
fn an_error_before_a_refusal_is_the_clients_own() {
    let mut talk = Conversation::new();
    talk.parsed(b"", statement("selekt"));
    talk.refused(told());
    talk.synced();
    // The database leaves out all up to the Sync, what we asked it to fail at included.
    assert_eq!(come(&mut talk, b'E', b"C42601\0\0"), Passed::On);
    assert_eq!(come(&mut talk, b'Z', b"I"), Passed::On);
    assert!(talk.is_quiet());
}

#[test]
fn a_command_ends_when_it_has_ended() {
    let mut talk = Conversation::new();
    let one = statement("one");
    talk.bound(b"", &one, bound());
    talk.executed(b"", script(b"select 1"));
    assert!(talk.is_busy() && talk.take_over().is_none());
    come(&mut talk, b'2', b"");
    come(&mut talk, b's', b"");
    assert!(!talk.is_busy() && talk.goes_on(b""));
    talk.executed(b"", script(b"select 1"));
    come(&mut talk, b'C', b"SELECT 1\0");
    assert_eq!(talk.take_over(), Some(false));
    talk.bound(b"", &one, bound());
    talk.executed(b"", script(b"select 1"));
    come(&mut talk, b'E', b"C22012\0\0");
    assert_eq!(talk.take_over(), Some(true));
    let mut talk = Conversation::new();
    talk.queried(script(b"select 1"));
    come(&mut talk, b'E', b"C22012\0\0");
    assert_eq!(talk.take_over(), None, "a Query is over when the database is ready again");
    come(&mut talk, b'Z', b"I");
    assert_eq!(talk.take_over(), Some(true));
}

#[test]
fn settings_that_may_not_change() {
    #[track_caller]
    fn check(body: &[u8], fits: bool) {
        let passed = come(&mut Conversation::new(), b'S', body);
        assert_eq!(passed == Passed::On, fits, "{body:?}");
    }
    check(b"client_encoding\0UTF8\0", true);
    check(b"client_encoding\0SJIS\0", false);
    check(b"standard_conforming_strings\0on\0", true);
    check(b"standard_conforming_strings\0off\0", false);
    check(b"TimeZone\0UTC\0", true);
}

/// Until a Sync nobody knows how the database reads what may be read in two ways.
#[test]
fn texts_that_may_be_misread() {
    let mut talk = Conversation::new();
    let (plain, slash, letter) = (&b"select 1"[..], &b"select '\\'"[..], "select 'ä'".as_bytes());
    assert!([plain, slash, letter].iter().all(|text| !talk.may_be_misread(text)));
    talk.bound(b"", &statement("one"), bound());
    talk.executed(b"", script(b"select 1"));
    come(&mut talk, b'2', b"");
    come(&mut talk, b'C', b"SELECT 1\0");
    assert!(talk.take_over().is_some() && !talk.may_be_misread(plain));
    assert!(talk.may_be_misread(slash) && talk.may_be_misread(letter));
    talk.synced();
    assert!(talk.is_busy(), "what the database says at its Sync is waited for");
    come(&mut talk, b'Z', b"I");
    assert!(!talk.is_busy() && !talk.may_be_misread(slash));
}

#[test]
fn what_nobody_asked_for_ends_it() {
    #[track_caller]
    fn check(kind: u8, body: &[u8]) {
        let mut places = Vec::new();
        let finder = Finder { places: &mut places, at: 0 };
        assert!(Conversation::new().answered(kind, body, finder).is_err(), "{kind:#04x}");
    }
    for kind in *b"123nIs" {
        check(kind, b"");
    }
    check(b'Z', b"I");
    check(b'Z', b"X");
    check(b'V', b"");
    check(b'W', b"");
    check(b'K', b"");
    check(b'R', b"");
    check(b'D', b"\0");
    check(b'T', b"\0\x01");
    check(b'E', b"M");
}

#[test]
fn a_sync_among_data_is_not_answered() {
    let mut talk = Conversation::new();
    let one = statement("copy t from stdin");
    talk.bound(b"", &one, bound());
    talk.executed(b"", one.script.clone());
    talk.synced();
    come(&mut talk, b'2', b"");
    come(&mut talk, b'G', b"\0\0\0");
    assert!(talk.copies_in());
    talk.fed();
    assert!(!talk.copies_in(), "the next Sync is no part of the data");
    come(&mut talk, b'C', b"COPY 1\0");
    assert_eq!(talk.take_over(), Some(false));
    talk.synced();
    come(&mut talk, b'Z', b"I");
    assert!(talk.is_quiet(), "nothing more is to come");
}
