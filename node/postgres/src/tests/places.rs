//! Which parts of a database's messages are looked through for what is masked: all that may be
//! text of somebody's, and none of the protocol's own words.

use std::sync::Arc;

use node_enforce::mask::Form;
use node_enforce::sql::lineage::{CopyForm, Lineage, Outputs, Says};

use crate::codec::frame::HEADER_BYTES;
use crate::codec::places::Finder;
use crate::conversation::{Conversation, Passed, script};
use crate::veil::Sight;

/// A conversation in which a statement runs; with what may be said of it when columns are masked.
fn running(says: Option<Says>) -> Conversation {
    let mut talk = Conversation::new();
    talk.queried(script(b"select 1"));
    talk.veil.drawn = says.is_some();
    let copy = CopyForm::Lines { csv: false, delimiter: b'\t', header: false };
    let (outputs, copy) = (Outputs::Plain, Some(copy));
    let lineage = Lineage { outputs, says: says.unwrap_or(Says::Plain), copy };
    let sights: Arc<[Sight]> = vec![Sight { lineage, cursor: None, prepares: None }].into();
    talk.veil.expect(&sights);
    talk.veil.run(sights);
    talk
}

/// The parts that are looked through, those in brackets replaced whatever is in them.
#[track_caller]
fn check(says: Option<Says>, kind: u8, body: &[u8], expected: &str) {
    let mut places = Vec::new();
    let finder = Finder { places: &mut places, at: 0 };
    assert_eq!(running(says).answered(kind, body, finder), Ok(Passed::On));
    let shown = |place: &node_enforce::mask::Place| {
        let part = &body[place.start - HEADER_BYTES..place.end - HEADER_BYTES];
        let part = String::from_utf8_lossy(part).into_owned();
        if place.form == Form::Silent { format!("[{part}]") } else { part }
    };
    let parts: Vec<_> = places.iter().map(shown).collect();
    assert_eq!(parts.join("|"), expected, "{says:?} {}", char::from(kind));
}

const ERROR: &[u8] =
    b"SERROR\0VERROR\0C22P02\0Mone\0Dtwo\0Hthree\0P7\0p8\0qfour\0Wfive\0sa\0tb\0cc\0\
    dd\0ne\0Ffile.c\0L12\0Rwhere\0\0";

#[test]
fn errors_and_notices() {
    let all = "one|two|three|four|five|a|b|c|d|e";
    let none = "[one]|[two]|[three]|[four]|[five]|[a]|[b]|[c]|[d]|[e]";
    for kind in [b'E', b'N'] {
        check(None, kind, ERROR, all);
        check(Some(Says::Plain), kind, ERROR, all);
        check(Some(Says::Names), kind, ERROR, none);
        check(Some(Says::Nothing), kind, ERROR, none);
    }
}

#[test]
fn what_is_said_beside_statements() {
    check(None, b'A', b"\0\0\0\x07news\0of Ann\0", "news|of Ann");
    // Whoever made it, it may be made of what is masked.
    check(Some(Says::Plain), b'A', b"\0\0\0\x07news\0of Ann\0", "news|[of Ann]");
    let (name, zone) = (&b"application_name\0of Ann\0"[..], &b"TimeZone\0UTC\0"[..]);
    check(None, b'S', name, "application_name|of Ann");
    check(Some(Says::Names), b'S', name, "application_name|of Ann");
    check(Some(Says::Nothing), b'S', name, "application_name|[of Ann]");
    check(Some(Says::Nothing), b'S', zone, "TimeZone|UTC");
    check(None, b'C', b"SELECT 1\0", "SELECT 1");
}

#[test]
fn names_of_columns_and_lines_of_copies() {
    let behind = [0_u8; 18];
    let described = [&b"\0\x02of Ann\0"[..], &behind, b"n\0", &behind].concat();
    check(None, b'T', &described, "of Ann|n");
    check(None, b'd', b"1\tof Ann\n", "1\tof Ann\n");
    check(Some(Says::Plain), b'd', b"1\tof Ann\n", "1\tof Ann\n");
}
