//! The audit views in PostgreSQL: a home of [`store_views`] that everybody with a SQL client reads.
//!
//! Rows and cursors of a step go in by one transaction that compares the cursors first; so several
//! nodes fold into one database, and every event is there once whatever is killed. A database that
//! is slow or away is told as such and never waited for by anything but the folding itself.

mod connection;
mod copy;
mod error;
mod home;
mod options;
mod schema;
mod statements;
mod tls;

#[cfg(test)]
mod tests;

pub use home::PostgresHome;
pub use options::{Options, Password, Tls, Wrong};
pub use schema::{AUDITOR, SCHEMA};
