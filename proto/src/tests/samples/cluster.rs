//! Events that replicated entries cause, and those of a node about its cluster.

use super::{name, text};
use crate::entry::{ApprovalId, Ruling, Withdrawn};
use crate::event::*;
use crate::ids::{Digest, Name, SessionId};
use crate::refusal::{Code, Told};
use crate::time::Utc;

const APPROVAL: ApprovalId = ApprovalId(41);
const LATER: Utc = Utc(1_769_852_700_000_000);

fn session() -> SessionId {
    SessionId::from_text("gw-1-2-1")
}

fn names(texts: &[&str]) -> Vec<Name> {
    texts.iter().map(|text| name(text)).collect()
}

fn held() -> HeldCommand {
    HeldCommand {
        node: name("gw-1"),
        session: session(),
        command: 3,
        digest: Digest([0x11; 32]),
        target: name("web-1"),
        login: text("deploy"),
        text: text("psql -c \"delete from orders\""),
        incomplete: true,
    }
}

fn requested() -> ApprovalRequested {
    ApprovalRequested {
        approval: APPROVAL,
        person: text("alice"),
        command: Some(held()),
        policy_document: None,
        rules: vec![
            AskedOfApprovers {
                rule: text("second-pair-of-eyes"),
                count: 1,
                approvers: names(&["bob", "carol"]),
            },
            AskedOfApprovers {
                rule: text("owners"),
                count: 2,
                approvers: names(&["carol", "dan"]),
            },
        ],
        for_ms: Some(1_800_000),
        expires: LATER,
    }
}

pub(super) fn every_kind() -> Vec<Kind> {
    let mut kinds = approvals();
    kinds.extend([
        Kind::LockSet(LockSet {
            lock: ApprovalId(50),
            scope: text("person alice"),
            until: Some(LATER),
            reason: text("lost laptop"),
            by: text("bob"),
        }),
        Kind::LockLifted(LockLifted {
            lock: ApprovalId(50),
            scope: text("person alice"),
            reason: text("found it"),
            by: Some(text("bob")),
        }),
        Kind::NodeJoined(NodeJoined {
            node: name("gw-2"),
            raft_id: 2,
            address: text("gw-2.internal:7400"),
        }),
        Kind::NodeLeft(NodeLeft {
            node: name("gw-2"),
            reason: text("removed"),
            by: Some(text("bob")),
            sessions: 4,
        }),
        Kind::NodeRegistered(NodeRegistered {
            node: name("gw-2"),
            key: text("sallyport/acme/gw-2+5e2c1d5f+AREiMzREVWZ3iJmqu8zd7v8AESIzRFVmd4iZqrvM3e7/"),
        }),
        Kind::CheckpointSealed(CheckpointSealed {
            node: name("gw-2"),
            node_epoch: 3,
            base: 7,
            size: 1_000,
            root: Digest([0x77; 32]),
            head: Digest([0x88; 32]),
            signature: text("c2lnbmF0dXJl"),
        }),
        Kind::QuorumLost(QuorumLost { since_ms: 15_000, sessions: 4 }),
        Kind::QuorumRegained(QuorumRegained { after_ms: 21_500 }),
        Kind::ControlResumed(ControlResumed {
            after: 4_100,
            first: 9_001,
            follows: Digest([0x99; 32]),
        }),
        Kind::RecordDegraded(RecordDegraded {
            told: Told::plain(Code::StreamDown),
            acknowledged: 812,
        }),
        Kind::RecordRestored(RecordRestored {
            server: text("2.15.1"),
            replicas: 3,
            sync_ms: 10_000,
            after_ms: 61_250,
            acknowledged: 1_204,
            regressions: 1,
        }),
        Kind::BackupTaken(BackupTaken { recipient: Digest([0x66; 32]) }),
        Kind::BackupRestored(BackupRestored {
            founder: name("gw-1"),
            gone: names(&["gw-1", "gw-2", "gw-3"]),
            sessions: 4,
            after: None,
        }),
    ]);
    kinds
}

fn approvals() -> Vec<Kind> {
    vec![
        Kind::ApprovalRequested(requested()),
        Kind::ApprovalRuled(ApprovalRuled {
            approval: APPROVAL,
            person: name("carol"),
            ruling: Ruling::Approve,
            reason: text("ticket 7"),
            satisfied: true,
        }),
        Kind::ApprovalWithdrawn(ApprovalWithdrawn {
            approval: APPROVAL,
            because: Withdrawn::NodeLost,
        }),
        Kind::ApprovalExpired(ApprovalExpired { approval: APPROVAL }),
        Kind::ApprovalRevoked(ApprovalRevoked {
            approval: APPROVAL,
            by: text("carol"),
            reason: text("wrong window"),
        }),
        Kind::ApprovalConsumed(ApprovalConsumed {
            approval: APPROVAL,
            by_session: Some(session()),
            by_command: Some(3),
            digest: Some(Digest([0x11; 32])),
            until: Some(LATER),
        }),
    ]
}

pub(super) fn sparse_kinds() -> Vec<Kind> {
    let mut kinds = vec![
        Kind::PolicyChanged(PolicyChanged {
            revision: 6,
            digest: Digest([0x56; 32]),
            by: text("alice"),
            approval: Some(APPROVAL),
        }),
        Kind::ApprovalRequested(ApprovalRequested {
            command: None,
            policy_document: Some(Digest([0x56; 32])),
            for_ms: None,
            ..requested()
        }),
        Kind::ApprovalRequested(ApprovalRequested {
            command: Some(HeldCommand { incomplete: false, ..held() }),
            ..requested()
        }),
        Kind::ApprovalRuled(ApprovalRuled {
            approval: APPROVAL,
            person: name("carol"),
            ruling: Ruling::Deny,
            reason: String::new(),
            satisfied: false,
        }),
        Kind::ApprovalConsumed(ApprovalConsumed {
            approval: APPROVAL,
            by_session: None,
            by_command: None,
            digest: None,
            until: None,
        }),
        Kind::LockSet(LockSet {
            lock: ApprovalId(50),
            scope: text("everything"),
            until: None,
            reason: text("incident"),
            by: text("administrator"),
        }),
        Kind::LockLifted(LockLifted {
            lock: ApprovalId(50),
            scope: text("everything"),
            reason: text("ran out"),
            by: None,
        }),
        Kind::NodeLeft(NodeLeft {
            node: name("gw-2"),
            reason: text("lost"),
            by: None,
            sessions: 0,
        }),
    ];
    kinds.push(Kind::BackupRestored(BackupRestored {
        founder: name("gw-1"),
        gone: names(&["gw-1"]),
        sessions: 0,
        after: Some(1_204),
    }));
    let why = [Withdrawn::ClientLeft, Withdrawn::SessionEnded, Withdrawn::PolicyChanged];
    kinds.extend(
        why.map(|because| {
            Kind::ApprovalWithdrawn(ApprovalWithdrawn { approval: APPROVAL, because })
        }),
    );
    kinds
}
