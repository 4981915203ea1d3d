//! Writes small records as a node would, and checks what the verifier says of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use proto::entry::ApprovalId;
use proto::event::*;
use proto::ids::{Chain, Digest, Epoch, EventId, Name, SessionId};
use proto::reading::{Channel, Durability, Reading, Verdict};
use proto::refusal::{Code, Told};
use proto::time::Utc;

use crate::{Place, Report, Verifier};

pub(super) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub(super) fn sha256(bytes: &[u8]) -> Digest {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    Digest(digest.as_ref().try_into().unwrap())
}

/// A node that writes its chain: one line per event.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) cluster: Name,
    pub(super) chain: Chain,
    pub(super) epoch: u64,
    pub(super) seq: u64,
    pub(super) head: Head,
    /// Seconds since 1970.
    pub(super) clock: i64,
    pub(super) lines: Vec<Vec<u8>>,
    sessions: BTreeMap<u64, u64>,
}

impl Node {
    pub(super) fn new(node: &str) -> Self {
        Self {
            cluster: name("acme"),
            chain: Chain::Node(name(node)),
            epoch: 1,
            seq: 0,
            head: Head::default(),
            clock: 1_769_851_800,
            lines: Vec::new(),
            sessions: BTreeMap::new(),
        }
    }

    pub(super) fn control() -> Self {
        Self { chain: Chain::Control, epoch: 0, ..Self::new("x") }
    }

    /// The next place in the chain.
    pub(super) fn at(&mut self, seq: u64) -> &mut Self {
        self.seq = seq - 1;
        self
    }

    pub(super) fn draft(&mut self, about: About, kind: Kind) -> &mut Self {
        self.seq += 1;
        self.clock += 1;
        let id = EventId { chain: self.chain.clone(), epoch: Epoch(self.epoch), seq: self.seq };
        let draft = Draft { time: Utc(self.clock * 1_000_000), applied: 1, about, kind };
        let bytes = stamp(&self.cluster, id, self.head, &draft).unwrap().bytes;
        self.head = Head { seq: self.seq, hash: Some(sha256(&bytes)) };
        self.lines.push(bytes);
        self
    }

    pub(super) fn say(&mut self, kind: Kind) -> &mut Self {
        self.draft(About::default(), kind)
    }

    pub(super) fn started(&mut self, epoch: u64) -> &mut Self {
        self.epoch = epoch;
        let version = "0.1.0".to_owned();
        self.say(Kind::NodeStarted(NodeStarted {
            version,
            durability: Durability::Local,
            unfinished: 0,
        }))
    }

    pub(super) fn stopped(&mut self) -> &mut Self {
        self.say(Kind::NodeStopped(NodeStopped { reason: "terminated".to_owned() }))
    }

    pub(super) fn policy(&mut self, revision: u64) -> &mut Self {
        let digest = sha256(&revision.to_le_bytes());
        self.say(Kind::PolicyChanged(PolicyChanged {
            revision,
            digest,
            by: "alice".to_owned(),
            approval: None,
        }))
    }

    /// A backup is restored that holds the chain up to a place.
    pub(super) fn restored(&mut self, after: u64) -> &mut Self {
        let (founder, gone, after) = (name("gw-1"), Vec::new(), Some(after));
        self.say(Kind::BackupRestored(BackupRestored { founder, gone, sessions: 0, after }))
    }

    /// `control.resumed`: what this node's record does not hold of the control chain.
    pub(super) fn resumed(&mut self, after: u64, first: u64, prev: Option<Digest>) -> &mut Self {
        let follows = prev.unwrap_or(Digest::ZERO);
        self.say(Kind::ControlResumed(ControlResumed { after, first, follows }))
    }

    /// An event of a session, with the next place in it.
    pub(super) fn of(&mut self, session: u64, kind: Kind) -> &mut Self {
        let seq = self.sessions.entry(session).or_default();
        *seq += 1;
        let seq = *seq;
        self.of_at(session, seq, kind)
    }

    /// Leaves a place of a session out, as when the record could not be written.
    pub(super) fn skip(&mut self, session: u64) -> &mut Self {
        *self.sessions.entry(session).or_default() += 1;
        self
    }

