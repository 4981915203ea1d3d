//! Opening, checking and reading.
//!
//! Opening reads every record once: a node learns that its memory has holes before it votes with
//! it, not when the record is needed.

use std::io;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use proto::peer::raft::{LogId, Vote};
use redb::{
    Builder, Database, Durability, ReadableDatabase, ReadableTable, ReadableTableMetadata,
    TableDefinition,
};
use rkyv::{Archive, Deserialize, Serialize};

use super::backend::Backend;
use super::error::{Damage, OpenError, ReadError};
use super::facts::{Identity, Kept, LogRecord};
use super::mark::Mark;
use super::record::{KEY_BYTES, Place, Sealer};
use super::writing::Writer;
use crate::storage::{File, Storage};

/// The database's name.
pub(crate) const FILE: &str = "raft.redb";

/// index to entry.
pub(crate) const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log.1");
/// name to what there is one of.
pub(crate) const FACTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("facts.1");
/// (snapshot, part) to bytes.
pub(crate) const PARTS: TableDefinition<'_, (u64, u32), &[u8]> = TableDefinition::new("parts.1");

pub(crate) const VOTE: &str = "vote";
pub(crate) const PURGED: &str = "purge marker";
pub(crate) const SPAN: &str = "span of the log";
pub(crate) const COMMITTED: &str = "commit marker";
pub(crate) const IDENTITY: &str = "identity";
pub(crate) const SNAPSHOT: &str = "snapshot";
pub(crate) const COMMIT: &str = "commit number";
const KEY: &str = "key";

/// Memory that redb may use for its cache, in bytes.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// What is known without reading entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heads {
    /// The last vote.
    pub vote: Option<Vote>,
    /// Up to where entries are forgotten.
    pub purged: Option<LogId>,
    /// The last entry, or where it would be when all are forgotten.
    pub last: Option<LogId>,
    /// The index of the first entry while none is forgotten.
    pub first: u64,
    /// Up to where entries were known to be decided.
    pub committed: Option<LogId>,
    /// Who this node is; nothing before it belongs to a cluster.
    pub identity: Option<Identity>,
    /// The current snapshot.
    pub snapshot: Option<Kept>,
}

/// Where the log begins and ends: entries that are missing at either end are noticed by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) struct Span {
    /// The index of the first entry while none is forgotten.
    pub(crate) first: u64,
    /// The last entry.
    pub(crate) last: Option<LogId>,
}

/// What Raft must never forget, for reading. Clones are the same store.
#[derive(Clone, Debug)]
pub struct RaftStore {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    /// Nothing once it is closed: then another may open the same file.
    database: RwLock<Option<Database>>,
    pub(crate) sealer: Sealer,
    pub(crate) heads: Mutex<Heads>,
}

impl Inner {
    /// Does something with the database, which stays open meanwhile.
    pub(crate) fn with<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let database = self.database.read();
        work(opened(database.as_ref())?)
    }
}

fn opened(database: Option<&Database>) -> Result<&Database, Trouble> {
    database.ok_or_else(|| Trouble::Failed("it is closed".to_owned()))
}

impl RaftStore {
    /// Closes the file, after whoever reads it now. redb writes to it once more then, so that it
    /// must be over before anybody opens it again.
    pub(super) fn close(&self) {
        drop(self.inner.database.write().take());
    }

    /// Opens what is there, or begins an empty one, and checks every record. The writer that comes
    /// with it is the only one; hand it to a [`super::Disk`].
    ///
    /// # Errors
    /// [`OpenError::Damaged`] when anything is not what was written.
    pub fn open(storage: &dyn Storage) -> Result<(Self, Writer), OpenError> {
        let failed = |what: &'static str| move |error| OpenError::failed(what, error);
        let mut mark = Mark::open(storage).map_err(failed("opening the mark"))?;
        let answered = mark.read().map_err(failed("reading the mark"))?;
        let file = file(storage, answered)?;
        // redb trusts its own pages in places and panics when they are damaged.
        let opened = catch_unwind(AssertUnwindSafe(|| load(storage, file, answered)));
        let panicked = |_| OpenError::Damaged(Damage::of("a page", "the database cannot read it"));
        let (inner, commit) = opened.unwrap_or_else(|panic| Err(panicked(panic)))?;
        let store = Self { inner: Arc::new(inner) };
        let writer = Writer::new(store.clone(), mark, commit);
        Ok((store, writer))
    }

    /// What is known without reading entries, as far as it is durable.
    #[must_use]
    pub fn heads(&self) -> Heads {
        self.inner.heads.lock().clone()
    }

