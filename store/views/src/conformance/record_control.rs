//! The control chain of the record made by hand.

use proto::entry::{ApprovalId, Ruling, Withdrawn};
use proto::event::*;
use proto::ids::{Chain, Digest, SessionId};
use proto::time::Utc;

use super::record::{Record, name};

/// A command that is held.
pub(super) struct Asked {
    pub(super) node: String,
    pub(super) session: SessionId,
    pub(super) command: u64,
    pub(super) count: u64,
}

impl Record {
    fn control(&mut self, kind: Kind) {
        self.event(&Chain::Control, About::default(), kind);
    }

    /// How the control chain begins.
    pub(super) fn join(&mut self) {
        for (raft_id, node) in [(1, "gw-1"), (2, "gw-2")] {
            let address = format!("{node}:7400");
            self.control(Kind::NodeJoined(NodeJoined { node: name(node), raft_id, address }));
        }
        let by = "admin".to_owned();
        let (revision, digest) = (1, Digest([3; 32]));
        let approval = Some(ApprovalId(1));
        let policy = PolicyChanged { revision, digest, by: by.clone(), approval };
        self.control(Kind::PolicyChanged(policy));
        let (set, removed) = (vec![name("alice"), name("bob")], vec![name("carol")]);
        let people = PeopleChanged { set: set.clone(), removed: removed.clone(), by: by.clone() };
        self.control(Kind::PeopleChanged(people));
        self.control(Kind::TargetsChanged(TargetsChanged { set, removed, by }));
        let (lock, scope) = (ApprovalId(7), "person carol".to_owned());
        let (reason, by) = ("left \0 us".to_owned(), "alice".to_owned());
        let until = Some(Utc(1_800_000_000_000_000));
        let set = LockSet { lock, scope: scope.clone(), until, reason: reason.clone(), by };
        self.control(Kind::LockSet(set));
        self.control(Kind::LockLifted(LockLifted { lock, scope, reason, by: None }));
    }

    /// How it ends.
    pub(super) fn left(&mut self) {
        let (node, reason) = (name("gw-2"), "removed".to_owned());
        let by = Some("admin".to_owned());
        self.control(Kind::NodeLeft(NodeLeft { node, reason, by, sessions: 1 }));
    }

    /// Asks for an approval, which ends in one way or another; says which, when it may go.
    pub(super) fn ask(&mut self, asked: &Asked) -> Option<ApprovalId> {
        let approval = ApprovalId(100 + asked.count * 10 + asked.command);
        self.control(Kind::ApprovalRequested(requested(approval, asked)));
        let ruled = |ruling, satisfied| {
            let (person, reason) = (name("carol"), "looks \u{fffd} right".to_owned());
            Kind::ApprovalRuled(ApprovalRuled { approval, person, ruling, reason, satisfied })
        };
        match asked.count % 5 {
            0 => self.control(ruled(Ruling::Deny, false)),
            1 => {
                let because = Withdrawn::ClientLeft;
                self.control(Kind::ApprovalWithdrawn(ApprovalWithdrawn { approval, because }));
            }
            2 => self.control(Kind::ApprovalExpired(ApprovalExpired { approval })),
            3 => {
                self.control(ruled(Ruling::Approve, true));
                let (by, reason) = ("carol".to_owned(), "no".to_owned());
                self.control(Kind::ApprovalRevoked(ApprovalRevoked { approval, by, reason }));
            }
            _ => {
                self.control(ruled(Ruling::Approve, true));
                self.control(Kind::ApprovalConsumed(ApprovalConsumed {
                    approval,
                    by_session: Some(asked.session.clone()),
                    by_command: Some(asked.command),
                    digest: Some(Digest([1; 32])),
                    until: None,
                }));
                return Some(approval);
            }
        }
        None
    }
}

fn requested(approval: ApprovalId, asked: &Asked) -> ApprovalRequested {
    ApprovalRequested {
        approval,
        person: "alice".to_owned(),
        command: Some(HeldCommand {
            node: name(&asked.node),
            session: asked.session.clone(),
            command: asked.command,
            digest: Digest([1; 32]),
            target: name("web-1"),
            login: "deploy".to_owned(),
            text: "drop table \0".to_owned(),
            incomplete: false,
        }),
        policy_document: None,
        rules: vec![AskedOfApprovers {
            rule: "second-pair".to_owned(),
            count: 1,
            approvers: vec![name("carol"), name("dave")],
        }],
        for_ms: None,
        expires: Utc(1_769_860_000_000_000),
    }
}