    pub(super) fn of_at(&mut self, session: u64, seq: u64, kind: Kind) -> &mut Self {
        let id = SessionId::from_text(&format!("s{session}"));
        let about = About { session: Some(id), session_seq: Some(seq), ..About::default() };
        self.draft(about, kind)
    }

    /// A session that runs one allowed command and closes: seven events.
    pub(super) fn whole_session(&mut self, session: u64) -> &mut Self {
        self.of(session, opened())
            .of(session, judged(1, Verdict::Allow))
            .of(session, command_started(1))
            .of(session, released(1, 0, "hello "))
            .of(session, released(1, 6, "world"))
            .of(session, finished(1, Outcome::Exited(0), 11))
            .of(session, closed("finished"))
    }

    /// Bytes of the event at a place of this record, from 1.
    pub(super) fn line(&self, number: usize) -> &[u8] {
        &self.lines[number - 1]
    }
}

pub(super) fn opened() -> Kind {
    let grant = "g".to_owned();
    Kind::SessionOpened(SessionOpened { channel: Channel::Exec, grant, connection: 1 })
}

pub(super) fn closed(reason: &str) -> Kind {
    let (reason, duration_ms, commands) = (reason.to_owned(), 1, 1);
    Kind::SessionClosed(SessionClosed { reason, duration_ms, commands, sealed: None })
}

pub(super) fn refused() -> Kind {
    Kind::SessionRefused(SessionRefused {
        asked: "shell".to_owned(),
        told: Told::plain(Code::ChannelRefused),
        reason: "no grant".to_owned(),
        connection: 1,
    })
}

pub(super) fn judged(command: u64, verdict: Verdict) -> Kind {
    Kind::CommandJudged(CommandJudged {
        command,
        text: "true".to_owned(),
        parts: 0,
        length: 4,
        reading: Reading::default(),
        verdict,
        rules: Vec::new(),
        grant: "g".to_owned(),
        channel: Channel::Exec,
        told: None,
        digest: Digest([7; 32]),
        sealed: String::new(),
        offset_minutes: 0,
        durability: Durability::Local,
        without_stream: false,
    })
}

pub(super) fn command_started(command: u64) -> Kind {
    Kind::CommandStarted(CommandStarted { command })
}

/// A held command is let go by an approval.
pub(super) fn let_go(command: u64, approval: u64) -> Kind {
    Kind::CommandReleased(CommandReleased {
        command,
        approval: ApprovalId(approval),
        digest: Digest([7; 32]),
        durability: Durability::Local,
        without_stream: false,
    })
}

pub(super) fn released(command: u64, offset: u64, text: &str) -> Kind {
    Kind::OutputReleased(OutputReleased {
        command,
        stream: Stream::Output,
        offset,
        at_ms: 1,
        text: Some(text.to_owned()),
        base64: None,
        masked_more: 0,
        masked: Vec::new(),
        record_masked: Vec::new(),
    })
}

pub(super) fn finished(command: u64, outcome: Outcome, bytes: u64) -> Kind {
    Kind::CommandFinished(CommandFinished {
        command,
        outcome,
        duration_ms: 1,
        input: Counted::default(),
        output: Counted { bytes, ..Counted::default() },
        errors: Counted::default(),
        masked: BTreeMap::new(),
        rows: None,
    })
}

pub(super) fn blocked() -> Outcome {
    Outcome::Refused(Told::plain(Code::BlockedByRule))
}

/// Feeds lines of one file.
pub(super) fn verify(mut verifier: Verifier, lines: &[Vec<u8>]) -> Report {
    let file: Arc<str> = "f".into();
    for (line, bytes) in (1..).zip(lines) {
        verifier.feed(Place::Line { file: file.clone(), line }, bytes);
    }
    verifier.finish()
}

/// The findings as text, one a line.
#[track_caller]
pub(super) fn check(verifier: Verifier, lines: &[Vec<u8>], expected: &[&str]) -> Report {
    let report = verify(verifier, lines);
    let found: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
    assert_eq!(found, expected);
    assert_eq!(report.tampered, found.iter().any(|line| line.starts_with("tampering: ")));
    report
}

/// The same, of a whole record of which nothing else is known.
#[track_caller]
pub(super) fn check_whole(lines: &[Vec<u8>], expected: &[&str]) -> Report {
    check(Verifier::new(), lines, expected)
}
