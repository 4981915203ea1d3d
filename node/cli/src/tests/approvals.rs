//! Requests for approvals, as a person reads them.

use proto::api::{ApprovalRow, ApprovalState, ProposedPolicy, RulingRow};
use proto::entry::{ApprovalId, Ruling, Withdrawn};
use proto::event::{AskedOfApprovers, HeldCommand};
use proto::ids::{Digest, Epoch, Name, SessionId};
use proto::time::Utc;

use crate::commands::approvals::{flat, one_line};

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn held() -> ApprovalRow {
    ApprovalRow {
        id: ApprovalId(57),
        state: ApprovalState::Open,
        because: None,
        person: "alice".to_owned(),
        command: Some(HeldCommand {
            node: name("gw-1"),
            session: SessionId::new(&name("gw-1"), Epoch(1), 9),
            command: 1,
            digest: Digest::ZERO,
            target: name("web-1"),
            login: "deploy".to_owned(),
            text: "rm \u{1b}[2J -rf /srv".to_owned(),
            incomplete: false,
        }),
        policy: None,
        policy_revision: 3,
        rules: vec![AskedOfApprovers {
            rule: "second-pair-of-eyes".to_owned(),
            count: 2,
            approvers: vec![name("bob"), name("carol")],
        }],
        rulings: Vec::new(),
        for_ms: None,
        requested: Utc(0),
        expires: Utc(900_000_000),
        until: None,
        may_rule: true,
    }
}

#[test]
fn a_held_command() {
    let row = flat(&held());
    assert_eq!(row["for"], "deploy@web-1: rm \u{1b}[2J -rf /srv");
    assert_eq!(row["rules"][0], "second-pair-of-eyes×2");
    assert_eq!(row["yours"], "to rule on");
    assert_eq!(
        one_line(&held()),
        "57  open  alice  deploy@web-1: rm \\u{1b}[2J -rf /srv  sallyport approvals approve 57 \
         --reason …"
    );
}

#[test]
fn what_became_of_it() {
    let mut row = held();
    row.rulings.push(RulingRow {
        person: name("bob"),
        ruling: Ruling::Deny,
        reason: "not on a Friday".to_owned(),
        at: Utc(0),
    });
    row.state = ApprovalState::Denied;
    assert_eq!(
        one_line(&row),
        "57  denied  alice  deploy@web-1: rm \\u{1b}[2J -rf /srv  bob: deny (not on a Friday)"
    );
    let row = ApprovalRow {
        state: ApprovalState::Withdrawn,
        because: Some(Withdrawn::NodeLost),
        may_rule: false,
        ..held()
    };
    let shown = one_line(&row);
    assert!(shown.starts_with("57  withdrawn (node lost)  alice"), "{shown}");
}

#[test]
fn a_policy() {
    let policy =
        ProposedPolicy { digest: Digest([0xab; 32]), expected_revision: Some(3), document: None };
    let row = ApprovalRow { command: None, policy: Some(policy), ..held() };
    assert_eq!(flat(&row)["for"], "policy abababababab");
}
