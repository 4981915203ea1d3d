//! The embedded home of the audit views: their tables in one redb file.
//!
//! Everything in it can be folded anew from the log, so a file that is damaged is dropped and not
//! repaired. Every row has a checksum over what it says and where it stands, checked on each
//! reading: a changed row is an error and is never shown.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use redb::{
    Builder, Database, Durability, ReadableDatabase, ReadableTable, Table as Opened,
    TableDefinition, WriteTransaction,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use store_views::{Cursor, Home, HomeError, Key, Reached, Row, Step, Table, Taken, natural};

use crate::raft::Backend;
use crate::storage::Storage;

/// The file's name.
const FILE: &str = "views.redb";
/// (table, chain, natural order of the id) to the row.
const ROWS: TableDefinition<'_, (u8, &str, &str), &[u8]> = TableDefinition::new("rows.1");
/// Chain to how far it is folded.
const CURSORS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("cursors.1");
/// Source to how far it is read.
const SOURCES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("sources.1");

/// Memory that redb may use for its cache, in bytes.
const CACHE_BYTES: usize = 64 * 1024 * 1024;
/// Every so many steps one is made durable; a crash takes back those since, cursors and rows alike.
const DURABLE_EVERY: u32 = 16;
const CHECKSUM_BYTES: usize = 4;

/// The tables in a file.
pub struct ViewsHome {
    storage: Arc<dyn Storage>,
    /// Absent once it was found damaged and could not be started anew.
    database: Option<Database>,
    since_durable: u32,
}

impl ViewsHome {
    /// Opens the file, or starts an empty one: also in place of one that cannot be read.
    ///
    /// # Errors
    /// [`HomeError::Unreachable`] when the medium takes no file.
    pub fn open(storage: Arc<dyn Storage>) -> Result<Self, HomeError> {
        let mut home = Self { storage, database: None, since_durable: 0 };
        if let Err(why) = home.load() {
            tracing::warn!(%why, "the embedded views are folded anew");
            home.start_anew()?;
        }
        Ok(home)
    }

    fn load(&mut self) -> Result<(), HomeError> {
        let file = match self.storage.open(FILE) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let file = self.storage.create(FILE, 0).map_err(|error| medium(&error))?;
                self.storage.sync_folder("").map_err(|error| medium(&error))?;
                file
            }
            opened => opened.map_err(|error| medium(&error))?,
        };
        self.database = Some(guarded(|| {
            let mut builder = Builder::new();
            builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
            let database = builder.create_with_backend(Backend(file))?;
            let transaction = database.begin_write()?;
            transaction.open_table(ROWS)?;
            transaction.open_table(CURSORS)?;
            transaction.open_table(SOURCES)?;
            transaction.commit()?;
            Ok(database)
        })?);
        Ok(())
    }

    fn database(&self) -> Result<&Database, HomeError> {
        let gone = || HomeError::Damaged("the file could not be opened".to_owned());
        self.database.as_ref().ok_or_else(gone)
    }

    /// Performs one transaction; what `write` says decides whether it is kept.
    fn change(
        &mut self,
        durable: bool,
        write: impl FnOnce(&WriteTransaction) -> Result<Taken, Trouble>,
    ) -> Result<Taken, HomeError> {
        let database = self.database()?;
        let durable = durable || self.since_durable + 1 >= DURABLE_EVERY;
        let taken = guarded(|| {
            let mut transaction = database.begin_write()?;
            if durable {
                // Rows hold what others chose; without two phases such content could be made to
                // look like a commit.
                transaction.set_quick_repair(true);
            } else {
                transaction.set_durability(Durability::None)?;
            }
            let taken = write(&transaction)?;
            match taken {
                Taken::Whole => transaction.commit()?,
                Taken::Moved => transaction.abort()?,
            }
            Ok(taken)
        })?;
        self.since_durable = if durable { 0 } else { self.since_durable + 1 };
        Ok(taken)
    }
}

