//! The values of a row, one for each column: for homes that keep columns apart.

use std::collections::BTreeMap;

use proto::event::{AskedOfApprovers, Outcome};
use proto::time::Utc;
use serde::Serialize;

use crate::tables::RulingMade;

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell<'a> {
    /// There is none.
    Null,
    /// Yes or no.
    Flag(bool),
    /// A count or a number.
    Whole(i64),
    /// A point in time.
    Time(Utc),
    /// Text.
    Text(&'a str),
    /// A list of texts.
    Texts(&'a [String]),
    /// Anything else, as JSON.
    Json(String),
}

/// A column's type.
pub(crate) trait Celled {
    /// The value.
    ///
    /// # Errors
    /// When it has no JSON.
    fn cell(&self) -> Result<Cell<'_>, serde_json::Error>;
}

impl Celled for bool {
    fn cell(&self) -> Result<Cell<'_>, serde_json::Error> {
        Ok(Cell::Flag(*self))
    }
}

impl Celled for i64 {
    fn cell(&self) -> Result<Cell<'_>, serde_json::Error> {
        Ok(Cell::Whole(*self))
    }
}

impl Celled for Utc {
    fn cell(&self) -> Result<Cell<'_>, serde_json::Error> {
        Ok(Cell::Time(*self))
    }
}

impl Celled for String {
    fn cell(&self) -> Result<Cell<'_>, serde_json::Error> {
        Ok(Cell::Text(self))
    }
}

impl<T: Celled> Celled for Option<T> {
    fn cell(&self) -> Result<Cell<'_>, serde_json::Error> {
        self.as_ref().map_or(Ok(Cell::Null), Celled::cell)
    }
}

impl Celled for Vec<String> {
    fn cell(&self) -> Result<Cell<'_>, serde_json::Error> {
        Ok(Cell::Texts(self))
    }
}

impl Celled for Outcome {
    fn cell(&self) -> Result<Cell<'_>, serde_json::Error> {
        json(self)
    }
}

impl Celled for Vec<AskedOfApprovers> {
    fn cell(&self) -> Result<Cell<'_>, serde_json::Error> {
        json(self)
    }
}

impl Celled for Vec<RulingMade> {
    fn cell(&self) -> Result<Cell<'_>, serde_json::Error> {
        json(self)
    }
}

impl<T: Serialize> Celled for BTreeMap<String, T> {
    fn cell(&self) -> Result<Cell<'_>, serde_json::Error> {
        json(self)
    }
}

fn json(value: &impl Serialize) -> Result<Cell<'static>, serde_json::Error> {
    serde_json::to_string(value).map(Cell::Json)
}
