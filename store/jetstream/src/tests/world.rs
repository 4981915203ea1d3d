//! One node's log in memory, followed by the stream, and what a reader finds there.

use std::sync::Arc;
use std::time::Duration;

use proto::event::{About, Draft, Event, Kind, NodeStopped, Stamped, stamp};
use proto::ids::{Chain, Epoch, EventId, Name};
use proto::reading::Durability;
use proto::time::Utc;
use serde_json::{Value, json};
use store_log::memory::Memory;
use store_log::{AppendError, Log, Receipt, Share, Urgency};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::server::Server;
use crate::fault::Fault;
use crate::link::{Link, Servers};
use crate::shape::{RECORD, Wanted};
use crate::stream::{Following, Settings, Stream};

/// How long anything may take to come true.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn name(text: &str) -> Name {
    text.parse().expect("a literal that is a name")
}

pub(crate) fn servers(server: &Server) -> Servers {
    let urls = vec![server.url()];
    let (name, inbox) = ("test".to_owned(), "_INBOX".to_owned());
    Servers { urls, credentials: None, authority: None, name, inbox }
}

pub(crate) fn settings(server: &Server) -> Settings {
    Settings {
        servers: servers(server),
        publisher: None,
        cluster: name("test"),
        node: name("gw-1"),
        replicas: 1,
        sync: Duration::ZERO,
    }
}

/// Makes the stream of the record.
pub(crate) async fn provision(server: &Server) {
    provision_of(server, -1).await;
}

/// As [`provision`], of at most so many bytes.
pub(crate) async fn provision_of(server: &Server, max_bytes: i64) {
    let request = Wanted::record(&name("test"), 1).request(max_bytes);
    let answer = ask(server, &format!("STREAM.CREATE.{RECORD}"), &request).await;
    assert_eq!(answer.get("error"), None, "{answer}");
}

/// Asks JetStream's API as an operator.
pub(crate) async fn ask(server: &Server, what: &str, body: &Value) -> Value {
    let link = Link::open(&servers(server)).await.expect("the server is reached");
    // A server that has just started may have no JetStream yet.
    eventually(async || link.ask(what, body).await.ok(), "an answer of the API").await
}

/// Waits until something is there.
pub(crate) async fn eventually<T>(mut look: impl AsyncFnMut() -> Option<T>, what: &str) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("{what}: not in time"))
}

/// One node.
pub(crate) struct Node {
    pub(crate) memory: Arc<Memory>,
    pub(crate) log: Log<Memory>,
    pub(crate) stream: Arc<Stream>,
    pub(crate) leads: watch::Sender<bool>,
    pub(crate) stop: CancellationToken,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Node {
    pub(crate) fn start(server: &Server) -> Self {
        Self::over(server, Memory::new(), 1)
    }

    pub(crate) fn with(settings: Settings) -> Self {
        Self::begin(settings, Memory::new(), 1)
    }

    /// Over what an earlier one has left.
    pub(crate) fn over(server: &Server, memory: Memory, epoch: u64) -> Self {
        Self::begin(settings(server), memory, epoch)
    }

    fn begin(settings: Settings, memory: Memory, epoch: u64) -> Self {
        let memory = Arc::new(memory);
        let log = Log::open(memory.clone(), name("test"), settings.node.clone(), Epoch(epoch));
        let (leads, stop) = (watch::channel(false).0, CancellationToken::new());
        let following =
            Following { journal: memory.clone(), leads: leads.subscribe(), stop: stop.clone() };
        let stream = Stream::start(settings, following);
        let log = log.expect("a later epoch");
        log.follow(stream.clone());
        Self { memory, log, stream, leads, stop }
    }

    /// Appends an event and waits until this node keeps it.
    pub(crate) async fn append(&self, text: &str) {
        drop(self.kept(text).await);
    }

    async fn kept(&self, text: &str) -> Receipt {
        let draft = draft(text);
        let appending =
            self.log.append(&draft, Share::NODE, Urgency::Ordinary).expect("it is taken");
        appending.pending.await.expect("it is kept")
    }

    /// Appends an event and waits until the stream has it.
    pub(crate) async fn replicate(&self, text: &str) -> Result<(), AppendError> {
        let kept = self.kept(text).await;
        let replicated = self.log.replicate(kept)?.await?;
        assert_eq!(replicated.durability(), Durability::Replicated);
        Ok(())
    }

    pub(crate) async fn is_up(&self) {
        eventually(async || self.stream.standing().node.up.then_some(()), "the stream is up").await;
    }

    /// Waits for a fault of the node's own chain.
    pub(crate) async fn fault(&self, is: impl Fn(&Fault) -> bool) -> Fault {
        let look = async || {
            let standing = self.stream.standing().node;
            standing.fault.filter(|fault| !standing.up && is(fault))
        };
        eventually(look, "a fault of the chain").await
    }

    /// Waits until the stream has so many events of the node's own chain.
    pub(crate) async fn acknowledged(&self, seq: u64) {
        let look = async || {
            let standing = self.stream.standing().node;
            (standing.up && standing.acknowledged == seq).then_some(())
        };
        eventually(look, "the events are acknowledged").await;
    }
}

pub(crate) fn draft(text: &str) -> Draft {
    Draft {
        time: Utc(1_700_000_000_000_000),
        applied: 0,
        about: About::default(),
        kind: Kind::NodeStopped(NodeStopped { reason: text.to_owned() }),
    }
}

/// An event of the control chain.
pub(crate) fn control_event(seq: u64, head: proto::event::Head) -> Stamped {
    let id = EventId { chain: Chain::Control, epoch: Epoch(0), seq };
    stamp(&name("test"), id, head, &draft("entry")).expect("a small event")
}

/// Everything on a subject of the record, in the order of the stream: sequence and bytes.
pub(crate) async fn read(server: &Server, subject: &str) -> Vec<(u64, Vec<u8>)> {
    use base64::Engine as _;
    let (mut messages, mut next) = (Vec::new(), 1);
    loop {
        let body = json!({ "seq": next, "next_by_subj": subject });
        let answer = ask(server, &format!("STREAM.MSG.GET.{RECORD}"), &body).await;
        let Some(message) = answer.get("message") else { return messages };
        let sequence = message["seq"].as_u64().expect("a sequence");
        let data = message["data"].as_str().unwrap_or_default();
        let bytes = base64::engine::general_purpose::STANDARD.decode(data).expect("base64");
        messages.push((sequence, bytes));
        next = sequence + 1;
    }
}

/// The places of the events that a reader of the stream ends up with: in the order of the chain,
/// each once, linked without a gap to the journal's exact bytes.
#[track_caller]
pub(crate) fn whole(messages: &[(u64, Vec<u8>)], memory: &Memory) -> u64 {
    use store_log::Backend as _;
    let mut by_place = std::collections::BTreeMap::new();
    for (_, bytes) in messages {
        let event = Event::read(bytes).expect("an event");
        let known = by_place.insert(event.id.seq, bytes.clone());
        assert!(known.is_none_or(|known| known == *bytes), "two events at {}", event.id.seq);
    }
    for ((seq, bytes), place) in by_place.iter().zip(1..) {
        assert_eq!(*seq, place, "a gap");
        let stored = memory.find(false, place).expect("it is read").expect("it is here");
        assert_eq!(stored.bytes, *bytes, "other bytes at {place}");
    }
    by_place.len() as u64
}
