//! One event of each kind with every field filled, and one with no field that may be absent.

mod cluster;

use std::collections::BTreeMap;

use crate::entry::ApprovalId;
use crate::event::*;
use crate::ids::{Chain, Digest, Epoch, EventId, Name, SessionId};
use crate::reading::{
    Channel, Durability, Effect, FileOperation, FilePart, Forward, ForwardOperation, Program,
    Reading, Redirect, Statement, Verdict,
};
use crate::refusal::{Code, Told};
use crate::target::TargetKind;

pub(super) fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

pub(super) fn cluster() -> Name {
    name("acme")
}

/// Where the samples stand: the seventh event of the second epoch of `gw-1`, or in the control
/// chain for what replicated entries cause.
pub(super) fn place(kind: &Kind) -> (EventId, Head) {
    let control = is_of_the_control_chain(kind);
    let head = Head { seq: 6, hash: Some(Digest([0xab; 32])) };
    let id = if control {
        EventId { chain: Chain::Control, epoch: Epoch(0), seq: 7 }
    } else {
        EventId { chain: Chain::Node(name("gw-1")), epoch: Epoch(2), seq: 7 }
    };
    (id, head)
}

fn is_of_the_control_chain(kind: &Kind) -> bool {
    match kind {
        Kind::PolicyChanged(_)
        | Kind::PeopleChanged(_)
        | Kind::TargetsChanged(_)
        | Kind::ApprovalRequested(_)
        | Kind::ApprovalRuled(_)
        | Kind::ApprovalWithdrawn(_)
        | Kind::ApprovalExpired(_)
        | Kind::ApprovalRevoked(_)
        | Kind::ApprovalConsumed(_)
        | Kind::LockSet(_)
        | Kind::LockLifted(_)
        | Kind::NodeJoined(_)
        | Kind::NodeLeft(_)
        | Kind::NodeRegistered(_)
        | Kind::CheckpointSealed(_)
        | Kind::BackupRestored(_) => true,
        Kind::NodeStarted(_)
        | Kind::ControlResumed(_)
        | Kind::NodeStopped(_)
        | Kind::CredentialIssued(_)
        | Kind::LoginSucceeded(_)
        | Kind::LoginFailed(_)
        | Kind::SessionOpened(_)
        | Kind::SessionRefused(_)
        | Kind::SessionClosed(_)
        | Kind::CommandJudged(_)
        | Kind::CommandPart(_)
        | Kind::CommandReleased(_)
        | Kind::CommandStarted(_)
        | Kind::CommandFinished(_)
        | Kind::OutputReleased(_)
        | Kind::FileTransferred(_)
        | Kind::ForwardClosed(_)
        | Kind::QuorumLost(_)
        | Kind::QuorumRegained(_)
        | Kind::BackupTaken(_)
        | Kind::ReplayViewed(_)
        | Kind::AuditExported(_)
        | Kind::RecordDegraded(_)
        | Kind::RecordRestored(_)
        | Kind::AdminDenied(_) => false,
    }
}

/// A draft about a session, with all that can be said about it.
pub(super) fn full(kind: Kind) -> Draft {
    let actor = Actor {
        person: name("alice"),
        issuer: "file".to_owned(),
        groups: vec![name("engineering"), name("on-call")],
        from: Some("192.0.2.7:50022".to_owned()),
        credential: Some("SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU".to_owned()),
    };
    let target = TargetAsWas {
        name: name("web-1"),
        kind: TargetKind::Ssh,
        labels: BTreeMap::from([("env".to_owned(), "staging".to_owned())]),
        login: "deploy".to_owned(),
    };
    let about = About {
        session: Some(SessionId::new(&name("gw-1"), Epoch(2), 1)),
        session_seq: Some(3),
        actor: Some(actor),
        target: Some(target),
        policy: Some(PolicyRef { revision: 4, digest: Digest([0x44; 32]) }),
    };
    let time = "2026-01-31T09:30:00.123456Z".parse().expect("an instant");
    Draft { time, applied: 12, about, kind }
}

