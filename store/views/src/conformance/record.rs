//! A record of two nodes and the control plane, made by hand, with every kind that a fold looks at
//! and texts that homes find hard to keep.

use std::collections::BTreeMap;

use proto::event::*;
use proto::ids::{Chain, Digest, Epoch, EventId, Name, SessionId};
use proto::reading::{Channel, Durability, Verdict};
use proto::refusal::{Code, Told};
use proto::target::TargetKind;
use proto::time::Utc;
use serde_json::json;

use super::record_control::Asked;
use crate::delivered::Delivered;

/// 2026-01-31T09:30:00.000001Z, in microseconds.
const START: i64 = 1_769_851_800_000_001;

/// A record, in an order in which it may have happened.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// The events.
    pub events: Vec<Delivered>,
    /// Their exact bytes, in the same order.
    pub bytes: Vec<Vec<u8>>,
    heads: BTreeMap<Chain, Head>,
    epochs: BTreeMap<Chain, u64>,
    time: i64,
}

/// A record of so many sessions.
///
/// # Panics
/// Never: what it is made of is written here.
#[must_use]
pub fn record(sessions: u64) -> Record {
    let mut record = Record::default();
    record.join();
    for node in ["gw-1", "gw-2"] {
        record.start(node);
    }
    for count in 1..=sessions {
        let node = if count.is_multiple_of(3) { "gw-2" } else { "gw-1" };
        record.session(node, count);
        record.come_and_go(node, count);
        if count.is_multiple_of(11) {
            // It crashed: what was open is lost.
            record.start(node);
        }
    }
    record.leave();
    record
}

pub(super) fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

impl Record {
    /// Puts an event into a chain.
    pub(super) fn event(&mut self, chain: &Chain, about: About, kind: Kind) {
        self.time += 1_000_003;
        let epoch = Epoch(self.epochs.get(chain).copied().unwrap_or(0));
        let head = self.heads.entry(chain.clone()).or_default();
        let id = EventId { chain: chain.clone(), epoch, seq: head.seq + 1 };
        let applied = self.events.len() as u64;
        let draft = Draft { time: Utc(START + self.time), applied, about, kind };
        let stamped = stamp(&name("acme"), id, *head, &draft).expect("it is small");
        let delivered = Delivered::read(&stamped.bytes).expect("an event");
        *head = Head { seq: head.seq + 1, hash: Some(delivered.hash) };
        self.events.push(delivered);
        self.bytes.push(stamped.bytes);
    }

    fn of_node(&mut self, node: &str, kind: Kind) {
        self.event(&Chain::Node(name(node)), About::default(), kind);
    }

    fn start(&mut self, node: &str) {
        *self.epochs.entry(Chain::Node(name(node))).or_default() += 1;
        let version = "0.1.0".to_owned();
        let started = NodeStarted { version, durability: Durability::Local, unfinished: 2 };
        self.of_node(node, Kind::NodeStarted(started));
    }

    fn leave(&mut self) {
        self.of_node("gw-2", Kind::QuorumLost(QuorumLost { since_ms: 15_000, sessions: 1 }));
        self.of_node("gw-2", Kind::QuorumRegained(QuorumRegained { after_ms: 17_000 }));
        self.of_node("gw-2", Kind::NodeStopped(NodeStopped { reason: "terminated".to_owned() }));
        self.left();
    }

    fn session(&mut self, node: &str, count: u64) {
        let chain = Chain::Node(name(node));
        let epoch = Epoch(self.epochs.get(&chain).copied().unwrap_or(1));
        let session = SessionId::new(&name(node), epoch, count);
        let about = about(&session, count);
        let (grant, channel) = ("staff".to_owned(), Channel::Exec);
        let opened = SessionOpened { channel, grant, connection: count };
        self.event(&chain, about.clone(), Kind::SessionOpened(opened));
        for command in 1..=2 {
            self.command(&chain, &about, count, command);
        }
        if !count.is_multiple_of(7) {
            let (reason, duration_ms) = ("finished".to_owned(), 9);
            let closed = SessionClosed { reason, duration_ms, commands: 2, sealed: None };
            self.event(&chain, about, Kind::SessionClosed(closed));
        }
    }

    fn command(&mut self, chain: &Chain, about: &About, count: u64, command: u64) {
        let verdict = match count % 4 {
            0 => Verdict::Block,
            1 => Verdict::Hold,
            _ => Verdict::Allow,
        };
        self.event(chain, about.clone(), Kind::CommandJudged(judged(command, verdict, count)));
        match verdict {
            Verdict::Block => return,
            Verdict::Hold => {
                let session = about.session.clone().expect("it is about one");
                let asked = Asked { node: chain.to_string(), session, command, count };
                let Some(approval) = self.ask(&asked) else { return };
                let (digest, durability) = (Digest([1; 32]), Durability::Local);
                let without_stream = false;
                let released =
                    CommandReleased { command, approval, digest, durability, without_stream };
                self.event(chain, about.clone(), Kind::CommandReleased(released));
            }
            Verdict::Allow => {}
        }
        let started = CommandStarted { command };
        self.event(chain, about.clone(), Kind::CommandStarted(started));
        let short = About { actor: None, target: None, policy: None, ..about.clone() };
        for offset in [0, 100] {
            let windows = Kind::OutputReleased(output(command, offset));
            self.event(chain, short.clone(), windows);
        }
        if !count.is_multiple_of(5) {
            self.event(chain, about.clone(), Kind::CommandFinished(finished(command, count)));
        }
    }

