//! The contract of one step, and of reading.

use proto::ids::Digest;
use proto::time::Utc;

use super::{compare, expected, record, tables};
use crate::home::{Cursor, Home, Move, Reached, Step, Taken, natural};
use crate::tables::{Key, Row, Table};

fn cursor(seq: u64) -> Cursor {
    // A time that homes must keep to the microsecond.
    Cursor { seq, epoch: 1, hash: Digest([7; 32]), at: Utc(1_769_851_800_123_457), begins: 1 }
}

fn to(chain: &str, from: Option<u64>, seq: u64) -> Move {
    Move { chain: chain.to_owned(), from: from.map(cursor), to: cursor(seq) }
}

/// A step whose chain stands elsewhere leaves no trace, and one that is taken is there.
///
/// # Panics
/// When it does not.
pub fn a_step_is_whole_or_not_at_all<H: Home>(make: impl Fn() -> H) {
    let mut home = make();
    let rows = expected(&record(3).events).expect("memory");
    let of = |chain: &str| rows.iter().filter(|row| row.chain() == chain).cloned().collect();
    let reached = Reached { position: 9, last: 11, at: Utc(1_769_851_800_000_001) };
    let first = Step {
        moves: vec![to("gw-1", None, 5)],
        rows: of("gw-1"),
        source: Some(("journal".to_owned(), reached.clone())),
    };
    assert_eq!(home.take(&first).expect("a home"), Taken::Whole);
    assert_eq!(home.cursors().expect("a home"), [("gw-1".to_owned(), cursor(5))]);
    assert_eq!(home.reached("journal").expect("a home"), Some(reached));
    assert_eq!(home.reached("other").expect("a home"), None);
    let before = tables(&mut home).expect("a home");
    let elsewhere = [
        vec![to("gw-1", None, 6)],
        vec![to("gw-1", Some(4), 6)],
        vec![to("gw-2", None, 1), to("gw-1", Some(6), 7)],
        vec![to("gw-2", Some(1), 2)],
    ];
    for moves in elsewhere {
        let step = Step { moves: moves.clone(), rows: of("gw-2"), source: None };
        assert_eq!(home.take(&step).expect("a home"), Taken::Moved, "{moves:?}");
        assert_eq!(tables(&mut home).expect("a home"), before, "{moves:?}");
        assert_eq!(home.cursors().expect("a home").len(), 1, "{moves:?}");
    }
    let second = Step {
        moves: vec![to("gw-1", Some(5), 6), to("gw-2", None, 3)],
        rows: of("gw-2"),
        source: None,
    };
    assert_eq!(home.take(&second).expect("a home"), Taken::Whole);
    home.forget(&["gw-1".to_owned()], "journal").expect("a home");
    assert_eq!(home.cursors().expect("a home"), [("gw-2".to_owned(), cursor(3))]);
    assert_eq!(home.reached("journal").expect("a home"), None);
    let left: Vec<Row> = of("gw-2");
    compare(&tables(&mut home).expect("a home"), &sorted(left), "the other chain stays");
}

fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by_key(|row| (row.table(), row.chain().to_owned(), natural(row.id())));
    rows
}

/// Every row comes back as it was put, also over an older version of itself.
///
/// # Panics
/// When it does not.
pub fn rows_are_read_back<H: Home>(make: impl Fn() -> H) {
    let mut home = make();
    let rows = expected(&record(8).events).expect("memory");
    for table in Table::ALL {
        assert!(rows.iter().any(|row| row.table() == *table), "{table:?} has a row");
    }
    let of_chain = |chain: &str| {
        let chain = chain.to_owned();
        rows.iter().filter(move |row| row.chain() == chain).cloned()
    };
    for chain in ["control", "gw-1", "gw-2"] {
        for (from, seq) in [(None, 1), (Some(1), 2)] {
            let (moves, rows) = (vec![to(chain, from, seq)], of_chain(chain).collect());
            let step = Step { moves, rows, source: None };
            assert_eq!(home.take(&step).expect("a home"), Taken::Whole);
        }
        let keys = of_chain(chain).map(|row| Key::new(row.table(), row.id()));
        let mut keys: Vec<_> = keys.collect();
        keys.push(Key::new(Table::Sessions, "nobody's"));
        let found = home.rows(chain, &keys).expect("a home");
        compare(&sorted(found), &sorted(of_chain(chain).collect()), chain);
        assert_eq!(home.rows(chain, &[]).expect("a home"), []);
    }
    compare(&tables(&mut home).expect("a home"), &sorted(rows.clone()), "whole tables");
}

/// Ids are in their natural order, page by page and from the end.
///
/// # Panics
/// When they are not.
pub fn scans_are_in_order<H: Home>(make: impl Fn() -> H) {
    let mut home = make();
    let rows = expected(&record(30).events).expect("memory");
    let sessions = rows.iter().filter(|row| row.table() == Table::Sessions);
    let sessions: Vec<_> = sessions.filter(|row| row.chain() == "gw-1").cloned().collect();
    assert!(sessions.len() > 11, "more than one digit");
    let step = Step { moves: vec![to("gw-1", None, 1)], rows: sessions.clone(), source: None };
    assert_eq!(home.take(&step).expect("a home"), Taken::Whole);
    let ids = |rows: &[Row]| rows.iter().map(|row| row.id().to_owned()).collect::<Vec<_>>();
    let expected = ids(&sorted(sessions));
    let mut scanned = Vec::new();
    loop {
        let after = scanned.last().map(String::as_str);
        let page = home.scan(Table::Sessions, "gw-1", after, 5).expect("a home");
        if page.is_empty() {
            break;
        }
        scanned.extend(ids(&page));
    }
    assert_eq!(scanned, expected);
    let newest = home.newest(Table::Sessions, "gw-1", 3).expect("a home");
    let last: Vec<_> = expected.iter().rev().take(3).cloned().collect();
    assert_eq!(ids(&newest), last);
    assert_eq!(home.scan(Table::Sessions, "gw-2", None, 5).expect("a home"), []);
    assert_eq!(home.newest(Table::Logins, "gw-1", 5).expect("a home"), []);
}
