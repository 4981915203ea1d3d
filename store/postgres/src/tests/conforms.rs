//! The suite that every home passes, each check in a database of its own.

use store_views::conformance::{
    a_rebuild_is_killed_at_each_step, a_step_is_whole_or_not_at_all, any_delivery_gives_the_same,
    record, rows_are_read_back, scans_are_in_order, tables, two_fold_into_one_home,
};
use store_views::{Begins, Home as _, Key, Move, Projector, Row, Step, Taken};

use super::home;
use super::server::Postgres;

#[test]
fn it_conforms() {
    let server = Postgres::start().unwrap();
    let fresh = || home(&server, &server.database().unwrap());
    a_step_is_whole_or_not_at_all(fresh);
    rows_are_read_back(fresh);
    scans_are_in_order(fresh);
    any_delivery_gives_the_same(fresh, |events| events.reverse());
    let shared = server.database().unwrap();
    two_fold_into_one_home(|| home(&server, &shared));
    let rebuilt = server.database().unwrap();
    a_rebuild_is_killed_at_each_step(|| home(&server, &rebuilt));
}

/// Three nodes that fold anew at once: one drops a chain after another has read rows of it.
#[test]
fn rows_of_a_chain_that_was_dropped_since_are_not_put_back() {
    let server = Postgres::start().unwrap();
    let database = server.database().unwrap();
    let record = record(20).events;
    let mut projector = Projector::new(home(&server, &database), "test", Begins::AtOne);
    for delivered in &record {
        projector.offer(delivered.clone());
    }
    projector.fold(None).unwrap();
    let (mut one, mut other) = (home(&server, &database), home(&server, &database));
    let (chain, to) = one.cursors().unwrap().remove(0);
    let rows: Vec<_> = tables(&mut one).unwrap();
    let rows: Vec<_> = rows.into_iter().filter(|row| row.chain() == chain).collect();
    let keys: Vec<_> = rows.iter().map(|row| Key::new(row.table(), row.id())).collect();
    assert!(!keys.is_empty());
    let step = |rows: Vec<Row>| {
        let moves = vec![Move { chain: chain.clone(), from: None, to: to.clone() }];
        Step { moves, rows, ..Step::default() }
    };
    let read = one.rows(&chain, &keys).unwrap();
    assert_eq!(read.len(), keys.len());
    other.forget(std::slice::from_ref(&chain), "test").unwrap();
    // The chain stands where the step goes on from, and its rows are of another time.
    assert_eq!(one.take(&step(read)).unwrap(), Taken::Moved);
    assert_eq!(one.rows(&chain, &keys).unwrap(), []);
    assert_eq!(one.take(&step(rows)).unwrap(), Taken::Whole);
}