    fn come_and_go(&mut self, node: &str, count: u64) {
        let (method, service) = ("ssh-key".to_owned(), "ssh".to_owned());
        let kind = match count % 4 {
            0 => Kind::LoginSucceeded(LoginSucceeded { method, service, connection: Some(count) }),
            1 => Kind::LoginFailed(LoginFailed {
                method,
                service,
                claimed: "mallory\0\u{1b}[2J".to_owned(),
                reason: "no such person".to_owned(),
                from: "192.0.2.9:4".to_owned(),
                credential: None,
            }),
            2 => Kind::SessionRefused(SessionRefused {
                asked: "shell".to_owned(),
                told: Told::plain(Code::ChannelRefused),
                reason: "the grant has no shell".to_owned(),
                connection: count,
            }),
            _ => Kind::AdminDenied(AdminDenied {
                endpoint: "POST /v1/locks".to_owned(),
                missing: "lock".to_owned(),
            }),
        };
        let session = SessionId::from_text("");
        let who = About { session: None, session_seq: None, ..about(&session, count) };
        self.event(&Chain::Node(name(node)), who, kind);
    }
}

fn about(session: &SessionId, count: u64) -> About {
    let person = if count.is_multiple_of(2) { "alice" } else { "bob" };
    About {
        session: Some(session.clone()),
        session_seq: Some(1),
        actor: Some(Actor {
            person: name(person),
            issuer: "file".to_owned(),
            groups: vec![name("engineering"), name("dba")],
            from: Some("192.0.2.7:50022".to_owned()),
            credential: None,
        }),
        target: Some(TargetAsWas {
            name: name(if count.is_multiple_of(3) { "orders" } else { "web-1" }),
            kind: TargetKind::Ssh,
            labels: BTreeMap::from([("env".to_owned(), "a \"quoted\" {label}, \\ ü".to_owned())]),
            login: "deploy".to_owned(),
        }),
        policy: Some(PolicyRef { revision: count, digest: Digest([2; 32]) }),
    }
}

/// As it is read from a record: only a gate writes one.
fn judged(command: u64, verdict: Verdict, count: u64) -> CommandJudged {
    // NUL, what JSON escapes, what is not in the BMP, and a text that is cut.
    let text = format!("cat \0 \"{count}\" \\ \u{1f512} {}", "ü".repeat(400));
    let told = (verdict != Verdict::Allow).then(|| Told::plain(Code::BlockedByRule));
    let read = serde_json::from_value(json!({
        "command": command, "length": text.len(), "text": text, "verdict": verdict, "told": told,
        "reading": { "reader": "shell/1", "programs": [{ "name": "cat" }], "detected": ["jwt"] },
        "rules": ["second-pair", "a,b{}\""], "grant": "staff", "channel": "exec",
        "digest": Digest::ZERO, "sealed": "c2VhbGVk", "offset_minutes": 60, "durability": "local",
    }));
    read.expect("the fields of command.judged")
}

/// As it is read from a record: only a gate writes one.
fn output(command: u64, offset: u64) -> OutputReleased {
    let place = |detector: &str| {
        json!({
            "detector": detector, "rule": "default", "action": "redact", "offset": offset,
            "length": 8,
        })
    };
    let read = serde_json::from_value(json!({
        "command": command, "stream": "output", "offset": offset, "at_ms": offset,
        "text": "********", "masked": [place("jwt"), place("email"), place("jwt")],
    }));
    read.expect("the fields of output.released")
}

fn finished(command: u64, count: u64) -> CommandFinished {
    let counted = |bytes| Counted { bytes, ..Counted::default() };
    let outcome = match count % 4 {
        1 => Outcome::Signalled("KI\0LL".to_owned()),
        2 => Outcome::Failed(Told::plain(Code::TargetLost)),
        3 => Outcome::ClientLeft,
        _ => Outcome::Exited(u32::MAX),
    };
    CommandFinished {
        command,
        outcome,
        duration_ms: 7,
        // More than a home counts to.
        input: counted(u64::MAX),
        output: counted(300),
        errors: counted(0),
        masked: BTreeMap::from([("jwt".to_owned(), 5), ("email".to_owned(), 2)]),
        rows: None,
    }
}
