//! With a real server, started by each test: the suite that every home passes, two writers, a
//! server that is killed, roles, and the queries of `deploy/postgres`.

mod conforms;
mod killed;
mod meeting;
mod options;
mod queries;
mod roles;
// The same server that the whole system is tested with; crates that test depend on this one.
#[allow(dead_code, unreachable_pub, reason = "other tests use the rest of it")]
#[path = "../../../chaos-tests/src/live/postgres.rs"]
mod server;

use std::sync::Arc;

use zeroize::Zeroizing;

use self::server::{PASSWORD, Postgres};
use crate::{Options, PostgresHome, Tls};

/// How a node reaches a database.
fn options(server: &Postgres, database: &str, cluster: &str) -> Options {
    let password = Arc::new(|| Ok(Zeroizing::new(PASSWORD.to_owned())));
    Options::new(&server.url(database), Some(password), Tls::Disable, cluster).unwrap()
}

/// A home in a database.
fn home(server: &Postgres, database: &str) -> PostgresHome {
    PostgresHome::new(options(server, database, "acme")).unwrap()
}
