//! The port that homes of the tables implement: redb, PostgreSQL, and memory for tests.

use proto::ids::Digest;
use proto::time::Utc;
use serde::{Deserialize, Serialize};

use crate::tables::{Key, Row, Table};

/// How far a chain is folded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The place of the last event that is in the tables.
    pub seq: u64,
    /// Its epoch.
    pub epoch: u64,
    /// The hash of its bytes.
    pub hash: Digest,
    /// When it happened.
    pub at: Utc,
    /// The first place that is in the tables: 1, unless the source began later.
    pub begins: u64,
}

/// How far something that events are read from has been read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// Everything up to this position is in the tables.
    pub position: u64,
    /// Where it ended when it was last looked at.
    pub last: u64,
    /// When that was.
    pub at: Utc,
}

/// How far one chain goes in one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The chain.
    pub chain: String,
    /// Where it must stand for the step to be taken.
    pub from: Option<Cursor>,
    /// Where it stands then.
    pub to: Cursor,
}

/// Rows and cursors that go into a home together or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// How far each chain goes.
    pub moves: Vec<Move>,
    /// Rows that are new or changed, none twice.
    pub rows: Vec<Row>,
    /// How far the source is read with that: its name, and where.
    pub source: Option<(String, Reached)>,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is in the home.
    Whole,
    /// A chain stands elsewhere, because somebody else folds into the same home: nothing of the
    /// step is in it, and the cursors must be read again.
    Moved,
}

/// Why a home cannot be used now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HomeError {
    /// What it holds is not what was put into it; it must be folded anew.
    #[error("the views are damaged: {0}")]
    Damaged(String),
    /// It cannot be reached or does not answer; whether the last step is in it is unknown.
    #[error("{0}")]
    Unreachable(String),
    /// It is not as it must be: its version, its rights, another cluster's.
    #[error("{0}")]
    Unfit(String),
    /// It refuses what it was given.
    #[error("the views' home refuses a row: {0}")]
    Refused(String),
}

/// Something that keeps the tables.
///
/// The contract, which [`crate::conformance`] checks: a step is taken whole or not at all, and only
/// if every chain of it stands where the step says; rows are read back as they were put.
pub trait Home: Send {
    /// What `views status` calls it.
    fn name(&self) -> &'static str;

    /// Where the chains stand, by name.
    ///
    /// # Errors
    /// [`HomeError`] when it cannot be read.
    fn cursors(&mut self) -> Result<Vec<(String, Cursor)>, HomeError>;

    /// How far a source has been read.
    ///
    /// # Errors
    /// [`HomeError`] when it cannot be read.
    fn reached(&mut self, source: &str) -> Result<Option<Reached>, HomeError>;

    /// Rows of a chain: those that are there, in no order.
    ///
    /// # Errors
    /// [`HomeError`] when they cannot be read.
    fn rows(&mut self, chain: &str, keys: &[Key]) -> Result<Vec<Row>, HomeError>;

    /// Takes a step. After [`HomeError::Unreachable`] it may have been taken: the cursors tell.
    ///
    /// # Errors
    /// [`HomeError`] when it is not taken, or that is not known.
    fn take(&mut self, step: &Step) -> Result<Taken, HomeError>;

    /// Drops all rows and the cursor of these chains, and how far the source was read, at once.
    ///
    /// # Errors
    /// [`HomeError`] when they are still there.
    fn forget(&mut self, chains: &[String], source: &str) -> Result<(), HomeError>;

    /// Drops everything, whatever it is: for a home that is damaged and can be made anew from here.
    ///
    /// # Errors
    /// [`HomeError`] when it cannot; a server that others use too never can.
    fn start_anew(&mut self) -> Result<(), HomeError>;

    /// Rows of one table and chain in the natural order of their ids (`a-2` before `a-10`), behind
    /// one of them or from the first one on.
    ///
    /// # Errors
    /// [`HomeError`] when they cannot be read.
    fn scan(
        &mut self,
        table: Table,
        chain: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Row>, HomeError>;

    /// The last rows of one table and chain, the last one first.
    ///
    /// # Errors
    /// [`HomeError`] when they cannot be read.
    fn newest(&mut self, table: Table, chain: &str, limit: usize) -> Result<Vec<Row>, HomeError>;
}

impl<H: Home + ?Sized> Home for Box<H> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn cursors(&mut self) -> Result<Vec<(String, Cursor)>, HomeError> {
        (**self).cursors()
    }

    fn reached(&mut self, source: &str) -> Result<Option<Reached>, HomeError> {
        (**self).reached(source)
    }

    fn rows(&mut self, chain: &str, keys: &[Key]) -> Result<Vec<Row>, HomeError> {
        (**self).rows(chain, keys)
    }

    fn take(&mut self, step: &Step) -> Result<Taken, HomeError> {
        (**self).take(step)
    }

    fn forget(&mut self, chains: &[String], source: &str) -> Result<(), HomeError> {
        (**self).forget(chains, source)
    }

    fn start_anew(&mut self) -> Result<(), HomeError> {
        (**self).start_anew()
    }

    fn scan(
        &mut self,
        table: Table,
        chain: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Row>, HomeError> {
        (**self).scan(table, chain, after, limit)
    }

    fn newest(&mut self, table: Table, chain: &str, limit: usize) -> Result<Vec<Row>, HomeError> {
        (**self).newest(table, chain, limit)
    }
}

/// A whole table: rows of all chains that have a cursor, by chain and id.
///
/// # Errors
/// [`HomeError`] when it cannot be read.
pub fn whole_table(home: &mut dyn Home, table: Table) -> Result<Vec<Row>, HomeError> {
    const PAGE: usize = 4096;
    let mut rows = Vec::new();
    for (chain, _) in home.cursors()? {
        let mut after: Option<String> = None;
        loop {
            let page = home.scan(table, &chain, after.as_deref(), PAGE)?;
            let more = page.len() == PAGE;
            after = page.last().map(|row| row.id().to_owned());
            rows.extend(page);
            if !more {
                break;
            }
        }
    }
    Ok(rows)
}

/// A text whose order as bytes is the natural order of an id: each run of digits has its length
/// before it, so that `a-2` comes before `a-10`.
#[must_use]
pub fn natural(id: &str) -> String {
    let mut ordered = String::with_capacity(id.len() + 8);
    let mut rest = id;
    while let Some(start) = rest.find(|each: char| each.is_ascii_digit()) {
        let (before, digits) = rest.split_at(start);
        let end = digits.find(|each: char| !each.is_ascii_digit()).unwrap_or(digits.len());
        let (number, after) = digits.split_at(end);
        ordered.push_str(before);
        // Lengths up to 9 999 are compared as numbers; no id is longer than that.
        let length = number.len().min(9999);
        for unit in [1000, 100, 10, 1] {
            let digit = u8::try_from(length / unit % 10).unwrap_or(0);
            ordered.push(char::from(b'0' + digit));
        }
        ordered.push_str(number);
        rest = after;
    }
    ordered.push_str(rest);
    ordered
}
