//! Events as they would be read from a log, made by hand.

use std::collections::{BTreeMap, BTreeSet};

use proto::event::*;
use proto::ids::{Chain, Digest, Epoch, EventId, Name, SessionId};
use proto::reading::{Channel, Durability, FileOperation, FilePart, Reading, Verdict};
use proto::refusal::{Code, Told};
use proto::target::TargetKind;
use proto::time::Utc;

use crate::{
    Command, NodeLife, Replay, ReplayBuilder, Row, Session, SessionRow, Table, Tabled as _,
    Working, end_of, fold, life, session_row,
};

/// 2026-01-31T09:30:00Z, in microseconds.
pub(super) const START: i64 = 1_769_851_800_000_000;

pub(super) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub(super) fn id(session: &str) -> SessionId {
    SessionId::from_text(session)
}

/// The same event in a later run of its node.
pub(super) fn later(event: Event) -> Event {
    let id = EventId { epoch: Epoch(event.id.epoch.0 + 1), ..event.id };
    Event { id, ..event }
}

/// An event of `gw-1` so many milliseconds after the start; of a session unless that is empty.
pub(super) fn event(at_ms: i64, session: &str, kind: Kind) -> Event {
    event_of("gw-1", at_ms, session, kind)
}

pub(super) fn event_of(node: &str, at_ms: i64, session: &str, kind: Kind) -> Event {
    let about = if session.is_empty() {
        About::default()
    } else {
        About {
            session: Some(id(session)),
            session_seq: Some(1),
            actor: Some(Actor {
                person: name("alice"),
                issuer: "file".to_owned(),
                groups: Vec::new(),
                from: Some("192.0.2.7:50022".to_owned()),
                credential: None,
            }),
            target: Some(TargetAsWas {
                name: name("web-1"),
                kind: TargetKind::Ssh,
                labels: BTreeMap::new(),
                login: "deploy".to_owned(),
            }),
            policy: None,
        }
    };
    Event {
        id: EventId { chain: Chain::Node(name(node)), epoch: Epoch(1), seq: 1 },
        cluster: name("acme"),
        time: Utc(START + at_ms * 1000),
        prev: Digest::ZERO,
        applied: 1,
        name: kind.name().to_owned(),
        about,
        kind: Some(kind),
    }
}

/// What `sessions list` and `show` say after these events, each of the epoch that it is given.
pub(super) fn shown(events: &[Event]) -> Vec<SessionRow> {
    let chains: BTreeSet<_> = events.iter().map(|event| event.id.chain.clone()).collect();
    let mut rows: Vec<Row> = Vec::new();
    for chain in chains {
        let own = || events.iter().filter(|event| event.id.chain == chain);
        let mut known = BTreeSet::new();
        loop {
            let mut working = Working::of(chain.to_string());
            known.iter().cloned().for_each(|key| working.know(key, None));
            own().for_each(|event| fold(&mut working, event));
            let unknown = working.take_unknown();
            if unknown.is_empty() {
                rows.extend(working.changed());
                break;
            }
            known.extend(unknown);
        }
    }
    let of = |rows: &[Row], id: String| {
        rows.iter()
            .find(|row| row.table() == Table::Nodes && row.id() == id)
            .and_then(NodeLife::of)
            .cloned()
    };
    let sessions = rows.iter().filter_map(Session::of);
    let shown = sessions.map(|session| {
        let own = of(&rows, life(&session.node, session.epoch));
        let later = of(&rows, life(&session.node, session.epoch + 1));
        let member = of(&rows, life(&session.node, 0));
        let end = end_of(session, own.as_ref(), later.as_ref(), member.as_ref());
        let commands = rows.iter().filter_map(Command::of);
        let mut commands: Vec<_> =
            commands.filter(|one| one.session == session.id).cloned().collect();
        commands.sort_by_key(|one| one.number);
        session_row(session, end.as_ref(), &commands).expect("a row")
    });
    shown.collect()
}

pub(super) fn replay(events: &[Event]) -> Replay {
    let mut builder = ReplayBuilder::new();
    events.iter().for_each(|event| builder.feed(event));
    builder.finish()
}

