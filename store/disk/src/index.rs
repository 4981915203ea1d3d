//! Which positions a session has. It can be deleted at any time: the segments are the truth.
//!
//! Each entry counts its place within its session and has a checksum, so an entry that was lost or
//! changed is noticed on reading; then the index is dropped and built anew. It must never answer
//! with less than it was given.

use std::path::PathBuf;

use proto::ids::SessionId;
use redb::{
    Builder, Database, Durability, ReadableDatabase, ReadableTable, TableDefinition,
    WriteTransaction,
};
use serde::Deserialize;
use store_log::Position;

/// (session, position) to (place within the session from 1, checksum).
const ENTRIES: TableDefinition<'_, (&str, u64), (u64, u32)> = TableDefinition::new("entries.1");
/// session to (how many, the last position, checksum).
const COUNTS: TableDefinition<'_, &str, (u64, u64, u32)> = TableDefinition::new("counts.1");
/// 0 to (the last position that is indexed, checksum of its content).
const CURSOR: TableDefinition<'_, u8, (u64, u32)> = TableDefinition::new("cursor.1");

/// Memory that redb may use for its cache, in bytes.
const CACHE_BYTES: usize = 16 * 1024 * 1024;
/// Every so many transactions one is made durable; the file grows in between.
const DURABLE_EVERY: u32 = 32;
/// Longer names are not indexed; no session that a node opens has one.
pub(crate) const SESSION_LIMIT: usize = 256;

/// The index, or nothing while it cannot be kept.
pub(crate) struct Index {
    path: PathBuf,
    database: Option<Database>,
    cursor: Position,
    cursor_checksum: u32,
    since_durable: u32,
}

/// The index is not what it was given, or cannot be used.
#[derive(Debug)]
pub(crate) struct Unusable(String);

impl<E: std::error::Error> From<E> for Unusable {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

impl Index {
    /// No index: it has nothing and keeps nothing.
    pub(crate) fn none() -> Self {
        Self {
            path: PathBuf::new(),
            database: None,
            cursor: Position(0),
            cursor_checksum: 0,
            since_durable: 0,
        }
    }

    /// Opens what is there, or starts an empty one.
    pub(crate) fn open(path: PathBuf) -> Self {
        let mut index = Self { path, ..Self::none() };
        if let Err(Unusable(why)) = index.load() {
            index.start_anew(&why);
        }
        index
    }

    fn load(&mut self) -> Result<(), Unusable> {
        let mut builder = Builder::new();
        builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
        let database = builder.create(&self.path)?;
        let transaction = database.begin_write()?;
        transaction.open_table(ENTRIES)?;
        transaction.open_table(COUNTS)?;
        let cursor = transaction.open_table(CURSOR)?.get(0)?.map(|row| row.value());
        transaction.commit()?;
        let (position, checksum) = cursor.unwrap_or_default();
        (self.cursor, self.cursor_checksum) = (Position(position), checksum);
        self.database = Some(database);
        Ok(())
    }

