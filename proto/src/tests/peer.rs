//! Messages between peers: bytes that the next version must still read, and damage.

use std::collections::BTreeSet;

use super::files::{check_golden, names, path};
use super::samples::name;
use crate::entry::By;
use crate::ids::{Digest, Epoch, SessionId};
use crate::peer::raft::{
    AppendAnswer, AppendRequest, ForwardRequest, Forwarded, KnownAnswer, LogEntry, LogId, Member,
    Membership, Payload, ReadAnswer, Request, SnapshotAnswer, SnapshotChunk, SnapshotMeta, Vote,
    VoteAnswer, VoteRequest,
};
use crate::peer::{
    BadBody, BadFrame, Cancel, Clocked, Empty, End, FORMAT, FRAME_LIMIT, HEADER_BYTES, Header,
    Hello, Item, Join, Joined, Kill, Killed, Lane, MemberRecord, Message, More, NotRaft, Refusal,
    Renew, Renewed, Roster, RosterAsk, SNAPSHOT_CHUNK, Secret, SessionRows, SessionsAsk, Versions,
    Watch, Welcome, limit_of,
};
use crate::refusal::{Code, Told};
use crate::time::Utc;

const CLOCK: Utc = Utc(1_764_403_200_000_000);

fn text(text: &str) -> String {
    text.to_owned()
}

fn clocked<T>(body: T) -> Clocked<T> {
    Clocked { clock: CLOCK, body }
}

fn vote() -> Vote {
    Vote { term: 7, node: 2, committed: true }
}

fn at(index: u64) -> LogId {
    LogId { term: 7, node: 2, index }
}

fn membership() -> Membership {
    let member = |raft_id| Member {
        raft_id,
        node: name(&format!("gw-{raft_id}")),
        address: format!("192.0.2.{raft_id}:7400"),
    };
    Membership { configs: vec![vec![1, 2], vec![1, 2, 3]], members: vec![member(1), member(2)] }
}

fn record() -> MemberRecord {
    let address = text("192.0.2.3:7400");
    MemberRecord { raft_id: 3, node: name("gw-3"), address, key: Digest([0x33; 32]) }
}

fn versions() -> Versions {
    Versions { oldest: 1, newest: 2 }
}

fn refusal() -> Refusal {
    Told::plain(Code::NotAMember).into()
}

fn signals() -> Vec<Message> {
    vec![
        Message::Hello(Hello {
            cluster: text("prod"),
            node: text("gw-3"),
            raft_id: 3,
            lane: Lane::Bulk,
            versions: versions(),
            program: text("0.1.0"),
        }),
        Message::Welcome(Welcome { versions: versions(), program: text("0.1.0") }),
        Message::Ping(Empty {}),
        Message::Pong(Empty {}),
        Message::Refused(refusal()),
        Message::Item(Item { bytes: b"{}".to_vec() }),
        Message::More(More { items: 16 }),
        Message::End(End { refusal: Some(refusal()) }),
        Message::Stop(Empty {}),
    ]
}

fn asked() -> Vec<Message> {
    let entries = vec![
        LogEntry { at: at(11), payload: Payload::Blank },
        LogEntry { at: at(12), payload: Payload::Batch(vec![2, 0, 0]) },
        LogEntry { at: at(13), payload: Payload::Membership(membership()) },
    ];
    let (previous, committed) = (Some(at(10)), Some(at(9)));
    let meta = SnapshotMeta {
        id: text("7-2-9"),
        last_log: Some(at(9)),
        membership_at: Some(at(4)),
        membership: membership(),
    };
    let chunk =
        SnapshotChunk { vote: vote(), meta, offset: 1024, total: 4096, bytes: vec![0x5a; 8] };
    vec![
        Message::AskVote(clocked(VoteRequest { vote: vote(), last_log: Some(at(10)) })),
        Message::AskAppend(clocked(AppendRequest { vote: vote(), previous, entries, committed })),
        Message::AskSnapshot(clocked(chunk)),
        Message::AskForward(clocked(ForwardRequest { proposals: vec![vec![2, 1], vec![2, 2]] })),
        Message::AskRead(clocked(Empty {})),
        Message::AskElect(clocked(Empty {})),
        Message::AskClock(clocked(Empty {})),
        Message::AskKnown(clocked(Empty {})),
        Message::Join(Join {
            cluster: text("prod"),
            secret: Secret::new([0x11; 32]),
            node: text("gw-3"),
            cluster_address: text("192.0.2.3:7400"),
            api_address: text("192.0.2.3:8443"),
            request: vec![0x30, 0x00],
            versions: versions(),
            program: text("0.1.0"),
        }),
        Message::RosterAsk(RosterAsk {}),
        Message::Renew(Renew { request: vec![0x30, 0x00] }),
        Message::SessionsAsk(SessionsAsk { live: true, limit: 500 }),
        Message::Watch(Watch { session: SessionId::from_text("gw-1-2-1"), after: 4 }),
        Message::Kill(Kill {
            session: SessionId::from_text("gw-1-2-1"),
            by: By::Person(name("alice")),
            reason: text("runaway"),
        }),
        Message::Cancel(Cancel { process: 7, secret: Secret::new([0x44; 32]), length: 4 }),
    ]
}

