//! Reads a chain back from the stream, and compares it byte for byte with the journal.
//!
//! What the stream has lost in the middle is published again from there on, behind what it has:
//! readers order by place. A hole is believed only when something behind it was seen: a follower of
//! the stream's leader may be late.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proto::event::Event;
use proto::ids::Chain;
use store_log::{Backend, Position, Stored};
use tokio::time::Instant;

use crate::chain::off_the_runtime;
use crate::fault::Fault;
use crate::link::Link;
use crate::progress::Progress;
use crate::reader::{Read, read};

/// So many messages are read at once.
const AT_ONCE: usize = 256;
/// How long is waited between two looks.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How often all of it is read anew: what was there may have been damaged since.
const ANEW: Duration = Duration::from_secs(60 * 60);

/// One reading of a whole chain.
struct Scan {
    began: Instant,
    /// The next sequence of the stream.
    from: u64,
    /// Up to this place nothing is missing.
    whole: u64,
    /// Whether something behind a hole was seen.
    later: bool,
    /// What was read of the journal and not compared yet, and where to read on; 0 for nowhere.
    ahead: VecDeque<Stored>,
    next: Position,
}

impl Scan {
    fn begin() -> Self {
        let (ahead, next) = (VecDeque::new(), Position(0));
        Self { began: Instant::now(), from: 1, whole: 0, later: false, ahead, next }
    }
}

/// Reads one chain back.
pub(crate) struct ReadBack {
    pub(crate) chain: Chain,
    pub(crate) stream: &'static str,
    pub(crate) subject: String,
    pub(crate) journal: Arc<dyn Backend>,
    pub(crate) progress: Arc<Progress>,
}

impl ReadBack {
    /// Reads until the connection is of no use; gives the reason.
    pub(crate) async fn run(&self, link: &Link) -> Fault {
        // Each connection begins anew: what is behind it may be another stream.
        let mut scan = Scan::begin();
        let mut lost = self.progress.regressions();
        self.progress.read_back(0);
        loop {
            if self.progress.regressions() != lost {
                lost = self.progress.regressions();
                scan = Scan::begin();
                self.progress.read_back(0);
            }
            let messages = match read(link, self.stream, &self.subject, scan.from, AT_ONCE).await {
                Ok(messages) => messages,
                Err(fault) => return fault,
            };
            for message in &messages {
                if let Err(fault) = self.compare(&mut scan, message).await {
                    self.strange(&fault);
                }
                scan.from = message.sequence + 1;
            }
            self.progress.read_back_at_least(scan.whole);
            if !messages.is_empty() {
                continue;
            }
            if scan.later {
                let missing = scan.whole + 1;
                tracing::error!(
                    chain = %self.chain, missing,
                    "the stream lost events in the middle: they are published again"
                );
                self.progress.publish_again(missing);
                (scan.later, lost) = (false, self.progress.regressions());
            }
            if scan.began.elapsed() > ANEW {
                scan = Scan::begin();
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Compares a message with the journal.
    async fn compare(&self, scan: &mut Scan, message: &Read) -> Result<(), Fault> {
        let foreign = || Fault::Foreign { chain: self.chain.clone(), sequence: message.sequence };
        let event = Event::read(&message.bytes).map_err(|_| foreign())?;
        if event.id.chain != self.chain {
            return Err(foreign());
        }
        let seq = event.id.seq;
        if seq > scan.whole + 1 {
            scan.later = true;
            return Ok(());
        }
        let held = self.held(scan, seq).await?;
        // What is no longer here was compared before it went.
        if held.is_some_and(|held| held != message.bytes) {
            return Err(foreign());
        }
        scan.whole = scan.whole.max(seq);
        Ok(())
    }

    /// What the journal holds at a place: read on from the place before, or looked up when it is
    /// another one.
    async fn held(&self, scan: &mut Scan, seq: u64) -> Result<Option<Bytes>, Fault> {
        let control = self.chain == Chain::Control;
        while scan.ahead.front().is_some_and(|record| record.seq < seq) {
            scan.ahead.pop_front();
        }
        if scan.ahead.is_empty() && scan.next > Position(0) {
            let (journal, next) = (self.journal.clone(), scan.next);
            let read = off_the_runtime(move || journal.read(next, AT_ONCE)).await?;
            scan.next = read.last().map_or(next, |record| record.position.next());
            let of_chain = read.into_iter().filter(|record| record.control == control);
            scan.ahead.extend(of_chain.filter(|record| record.seq >= seq));
        }
        if let Some(record) = scan.ahead.front().filter(|record| record.seq == seq) {
            return Ok(Some(record.bytes.clone()));
        }
        let journal = self.journal.clone();
        let found = off_the_runtime(move || journal.find(control, seq)).await?;
        if scan.ahead.is_empty() {
            scan.next = found.as_ref().map_or(Position(0), |record| record.position.next());
        }
        Ok(found.map(|record| record.bytes))
    }

    fn strange(&self, fault: &Fault) {
        tracing::error!(chain = %self.chain, %fault, "what was read back is not what was written");
        metrics::counter!("sallyport_stream_strange_total").increment(1);
        self.progress.saw_strange();
    }
}
