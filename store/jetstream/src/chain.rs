//! Publishes one chain: looks where the stream stands, then sends what follows, batch after batch.
//!
//! After every answer that is not a plain acknowledgement it looks again. So a lost answer, a
//! repeated message, a second process, a stream that was wiped, cut or made anew all come to the
//! same place: the last message of the chain's subject, compared byte for byte with the journal.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use proto::ids::{Chain, Digest};
use store_log::{Backend, Position, ReadError, Stored};

use crate::fault::Fault;
use crate::link::{Answer, Fence, Link, Message, Together};
use crate::progress::{Progress, Tip};
use crate::resume::{Around, from, place, resume, sha256};

/// So many events are published at once, all or none: as many as servers take in a batch.
const BATCH_EVENTS: usize = 1000;
/// So many bytes, about.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// So many records are read from the journal at once, each of at most `EVENT_LIMIT` bytes.
const READ_RECORDS: usize = 64;
/// So many batches are read ahead: the next one while the servers store the one before.
const READ_AHEAD: usize = 2;

/// At most two to the power of this batches come between two rows.
const ROWS_BROKEN_LIMIT: u32 = 6;

/// How long is waited before a chain that is held, or a stream that is full, is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How often a stream is looked at while there is nothing to publish.
const IDLE_LOOK: Duration = Duration::from_secs(2);
/// How long is waited after an answer that nobody can explain.
const PAUSE: Duration = Duration::from_millis(100);

/// Publishes one chain of one node's journal.
pub(crate) struct ChainPublisher {
    pub(crate) chain: Chain,
    pub(crate) stream: &'static str,
    pub(crate) subject: String,
    pub(crate) journal: Arc<dyn Backend>,
    pub(crate) progress: Arc<Progress>,
    /// Whether events may go in a row instead of a batch: faster at a server alone that syncs late,
    /// which makes files for each batch, and slower at any other.
    pub(crate) rows: bool,
}

/// Whether the next events go in a row or in a batch.
#[derive(Debug, Default)]
struct Manner {
    /// Rows that were broken one after the other.
    broken: u32,
    /// So many batches come before the next row.
    batches: u32,
}

impl Manner {
    fn next(&self, rows: bool) -> Together {
        if rows && self.batches == 0 { Together::Row } else { Together::Batch }
    }

    /// Somebody else published in between, or a message was refused that has no answer of its own:
    /// batches get through and say why not.
    fn broke(&mut self) {
        self.broken = (self.broken + 1).min(ROWS_BROKEN_LIMIT);
        self.batches = 1 << self.broken;
    }

    fn kept(&mut self, together: Together) {
        match together {
            Together::Row => self.broken = 0,
            Together::Batch => self.batches = self.batches.saturating_sub(1),
        }
    }
}

/// Where a publisher is.
struct Cursor {
    tip: Tip,
    /// The next position of the journal to read.
    next: Position,
    /// Events that were read and are not acknowledged, each with the SHA-256 of its bytes.
    read: VecDeque<(Stored, Digest)>,
}

/// Why publishing paused.
enum Pause {
    /// Look where the stream stands, in a moment.
    Look,
    /// Look now.
    LookAtOnce,
    /// Look again after a while.
    Wait(Fault),
    /// The connection is of no use.
    Broken(Fault),
}