fn told() -> Vec<Message> {
    let applied = Forwarded::Applied { index: 44, reply: vec![1, 2] };
    let forwarded = vec![
        applied,
        Forwarded::NotLeader(Some(2)),
        Forwarded::Unknown,
        Forwarded::Refused(text("no")),
    ];
    vec![
        Message::TellVote(clocked(VoteAnswer {
            vote: vote(),
            granted: true,
            last_log: Some(at(10)),
        })),
        Message::TellAppend(clocked(AppendAnswer::KeptUpTo(Some(at(12))))),
        Message::TellSnapshot(clocked(SnapshotAnswer { vote: vote(), received: 2048 })),
        Message::TellForward(clocked(forwarded)),
        Message::TellRead(clocked(ReadAnswer::At(Some(at(13))))),
        Message::TellKnown(clocked(KnownAnswer { epoch: Epoch(4), nonce: 9, kept: Some(10) })),
        Message::TellDone(clocked(Empty {})),
        Message::TellStopped(clocked(text("the log is damaged"))),
        Message::TellRefused(clocked(text("not here"))),
        Message::Joined(Joined {
            raft_id: 3,
            certificate: vec![0x30, 0x01],
            authorities: vec![vec![0x30, 0x02], vec![0x30, 0x03]],
            cluster_key: Secret::new([0x22; 32]),
            generation: 1,
            members: vec![record()],
        }),
        Message::Roster(Roster { applied: 44, members: vec![record()] }),
        Message::Renewed(Renewed { certificate: vec![0x30], authorities: vec![vec![0x30, 0x02]] }),
        Message::SessionRows(SessionRows { rows: vec![text("{}")], more: true }),
        Message::Killed(Killed { found: true }),
        Message::Cancelled(Empty {}),
    ]
}

fn every_message() -> Vec<Message> {
    [signals(), asked(), told()].concat()
}

#[test]
fn each_kind_is_written_as_its_golden_bytes_and_read_back() {
    let mut files = BTreeSet::new();
    for message in every_message() {
        let bytes = message.to_bytes().unwrap();
        let file = format!("{:03}-{}.v{FORMAT}", message.kind(), message.name());
        check_golden(&format!("golden/peer/{file}.rkyv"), &bytes);
        let golden = std::fs::read(path(&format!("golden/peer/{file}.rkyv"))).unwrap();
        // A slice of a file has no alignment.
        let shifted = [&[0_u8][..], &golden].concat();
        assert_eq!(Message::read(message.kind(), &shifted[1..]).as_ref(), Ok(&message));
        files.insert(file);
    }
    let kinds = Message::KINDS.iter().map(|(name, tag)| format!("{tag:03}-{name}.v{FORMAT}"));
    assert_eq!(files, kinds.collect(), "samples on the left, kinds on the right");
    assert_eq!(names("golden/peer", ".rkyv"), files, "files on the left, samples on the right");
}

#[test]
fn an_answer_has_the_tag_of_its_question_and_128() {
    let tag =
        |wanted: &str| Message::KINDS.iter().find(|(name, _)| *name == wanted).map(|(_, tag)| *tag);
    for (ask, tell) in [
        ("AskVote", "TellVote"),
        ("AskAppend", "TellAppend"),
        ("AskSnapshot", "TellSnapshot"),
        ("AskForward", "TellForward"),
        ("AskRead", "TellRead"),
        ("AskElect", "TellDone"),
        ("AskKnown", "TellKnown"),
        ("Join", "Joined"),
        ("RosterAsk", "Roster"),
        ("Renew", "Renewed"),
        ("SessionsAsk", "SessionRows"),
        ("Kill", "Killed"),
        ("Cancel", "Cancelled"),
    ] {
        assert_eq!(tag(ask).map(|tag| tag + 128), tag(tell), "{ask}");
    }
}

#[test]
fn damage_is_refused_or_changes_a_value_and_never_panics() {
    for message in every_message() {
        let bytes = message.to_bytes().unwrap();
        for index in 0..bytes.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut damaged = bytes.to_vec();
                damaged[index] ^= flip;
                if let Ok(read) = Message::read(message.kind(), &damaged) {
                    assert_eq!(read.kind(), message.kind());
                }
            }
        }
        for length in 0..bytes.len() {
            let cut = Message::read(message.kind(), &bytes[..length]);
            assert_ne!(cut.as_ref(), Ok(&message), "{} cut to {length}", message.name());
        }
    }
}

#[test]
fn a_kind_that_nobody_knows_is_named() {
    for kind in [0, 15, 127, 255] {
        assert_eq!(Message::read(kind, &[0; 8]), Err(BadBody::Kind(kind)));
        assert_eq!(limit_of(kind), None);
    }
}

