//! Asking for an approval: what is pinned is checked here, once.

use std::collections::BTreeSet;

use proto::entry::{ApprovalId, ApprovalRequest, AskedRule, CommandRef, Covered, PolicyProposal};
use proto::event::{ApprovalRequested, AskedOfApprovers, HeldCommand, Kind};
use proto::ids::Name;
use proto::time::Utc;

use super::{Approval, Asked, POLICY_RULE, Status};
use crate::denied::Denied;
use crate::effects::Effects;
use crate::limits;
use crate::planted::{Bug, planted};
use crate::reply::Reply;
use crate::state::{State, later};

impl State {
    pub(crate) fn request_approval(
        &mut self,
        request: &ApprovalRequest,
        effects: &mut Effects,
    ) -> Result<Reply, Denied> {
        let ApprovalRequest { command, person, target, login, .. } = request;
        let CommandRef { node, epoch, session, .. } = command;
        self.running(node, *epoch)?;
        let opening = self.sessions.get(session).map(|session| &session.opening);
        let own = opening.is_some_and(|opening| {
            let (of, by) = ((&opening.node, &opening.person), (&opening.target, &opening.login));
            (of, by) == ((node, person), (target, login))
        });
        if !own {
            return Err(Denied::SessionNotOpen(session.clone()));
        }
        self.check_unlocked(person, target, node)?;
        let current = self.policies.current();
        if request.policy_revision != current {
            return Err(Denied::PolicyChanged { current });
        }
        let limit = limits::APPROVAL_TEXT_BYTES;
        limits::check(request.text.len(), "a command's text in bytes", limit)?;
        let rules = request.rules.len();
        limits::check(rules, "the number of rules", limits::RULES_ASKED)?;
        check_rules(&request.rules, person)?;
        if let Covered::Session { for_ms } = request.covered {
            limits::check_lasts(for_ms, "how long an approval holds", limits::APPROVAL_LASTS)?;
        }
        // One command waits once: asking again for the same is answered as before.
        if let Some(before) = self.approvals.of_session(session).find(|live| asks(live, command)) {
            let same = before.asked == Asked::Command(request.clone());
            return if same { Ok(Reply::Approval(before.id)) } else { Err(Denied::CommandDiffers) };
        }
        self.ask(Asked::Command(request.clone()), request.expires_ms, effects)
    }

    pub(crate) fn propose_policy(
        &mut self,
        proposal: &PolicyProposal,
        effects: &mut Effects,
    ) -> Result<Reply, Denied> {
        let PolicyProposal { setting, approvers, expires_ms } = proposal;
        if setting.expected_revision.is_none() {
            return Err(Denied::Malformed { what: "the revision that was seen".to_owned() });
        }
        self.check_policy(setting)?;
        if self.policy().is_some_and(|current| current.digest == setting.digest) {
            return Ok(Reply::Done);
        }
        check_approvers(POLICY_RULE, 1, approvers, setting.by.person())?;
        self.ask(Asked::Policy(proposal.clone()), *expires_ms, effects)
    }

    fn ask(
        &mut self,
        asked: Asked,
        expires_ms: u64,
        effects: &mut Effects,
    ) -> Result<Reply, Denied> {
        limits::check_lasts(expires_ms, "how long a request stands", limits::APPROVAL_LASTS)?;
        self.approvals.check_room(&asked)?;
        let (id, at) = (ApprovalId(self.applied), self.time);
        let expires = later(at, expires_ms);
        self.record(Kind::ApprovalRequested(event(id, &asked, expires)), effects)?;
        let (rulings, status) = (Vec::new(), Status::Open);
        self.approvals.insert(Approval { id, asked, at, expires, rulings, status }, at);
        effects.changed.approvals = true;
        Ok(Reply::Approval(id))
    }
}

/// Whether a live approval is asked for this command, and not used yet.
fn asks(live: &Approval, command: &CommandRef) -> bool {
    let Asked::Command(request) = &live.asked else { return false };
    let waits = matches!(live.status, Status::Open | Status::Approved);
    waits && request.command.command == command.command
}

fn check_rules(rules: &[AskedRule], requester: &Name) -> Result<(), Denied> {
    if rules.is_empty() {
        return Err(Denied::Malformed { what: "a request without a rule".to_owned() });
    }
    let mut names = BTreeSet::new();
    for AskedRule { rule, count, approvers } in rules {
        limits::check(rule.len(), "the name of a rule in bytes", limits::RULE_NAME_BYTES)?;
        if !names.insert(rule) {
            return Err(Denied::Malformed { what: format!("a request that asks {rule} twice") });
        }
        check_approvers(rule, *count, approvers, Some(requester))?;
    }
    Ok(())
}

fn check_approvers(
    rule: &str,
    count: u32,
    approvers: &[Name],
    requester: Option<&Name>,
) -> Result<(), Denied> {
    limits::check(approvers.len(), "the approvers of a rule", limits::APPROVERS)?;
    let own = requester.is_some_and(|requester| approvers.contains(requester));
    if own && !planted(Bug::SelfApproval) {
        return Err(Denied::SelfApproval);
    }
    let distinct: BTreeSet<_> = approvers.iter().collect();
    let those = u32::try_from(distinct.len()).unwrap_or(u32::MAX);
    if distinct.len() < approvers.len() {
        return Err(Denied::Malformed { what: "a set with a name twice".to_owned() });
    }
    if count == 0 || count > those {
        let rule = rule.to_owned();
        return Err(Denied::NotEnoughApprovers { rule, count, approvers: those });
    }
    Ok(())
}

fn event(approval: ApprovalId, asked: &Asked, expires: Utc) -> ApprovalRequested {
    let rule = |rule: &AskedRule| AskedOfApprovers {
        rule: rule.rule.clone(),
        count: rule.count,
        approvers: rule.approvers.clone(),
    };
    match asked {
        Asked::Command(request) => ApprovalRequested {
            approval,
            person: request.person.to_string(),
            command: Some(held(request)),
            policy_document: None,
            rules: request.rules.iter().map(rule).collect(),
            for_ms: match request.covered {
                Covered::Command => None,
                Covered::Session { for_ms } => Some(for_ms),
            },
            expires,
        },
        Asked::Policy(proposal) => ApprovalRequested {
            approval,
            person: proposal.setting.by.to_string(),
            command: None,
            policy_document: Some(proposal.setting.digest),
            rules: vec![AskedOfApprovers {
                rule: POLICY_RULE.to_owned(),
                count: 1,
                approvers: proposal.approvers.clone(),
            }],
            for_ms: None,
            expires,
        },
    }
}

fn held(request: &ApprovalRequest) -> HeldCommand {
    let CommandRef { node, session, command, digest, .. } = &request.command;
    HeldCommand {
        node: node.clone(),
        session: session.clone(),
        command: *command,
        digest: *digest,
        target: request.target.clone(),
        login: request.login.clone(),
        text: request.text.clone(),
        incomplete: request.incomplete,
    }
}
