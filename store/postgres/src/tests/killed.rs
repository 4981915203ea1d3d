//! The server is killed while events are folded, again and again: every event is there once.

use store_views::conformance::{expected, record, tables};
use store_views::{Begins, HomeError, Offered, Projector};

use super::home;
use super::server::Postgres;

#[test]
fn a_killed_server_loses_nothing_and_doubles_nothing() {
    let mut server = Postgres::start().unwrap();
    let database = server.database().unwrap();
    let record = record(60).events;
    let expected = expected(&record).unwrap();
    let mut projector = Projector::new(home(&server, &database), "test", Begins::AtOne);
    let (mut events, mut folded, mut steps, mut failed) = (record.iter(), 0, 0, 0);
    loop {
        for delivered in events.by_ref().take(20) {
            assert_eq!(projector.offer(delivered.clone()), Offered::Next);
        }
        if projector.in_line() == 0 {
            break;
        }
        steps += 1;
        if steps % 5 == 0 {
            server.kill().unwrap();
        }
        match projector.fold(None) {
            Ok((count, _)) => folded += count,
            Err(HomeError::Unreachable(_)) => {
                failed += 1;
                server.run().unwrap();
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert!(failed > 3, "the server was killed, and that was noticed");
    assert_eq!(folded, record.len());
    assert_eq!(tables(projector.home()).unwrap(), expected);
}

/// A server that is away is said by name; what waits for it waits, and goes in once it is back.
#[test]
fn a_database_that_is_away_is_said_and_comes_back() {
    let mut server = Postgres::start().unwrap();
    let database = server.database().unwrap();
    let record = record(6).events;
    let mut projector = Projector::new(home(&server, &database), "test", Begins::AtOne);
    server.kill().unwrap();
    record.iter().cloned().for_each(|event| {
        projector.offer(event);
    });
    let error = projector.fold(None).unwrap_err();
    assert!(
        matches!(&error, HomeError::Unreachable(text) if text.contains("PostgreSQL")),
        "{error}"
    );
    assert_eq!(projector.in_line(), record.len(), "nothing is lost of what waits");
    server.run().unwrap();
    assert_eq!(projector.fold(None).unwrap().0, record.len());
    // The server ends between two steps: the next one notices, and connects again.
    server.kill().unwrap();
    server.run().unwrap();
    let standings = projector.standings();
    if projector.look().is_err() {
        projector.look().unwrap();
    }
    assert_eq!(projector.standings(), standings);
}