#[test]
fn bytes_of_one_kind_read_as_another_never_panic() {
    for message in every_message() {
        let bytes = message.to_bytes().unwrap();
        for (_, tag) in Message::KINDS.iter().filter(|(_, tag)| *tag != message.kind()) {
            // Small bodies may fit by chance; they are then a value of the kind that was said.
            assert_ne!(Message::read(*tag, &bytes).as_ref(), Ok(&message));
        }
    }
}

#[test]
fn a_body_over_the_limit_of_its_kind_is_neither_written_nor_read() {
    for (_, tag) in Message::KINDS {
        let limit = limit_of(*tag).unwrap();
        assert!(limit <= FRAME_LIMIT, "{tag}");
        let over = vec![0; limit + 1];
        let too_large = BadBody::TooLarge { kind: *tag, bytes: limit + 1, limit };
        assert_eq!(Message::read(*tag, &over), Err(too_large));
    }
    let text = "x".repeat(64 * 1024);
    let refused = Message::Refused(Refusal { code: 1808, text });
    assert!(matches!(refused.to_bytes(), Err(BadBody::TooLarge { kind: 5, .. })));
    // A piece of a snapshot of the agreed size always fits.
    let Some(Message::AskSnapshot(mut chunk)) =
        asked().into_iter().find(|message| message.name() == "AskSnapshot")
    else {
        panic!("there is a sample of a piece of a snapshot");
    };
    chunk.body.bytes = vec![0; SNAPSHOT_CHUNK];
    assert!(Message::AskSnapshot(chunk).to_bytes().is_ok());
}

#[test]
fn a_header_is_read_as_it_was_written_or_refused_before_its_body() {
    let header = Header { length: 61, kind: 16, call: 0x0102_0304_0506_0708 };
    let bytes = header.to_bytes();
    assert_eq!(bytes, [0, 0, 0, 61, FORMAT, 16, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(Header::read(&bytes), Ok(header));
    let with = |index: usize, byte: u8| {
        let mut other: [u8; HEADER_BYTES] = bytes;
        other[index] = byte;
        Header::read(&other)
    };
    assert_eq!(with(4, 0), Err(BadFrame::Format(0)));
    assert_eq!(with(4, FORMAT + 1), Err(BadFrame::Format(FORMAT + 1)));
    assert_eq!(with(5, 99), Err(BadFrame::Kind(99)));
    let length = 0xff00_003d;
    assert_eq!(with(0, 0xff), Err(BadFrame::TooLarge { kind: 16, length, limit: 4096 }));
}

#[test]
fn secrets_are_never_printed() {
    for message in every_message() {
        let printed = format!("{message:?}");
        for secret in ["17, 17, 17", "34, 34, 34"] {
            assert!(!printed.contains(secret), "{printed}");
        }
    }
    assert_eq!(format!("{:?}", Secret::new([1; 32])), "Secret(…)");
    assert_eq!(Secret::new([1; 32]), Secret::new([1; 32]));
    assert_ne!(Secret::new([1; 32]), Secret::new([2; 32]));
}

#[test]
fn requests_of_raft_come_from_whoever_the_listener_knows_to_send_them() {
    for message in asked().into_iter().filter(|message| message.kind() < 32) {
        let request = message.clone().into_asked(3).unwrap();
        assert_eq!((request.from, request.clock), (3, CLOCK));
        // What the sender says of itself does not travel.
        let claimed = Request { from: 99, ..request };
        assert_eq!(Message::asking(claimed), message);
    }
    for message in told().into_iter().filter(|message| message.kind() < 160) {
        let response = message.clone().into_told().unwrap();
        assert_eq!(Message::telling(response), message);
    }
    assert_eq!(Message::RosterAsk(RosterAsk {}).into_asked(3), Err(NotRaft("RosterAsk")));
    assert_eq!(Message::Killed(Killed { found: true }).into_told(), Err(NotRaft("Killed")));
}

#[test]
fn versions_are_fit_for_each_other_when_their_ranges_meet() {
    let check = |one: (u32, u32), two: (u32, u32), common: Option<u32>| {
        let versions = |(oldest, newest)| Versions { oldest, newest };
        assert_eq!(versions(one).common(&versions(two)), common, "{one:?} {two:?}");
        assert_eq!(versions(two).common(&versions(one)), common, "{two:?} {one:?}");
    };
    check((1, 1), (1, 1), Some(1));
    check((1, 2), (2, 3), Some(2));
    check((1, 3), (2, 2), Some(2));
    check((1, 2), (3, 4), None);
}

#[test]
fn refusals_keep_their_code_and_their_words() {
    for code in Code::ALL {
        let told = Told::new(*code, "why");
        assert_eq!(Told::from(Refusal::from(told.clone())), told);
    }
    let newer = Refusal { code: 9999, text: text("why") };
    let kept = Told::new(Code::VersionMismatch, "SP-9999: why");
    assert_eq!(Told::from(newer), kept);
}
