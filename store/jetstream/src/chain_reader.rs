//! Reads a chain out of the stream, for those who do not have its node's journal.
//!
//! The stream is not believed: an event is given only when it follows the one before it by place
//! and hash, from the first event of the chain on; and where a majority has sealed an event of the
//! chain, it must be that one. What was published again is passed over, what is missing is named.
//! Memory is bounded by what one call gives.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use proto::event::{Event, Head, Kind};
use proto::ids::{Chain, Digest, Name};

use crate::fault::Fault;
use crate::link::{Link, Servers};
use crate::reader::{Read, read};
use crate::resume::sha256;
use crate::shape::RECORD;
use crate::subject::record_subject;

/// So many messages are asked for at once.
const AT_ONCE: usize = 512;

/// One call gives no more than about so many bytes.
const GIVEN_BYTES: usize = 8 * 1024 * 1024;

/// A place is remembered for each so many events, at first.
const STRIDE: u64 = 1024;

/// So many places of a chain are remembered; then only every second one is.
const MARKS_LIMIT: usize = 4096;

/// Reads the chains of a cluster.
pub struct ChainReader {
    servers: Servers,
    cluster: Name,
    link: tokio::sync::Mutex<Option<Arc<Link>>>,
    known: Mutex<BTreeMap<Chain, Marks>>,
}

/// An event of a chain that follows all before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    /// Its place; 0 before the first.
    seq: u64,
    /// SHA-256 of its bytes.
    hash: Digest,
    /// Where it is in the stream.
    sequence: u64,
}

const START: Mark = Mark { seq: 0, hash: Digest::ZERO, sequence: 0 };

/// What is known of a chain in the stream.
#[derive(Clone, Debug)]
struct Marks {
    stride: u64,
    /// By place.
    marks: Vec<Mark>,
    /// Up to which sealed place the chain was compared.
    compared: u64,
    /// The furthest place that was seen, whether it follows or not.
    furthest: u64,
}

impl Default for Marks {
    fn default() -> Self {
        Self { stride: STRIDE, marks: Vec::new(), compared: 0, furthest: 0 }
    }
}

impl Marks {
    /// The last one before a place.
    fn before(&self, seq: u64) -> Mark {
        let count = self.marks.partition_point(|mark| mark.seq < seq);
        count.checked_sub(1).map_or(START, |last| self.marks[last])
    }

    /// Remembers a place, if it is far enough from the others, or the last one for now.
    fn put(&mut self, mark: Mark, stays: bool) {
        let at = self.marks.partition_point(|known| known.seq < mark.seq);
        let before = at.checked_sub(1).map_or(0, |last| self.marks[last].seq);
        let new = self.marks.get(at).is_none_or(|known| known.seq != mark.seq);
        if new && (stays || mark.seq - before >= self.stride) {
            self.marks.insert(at, mark);
        }
        if self.marks.len() > MARKS_LIMIT {
            let mut count = 0_usize;
            self.marks.retain(|_| {
                count += 1;
                count.is_multiple_of(2)
            });
            self.stride *= 2;
        }
    }

    /// The stream is not what it was from a place on.
    fn forget(&mut self, from: Mark) {
        self.marks.retain(|mark| mark.seq < from.seq);
        self.compared = self.compared.min(from.seq);
        self.furthest = 0;
    }
}

/// One walk along a chain.
struct Walk<'a> {
    chain: &'a Chain,
    cluster: &'a Name,
    at: Mark,
    /// The next sequence of the stream to look at.
    next: u64,
    /// The furthest place that was seen, whether it follows or not.
    furthest: u64,
    sealed: Option<Head>,
}

impl ChainReader {
    /// Nothing is asked of the servers before something is read.
    #[must_use]
    pub fn new(servers: Servers, cluster: Name) -> Self {
        let (link, known) = (tokio::sync::Mutex::new(None), Mutex::default());
        Self { servers, cluster, link, known }
    }