impl Home for ViewsHome {
    fn name(&self) -> &'static str {
        "embedded"
    }

    fn cursors(&mut self) -> Result<Vec<(String, Cursor)>, HomeError> {
        let database = self.database()?;
        guarded(|| {
            let table = database.begin_read()?.open_table(CURSORS)?;
            let mut cursors = Vec::new();
            for entry in table.iter()? {
                let (chain, value) = entry?;
                cursors.push((chain.value().to_owned(), opened(chain.value(), value.value())?));
            }
            Ok(cursors)
        })
    }

    fn reached(&mut self, source: &str) -> Result<Option<Reached>, HomeError> {
        let database = self.database()?;
        guarded(|| {
            let table = database.begin_read()?.open_table(SOURCES)?;
            let value = table.get(source)?;
            value.map(|value| opened(source, value.value())).transpose()
        })
    }

    fn rows(&mut self, chain: &str, keys: &[Key]) -> Result<Vec<Row>, HomeError> {
        let database = self.database()?;
        guarded(|| {
            let table = database.begin_read()?.open_table(ROWS)?;
            let mut rows = Vec::new();
            for key in keys {
                let id = natural(&key.id);
                if let Some(value) = table.get((number(key.table), chain, id.as_str()))? {
                    rows.push(row(key.table, chain, &id, value.value())?);
                }
            }
            Ok(rows)
        })
    }

    fn take(&mut self, step: &Step) -> Result<Taken, HomeError> {
        self.change(false, |transaction| {
            let mut cursors = transaction.open_table(CURSORS)?;
            for one in &step.moves {
                let chain = one.chain.as_str();
                let stands = cursors.get(chain)?;
                let stands = stands.map(|value| opened::<Cursor>(chain, value.value()));
                if stands.transpose()? != one.from {
                    return Ok(Taken::Moved);
                }
                cursors.insert(chain, &*sealed(chain, &one.to)?)?;
            }
            let mut rows = transaction.open_table(ROWS)?;
            for row in &step.rows {
                put(&mut rows, row)?;
            }
            if let Some((source, reached)) = &step.source {
                let value = sealed(source, reached)?;
                transaction.open_table(SOURCES)?.insert(source.as_str(), &*value)?;
            }
            Ok(Taken::Whole)
        })
    }

    fn forget(&mut self, chains: &[String], source: &str) -> Result<(), HomeError> {
        let dropped = self.change(true, |transaction| {
            let mut cursors = transaction.open_table(CURSORS)?;
            let mut rows = transaction.open_table(ROWS)?;
            for chain in chains {
                cursors.remove(chain.as_str())?;
                let end = behind(chain);
                for table in Table::ALL {
                    let from = (number(*table), chain.as_str(), "");
                    rows.retain_in(from..(number(*table), end.as_str(), ""), |_, _| false)?;
                }
            }
            transaction.open_table(SOURCES)?.remove(source)?;
            Ok(Taken::Whole)
        });
        dropped.map(|_| ())
    }

    fn start_anew(&mut self) -> Result<(), HomeError> {
        self.database = None;
        match self.storage.remove(FILE) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(medium(&error)),
            _ => self.load(),
        }
    }

    fn scan(
        &mut self,
        table: Table,
        chain: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Row>, HomeError> {
        let after = after.map(natural);
        let (from, end) = (after.clone().unwrap_or_default(), behind(chain));
        self.range(table, (chain, &from), (&end, ""), |rows| {
            let fresh = rows.filter(|(id, _)| after.as_ref() != Some(id));
            fresh.take(limit).map(|(_, row)| row).collect()
        })
    }

    fn newest(&mut self, table: Table, chain: &str, limit: usize) -> Result<Vec<Row>, HomeError> {
        let end = behind(chain);
        self.range(table, (chain, ""), (&end, ""), |rows| {
            rows.rev().take(limit).map(|(_, row)| row).collect()
        })
    }
}

type Ranged<'a> = &'a mut dyn DoubleEndedIterator<Item = (String, Result<Row, Trouble>)>;