    /// Durable entries of a range, as far as they are there; from its beginning without a gap.
    ///
    /// # Errors
    /// [`ReadError`] when an entry is not what was written.
    pub fn entries(&self, range: Range<u64>) -> Result<Vec<LogRecord>, ReadError> {
        let read = || {
            let database = self.inner.database.read();
            let table = opened(database.as_ref())?.begin_read()?.open_table(LOG)?;
            let mut records = Vec::new();
            for row in table.range(range)? {
                let (index, record) = row?;
                records.push(self.inner.sealer.open_entry(index.value(), record.value())?);
            }
            Ok(records)
        };
        let records: Vec<LogRecord> = guarded(read)?;
        let mut pairs = records.iter().zip(records.iter().skip(1));
        match pairs.find(|(one, next)| next.at.index != one.at.index + 1) {
            None => Ok(records),
            Some((one, _)) => {
                let missing = Place::Entry(one.at.index + 1);
                Err(ReadError::Damaged(missing.damage("it is missing")))
            }
        }
    }

    /// One part of a whole snapshot.
    ///
    /// # Errors
    /// [`ReadError`] when it is missing or not what was written.
    pub fn snapshot_part(&self, number: u64, part: u32) -> Result<Bytes, ReadError> {
        let place = Place::Part(number, part);
        guarded(|| {
            let database = self.inner.database.read();
            let table = opened(database.as_ref())?.begin_read()?.open_table(PARTS)?;
            let record = table.get((number, part))?;
            let record = record.ok_or_else(|| place.damage("it is missing"))?;
            let content = self.inner.sealer.open(place, record.value())?;
            Ok(Bytes::copy_from_slice(content))
        })
    }
}

/// What reading ran into, before it is known whether it is damage.
pub(crate) enum Trouble {
    Damaged(Damage),
    Failed(String),
}

impl From<Damage> for Trouble {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage)
    }
}

