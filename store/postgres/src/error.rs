//! What the database says, as a home says it.

use std::error::Error as _;

use store_views::HomeError;
use tokio_postgres::error::SqlState;

/// How much of what a server says is passed on, in bytes.
const SAID_LIMIT: usize = 512;

/// Whether it is the database's state, its setting up, or what it was given.
pub(crate) fn said(error: &tokio_postgres::Error) -> HomeError {
    let Some(server) = error.as_db_error() else {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        return HomeError::Unreachable(format!("PostgreSQL: {}", cut(text)));
    };
    let code = server.code();
    let text = cut(format!("PostgreSQL: {} ({})", server.message(), code.code()));
    let class = code.code().get(..2).unwrap_or_default();
    match class {
        // Who one is, which database, what one may do, a schema that is not what it was.
        "28" | "3D" | "3F" | "42" => HomeError::Unfit(text),
        // Deadlocks and the like are for another try.
        "22" | "23" => HomeError::Refused(text),
        _ if *code == SqlState::FEATURE_NOT_SUPPORTED => HomeError::Unfit(text),
        _ => HomeError::Unreachable(text),
    }
}

fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(SAID_LIMIT));
    text
}
