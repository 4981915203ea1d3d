//! Two nodes meet in one database: one drops chains, the other begins one of them.

use std::io::Write as _;
use std::process::Stdio;
use std::thread;

use store_views::conformance::record;
use store_views::{Begins, Home as _, Projector, Table};

use super::home;
use super::server::Postgres;

/// Statements that wait for another one's lock, and transactions that wait for their client.
const WAITING: &str = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'";
const IDLE: &str = "select count(*) from pg_stat_activity where state = 'idle in transaction'";
/// A row of a chain that has no cursor, and what holds on to it.
const ROW: &str = "insert into sallyport_audit.approvals (chain, place, id, number, person, rules,
    requested_at, expires_at, status, rulings, approved_by, denied_by, event) values ('control',
    '1', '1', 1, 'bob', '[]', now(), now(), 'open', '[]', '{}', '{}', '0-1')";
const HELD: &str =
    "begin; select 1 from sallyport_audit.approvals where chain = 'control' for update;\n";

/// Waits until so many are as a query counts them.
fn until(server: &Postgres, query: &str, count: &str) {
    // Each asking starts a client of the server: it goes on for some ten seconds at least.
    for _ in 0..1000 {
        if server.sql("postgres", "postgres", query).unwrap() == count {
            return;
        }
    }
    panic!("it did not come to {count} of {query}");
}

/// What is begun while a chain is dropped comes before that or after it, never in between: then the
/// cursor would say that rows are there that were dropped.
#[test]
fn a_chain_is_begun_before_it_is_dropped_or_after() {
    let server = Postgres::start().unwrap();
    let database = server.database().unwrap();
    let (mut dropping, beginning) = (home(&server, &database), home(&server, &database));
    assert_eq!(dropping.cursors().unwrap(), []);
    server.sql("sallyport_projector", &database, ROW).unwrap();
    let mut holding = server.psql("sallyport_projector", &database);
    let mut holding = holding.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    holding.stdin.as_mut().unwrap().write_all(HELD.as_bytes()).unwrap();
    until(&server, IDLE, "1");
    let dropped = thread::spawn(move || {
        let chains = ["control".to_owned()];
        dropping.forget(&chains, "test").unwrap();
        dropping
    });
    // It has dropped the cursor, and waits for the row.
    until(&server, WAITING, "1");
    let begun = thread::spawn(move || {
        let mut projector = Projector::new(beginning, "test", Begins::AtOne);
        for delivered in record(3).events {
            projector.offer(delivered);
        }
        projector.fold(None).unwrap()
    });
    until(&server, WAITING, "2");
    drop(holding.stdin.take());
    holding.wait().unwrap();
    let mut dropping = dropped.join().unwrap();
    let (_, rows) = begun.join().unwrap();
    let changes = rows.iter().filter(|row| row.table() == Table::PolicyChanges).count();
    assert!(changes > 0, "the record changes policies");
    let there = dropping.scan(Table::PolicyChanges, "control", None, 100).unwrap();
    assert_eq!(there.len(), changes);
}
