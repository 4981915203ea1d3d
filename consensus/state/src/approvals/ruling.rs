//! Ruling on a request: a person of its sets, never who asks, once.

use proto::entry::{ApprovalId, ApprovalRuling, Ruling};
use proto::event::{ApprovalConsumed, ApprovalRuled, Kind};

use super::{Approval, Asked, Ruled, Status};
use crate::denied::Denied;
use crate::effects::Effects;
use crate::limits;
use crate::planted::{Bug, planted};
use crate::reply::Reply;
use crate::state::State;

impl State {
    pub(crate) fn rule(
        &mut self,
        ruling: &ApprovalRuling,
        effects: &mut Effects,
    ) -> Result<Reply, Denied> {
        let ApprovalRuling { approval: id, by, ruling, reason } = ruling;
        let approval = self.approvals.get(*id).ok_or(Denied::UnknownApproval(*id))?;
        let person = by.person().ok_or(Denied::NotAPerson)?;
        if approval.asked.person() == Some(person) && !planted(Bug::SelfApproval) {
            return Err(Denied::SelfApproval);
        }
        if self.person(person).is_none() {
            return Err(Denied::UnknownPerson(person.clone()));
        }
        self.check_by(by)?;
        if !approval.may_rule(person) {
            return Err(Denied::NotAnApprover(person.clone()));
        }
        // A no counts as long as nothing has run.
        let counts = match approval.status {
            Status::Open => true,
            Status::Approved => *ruling == Ruling::Deny,
            Status::Denied => planted(Bug::Overruled),
            _ => false,
        };
        if !counts {
            return Err(Denied::ApprovalOver(approval.status));
        }
        let ruled = approval.rulings.iter().any(|ruled| ruled.person == *person);
        if ruled && !planted(Bug::CountedTwice) {
            return Err(Denied::AlreadyRuled(person.clone()));
        }
        limits::check(reason.len(), "a reason in bytes", limits::REASON_BYTES)?;
        let mut ruled = approval.clone();
        let (person, reason) = (person.clone(), reason.clone());
        ruled.rulings.push(Ruled { person, ruling: *ruling, reason, at: self.time });
        self.settle(ruled, effects)
    }

    /// Puts a request back with one ruling more, and does what follows from that.
    fn settle(&mut self, mut ruled: Approval, effects: &mut Effects) -> Result<Reply, Denied> {
        let Some(last) = ruled.rulings.last().cloned() else { return Ok(Reply::Done) };
        let satisfied = last.ruling == Ruling::Approve && ruled.missing().is_empty();
        let proposal = match &ruled.asked {
            Asked::Policy(proposal) if satisfied => Some(proposal.clone()),
            _ => None,
        };
        if let Some(proposal) = &proposal {
            // What was right when it was asked may be over a limit now, or its editor locked.
            self.check_policy(&proposal.setting)?;
        }
        ruled.status = match last.ruling {
            Ruling::Deny => Status::Denied,
            Ruling::Approve if proposal.is_some() => Status::Consumed { until: None },
            Ruling::Approve if satisfied => Status::Approved,
            Ruling::Approve => Status::Open,
        };
        let (id, status) = (ruled.id, ruled.status);
        let event = ApprovalRuled {
            approval: id,
            person: last.person,
            ruling: last.ruling,
            reason: last.reason,
            satisfied,
        };
        self.record_small(Kind::ApprovalRuled(event), effects);
        self.approvals.change(id, self.time, |approval| {
            *approval = ruled;
            approval.drop_what_is_over();
        });
        effects.changed.approvals = true;
        if let Some(proposal) = proposal {
            self.record_small(Kind::ApprovalConsumed(consumed_by_policy(id)), effects);
            self.enforce(&proposal.setting, Some(id), effects);
        }
        Ok(Reply::Ruled { status })
    }
}

impl Approval {
    /// A policy's text takes much room, and is in the revision when it came into force.
    pub(super) fn drop_what_is_over(&mut self) {
        if let (Asked::Policy(proposal), false) = (&mut self.asked, self.status == Status::Open) {
            proposal.setting.document = String::new();
        }
    }
}

fn consumed_by_policy(approval: ApprovalId) -> ApprovalConsumed {
    ApprovalConsumed { approval, by_session: None, by_command: None, digest: None, until: None }
}
