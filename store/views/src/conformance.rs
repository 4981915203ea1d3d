//! What every home must do, as one suite: the tables that come out are the same in each of them,
//! however the events came.
//!
//! Each check gets a fresh home from the caller, who may make it as real as it likes: a file, a
//! server, one that is killed.

mod record;
mod record_control;
mod steps;

use crate::delivered::Delivered;
use crate::home::{Home, HomeError, whole_table};
use crate::lane::Offered;
use crate::memory::Memory;
use crate::projector::{Begins, Projector};
use crate::tables::{Row, Table};

pub use record::{Record, record};
pub use steps::{a_step_is_whole_or_not_at_all, rows_are_read_back, scans_are_in_order};

/// All rows of all tables.
///
/// # Errors
/// [`HomeError`] when they cannot be read.
pub fn tables(home: &mut dyn Home) -> Result<Vec<Row>, HomeError> {
    let mut rows = Vec::new();
    for table in Table::ALL {
        rows.extend(whole_table(home, *table)?);
    }
    Ok(rows)
}

/// What the tables must be: a record folded in order into memory.
///
/// # Errors
/// [`HomeError`]; memory has none.
pub fn expected(record: &[Delivered]) -> Result<Vec<Row>, HomeError> {
    let mut projector = Projector::new(Memory::new(), "model", Begins::AtOne);
    deliver(&mut projector, record.iter().cloned())?;
    tables(projector.home())
}

/// Delivers events and folds them; what finds no room is folded first, and offered again.
///
/// # Errors
/// [`HomeError`] of the home.
pub fn deliver<H: Home>(
    projector: &mut Projector<H>,
    events: impl IntoIterator<Item = Delivered>,
) -> Result<usize, HomeError> {
    let mut folded = 0;
    for delivered in events {
        let offered = projector.offer(delivered);
        if offered != Offered::Known && projector.in_line() >= 64 {
            folded += projector.fold(None)?.0;
        }
    }
    while projector.in_line() > 0 {
        folded += projector.fold(None)?.0;
    }
    Ok(folded)
}

/// Delivered in order, all of it twice, and shuffled by `order`: the tables are the same.
///
/// # Panics
/// When they are not.
pub fn any_delivery_gives_the_same<H: Home>(
    make: impl Fn() -> H,
    mut shuffle: impl FnMut(&mut Vec<Delivered>),
) {
    let record = record(40).events;
    let expected = expected(&record).expect("memory");
    assert!(expected.len() > 100, "the record says something");
    let mut shuffled: Vec<_> = record.iter().chain(&record).chain(&record).cloned().collect();
    shuffle(&mut shuffled);
    let twice = record.iter().chain(&record).cloned().collect();
    for (how, events) in [("in order", record.clone()), ("twice", twice), ("shuffled", shuffled)] {
        let mut projector = Projector::new(make(), "test", Begins::AtOne);
        projector.look().expect("a home");
        let folded = deliver(&mut projector, events).expect("a home");
        assert_eq!(folded, record.len(), "{how}: each event is folded once");
        compare(&tables(projector.home()).expect("a home"), &expected, how);
        assert!(projector.standings().iter().all(|chain| chain.hold.is_none()), "{how}");
    }
}

/// Two that fold into one home, each its own node's chain and both the control chain.
///
/// # Panics
/// When an event is folded twice or not at all.
pub fn two_fold_into_one_home<H: Home>(mut connect: impl FnMut() -> H) {
    let record = record(40).events;
    let expected = expected(&record).expect("memory");
    let of = |node: &str| {
        let chains = [node.to_owned(), "control".to_owned()];
        let seen =
            record.iter().filter(move |one| chains.contains(&one.event.id.chain.to_string()));
        seen.cloned().collect::<Vec<_>>()
    };
    let mut sides = [("gw-1", connect()), ("gw-2", connect())].map(|(node, home)| {
        (Projector::new(home, format!("journal of {node}"), Begins::WhereTheSourceDoes), of(node))
    });
    let (mut folded, mut at) = (0, 0);
    while sides.iter().any(|(_, events)| at < events.len()) {
        for (projector, events) in &mut sides {
            for delivered in events.iter().skip(at).take(7) {
                projector.offer(delivered.clone());
            }
            folded += projector.fold(None).expect("a home").0;
        }
        at += 7;
    }
    assert_eq!(folded, record.len(), "each event is folded once");
    for (projector, _) in &mut sides {
        compare(&tables(projector.home()).expect("a home"), &expected, "two folded");
    }
}

/// A rebuild that is broken off at every step and goes on: dropped and folded anew, the tables are
/// what they were. `reopen` gives the home as it is after its process died.
///
/// # Panics
/// When they are not.
pub fn a_rebuild_is_killed_at_each_step<H: Home>(mut reopen: impl FnMut() -> H) {
    let record = record(12).events;
    let expected = expected(&record).expect("memory");
    let chains: Vec<_> = {
        let all: std::collections::BTreeSet<_> =
            record.iter().map(|one| one.event.id.chain.clone()).collect();
        all.into_iter().collect()
    };
    let mut live = Projector::new(reopen(), "test", Begins::AtOne);
    deliver(&mut live, record.iter().cloned()).expect("a home");
    drop(live);
    let mut dropping = Projector::new(reopen(), "test", Begins::AtOne);
    dropping.forget(&chains).expect("a home");
    assert_eq!(tables(dropping.home()).expect("a home"), [], "nothing is left");
    drop(dropping);
    let mut folded = 0;
    while folded < record.len() {
        // A new process: it folds one step, and dies.
        let mut projector = Projector::new(reopen(), "test", Begins::AtOne);
        projector.look().expect("a home");
        for delivered in record.iter().cloned() {
            let offered = projector.offer(delivered);
            if offered == Offered::Next && projector.in_line() >= 32 {
                break;
            }
        }
        folded += projector.fold(None).expect("a home").0;
    }
    let mut home = reopen();
    compare(&tables(&mut home).expect("a home"), &expected, "rebuilt");
}

/// Says which row differs, not all of them.
#[track_caller]
fn compare(found: &[Row], expected: &[Row], how: &str) {
    for (one, other) in found.iter().zip(expected) {
        assert_eq!(one, other, "{how}");
    }
    assert_eq!(found.len(), expected.len(), "{how}: as many rows");
}