    /// Drops everything and begins again.
    pub(crate) fn start_anew(&mut self, why: &str) {
        tracing::warn!(why, "the journal's index is built anew");
        self.database = None;
        (self.cursor, self.cursor_checksum, self.since_durable) = (Position(0), 0, 0);
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::error!(%error, "the journal's index cannot be removed");
                return;
            }
            _ => {}
        }
        if let Err(Unusable(why)) = self.load() {
            // Without an index every question is answered from the segments.
            tracing::error!(why, "the journal goes on without an index");
            self.database = None;
        }
    }

    /// How far it goes, and the checksum of the last content that it was given.
    pub(crate) fn cursor(&self) -> (Position, u32) {
        (self.cursor, self.cursor_checksum)
    }

    pub(crate) fn is_usable(&self) -> bool {
        self.database.is_some()
    }

    /// Takes the sessions of the positions that follow the cursor, up to `last`.
    pub(crate) fn add(
        &mut self,
        sessions: &[(Position, String)],
        last: Position,
        last_checksum: u32,
    ) -> Result<(), Unusable> {
        let Some(database) = &self.database else {
            return Ok(());
        };
        let mut transaction = database.begin_write()?;
        self.since_durable += 1;
        if self.since_durable < DURABLE_EVERY {
            transaction.set_durability(Durability::None)?;
        } else {
            // Sessions are named in records whose content others choose; without two phases
            // such content could be made to look like a commit.
            transaction.set_quick_repair(true);
            self.since_durable = 0;
        }
        insert(&transaction, sessions)?;
        transaction.open_table(CURSOR)?.insert(0, (last.0, last_checksum))?;
        transaction.commit()?;
        (self.cursor, self.cursor_checksum) = (last, last_checksum);
        Ok(())
    }

    /// Makes durable what was only written.
    pub(crate) fn close(&mut self) {
        let closed = self.database.as_ref().map(|database| -> Result<(), Unusable> {
            let mut transaction = database.begin_write()?;
            transaction.set_quick_repair(true);
            Ok(transaction.commit()?)
        });
        if let Some(Err(Unusable(why))) = closed {
            tracing::warn!(why, "the journal's index was not closed in good order");
        }
    }

    /// Positions of a session from `from` on, up to `limit`, as far as the cursor goes.
    pub(crate) fn positions(
        &self,
        session: &SessionId,
        from: Position,
        limit: usize,
    ) -> Result<Vec<Position>, Unusable> {
        let wrong = |what: &str| Unusable(format!("an entry of the index is wrong: {what}"));
        let Some(database) = &self.database else {
            return Ok(Vec::new());
        };
        let transaction = database.begin_read()?;
        let (entries, counts) = (transaction.open_table(ENTRIES)?, transaction.open_table(COUNTS)?);
        let name = session.as_str();
        let before = entries.range((name, 0)..(name, from.0))?.next_back().transpose()?;
        let mut count = before.map_or(0, |(_, entry)| entry.value().0);
        let mut last = Position(0);
        let mut positions = Vec::new();
        for entry in entries.range((name, from.0)..=(name, u64::MAX))?.take(limit) {
            let (key, value) = entry?;
            let (position, (place, checksum)) = (key.value().1, value.value());
            if checksum != checksum_of(name, position, place) || place != count + 1 {
                return Err(wrong("its checksum or its place"));
            }
            (count, last) = (place, Position(position));
            positions.push(last);
        }
        if positions.len() == limit {
            return Ok(positions);
        }
        let (total, end, checksum) = match counts.get(name)? {
            Some(row) => row.value(),
            None if count == 0 => return Ok(positions),
            None => return Err(wrong("its count is missing")),
        };
        let ends_well = positions.is_empty() || last.0 == end;
        if checksum != checksum_of(name, end, total) || total != count || !ends_well {
            return Err(wrong("its count"));
        }
        Ok(positions)
    }
}

fn insert(transaction: &WriteTransaction, sessions: &[(Position, String)]) -> Result<(), Unusable> {
    let mut entries = transaction.open_table(ENTRIES)?;
    let mut counts = transaction.open_table(COUNTS)?;
    for (Position(position), session) in sessions {
        let name = session.as_str();
        let place = counts.get(name)?.map_or(0, |row| row.value().0) + 1;
        let checksum = checksum_of(name, *position, place);
        entries.insert((name, *position), (place, checksum))?;
        counts.insert(name, (place, *position, checksum))?;
    }
    Ok(())
}

fn checksum_of(session: &str, position: u64, place: u64) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(session.as_bytes());
    hasher.update(&position.to_le_bytes());
    hasher.update(&place.to_le_bytes());
    hasher.finalize()
}

/// The session that a record's content names, if it is JSON and names one.
pub(crate) fn session_of(content: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Event {
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        session: Option<String>,
    }
    // Most of what is not JSON is told apart by its first byte.
    let first = content.iter().find(|byte| !byte.is_ascii_whitespace())?;
    if *first != b'{' {
        return None;
    }
    serde_json::from_slice::<Event>(content).ok()?.data.session
}
