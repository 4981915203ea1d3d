//! Who sees which request, and as what.

use consensus_state::{Approval, Asked, Status};
use node_enforce::policy::Permission;
use node_identity::Principal;
use proto::api::{ApprovalRow, ApprovalState, ProposedPolicy, RulingRow};
use proto::entry::{ApprovalRequest, AskedRule, Covered};
use proto::event::{AskedOfApprovers, HeldCommand};
use proto::ids::Name;
use proto::time::Utc;

use crate::caller::{Caller, may};
use crate::state::Api;

/// What the rule of a policy that waits is called.
const SECOND_PERSON: &str = "second_person";

/// Whoever reads.
pub(super) struct Reader {
    person: Option<Name>,
    sees_all: bool,
}

impl Reader {
    pub(super) fn new(api: &Api, caller: &Caller) -> Self {
        let view = api.view();
        let policy = view.policy.as_ref().map(|(policy, _)| &**policy);
        let sees_all = caller
            .principal
            .as_ref()
            .is_some_and(|principal| may(principal, policy, Permission::Sessions));
        let person = match &caller.principal {
            Some(Principal::Person(subject)) => Some(subject.person.clone()),
            Some(Principal::Admin) | None => None,
        };
        Self { person, sees_all }
    }

    /// Whether they may see it.
    pub(super) fn sees(&self, approval: &Approval) -> bool {
        self.sees_all || self.is_party(approval)
    }

    /// Whether they asked for it, or are among its approvers.
    pub(super) fn is_party(&self, approval: &Approval) -> bool {
        self.asked(approval) || self.is_approver(approval)
    }

    fn asked(&self, approval: &Approval) -> bool {
        self.person.is_some() && approval.asked.person() == self.person.as_ref()
    }

    fn is_approver(&self, approval: &Approval) -> bool {
        self.person.as_ref().is_some_and(|person| approval.may_rule(person))
    }

    fn may_rule(&self, approval: &Approval, now: Utc) -> bool {
        let has_ruled =
            approval.rulings.iter().any(|ruled| Some(&ruled.person) == self.person.as_ref());
        approval.status == Status::Open
            && now < approval.expires
            && self.is_approver(approval)
            && !has_ruled
    }

    /// The request as they see it; with the document of a policy that waits, when it is wanted.
    pub(super) fn row(&self, approval: &Approval, now: Utc, whole: bool) -> ApprovalRow {
        let (state, because, until) = state(approval.status);
        let row = ApprovalRow {
            id: approval.id,
            state,
            because,
            person: String::new(),
            command: None,
            policy: None,
            policy_revision: 0,
            rules: Vec::new(),
            rulings: approval.rulings.iter().map(ruling).collect(),
            for_ms: None,
            requested: approval.at,
            expires: approval.expires,
            until,
            may_rule: self.may_rule(approval, now),
        };
        match &approval.asked {
            Asked::Command(request) => ApprovalRow {
                person: request.person.to_string(),
                command: Some(command(request)),
                policy_revision: request.policy_revision,
                rules: request.rules.iter().map(rule).collect(),
                for_ms: match request.covered {
                    Covered::Command => None,
                    Covered::Session { for_ms } => Some(for_ms),
                },
                ..row
            },
            Asked::Policy(proposal) => {
                let setting = &proposal.setting;
                let approvers = proposal.approvers.clone();
                ApprovalRow {
                    person: setting.by.to_string(),
                    policy: Some(ProposedPolicy {
                        digest: setting.digest,
                        expected_revision: setting.expected_revision,
                        document: (whole && approval.status == Status::Open)
                            .then(|| setting.document.clone()),
                    }),
                    policy_revision: setting.expected_revision.unwrap_or(0),
                    rules: vec![AskedOfApprovers {
                        rule: SECOND_PERSON.to_owned(),
                        count: 1,
                        approvers,
                    }],
                    ..row
                }
            }
        }
    }
}

fn state(status: Status) -> (ApprovalState, Option<proto::entry::Withdrawn>, Option<Utc>) {
    match status {
        Status::Open => (ApprovalState::Open, None, None),
        Status::Approved => (ApprovalState::Approved, None, None),
        Status::Consumed { until } => (ApprovalState::Consumed, None, until),
        Status::Denied => (ApprovalState::Denied, None, None),
        Status::Withdrawn(because) => (ApprovalState::Withdrawn, Some(because), None),
        Status::Expired => (ApprovalState::Expired, None, None),
        Status::Revoked => (ApprovalState::Revoked, None, None),
    }
}

fn ruling(ruled: &consensus_state::Ruled) -> RulingRow {
    RulingRow {
        person: ruled.person.clone(),
        ruling: ruled.ruling,
        reason: ruled.reason.clone(),
        at: ruled.at,
    }
}

fn rule(asked: &AskedRule) -> AskedOfApprovers {
    AskedOfApprovers {
        rule: asked.rule.clone(),
        count: asked.count,
        approvers: asked.approvers.clone(),
    }
}

fn command(request: &ApprovalRequest) -> HeldCommand {
    HeldCommand {
        node: request.command.node.clone(),
        session: request.command.session.clone(),
        command: request.command.command,
        digest: request.command.digest,
        target: request.target.clone(),
        login: request.login.clone(),
        text: request.text.clone(),
        incomplete: request.incomplete,
    }
}