impl ChainPublisher {
    /// Publishes until the connection is of no use; gives the reason.
    pub(crate) async fn run(&self, link: &Link) -> Fault {
        let mut manner = Manner::default();
        loop {
            let paused = match self.look(link).await {
                Ok(mut cursor) => self.publish(link, &mut cursor, &mut manner).await,
                Err(fault) if fault.is_of_a_chain() => Pause::Wait(fault),
                Err(fault) => Pause::Broken(fault),
            };
            match paused {
                Pause::Look => tokio::time::sleep(PAUSE).await,
                Pause::LookAtOnce => {}
                Pause::Wait(fault) => {
                    tracing::error!(chain = %self.chain, %fault, "the chain is not published");
                    self.progress.down(&fault);
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                Pause::Broken(fault) => return fault,
            }
        }
    }

    /// Compares the stream's last event of the chain with the journal.
    async fn look(&self, link: &Link) -> Result<Cursor, Fault> {
        let last = link.last(self.stream, &self.subject).await?;
        let seq = match &last {
            Some(last) => place(&self.chain, last)?.0,
            None => 0,
        };
        let held = self.held(seq).await?;
        let found = resume(&self.chain, last.as_ref(), &held)?;
        let before = self.progress.tip();
        if self.progress.resumed(&found) {
            tracing::error!(
                chain = %self.chain, had = before.seq, has = found.seq,
                "the stream lost events that it had acknowledged: they are published again"
            );
            metrics::counter!("sallyport_stream_regressions_total").increment(1);
        }
        let tip = Tip { seq: found.seq, sequence: found.fence, hash: found.hash };
        let first = self.journal.usage().first;
        Ok(Cursor { tip, next: from(&held, first), read: VecDeque::new() })
    }

    /// What the journal holds around a place of the chain.
    async fn held(&self, seq: u64) -> Result<Around, Fault> {
        let (journal, control) = (self.journal.clone(), self.chain == Chain::Control);
        let look = move || -> Result<Around, ReadError> {
            let at = if seq == 0 { None } else { journal.find(control, seq)? };
            let mut held = Around { next: journal.find(control, seq + 1)?, at, last: 0 };
            if held.next.is_some() || held.at.is_some() {
                return Ok(held);
            }
            // Neither is here: what is, if anything?
            let mut position = journal.usage().first;
            while held.next.is_none() {
                let read = journal.read(position, READ_RECORDS)?;
                let Some(end) = read.last().map(|record| record.position.next()) else { break };
                for record in read.into_iter().filter(|record| record.control == control) {
                    held.last = record.seq;
                    if record.seq > seq {
                        held.next = Some(record);
                        break;
                    }
                }
                position = end;
            }
            Ok(held)
        };
        off_the_runtime(look).await
    }

    /// Publishes what follows, for as long as the answers are plain.
    async fn publish(&self, link: &Link, cursor: &mut Cursor, manner: &mut Manner) -> Pause {
        loop {
            if let Some(from) = self.progress.take_again()
                && from <= cursor.tip.seq
                && let Err(fault) = self.rewind(cursor, from).await
            {
                return Pause::Wait(fault);
            }
            let more = match self.fill(cursor, 1).await {
                Ok(more) => more,
                Err(fault) => return Pause::Wait(fault),
            };
            let batch = match self.batch(cursor) {
                Ok(batch) => batch,
                Err(fault) => return Pause::Wait(fault),
            };
            if batch.is_empty() {
                let last = Position(cursor.next.0.saturating_sub(1));
                tokio::select! {
                    grown = self.journal.grown(last) => if grown.is_err() {
                        // A journal that closed grows no more.
                        std::future::pending::<()>().await;
                    },
                    () = self.progress.woken() => {}
                    // Somebody may have taken away what is there, and nobody would notice.
                    () = tokio::time::sleep(IDLE_LOOK) => return Pause::LookAtOnce,
                }
                continue;
            }
            let (together, fence) = (manner.next(self.rows), Fence::Subject(cursor.tip.sequence));
            let publish = link.publish(self.stream, fence, together, &batch);
            // What goes wrong with the reading shows again when it is needed.
            let ahead = self.fill(cursor, if more { READ_AHEAD } else { 0 });
            let (answer, _) = tokio::join!(publish, ahead);
            match answer {
                Answer::Kept(sequence) => {
                    manner.kept(together);
                    self.kept(cursor, batch.len(), sequence);
                }
                Answer::Conflict if together == Together::Row && batch.len() > 1 => {
                    manner.broke();
                    return Pause::LookAtOnce;
                }
                answer @ (Answer::Conflict | Answer::Duplicate) => {
                    if answer == Answer::Duplicate {
                        self.progress.answered_as_known();
                    }
                    metrics::counter!("sallyport_stream_conflicts_total").increment(1);
                    return Pause::Look;
                }
                Answer::Full(why) => return Pause::Wait(Fault::Full(why)),
                Answer::Unknown => return Pause::Broken(Fault::Silent),
                Answer::Refused(why) => return Pause::Broken(Fault::Refused(why)),
            }
        }
    }

    /// Goes back to a place that the stream has lost: all from there on is published again, behind
    /// what it has.
    async fn rewind(&self, cursor: &mut Cursor, from: u64) -> Result<(), Fault> {
        let (journal, control) = (self.journal.clone(), self.chain == Chain::Control);
        let found = off_the_runtime(move || journal.find(control, from)).await?;
        let gone = || Fault::Gone { chain: self.chain.clone(), from, to: from };
        cursor.next = found.ok_or_else(gone)?.position;
        cursor.tip.seq = from - 1;
        cursor.read.clear();
        Ok(())
    }

    fn kept(&self, cursor: &mut Cursor, count: usize, sequence: u64) {
        if let Some((last, hash)) = cursor.read.drain(..count).next_back() {
            cursor.tip = Tip { seq: last.seq, sequence, hash: Some(hash) };
            self.progress.acknowledged(cursor.tip, count as u64);
            metrics::counter!("sallyport_stream_published_total").increment(count as u64);
        }
    }

    /// Reads on until there is enough for so many batches, or the journal has no more; says whether
    /// it may have.
    async fn fill(&self, cursor: &mut Cursor, batches: usize) -> Result<bool, Fault> {
        let control = self.chain == Chain::Control;
        let mut bytes: usize = cursor.read.iter().map(|(record, _)| record.bytes.len()).sum();
        while cursor.read.len() < batches * BATCH_EVENTS && bytes < batches * BATCH_BYTES {
            let (journal, from, behind) = (self.journal.clone(), cursor.next, cursor.tip.seq);
            let read = move || {
                let read = journal.read(from, READ_RECORDS)?;
                let end = read.last().map(|record| record.position.next());
                let own = |record: &Stored| record.control == control && record.seq > behind;
                let hashed = |record: Stored| {
                    let hash = sha256(&record.bytes);
                    (record, hash)
                };
                Ok((read.into_iter().filter(own).map(hashed).collect::<Vec<_>>(), end))
            };
            let (read, Some(end)) = off_the_runtime(read).await? else { return Ok(false) };
            bytes += read.iter().map(|(record, _)| record.bytes.len()).sum::<usize>();
            cursor.next = end;
            cursor.read.extend(read);
        }
        Ok(true)
    }

    /// The next messages; each follows the one before it.
    fn batch(&self, cursor: &Cursor) -> Result<Vec<Message>, Fault> {
        let salt = self.progress.salt();
        let mut batch = Vec::new();
        let (mut expected, mut bytes) = (cursor.tip.seq + 1, 0);
        for (record, hash) in cursor.read.iter().take(BATCH_EVENTS) {
            if record.seq != expected {
                let (from, to) = (expected, record.seq.saturating_sub(1));
                return Err(Fault::Gone { chain: self.chain.clone(), from, to });
            }
            bytes += record.bytes.len();
            if !batch.is_empty() && bytes > BATCH_BYTES {
                break;
            }
            // What the stream lost is known to it for a while under its first id, so another one
            // is needed: the answer that it is known would be a lie.
            let id = match salt {
                0 => hash.to_string(),
                again => format!("{hash}/{again}"),
            };
            let (subject, bytes) = (self.subject.clone(), record.bytes.clone());
            batch.push(Message { subject, id, bytes, note: None });
            expected += 1;
        }
        Ok(batch)
    }
}

/// Reads the journal where it may block.
pub(crate) async fn off_the_runtime<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, ReadError> + Send + 'static,
) -> Result<T, Fault> {
    match tokio::task::spawn_blocking(read).await {
        Ok(read) => read.map_err(|error| Fault::Journal(error.to_string())),
        Err(error) => Err(Fault::Journal(error.to_string())),
    }
}