impl ViewsHome {
    fn range(
        &self,
        table: Table,
        from: (&str, &str),
        to: (&str, &str),
        pick: impl FnOnce(Ranged<'_>) -> Result<Vec<Row>, Trouble>,
    ) -> Result<Vec<Row>, HomeError> {
        let database = self.database()?;
        guarded(|| {
            let rows = database.begin_read()?.open_table(ROWS)?;
            let table_number = number(table);
            let range = rows.range((table_number, from.0, from.1)..(table_number, to.0, to.1))?;
            let mut read = range.map(|entry| match entry {
                Ok((key, value)) => {
                    let (_, chain, id) = key.value();
                    (id.to_owned(), row(table, chain, id, value.value()))
                }
                Err(error) => (String::new(), Err(error.into())),
            });
            pick(&mut read)
        })
    }
}

fn put(rows: &mut Opened<'_, (u8, &str, &str), &[u8]>, row: &Row) -> Result<(), Trouble> {
    let id = natural(row.id());
    let place = place(row.table(), row.chain(), &id);
    let value = sealed(&place, row)?;
    rows.insert((number(row.table()), row.chain(), id.as_str()), &*value)?;
    Ok(())
}

/// The number of a table on the disk, for ever.
fn number(table: Table) -> u8 {
    match table {
        Table::Sessions => 1,
        Table::Commands => 2,
        Table::Approvals => 3,
        Table::Logins => 4,
        Table::PolicyChanges => 5,
        Table::Findings => 6,
        Table::Nodes => 7,
    }
}

/// The first name behind all rows of a chain; names of chains hold no NUL.
fn behind(chain: &str) -> String {
    format!("{chain}\0")
}

fn place(table: Table, chain: &str, id: &str) -> String {
    format!("{}\0{chain}\0{id}", table.name())
}

fn row(table: Table, chain: &str, id: &str, value: &[u8]) -> Result<Row, Trouble> {
    let json = unsealed(&place(table, chain, id), value)?;
    Row::from_json(table, json).map_err(|error| Trouble::damaged(&error))
}

pub(crate) fn sealed(place: &str, what: &impl Serialize) -> Result<Vec<u8>, Trouble> {
    let mut value = vec![0; CHECKSUM_BYTES];
    serde_json::to_writer(&mut value, what).map_err(|error| Trouble::damaged(&error))?;
    let checksum = checksum(place, &value[CHECKSUM_BYTES..]);
    value[..CHECKSUM_BYTES].copy_from_slice(&checksum);
    Ok(value)
}

fn opened<T: DeserializeOwned>(place: &str, value: &[u8]) -> Result<T, Trouble> {
    serde_json::from_slice(unsealed(place, value)?).map_err(|error| Trouble::damaged(&error))
}

pub(crate) fn unsealed<'a>(place: &str, value: &'a [u8]) -> Result<&'a [u8], Trouble> {
    match value.split_at_checked(CHECKSUM_BYTES) {
        Some((sum, json)) if sum == checksum(place, json) => Ok(json),
        _ => Err(Trouble(HomeError::Damaged("a row is not what was written".to_owned()))),
    }
}

fn checksum(place: &str, json: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(place.as_bytes());
    hasher.update(&[0]);
    hasher.update(json);
    hasher.finalize().to_le_bytes()
}

fn medium(error: &io::Error) -> HomeError {
    HomeError::Unreachable(format!("the file of the views: {error}"))
}

/// What a transaction ran into.
pub(crate) struct Trouble(HomeError);

impl Trouble {
    fn damaged(error: &dyn std::fmt::Display) -> Self {
        Self(HomeError::Damaged(error.to_string()))
    }
}

macro_rules! troubles {
    ($($error:ty),*) => {$(
        impl From<$error> for Trouble {
            fn from(error: $error) -> Self {
                match redb::Error::from(error) {
                    redb::Error::Io(error) if error.kind() != io::ErrorKind::InvalidData => {
                        Self(medium(&error))
                    }
                    redb::Error::PreviousIo => {
                        Self(HomeError::Unreachable("the file has failed before".to_owned()))
                    }
                    other => Self::damaged(&other),
                }
            }
        }
    )*};
}
troubles!(
    redb::StorageError,
    redb::TableError,
    redb::TransactionError,
    redb::CommitError,
    redb::DatabaseError,
    redb::SetDurabilityError
);

/// redb may stop at a page that it cannot read; that is damage, and no reason to go down.
fn guarded<T>(work: impl FnOnce() -> Result<T, Trouble>) -> Result<T, HomeError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|Trouble(error)| error),
        Err(_) => Err(HomeError::Damaged("the database cannot read a page".to_owned())),
    }
}