pub(super) fn started() -> Kind {
    let version = "0.1.0".to_owned();
    Kind::NodeStarted(NodeStarted { version, durability: Durability::Local, unfinished: 0 })
}

pub(super) fn stopped() -> Kind {
    Kind::NodeStopped(NodeStopped { reason: "terminated".to_owned() })
}

pub(super) fn opened() -> Kind {
    let grant = "staff".to_owned();
    Kind::SessionOpened(SessionOpened { channel: Channel::Exec, grant, connection: 1 })
}

pub(super) fn closed(reason: &str) -> Kind {
    let (reason, duration_ms, commands) = (reason.to_owned(), 1, 1);
    Kind::SessionClosed(SessionClosed { reason, duration_ms, commands, sealed: None })
}

pub(super) fn judgement(command: u64, verdict: Verdict, text: &str) -> CommandJudged {
    CommandJudged {
        command,
        text: text.to_owned(),
        parts: 0,
        length: text.len() as u64,
        reading: Reading::default(),
        verdict,
        rules: vec!["r".to_owned()],
        grant: "staff".to_owned(),
        channel: Channel::Exec,
        told: (verdict != Verdict::Allow).then(|| Told::plain(Code::BlockedByRule)),
        digest: Digest::ZERO,
        sealed: String::new(),
        offset_minutes: 0,
        durability: Durability::Local,
        without_stream: false,
    }
}

pub(super) fn judged(command: u64, verdict: Verdict, text: &str) -> Kind {
    Kind::CommandJudged(judgement(command, verdict, text))
}

/// A request for a file, on a channel.
pub(super) fn asked(command: u64, channel: Channel, text: &str) -> Kind {
    let (operation, path) = (FileOperation::Write, "/x".to_owned());
    let files = vec![FilePart { operation, path, program: None }];
    let reading = Reading { files, ..Reading::default() };
    Kind::CommandJudged(CommandJudged {
        reading,
        channel,
        ..judgement(command, Verdict::Allow, text)
    })
}

pub(super) fn transferred(command: u64, read: u64, written: u64) -> Kind {
    let passed = |bytes| Passed { bytes, sha256: None };
    Kind::FileTransferred(FileTransferred {
        command,
        read: passed(read),
        written: passed(written),
        closed: true,
        found: BTreeMap::new(),
        told: None,
    })
}

pub(super) fn forwarded(command: u64, to_target: u64, to_client: u64) -> Kind {
    let passed = |bytes| Passed { bytes, sha256: None };
    Kind::ForwardClosed(ForwardClosed {
        command,
        from: None,
        to_target: passed(to_target),
        to_client: passed(to_client),
        duration_ms: 1,
        told: None,
    })
}

pub(super) fn part(command: u64, part: u64, text: &str) -> Kind {
    let (text, sealed) = (text.to_owned(), String::new());
    Kind::CommandPart(CommandPart { command, part, text, sealed })
}

pub(super) fn running(command: u64) -> Kind {
    Kind::CommandStarted(CommandStarted { command })
}

pub(super) fn finished(command: u64, outcome: Outcome, output: u64, errors: u64) -> Kind {
    let counted = |bytes| Counted { bytes, ..Counted::default() };
    Kind::CommandFinished(CommandFinished {
        command,
        outcome,
        duration_ms: 7,
        input: counted(3),
        output: counted(output),
        errors: counted(errors),
        masked: BTreeMap::from([("jwt".to_owned(), 2)]),
        rows: None,
    })
}

pub(super) fn blocked() -> Outcome {
    Outcome::Refused(Told::plain(Code::BlockedByRule))
}

/// A window of output: as text when it is UTF-8, like the record keeps it.
pub(super) fn window(command: u64, stream: Stream, at_ms: u64, offset: u64, bytes: &[u8]) -> Kind {
    use base64::Engine as _;
    let text = std::str::from_utf8(bytes).ok().map(str::to_owned);
    let base64 = text.is_none().then(|| base64::engine::general_purpose::STANDARD.encode(bytes));
    Kind::OutputReleased(OutputReleased {
        command,
        stream,
        offset,
        at_ms,
        text,
        base64,
        masked: Vec::new(),
        masked_more: 0,
        record_masked: Vec::new(),
    })
}
