//! What is not shown because columns are masked.

use std::sync::Arc;

use node_enforce::mask::{Form, Place};
use node_enforce::sql::lineage::{CopyForm, Lineage, Output, Outputs, Says, Shown};

use crate::codec::places::Finder;
use crate::codec::read::Column;
use crate::veil::{Sight, Veil, View};

const SSN: Output = Output { shown: Shown::Replaced { rule: 3, kind: 25 }, origin: (7, 2) };
const BORN: Output = Output { shown: Shown::Replaced { rule: 3, kind: 1082 }, origin: (7, 3) };
const ID: Output = Output { shown: Shown::Plain, origin: (7, 1) };

fn veil(outputs: Outputs, says: Says, copy: Option<CopyForm>) -> Veil {
    let mut veil = Veil::new();
    veil.drawn = true;
    let lineage = Lineage { outputs, says, copy };
    let sights: Arc<[Sight]> = vec![Sight { lineage, cursor: None, prepares: None }].into();
    veil.expect(&sights);
    veil.run(sights);
    veil
}

fn columns(each: &[Output]) -> Outputs {
    Outputs::Columns(each.into())
}

#[test]
fn another_query_than_the_one_looked_at_shows_nothing() {
    let veil = veil(columns(&[ID, SSN]), Says::Names, None);
    #[track_caller]
    fn check(veil: &Veil, origins: &[(u32, i16)], expected: &[Option<Form>]) {
        let view = veil.view(origins);
        let column = Column { kind: 25, binary: false };
        let forms: Vec<_> = (0..2).map(|index| view.form(index, column, true)).collect();
        assert_eq!(forms, expected, "{origins:?}");
    }
    let hidden = Some(Form::Fixed(None));
    check(&veil, &[(7, 1), (7, 2)], &[None, Some(Form::Masked(3))]);
    check(&veil, &[], &[None, Some(Form::Masked(3))]);
    check(&veil, &[(7, 1), (7, 3)], &[hidden, hidden]);
    check(&veil, &[(0, 0), (7, 2)], &[hidden, hidden]);
    check(&veil, &[(7, 1)], &[hidden, hidden]);
}

#[test]
fn what_nobody_looked_at_shows_nothing() {
    let mut veil = Veil::new();
    assert!(matches!(veil.view(&[]), View::Plain), "where no column is masked");
    veil.drawn = true;
    assert!(matches!(veil.view(&[]), View::Hidden));
    veil.run(vec![].into());
    assert!(matches!(veil.view(&[]), View::Hidden));
}

#[test]
fn values_are_replaced_by_their_type() {
    #[track_caller]
    fn check(output: Output, kind: u32, binary: bool, described: bool, expected: Option<Form>) {
        let view = View::Columns(std::slice::from_ref(&output));
        assert_eq!(view.form(0, Column { kind, binary }, described), expected);
    }
    check(SSN, 1043, true, true, Some(Form::Masked(3)));
    check(SSN, 0, true, false, Some(Form::Masked(3)));
    check(BORN, 1082, false, true, Some(Form::Fixed(Some(b"1970-01-01"))));
    check(BORN, 1082, true, true, Some(Form::Fixed(Some(&[0xff, 0xff, 0xd5, 0x33]))));
    check(BORN, 0, true, false, Some(Form::Fixed(None)));
    check(BORN, 99_999, true, true, Some(Form::Fixed(None)));
    check(ID, 23, false, true, None);
}

#[test]
fn cursors_are_known_when_they_are_made() {
    let mut veil = Veil::new();
    veil.drawn = true;
    let sight = |outputs, cursor: Option<&str>| {
        let lineage = Lineage { outputs, says: Says::Names, copy: None };
        let cursor = cursor.map(str::to_owned);
        Arc::from(vec![Sight { lineage, cursor, prepares: None }])
    };
    let fetched = || sight(Outputs::Cursor("c".to_owned()), None);
    veil.run(sight(columns(&[SSN]), Some("c")));
    veil.run(fetched());
    assert!(matches!(veil.view(&[]), View::Hidden), "it was not made");
    veil.run(sight(columns(&[SSN]), Some("c")));
    veil.completed(b"DECLARE CURSOR");
    veil.run(fetched());
    assert!(matches!(veil.view(&[]), View::Columns([SSN])));
}

