//! What subscribers read: every event of the record once more, on a subject that says what it is.
//!
//! Derived by the leader from the record itself, so it holds what the record holds and nothing
//! else, and it may be dropped at any time. Each message says which message of the record it came
//! from: that is where the next leader goes on. Nobody waits for it; it can only be behind.
//!
//! A record that lost its end uses the same numbers again, for other events. So a number is
//! believed only together with the time at which the servers took the message that had it.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use proto::event::{Event, Kind};
use proto::ids::Name;
use serde_json::Value;

use crate::fault::Fault;
use crate::link::{Answer, Fence, Link, Message, Together};
use crate::reader::{Read, read};
use crate::resume::sha256;
use crate::shape::{EVENTS, RECORD};
use crate::subject::{record_subjects, token};

/// So many events are derived at once.
const AT_ONCE: usize = 256;
/// How long is waited when the record has no more.
const IDLE: Duration = Duration::from_millis(200);

/// The header that says which message of the record an event came from: its sequence, when the
/// record was made, and when the message was taken. The last one is not in messages of older nodes.
pub(crate) const FROM: &str = "Sallyport-Record";

/// How far deriving is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Derived {
    /// The last message of the record that subscribers have.
    pub record: u64,
    /// Events derived since the start.
    pub events: u64,
    /// Messages of the record that are no events of its chains.
    pub strange: u64,
    /// What is wrong.
    pub fault: Option<Fault>,
}

/// Derives what subscribers read.
pub(crate) struct Deriver {
    pub(crate) cluster: Name,
    pub(crate) progress: Arc<Mutex<Derived>>,
}

/// The subject of an event for subscribers: kind, verdict and target.
#[must_use]
pub fn event_subject(cluster: &Name, event: &Event) -> String {
    let verdict = match &event.kind {
        Some(Kind::CommandJudged(judged)) => judged.verdict.to_string(),
        _ => String::new(),
    };
    let target = event.about.target.as_ref().map_or("", |target| target.name.as_str());
    format!(
        "sallyport.events.{}.{}.{}.{}",
        token(cluster.as_str()),
        // Names of kinds are ours: words and dots.
        token(&event.name.replace('.', "-")),
        token(&verdict),
        token(target),
    )
}

impl Deriver {
    /// Derives until a connection is of no use; `record` reads the record, `events` writes.
    pub(crate) async fn run(&self, record: &Link, events: &Link, created: &str) -> Fault {
        loop {
            match self.go_on(record, events, created).await {
                // Somebody else derives too: look who is further.
                Ok(()) => tokio::time::sleep(IDLE).await,
                Err(fault) => return fault,
            }
        }
    }

    async fn go_on(&self, record: &Link, events: &Link, created: &str) -> Result<(), Fault> {
        let subjects = record_subjects(&self.cluster);
        let (mut last, mut at) = position(record, events).await?;
        loop {
            self.progress.lock().record = at.sequence;
            let messages = read(record, RECORD, &subjects, at.sequence.max(1), AT_ONCE).await?;
            // Read once more, to see that it is still the message that was derived.
            let Some(messages) = at.behind(&messages) else {
                if at.is_in(record).await? {
                    // Whoever was asked follows the stream's leader, and is late.
                    tokio::time::sleep(IDLE).await;
                    continue;
                }
                tracing::warn!(sequence = at.sequence, "the record lost what subscribers have");
                return Ok(());
            };
            let Some(end) = messages.last() else {
                tokio::time::sleep(IDLE).await;
                continue;
            };
            let derived: Vec<_> =
                messages.iter().filter_map(|message| self.derive(message, created)).collect();
            if !derived.is_empty() {
                match events.publish(EVENTS, Fence::Stream(last), Together::Batch, &derived).await {
                    Answer::Kept(sequence) => last = sequence,
                    Answer::Conflict => return Ok(()),
                    Answer::Duplicate => last = self.each(events, last, &derived).await?,
                    Answer::Full(why) => return Err(Fault::Full(why)),
                    Answer::Unknown => return Err(Fault::Silent),
                    Answer::Refused(why) => return Err(Fault::Refused(why)),
                }
            }
            let mut progress = self.progress.lock();
            progress.events += derived.len() as u64;
            progress.fault = None;
            at = Source::of(end);
        }
    }

