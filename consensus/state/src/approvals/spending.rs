//! Spending an approval: once, on what was approved, while the policy that asked is in force.

use proto::entry::{ApprovalConsumption, ApprovalRequest, CommandRef, Covered, Withdrawn};
use proto::event::{ApprovalConsumed, Kind};
use proto::time::Utc;

use super::{Approval, Asked, Status, not_asked};
use crate::denied::Denied;
use crate::effects::Effects;
use crate::planted::{Bug, planted};
use crate::reply::Reply;
use crate::state::{State, later};

impl State {
    pub(crate) fn consume(
        &mut self,
        consumption: &ApprovalConsumption,
        effects: &mut Effects,
    ) -> Result<Reply, Denied> {
        let ApprovalConsumption { approval: id, command, policy_revision, rules } = consumption;
        let approval = self.approvals.get(*id).ok_or(Denied::UnknownApproval(*id))?;
        let Asked::Command(request) = &approval.asked else {
            return Err(Denied::CommandDiffers);
        };
        let until = self.spendable(approval, request)?;
        // A node that judged by another policy must judge again, whatever was approved.
        let current = self.policies.current();
        let same = *policy_revision == current && request.policy_revision == current;
        if !same && !planted(Bug::OldPolicy) {
            return Err(Denied::PolicyChanged { current });
        }
        check_command(request, command)?;
        if let Some(rule) = not_asked(request, rules) {
            return Err(Denied::RuleNotAsked(rule.clone()));
        }
        let CommandRef { node, epoch, session, command: number, digest } = command;
        self.running(node, *epoch)?;
        if self.sessions.get(session).is_none() {
            return Err(Denied::SessionNotOpen(session.clone()));
        }
        self.check_unlocked(&request.person, &request.target, node)?;

        let event = ApprovalConsumed {
            approval: *id,
            by_session: Some(session.clone()),
            by_command: Some(*number),
            digest: Some(*digest),
            until,
        };
        self.record_small(Kind::ApprovalConsumed(event), effects);
        let status = Status::Consumed { until };
        self.approvals.change(*id, self.time, |approval| approval.status = status);
        effects.changed.approvals = true;
        Ok(Reply::Consumed { until })
    }

    /// Until when it holds once it is spent now, for one that covers its session.
    fn spendable(
        &self,
        approval: &Approval,
        request: &ApprovalRequest,
    ) -> Result<Option<Utc>, Denied> {
        let current = self.policies.current();
        match (approval.status, request.covered) {
            (Status::Open, _) => Err(Denied::NotApproved),
            (Status::Withdrawn(Withdrawn::PolicyChanged), _) => {
                Err(Denied::PolicyChanged { current })
            }
            (Status::Approved, Covered::Command) => Ok(None),
            (Status::Approved, Covered::Session { for_ms }) => Ok(Some(later(self.time, for_ms))),
            (Status::Consumed { until: None }, _) if planted(Bug::SpentTwice) => Ok(None),
            (Status::Consumed { until: Some(until) }, _) if self.time < until => Ok(Some(until)),
            (over, _) => Err(Denied::ApprovalOver(over)),
        }
    }
}

/// Refuses what was not approved: another command, or, when the session is covered, another
/// session.
fn check_command(request: &ApprovalRequest, command: &CommandRef) -> Result<(), Denied> {
    let asked = &request.command;
    let same = match request.covered {
        Covered::Command => asked == command,
        Covered::Session { .. } => {
            (&asked.node, asked.epoch, &asked.session)
                == (&command.node, command.epoch, &command.session)
        }
    };
    if same || planted(Bug::OtherBytes) { Ok(()) } else { Err(Denied::CommandDiffers) }
}
