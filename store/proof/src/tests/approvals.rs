//! Held commands that ran, against what the control chain says of their approvals.

use proto::entry::{ApprovalId, Ruling, Withdrawn};
use proto::event::*;
use proto::ids::{Digest, SessionId};
use proto::reading::Verdict;

use super::world::*;

const DIGEST: Digest = Digest([7; 32]);

fn asked(approval: u64, command: u64) -> Kind {
    let held = HeldCommand {
        node: name("gw-1"),
        session: SessionId::from_text("s1"),
        command,
        digest: DIGEST,
        target: name("web-1"),
        login: "deploy".to_owned(),
        text: "true".to_owned(),
        incomplete: false,
    };
    Kind::ApprovalRequested(ApprovalRequested {
        approval: ApprovalId(approval),
        person: "alice".to_owned(),
        command: Some(held),
        policy_document: None,
        rules: Vec::new(),
        for_ms: None,
        expires: proto::time::Utc(0),
    })
}

fn ruled(approval: u64, person: &str, ruling: Ruling, satisfied: bool) -> Kind {
    let (person, reason) = (name(person), String::new());
    Kind::ApprovalRuled(ApprovalRuled {
        approval: ApprovalId(approval),
        person,
        ruling,
        reason,
        satisfied,
    })
}

fn spent(approval: u64, command: u64, digest: Digest) -> Kind {
    Kind::ApprovalConsumed(ApprovalConsumed {
        approval: ApprovalId(approval),
        by_session: Some(SessionId::from_text("s1")),
        by_command: Some(command),
        digest: Some(digest),
        until: None,
    })
}

/// A session whose held command 1 goes by approval 5, beside this control chain.
#[track_caller]
fn check_approval(control: impl IntoIterator<Item = Kind>, expected: &[&str]) {
    let mut node = Node::new("gw-1");
    node.started(1);
    for kind in [opened(), judged(1, Verdict::Hold), let_go(1, 5), command_started(1)] {
        node.of(1, kind);
    }
    node.of(1, finished(1, Outcome::Exited(0), 0)).of(1, closed("finished"));
    let mut chain = Node::control();
    for kind in control {
        chain.say(kind);
    }
    let lines: Vec<_> = node.lines.into_iter().chain(chain.lines).collect();
    check_whole(&lines, expected);
}

const NOT_SPENT: &str = "tampering: released-unapproved: gw-1/1-4 at f:4: command 1 of session s1 \
                         was let go by approval 5, which was not spent on it";

fn wrongly(place: &str) -> String {
    format!(
        "tampering: spent-unapproved: {place}: approval 5 was spent, and was not satisfied, had \
         ended, or was asked for something else"
    )
}

#[test]
fn a_held_command_goes_by_an_approval_that_was_spent_on_it() {
    let approved = || [asked(5, 1), ruled(5, "bob", Ruling::Approve, true)];
    let whole = |more: Vec<Kind>| approved().into_iter().chain(more);
    check_approval(whole(vec![spent(5, 1, DIGEST)]), &[]);
    check_approval(whole(vec![]), &[NOT_SPENT]);
    check_approval(whole(vec![spent(5, 2, DIGEST)]), &[&wrongly("control/0-3 at f:10"), NOT_SPENT]);
    let other = Digest([8; 32]);
    check_approval(whole(vec![spent(5, 1, other)]), &[&wrongly("control/0-3 at f:10"), NOT_SPENT]);
    check_approval(
        whole(vec![spent(5, 1, DIGEST), spent(5, 1, DIGEST)]),
        &["tampering: spent-twice: control/0-4 at f:11: approval 5 was spent before"],
    );
}

#[test]
fn what_was_not_satisfied_or_had_ended_is_not_spent() {
    let spend = || spent(5, 1, DIGEST);
    check_approval([asked(5, 1), spend()], &[&wrongly("control/0-2 at f:9")]);
    check_approval(
        [asked(5, 1), ruled(5, "bob", Ruling::Approve, false), spend()],
        &[&wrongly("control/0-3 at f:10")],
    );
    let bob = || ruled(5, "bob", Ruling::Approve, true);
    let approval = ApprovalId(5);
    let (by, reason) = ("carol".to_owned(), String::new());
    for end in [
        ruled(5, "carol", Ruling::Deny, false),
        Kind::ApprovalExpired(ApprovalExpired { approval }),
        Kind::ApprovalRevoked(ApprovalRevoked { approval, by, reason }),
        Kind::ApprovalWithdrawn(ApprovalWithdrawn { approval, because: Withdrawn::NodeLost }),
    ] {
        check_approval([asked(5, 1), bob(), end, spend()], &[&wrongly("control/0-4 at f:11")]);
    }
    check_approval([spend()], &[&wrongly("control/0-1 at f:8")]);
}

#[test]
fn nobody_rules_on_what_they_asked_for() {
    check_approval(
        [asked(5, 1), ruled(5, "alice", Ruling::Approve, true), spent(5, 1, DIGEST)],
        &["tampering: self-approved: control/0-2 at f:9: whoever asked for approval 5 ruled on it"],
    );
}

#[test]
fn only_what_was_held_is_let_go() {
    let mut node = Node::new("gw-1");
    node.started(1);
    for kind in [opened(), judged(1, Verdict::Block), let_go(1, 5)] {
        node.of(1, kind);
    }
    check_whole(
        &node.lines,
        &[
            "tampering: released-unheld: gw-1/1-4 at f:4: command 1 of session s1 was let go and not held",
        ],
    );
}