macro_rules! troubles {
    ($($error:ty),*) => {$(
        impl From<$error> for Trouble {
            fn from(error: $error) -> Self {
                match redb::Error::from(error) {
                    redb::Error::Io(error) if says_damage(&error) => {
                        Self::Damaged(Damage::of("a page", error.to_string()))
                    }
                    redb::Error::Io(error) => Self::Failed(error.to_string()),
                    redb::Error::PreviousIo => Self::Failed("it has failed before".to_owned()),
                    other => Self::Damaged(Damage::of("a page", other.to_string())),
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

/// Whether redb calls an error of the medium what is none.
fn says_damage(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}

fn guarded<T>(read: impl FnOnce() -> Result<T, Trouble>) -> Result<T, ReadError> {
    let caught = catch_unwind(AssertUnwindSafe(read));
    match caught {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(Trouble::Damaged(damage))) => Err(ReadError::Damaged(damage)),
        Ok(Err(Trouble::Failed(why))) => Err(ReadError::Failed(why)),
        Err(_) => Err(ReadError::Damaged(Damage::of("a page", "the database cannot read it"))),
    }
}

/// The database's file. One whose making was cut short has never answered anything.
fn file(storage: &dyn Storage, answered: u64) -> Result<Arc<dyn File>, OpenError> {
    let failed = |error: io::Error| OpenError::failed("opening raft.redb", error);
    match storage.open(FILE) {
        Ok(file) if answered > 0 => return Ok(file),
        Ok(file) if is_begun(&*file).map_err(failed)? => return Ok(file),
        Ok(_) => {}
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        Err(_) if answered > 0 => {
            return Err(OpenError::Damaged(Damage::of("the whole of it", "the file is missing")));
        }
        Err(_) => {}
    }
    let file = storage.create(FILE, 0).map_err(failed)?;
    file.sync().map_err(failed)?;
    storage.sync_folder("").map_err(failed)?;
    Ok(file)
}

/// Whether redb finished making the file: it writes its magic number last.
fn is_begun(file: &dyn File) -> io::Result<bool> {
    let mut magic = [0; 4];
    Ok(file.read_at(0, &mut magic)? == magic.len() && magic == *b"redb")
}

fn load(
    storage: &dyn Storage,
    file: Arc<dyn File>,
    answered: u64,
) -> Result<(Inner, u64), OpenError> {
    let load = || {
        // What a failed sync left in memory must not be taken for what the medium has.
        file.forget().map_err(|error| Trouble::Failed(error.to_string()))?;
        let mut builder = Builder::new();
        builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
        let database = builder.create_with_backend(Backend(file))?;
        let key = key(storage, &database, answered)?;
        let sealer = Sealer::new(&key);
        let (heads, commit) = check(&database, &sealer)?;
        if commit < answered {
            let what = format!("it is {commit}, and {answered} was answered: commits are missing");
            return Err(Place::Fact(COMMIT).damage(&what).into());
        }
        let database = RwLock::new(Some(database));
        Ok((Inner { database, sealer, heads: Mutex::new(heads) }, commit))
    };
    load().map_err(|trouble| match trouble {
        Trouble::Damaged(damage) => OpenError::Damaged(damage),
        Trouble::Failed(why) => OpenError::failed("opening raft.redb", why),
    })
}

/// The store's key; a store without one is new.
fn key(storage: &dyn Storage, database: &Database, answered: u64) -> Result<Vec<u8>, Trouble> {
    let transaction = database.begin_write()?;
    transaction.open_table(LOG)?;
    transaction.open_table(PARTS)?;
    let mut facts = transaction.open_table(FACTS)?;
    // The key's own record is sealed with nothing, which finds a flipped bit.
    let unkeyed = Sealer::new(&[]);
    let place = Place::Fact(KEY);
    if let Some(record) = facts.get(KEY)? {
        return Ok(unkeyed.open(place, record.value())?.to_vec());
    }
    if answered > 0 || !facts.is_empty()? {
        return Err(place.damage("it is missing").into());
    }
    let mut key = Vec::with_capacity(KEY_BYTES);
    while key.len() < KEY_BYTES {
        let salt = storage.salt().map_err(|error| Trouble::Failed(error.to_string()))?;
        key.extend_from_slice(&salt.to_le_bytes());
    }
    facts.insert(KEY, &*unkeyed.seal(place, &[&key]))?;
    let commit = Sealer::new(&key).seal(Place::Fact(COMMIT), &[&0_u64.to_le_bytes()]);
    facts.insert(COMMIT, &*commit)?;
    drop(facts);
    let mut transaction = transaction;
    transaction.set_durability(Durability::Immediate)?;
    transaction.commit()?;
    Ok(key)
}

/// Reads everything once.
fn check(database: &Database, sealer: &Sealer) -> Result<(Heads, u64), Trouble> {
    let transaction = database.begin_read()?;
    let facts = transaction.open_table(FACTS)?;
    let mut heads = Heads::default();
    let mut commit = None;
    let mut span = Span::default();
    for row in facts.iter()? {
        let (name, record) = row?;
        let (name, record) = (name.value(), record.value());
        let place = Place::Fact(name);
        match name {
            VOTE => heads.vote = Some(sealer.open_value(place, record)?),
            PURGED => heads.purged = Some(sealer.open_value(place, record)?),
            SPAN => span = sealer.open_value(place, record)?,
            COMMITTED => heads.committed = Some(sealer.open_value(place, record)?),
            IDENTITY => heads.identity = Some(sealer.open_value(place, record)?),
            SNAPSHOT => heads.snapshot = Some(sealer.open_value(place, record)?),
            COMMIT => commit = number(sealer.open(place, record)?),
            KEY => {}
            _ => return Err(place.damage("it is none that belongs here").into()),
        }
    }
    let commit = commit.ok_or_else(|| Place::Fact(COMMIT).damage("it is missing"))?;
    heads.last = heads.purged;
    heads.first = span.first;
    for row in transaction.open_table(LOG)?.iter()? {
        let (index, record) = row?;
        let expected = heads.last.map_or(span.first, |last| last.index + 1);
        if index.value() != expected {
            return Err(Place::Entry(expected).damage("it is missing").into());
        }
        heads.last = Some(sealer.open_entry(expected, record.value())?.at);
    }
    if heads.last != span.last {
        let what = format!("the log ends at {:?}, and should at {:?}", heads.last, span.last);
        return Err(Place::Fact(SPAN).damage(&what).into());
    }
    if let Some(kept) = &heads.snapshot {
        check_snapshot(&transaction, sealer, kept)?;
    }
    Ok((heads, commit))
}

fn check_snapshot(
    transaction: &redb::ReadTransaction,
    sealer: &Sealer,
    kept: &Kept,
) -> Result<(), Trouble> {
    let parts = transaction.open_table(PARTS)?;
    let mut bytes = 0;
    for part in 0..kept.parts {
        let place = Place::Part(kept.number, part);
        let record = parts.get((kept.number, part))?;
        let record = record.ok_or_else(|| place.damage("it is missing"))?;
        bytes += sealer.open(place, record.value())?.len() as u64;
    }
    if bytes != kept.bytes {
        return Err(Place::Fact(SNAPSHOT).damage("its length does not fit").into());
    }
    Ok(())
}

fn number(content: &[u8]) -> Option<u64> {
    content.try_into().ok().map(u64::from_le_bytes)
}