    /// One by one: the record holds an event twice, and subscribers have it already.
    async fn each(&self, events: &Link, mut last: u64, derived: &[Message]) -> Result<u64, Fault> {
        for message in derived {
            let one = std::slice::from_ref(message);
            match events.publish(EVENTS, Fence::Stream(last), Together::Batch, one).await {
                Answer::Kept(sequence) => last = sequence,
                Answer::Duplicate => {}
                Answer::Full(why) => return Err(Fault::Full(why)),
                Answer::Conflict | Answer::Unknown => return Err(Fault::Silent),
                Answer::Refused(why) => return Err(Fault::Refused(why)),
            }
        }
        Ok(last)
    }

    fn derive(&self, message: &Read, created: &str) -> Option<Message> {
        let event = match Event::read(&message.bytes) {
            Ok(event) if event.cluster == self.cluster => event,
            _ => {
                tracing::error!(sequence = message.sequence, "the record holds what is no event");
                metrics::counter!("sallyport_stream_strange_total").increment(1);
                self.progress.lock().strange += 1;
                return None;
            }
        };
        Some(Message {
            subject: event_subject(&self.cluster, &event),
            id: sha256(&message.bytes).to_string(),
            bytes: message.bytes.clone(),
            note: Some((FROM, format!("{} {created} {}", message.sequence, message.taken))),
        })
    }
}

/// The message of the record that was derived last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Source {
    /// Where it is; 0 for none.
    pub(crate) sequence: u64,
    /// When it was taken; not known of what an older node derived.
    taken: Option<String>,
}

impl Source {
    fn of(message: &Read) -> Self {
        Self { sequence: message.sequence, taken: Some(message.taken.clone()) }
    }

    /// What a message says that it came from.
    fn noted(note: &str) -> Option<Self> {
        let mut words = note.split(' ');
        let sequence = words.next()?.parse().ok().filter(|sequence| *sequence > 0)?;
        Some(Self { sequence, taken: words.nth(1).map(str::to_owned) })
    }

    /// Whether the stream's leader still has it.
    async fn is_in(&self, record: &Link) -> Result<bool, Fault> {
        let taken = record.taken(RECORD, self.sequence).await?;
        Ok(taken.is_some_and(|taken| self.taken.as_ref().is_none_or(|mine| *mine == taken)))
    }

    /// The messages behind this one, among those that were read from it on; none when it is not
    /// there any more.
    fn behind<'a>(&self, read: &'a [Read]) -> Option<&'a [Read]> {
        if self.sequence == 0 {
            return Some(read);
        }
        let (first, behind) = read.split_first()?;
        let same = self.taken.as_ref().is_none_or(|taken| *taken == first.taken);
        (first.sequence == self.sequence && same).then_some(behind)
    }
}

/// Where deriving goes on: the last sequence of what subscribers read, and the last message of the
/// record that is in it and still in the record. It is looked for from the end, in ever longer
/// steps: subscribers may be told again what is between, and are never left without.
pub(crate) async fn position(record: &Link, events: &Link) -> Result<(u64, Source), Fault> {
    let info = events.stream_info(EVENTS).await?;
    let number = |name: &str| info["state"][name].as_u64().unwrap_or(0);
    let (first, last, messages) = (number("first_seq"), number("last_seq"), number("messages"));
    let (mut at, mut step) = (last, 1);
    // Everything in it has gone with time, or it is new: from the beginning of the record.
    while messages > 0 && at >= first.max(1) {
        let note = events.header_of(EVENTS, at, FROM).await?;
        if let Some(source) = note.as_deref().and_then(Source::noted)
            && source.is_in(record).await?
        {
            return Ok((last, source));
        }
        at = at.saturating_sub(step);
        step *= 2;
    }
    Ok((last, Source::default()))
}

/// A header among those that a server gives as one text.
pub(crate) fn header(headers: &str, name: &str) -> Option<String> {
    let line = headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

/// The headers of a message of the API.
pub(crate) fn headers_of(message: &Value) -> Option<String> {
    use base64::Engine as _;
    let text = message.get("hdrs")?.as_str()?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).ok()?;
    String::from_utf8(bytes).ok()
}
