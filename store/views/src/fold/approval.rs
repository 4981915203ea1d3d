//! Approvals: asked for, ruled on, ended or spent.

use proto::entry::{ApprovalId, Ruling};
use proto::event::{
    ApprovalConsumed, ApprovalExpired, ApprovalRequested, ApprovalRevoked, ApprovalRuled,
    ApprovalWithdrawn, AskedOfApprovers, Event, HeldCommand,
};

use super::{TEXT_LIMIT, WORDS_LIMIT, count, event_id, text, word};
use crate::tables::{Approval, RulingMade};
use crate::working::Working;

pub(super) fn requested(rows: &mut Working, event: &Event, asked: &ApprovalRequested) {
    let command = asked.command.as_ref();
    let of = |part: fn(&HeldCommand) -> String| command.map(part);
    let rule = |rule: &AskedOfApprovers| AskedOfApprovers {
        rule: word(&rule.rule),
        count: rule.count,
        approvers: rule.approvers.clone(),
    };
    let make = || Approval {
        chain: event.id.chain.to_string(),
        id: asked.approval.to_string(),
        number: count(asked.approval.0),
        person: word(&asked.person),
        node: of(|held| held.node.to_string()),
        session: of(|held| word(held.session.as_str())),
        command: command.map(|held| count(held.command)),
        target: of(|held| held.target.to_string()),
        login: of(|held| word(&held.login)),
        text: of(|held| text(&held.text, TEXT_LIMIT)),
        digest: of(|held| held.digest.to_string()),
        policy_document: asked.policy_document.map(|digest| digest.to_string()),
        rules: asked.rules.iter().take(WORDS_LIMIT).map(rule).collect(),
        for_ms: asked.for_ms.map(count),
        requested_at: event.time,
        expires_at: asked.expires,
        status: "open".to_owned(),
        rulings: Vec::new(),
        approved_by: Vec::new(),
        denied_by: Vec::new(),
        ended_at: None,
        ended_by: None,
        ended_because: None,
        consumed_at: None,
        consumed_by_session: None,
        consumed_by_command: None,
        holds_until: None,
        event: event_id(event),
    };
    rows.change_or(&asked.approval.to_string(), make, |_| {});
}

pub(super) fn ruled(rows: &mut Working, event: &Event, ruled: &ApprovalRuled) {
    change(rows, ruled.approval, |approval| {
        if approval.rulings.len() == WORDS_LIMIT {
            return;
        }
        approval.rulings.push(RulingMade {
            person: ruled.person.to_string(),
            ruling: ruled.ruling.to_string(),
            reason: text(&ruled.reason, TEXT_LIMIT),
            at: event.time,
        });
        match ruled.ruling {
            Ruling::Approve => approval.approved_by.push(ruled.person.to_string()),
            Ruling::Deny => {
                approval.denied_by.push(ruled.person.to_string());
                "denied".clone_into(&mut approval.status);
                approval.ended_at = Some(event.time);
            }
        }
        if ruled.satisfied {
            "approved".clone_into(&mut approval.status);
        }
    });
}

pub(super) fn withdrawn(rows: &mut Working, event: &Event, withdrawn: &ApprovalWithdrawn) {
    let because = withdrawn.because.to_string();
    end(rows, event, withdrawn.approval, "withdrawn", None, Some(because));
}

pub(super) fn expired(rows: &mut Working, event: &Event, expired: &ApprovalExpired) {
    end(rows, event, expired.approval, "expired", None, None);
}

pub(super) fn revoked(rows: &mut Working, event: &Event, revoked: &ApprovalRevoked) {
    let (by, because) = (word(&revoked.by), text(&revoked.reason, TEXT_LIMIT));
    end(rows, event, revoked.approval, "revoked", Some(by), Some(because));
}

pub(super) fn consumed(rows: &mut Working, event: &Event, consumed: &ApprovalConsumed) {
    change(rows, consumed.approval, |approval| {
        "consumed".clone_into(&mut approval.status);
        // One that holds for a while is spent several times; the first one made it count.
        if approval.consumed_at.is_none() {
            approval.consumed_at = Some(event.time);
            approval.consumed_by_session =
                consumed.by_session.as_ref().map(|session| word(session.as_str()));
            approval.consumed_by_command = consumed.by_command.map(count);
            approval.holds_until = consumed.until;
        }
    });
}

fn change(rows: &mut Working, approval: ApprovalId, change: impl FnOnce(&mut Approval)) {
    rows.change(&approval.to_string(), change);
}

fn end(
    rows: &mut Working,
    event: &Event,
    approval: ApprovalId,
    status: &str,
    by: Option<String>,
    because: Option<String>,
) {
    change(rows, approval, |approval| {
        status.clone_into(&mut approval.status);
        approval.ended_at = Some(event.time);
        approval.ended_by = by;
        approval.ended_because = because;
    });
}
