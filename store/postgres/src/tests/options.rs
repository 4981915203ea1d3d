//! What a URL of a database means, and where it is wrong.

use crate::{Options, Tls};

#[track_caller]
fn check(url: &str, expected: &str) {
    let said = match Options::new(url, None, Tls::Disable, "acme") {
        Ok(options) => format!("{options:?}"),
        Err(wrong) => wrong.to_string(),
    };
    assert!(said.contains(expected), "{url}: {said}");
}

#[test]
fn urls() {
    check("postgres://audit@db.internal:5433/sallyport", "Some(\"sallyport\")");
    check("postgresql://audit@db.internal/sallyport", "db.internal");
    check("postgres://audit:secret@db/sallyport", "holds a password");
    check("postgres://db/sallyport", "expected a user");
    check("postgres://audit@db", "expected a database");
    check("host=db user=audit dbname=sallyport", "it is no URL");
    check("mysql://audit@db/sallyport", "it is no URL");
    check("postgres://audit@db/sallyport?sslmode=often", "expected postgres://USER@HOST");
}
