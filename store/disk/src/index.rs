//! Which positions a session has. It can be deleted at any time: the segments are the truth.
//!
//! What is indexed at a time is one run for each session: its first position, and how far each
//! further one is from the one before. A run says which place within its session it begins at and
//! has a checksum, so one that was lost or changed is noticed on reading; then the index is dropped
//! and built anew. It must never answer with less than it was given.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

use proto::ids::SessionId;
use redb::{
    Builder, Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, TableHandle,
    WriteTransaction,
};
use serde::Deserialize;
use store_log::Position;

/// Positions by session, in order.
pub(crate) type Runs = BTreeMap<String, Vec<Position>>;

/// (session, first position) to (its place within the session from 1, distances, checksum).
const RUNS: TableDefinition<'_, (&str, u64), (u64, &[u8], u32)> = TableDefinition::new("runs.2");
/// What the index had before it had runs.
const EARLIER: &str = "entries.1";
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
        if transaction.list_tables()?.any(|table| table.name() == EARLIER) {
            return Err(Unusable("it has the form of an earlier version".to_owned()));
        }
        transaction.open_table(RUNS)?;
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
        sessions: &Runs,
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
        let (runs, counts) = (transaction.open_table(RUNS)?, transaction.open_table(COUNTS)?);
        let name = session.as_str();
        // The first one may have begun before.
        let before = runs.range((name, 0)..=(name, from.0))?.next_back().transpose()?;
        let begin = before.as_ref().map_or(from.0, |(key, _)| key.value().1);
        let mut count = if before.is_some() { None } else { Some(0) };
        let mut last = Position(0);
        let mut positions = Vec::new();
        for run in runs.range((name, begin)..=(name, u64::MAX))? {
            let (key, value) = run?;
            let (first, (place, distances, checksum)) = (key.value().1, value.value());
            let follows = count.is_none_or(|count: u64| place == count + 1);
            if checksum != checksum_of_run(name, first, place, distances) || !follows {
                return Err(wrong("its checksum or its place"));
            }
            let all = spread(first, distances).ok_or_else(|| wrong("its distances"))?;
            (count, last) = (Some(place - 1 + all.len() as u64), all[all.len() - 1]);
            let asked = all.into_iter().filter(|position| *position >= from);
            positions.extend(asked.take(limit - positions.len()));
            if positions.len() == limit {
                return Ok(positions);
            }
        }
        let count = count.unwrap_or_default();
        let (total, end, checksum) = match counts.get(name)? {
            Some(row) => row.value(),
            None if count == 0 => return Ok(positions),
            None => return Err(wrong("its count is missing")),
        };
        if checksum != checksum_of(name, end, total) || total != count || last.0 != end {
            return Err(wrong("its count"));
        }
        Ok(positions)
    }
}

fn insert(transaction: &WriteTransaction, sessions: &Runs) -> Result<(), Unusable> {
    let mut runs = transaction.open_table(RUNS)?;
    let mut counts = transaction.open_table(COUNTS)?;
    for (session, positions) in sessions {
        let name = session.as_str();
        let ends = (positions.first().copied(), positions.last().copied());
        let (Some(Position(first)), Some(Position(last))) = ends else { continue };
        let before = counts.get(name)?.map_or(0, |row| row.value().0);
        let (place, total) = (before + 1, before + positions.len() as u64);
        let distances = distances(positions);
        let checksum = checksum_of_run(name, first, place, &distances);
        runs.insert((name, first), (place, &distances[..], checksum))?;
        counts.insert(name, (total, last, checksum_of(name, last, total)))?;
    }
    Ok(())
}

/// How far each position is from the one before, in bytes of seven bits, the lowest first.
fn distances(positions: &[Position]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(positions.len());
    for pair in positions.windows(2) {
        let mut distance = pair[1].0 - pair[0].0;
        while distance >= 0x80 {
            bytes.push(distance as u8 | 0x80);
            distance >>= 7;
        }
        bytes.push(distance as u8);
    }
    bytes
}

/// The positions of a run; nothing when its distances are none.
fn spread(first: u64, distances: &[u8]) -> Option<Vec<Position>> {
    let mut positions = vec![Position(first)];
    let (mut at, mut distance, mut shift) = (first, 0_u64, 0);
    for byte in distances {
        distance |= u64::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
        if *byte < 0x80 {
            at = at.checked_add(distance)?;
            positions.push(Position(at));
            (distance, shift) = (0, 0);
        }
    }
    (shift == 0).then_some(positions)
}

fn checksum_of_run(session: &str, first: u64, place: u64, distances: &[u8]) -> u32 {
    let mut hasher = hasher_of(session, first, place);
    hasher.update(distances);
    hasher.finalize()
}

fn checksum_of(session: &str, position: u64, count: u64) -> u32 {
    hasher_of(session, position, count).finalize()
}

fn hasher_of(session: &str, position: u64, number: u64) -> crc32fast::Hasher {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(session.as_bytes());
    hasher.update(&position.to_le_bytes());
    hasher.update(&number.to_le_bytes());
    hasher
}

/// The session that a record's content names, if it is JSON and names one.
pub(crate) fn session_of(content: &[u8]) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Event {
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        session: Option<String>,
    }
    if let Some(session) = subject(content) {
        return session.map(Cow::Borrowed);
    }
    // Most of what is not JSON is told apart by its first byte.
    let first = content.iter().find(|byte| !byte.is_ascii_whitespace())?;
    if *first != b'{' {
        return None;
    }
    serde_json::from_slice::<Event>(content).ok()?.data.session.map(Cow::Owned)
}

/// The session in the subject of an event as this product writes it: what it is about stands before
/// all that others choose. Nothing when it does not begin as such an event does.
fn subject(content: &[u8]) -> Option<Option<&str>> {
    let mut rest = content.strip_prefix(br#"{"specversion":"1.0""#)?;
    for name in [&b"id"[..], b"source", b"type"] {
        (_, rest) = plain(rest, name)?;
    }
    match plain(rest, b"subject") {
        Some((subject, _)) => Some(Some(subject.strip_prefix("session/")?)),
        // Without a subject it is about no session.
        None => plain(rest, b"time").map(|_| None),
    }
}

/// A field whose text has no escapes, and what stands behind it.
fn plain<'a>(rest: &'a [u8], name: &[u8]) -> Option<(&'a str, &'a [u8])> {
    let rest = rest.strip_prefix(b",\"")?.strip_prefix(name)?.strip_prefix(b"\":\"")?;
    let end = rest.iter().position(|byte| *byte == b'"')?;
    let text = std::str::from_utf8(&rest[..end]).ok()?;
    (!text.contains('\\')).then_some((text, &rest[end + 1..]))
}