/// A draft about nothing.
pub(super) fn bare(kind: Kind) -> Draft {
    let time = "2026-01-31T09:30:00Z".parse().expect("an instant");
    Draft { time, applied: 0, about: About::default(), kind }
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn counted(bytes: u64, fill: u8) -> Counted {
    Counted { bytes, digest: Some(Digest([fill; 32])), truncated: true }
}

fn judged() -> CommandJudged {
    CommandJudged {
        command: 1,
        text: text("cat /etc/app.env > \"out\" | grep ü"),
        parts: 2,
        length: 34,
        reading: Reading {
            reader: text("shell/1"),
            programs: vec![Program {
                name: text("cat"),
                arguments: vec![text("/etc/app.env")],
                redirects: vec![Redirect { operator: text(">"), to: text("out") }],
            }],
            unreadable: Some(text("`eval` runs text that is only known later")),
            matched: vec![text("regex:app\\.env")],
            detected: vec![text("key-value")],
            session: BTreeMap::new(),
            statements: Vec::new(),
            terminal: None,
            files: Vec::new(),
            forward: None,
        },
        verdict: Verdict::Block,
        rules: vec![text("no-application-secrets"), text("unreadable")],
        grant: text("engineers-on-staging"),
        channel: Channel::Exec,
        told: Some(Told::new(Code::BlockedByRule, "Ask the platform team.")),
        digest: Digest([0x11; 32]),
        sealed: text("c2VhbGVk"),
        offset_minutes: -90,
        durability: Durability::Replicated,
        without_stream: false,
    }
}

fn released() -> OutputReleased {
    OutputReleased {
        command: 1,
        stream: Stream::Errors,
        offset: 4096,
        at_ms: 250,
        text: Some(text("mail: ****@example.com\r\n")),
        base64: None,
        masked: vec![MaskedPlace {
            detector: text("email"),
            rule: text("people"),
            action: text("redact"),
            offset: 4102,
            length: 4,
        }],
        masked_more: 0,
        record_masked: vec![[6, 4]],
    }
}

/// Every kind with every field.
pub(super) fn every_kind() -> Vec<Kind> {
    let mut kinds = node_kinds();
    kinds.extend(cluster::every_kind());
    kinds
}

fn node_kinds() -> Vec<Kind> {
    let changed = (vec![name("alice"), name("bob")], vec![name("eve")], text("alice"));
    vec![
        Kind::NodeStarted(NodeStarted {
            version: text("0.1.0"),
            durability: Durability::Local,
            unfinished: 2,
        }),
        Kind::NodeStopped(NodeStopped { reason: text("terminated") }),
        Kind::CredentialIssued(CredentialIssued {
            service: text("postgres"),
            id: text("AQAF"),
            expires: crate::time::Utc(1_764_403_200_000_000),
        }),
        Kind::LoginSucceeded(LoginSucceeded {
            method: text("ssh-key"),
            service: text("ssh"),
            connection: Some(9),
        }),
        Kind::LoginFailed(LoginFailed {
            method: text("ssh-key"),
            service: text("ssh"),
            claimed: text("mallory"),
            reason: text("no person has this key"),
            from: text("198.51.100.4:40000"),
            credential: Some(text("SHA256:uNiVztksCsDhcc0u9e8BrrVPP4sCbzg/Hk4zQh2kOZU")),
        }),
        Kind::SessionOpened(SessionOpened {
            channel: Channel::Exec,
            grant: text("engineers-on-staging"),
            connection: 9,
        }),
        Kind::SessionRefused(SessionRefused {
            asked: text("subsystem sftp"),
            told: Told::plain(Code::ChannelRefused),
            reason: text("no grant names sftp"),
            connection: 9,
        }),
        Kind::SessionClosed(SessionClosed {
            reason: text("finished"),
            duration_ms: 1500,
            commands: 1,
            // The file of this kind is older than the field; `sparse_kinds` has it.
            sealed: None,
        }),
        Kind::CommandJudged(judged()),
        Kind::CommandPart(CommandPart {
            command: 1,
            part: 1,
            text: text("the rest"),
            sealed: text("cmVzdA=="),
        }),
        Kind::CommandReleased(CommandReleased {
            command: 1,
            approval: ApprovalId(17),
            digest: Digest([0x11; 32]),
            durability: Durability::Replicated,
            without_stream: false,
        }),
        Kind::CommandStarted(CommandStarted { command: 1 }),
        Kind::CommandFinished(CommandFinished {
            command: 1,
            outcome: Outcome::Exited(126),
            duration_ms: 900,
            input: counted(10, 0x21),
            output: counted(20, 0x22),
            errors: counted(30, 0x23),
            masked: BTreeMap::from([(text("email"), 3), (text("jwt"), 1)]),
            rows: None,
        }),
        Kind::OutputReleased(released()),
        Kind::FileTransferred(FileTransferred {
            command: 1,
            read: Passed { bytes: 40, sha256: Some(Digest([0x24; 32])) },
            written: Passed { bytes: 50, sha256: Some(Digest([0x25; 32])) },
            closed: true,
            found: BTreeMap::from([(text("github-token"), 1)]),
            told: Some(Told::plain(Code::ContentWithheld)),
        }),
        Kind::ForwardClosed(ForwardClosed {
            command: 2,
            from: Some(text("127.0.0.1:50000")),
            to_target: Passed { bytes: 60, sha256: Some(Digest([0x26; 32])) },
            to_client: Passed { bytes: 70, sha256: Some(Digest([0x27; 32])) },
            duration_ms: 1200,
            told: Some(Told::plain(Code::TargetLost)),
        }),
        Kind::PolicyChanged(PolicyChanged {
            revision: 5,
            digest: Digest([0x55; 32]),
            by: text("alice"),
            // The file of this kind is older than the field; `sparse_kinds` has it.
            approval: None,
        }),
        Kind::PeopleChanged(PeopleChanged {
            set: changed.0.clone(),
            removed: changed.1.clone(),
            by: changed.2.clone(),
        }),
        Kind::TargetsChanged(TargetsChanged { set: changed.0, removed: changed.1, by: changed.2 }),
        Kind::ReplayViewed(ReplayViewed { viewed: SessionId::from_text("gw-1-2-1") }),
        Kind::AuditExported(AuditExported { query: text("from=2026-01-01T00:00:00Z") }),
        Kind::AdminDenied(AdminDenied {
            endpoint: text("GET /v1/events"),
            missing: text("export"),
        }),
    ]
}

/// Kinds whose fields may be absent, without them; and each way in which a command can end.
pub(super) fn sparse_kinds() -> Vec<Kind> {
    let mut kinds = sparse_node_kinds();
    kinds.extend(cluster::sparse_kinds());
    kinds
}

fn sparse_node_kinds() -> Vec<Kind> {
    let finished = |outcome| {
        Kind::CommandFinished(CommandFinished {
            command: 1,
            outcome,
            duration_ms: 0,
            input: Counted::default(),
            output: Counted::default(),
            errors: Counted::default(),
            masked: BTreeMap::new(),
            rows: None,
        })
    };
    let mut kinds = vec![
        Kind::SessionClosed(SessionClosed {
            reason: text("finished"),
            duration_ms: 1500,
            commands: 1,
            sealed: Some(SessionSeal { events: 7, root: Digest([0x99; 32]) }),
        }),
        Kind::LoginSucceeded(LoginSucceeded {
            method: text("password"),
            service: text("api"),
            connection: None,
        }),
        Kind::LoginFailed(LoginFailed {
            method: text("password"),
            service: text("api"),
            claimed: String::new(),
            reason: text("no such person"),
            from: text("198.51.100.4:40000"),
            credential: None,
        }),
        Kind::CommandJudged(CommandJudged {
            parts: 0,
            rules: Vec::new(),
            told: None,
            reading: Reading { reader: text("shell/1"), ..Reading::default() },
            durability: Durability::Local,
            without_stream: true,
            ..judged()
        }),
        Kind::CommandJudged(CommandJudged { reading: read_sql(), ..judged() }),
        Kind::CommandJudged(CommandJudged { reading: read_files(), ..judged() }),
        Kind::CommandJudged(CommandJudged {
            reading: read_forward(),
            told: Some(Told::plain(Code::ForwardUnseen)),
            ..judged()
        }),
        // `forward.closed` of a socket: nobody says where it came from.
        Kind::ForwardClosed(ForwardClosed {
            command: 2,
            from: None,
            to_target: Passed::default(),
            to_client: Passed::default(),
            duration_ms: 0,
            told: None,
        }),
        Kind::FileTransferred(FileTransferred {
            command: 1,
            read: Passed::default(),
            written: Passed::default(),
            closed: false,
            found: BTreeMap::new(),
            told: None,
        }),
        Kind::OutputReleased(OutputReleased {
            text: None,
            base64: Some(text("/wA=")),
            masked: Vec::new(),
            masked_more: 0,
            record_masked: Vec::new(),
            ..released()
        }),
    ];
    kinds.extend([
        finished(Outcome::Exited(0)),
        finished(Outcome::Signalled(text("KILL"))),
        finished(Outcome::Refused(Told::plain(Code::RecordFull))),
        finished(Outcome::ClientLeft),
        finished(Outcome::Failed(Told::plain(Code::TargetLost))),
    ]);
    kinds
}

/// A sample as it is kept.
pub(super) fn bytes(draft: &Draft) -> Vec<u8> {
    let (id, head) = place(&draft.kind);
    stamp(&cluster(), id, head, draft).expect("a sample is small").bytes
}

fn read_files() -> Reading {
    let one = |(_, operation): &(&str, FileOperation)| FilePart {
        operation: *operation,
        path: text("/srv/data"),
        program: (*operation == FileOperation::Read).then_some(2),
    };
    let files = FileOperation::ALL.iter().map(one).collect();
    Reading { reader: text("files/1"), files, ..Reading::default() }
}

fn read_forward() -> Reading {
    let forward = Forward {
        operation: ForwardOperation::Connect,
        address: text("db.internal:5432"),
        at: vec![text("10.0.0.5")],
        targets: vec![text("orders")],
    };
    Reading { reader: text("forward/1"), forward: Some(Box::new(forward)), ..Reading::default() }
}

fn read_sql() -> Reading {
    let statement = Statement {
        tag: text("update"),
        effects: Effect::ALL.iter().map(|(_, effect)| *effect).collect(),
        tables: vec![text("public.orders")],
        columns: vec![text("total")],
        functions: vec![text("now")],
        unbounded: true,
        copies: false,
    };
    let plain = Statement { tag: text("begin"), ..Statement::default() };
    let statements = vec![plain, statement];
    Reading { reader: text("sql/1"), statements, ..Reading::default() }
}