#[test]
fn errors_are_shown_that_point_into_the_text() {
    #[track_caller]
    fn check(says: Says, body: &[u8], expected: bool) {
        let veil = veil(Outputs::Plain, says, None);
        assert_eq!(veil.hides(body), expected, "{says:?}");
    }
    let (grammar, value, cast) =
        (&b"C42703\0P8\0Mx\0\0"[..], &b"C22P02\0Mx\0\0"[..], &b"C42P01\0Mx\0\0"[..]);
    for body in [grammar, value, cast] {
        check(Says::Plain, body, false);
        check(Says::Nothing, body, true);
    }
    check(Says::Names, grammar, false);
    check(Says::Names, value, true);
    check(Says::Names, cast, true);
}

#[test]
fn errors_stay_hidden_until_the_transaction_is_over() {
    let mut veil = veil(Outputs::Plain, Says::Names, None);
    let deferred = b"C23505\0Mx\0\0";
    veil.ready(false);
    let plain = Sight { lineage: Lineage::plain(), cursor: None, prepares: None };
    veil.expect(std::slice::from_ref(&plain));
    assert!(veil.hides(deferred));
    veil.ready(true);
    veil.expect(&[plain]);
    assert!(!veil.hides(deferred));
}

/// Where values of a line are, and how they are replaced.
#[track_caller]
fn line(csv: bool, header: bool, body: &str, expected: &[(&str, Option<u16>)]) {
    let form = CopyForm::Lines { csv, delimiter: b',', header };
    let mut veil = veil(columns(&[SSN, BORN, SSN]), Says::Names, Some(form));
    let mut places: Vec<Place> = Vec::new();
    let finder = Finder { places: &mut places, at: 0 };
    veil.copied(body.as_bytes(), finder, false).expect("a line");
    let told: Vec<_> = places
        .iter()
        .filter_map(|place| match place.form {
            Form::Line { rule, .. } => Some((&body[place.start - 5..place.end - 5], rule)),
            _ => None,
        })
        .collect();
    assert_eq!(told, expected, "{body}");
}

#[test]
fn lines_are_taken_apart() {
    line(false, false, "a,b,c\n", &[("a", Some(3)), ("b", None), ("c", Some(3))]);
    line(false, false, "a\\,x,,c\n", &[("a\\,x", Some(3)), ("", None), ("c", Some(3))]);
    line(
        true,
        false,
        "\"a,\"\"x\",b,c\n",
        &[("\"a,\"\"x\"", Some(3)), ("b", None), ("c", Some(3))],
    );
    line(true, false, "\"a\nx\",b,c\n", &[("\"a\nx\"", Some(3)), ("b", None), ("c", Some(3))]);
    // Of other columns than those that were looked at, nothing is shown.
    line(false, false, "a,b\n", &[("a", None), ("b", None)]);
    line(false, true, "ssn,born,ssn\n", &[]);
}

#[test]
fn lines_that_are_none_end_it() {
    let form = CopyForm::Lines { csv: true, delimiter: b',', header: false };
    for body in ["a,b,c", "\"a,b,c\n"] {
        let mut veil = veil(columns(&[SSN]), Says::Names, Some(form));
        let mut places = Vec::new();
        let finder = Finder { places: &mut places, at: 0 };
        assert!(veil.copied(body.as_bytes(), finder, false).is_err(), "{body}");
    }
    // Nobody knows how it is written.
    let mut veil = veil(Outputs::Hidden, Says::Nothing, None);
    let mut places = Vec::new();
    let finder = Finder { places: &mut places, at: 0 };
    assert!(veil.copied(b"a\n", finder, false).is_err());
}