    /// The exact bytes of a chain's events from a place on, in order and without a gap: at most
    /// `limit`, and no more than about 8 MiB; none at the end. `sealed` is the last event of the
    /// chain that a majority has sealed.
    ///
    /// # Errors
    /// [`Fault`]: that the servers are not reached, that the chain has a hole there, or that it is
    /// not the one that was sealed.
    pub async fn read(
        &self,
        chain: &Chain,
        from: u64,
        limit: usize,
        sealed: Option<Head>,
    ) -> Result<Vec<Bytes>, Fault> {
        let link = self.link().await?;
        let result = self.walk(&link, chain, from.max(1), limit, sealed).await;
        if result.as_ref().is_err_and(|fault| !fault.is_of_a_chain()) {
            let mut kept = self.link.lock().await;
            if kept.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, &link)) {
                *kept = None;
            }
        }
        result
    }

    async fn link(&self) -> Result<Arc<Link>, Fault> {
        let mut kept = self.link.lock().await;
        if let Some(link) = kept.as_ref().filter(|link| !link.is_lost()) {
            return Ok(link.clone());
        }
        let link = Arc::new(Link::open(&self.servers).await?);
        *kept = Some(link.clone());
        Ok(link)
    }

    async fn walk(
        &self,
        link: &Link,
        chain: &Chain,
        from: u64,
        limit: usize,
        sealed: Option<Head>,
    ) -> Result<Vec<Bytes>, Fault> {
        let subject = record_subject(&self.cluster, chain);
        let mut walk = self.begin(link, chain, from, sealed).await?;
        let (mut given, mut bytes) = (Vec::new(), 0);
        let ended = loop {
            let messages = read(link, RECORD, &subject, walk.next, AT_ONCE).await?;
            if messages.is_empty() {
                break true;
            }
            for message in messages {
                if !walk.takes(&message)? {
                    continue;
                }
                if walk.at.seq >= from {
                    bytes += message.bytes.len();
                    given.push(message.bytes);
                }
                self.with(chain, |marks| marks.put(walk.at, false));
                if given.len() >= limit || bytes >= GIVEN_BYTES {
                    break;
                }
            }
            if given.len() >= limit || bytes >= GIVEN_BYTES {
                break false;
            }
        };
        let reached = walk.at;
        let furthest = self.with(chain, |marks| {
            if reached.seq > 0 {
                marks.put(reached, true);
            }
            let sealed = sealed.map_or(0, |sealed| sealed.seq);
            if sealed <= reached.seq {
                marks.compared = marks.compared.max(sealed);
            }
            marks.furthest = marks.furthest.max(walk.furthest);
            marks.furthest
        });
        // What is there before the hole is given first.
        if ended && given.is_empty() && furthest > reached.seq {
            return Err(Fault::Hole { chain: chain.clone(), seq: reached.seq + 1 });
        }
        Ok(given)
    }

    /// Begins behind the last known event before a place, if the stream still has it.
    async fn begin<'a>(
        &'a self,
        link: &Link,
        chain: &'a Chain,
        from: u64,
        sealed: Option<Head>,
    ) -> Result<Walk<'a>, Fault> {
        let subject = record_subject(&self.cluster, chain);
        loop {
            let at = self.with(chain, |marks| {
                // What was sealed since is compared too, though it was given before.
                let unsealed = sealed.map(|sealed| sealed.seq).filter(|seq| *seq > marks.compared);
                marks.before(from.min(unsealed.unwrap_or(u64::MAX)))
            });
            let cluster = &self.cluster;
            let walk = Walk { chain, cluster, at, next: at.sequence + 1, furthest: 0, sealed };
            if at == START {
                return Ok(walk);
            }
            let there = read(link, RECORD, &subject, at.sequence, 1).await?;
            let same = |message: &Read| {
                message.sequence == at.sequence && sha256(&message.bytes) == at.hash
            };
            if there.first().is_some_and(same) {
                return Ok(walk);
            }
            self.with(chain, |marks| marks.forget(at));
        }
    }

    fn with<T>(&self, chain: &Chain, act: impl FnOnce(&mut Marks) -> T) -> T {
        act(self.known.lock().entry(chain.clone()).or_default())
    }
}

impl Walk<'_> {
    /// Whether a message is the next event of the chain; what is none of the chain is passed over.
    fn takes(&mut self, message: &Read) -> Result<bool, Fault> {
        self.next = message.sequence + 1;
        let Ok(event) = Event::read(&message.bytes) else { return Ok(false) };
        if event.id.chain != *self.chain || event.cluster != *self.cluster {
            return Ok(false);
        }
        let seq = event.id.seq;
        self.furthest = self.furthest.max(seq);
        let next = seq == self.at.seq + 1 || self.jumps(&event);
        if !next || event.prev != self.at.hash {
            return Ok(false);
        }
        let hash = sha256(&message.bytes);
        if let Some(Head { seq: sealed, hash: Some(ours) }) = self.sealed
            && sealed == seq
            && ours != hash
        {
            return Err(Fault::Forked { chain: self.chain.clone(), seq, ours, theirs: hash });
        }
        self.at = Mark { seq, hash, sequence: message.sequence };
        Ok(true)
    }

    /// Behind a restored backup the places of the control chain jump.
    fn jumps(&self, event: &Event) -> bool {
        let after = match &event.kind {
            Some(Kind::BackupRestored(restored)) => restored.after,
            _ => None,
        };
        *self.chain == Chain::Control && self.at.seq > 0 && after == Some(self.at.seq)
    }
}
