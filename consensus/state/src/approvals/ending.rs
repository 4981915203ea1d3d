//! How a request ends that is not spent: withdrawn, revoked, or out of time.

use proto::entry::{ApprovalId, ApprovalRevocation, ApprovalWithdrawal, Withdrawn};
use proto::event::{ApprovalExpired, ApprovalRevoked, ApprovalWithdrawn, Kind};
use proto::ids::SessionId;

use super::Status;
use crate::denied::Denied;
use crate::effects::Effects;
use crate::limits;
use crate::planted::{Bug, planted};
use crate::reply::Reply;
use crate::state::State;

impl State {
    /// Whoever asked asks no more. A withdrawal may be retried, and may come after another end.
    pub(crate) fn withdraw(
        &mut self,
        withdrawal: &ApprovalWithdrawal,
        effects: &mut Effects,
    ) -> Result<Reply, Denied> {
        let ApprovalWithdrawal { approval: id, because } = withdrawal;
        let approval = self.approvals.get(*id).ok_or(Denied::UnknownApproval(*id))?;
        match approval.status {
            Status::Open | Status::Approved => {
                self.cut_short(*id, *because, effects);
                Ok(Reply::Done)
            }
            Status::Withdrawn(_) => Ok(Reply::Done),
            over => Err(Denied::ApprovalOver(over)),
        }
    }

    /// Takes an approval back before it is used, or before more of its session use it.
    pub(crate) fn revoke(
        &mut self,
        revocation: &ApprovalRevocation,
        effects: &mut Effects,
    ) -> Result<Reply, Denied> {
        let ApprovalRevocation { approval: id, by, reason } = revocation;
        self.check_by(by)?;
        limits::check(reason.len(), "a reason in bytes", limits::REASON_BYTES)?;
        let approval = self.approvals.get(*id).ok_or(Denied::UnknownApproval(*id))?;
        if !approval.is_live(self.time) {
            return Err(Denied::ApprovalOver(approval.status));
        }
        let (by, reason) = (by.to_string(), reason.clone());
        let event = ApprovalRevoked { approval: *id, by, reason };
        self.record_small(Kind::ApprovalRevoked(event), effects);
        self.end(*id, Status::Revoked, effects);
        Ok(Reply::Done)
    }

    /// Ends what has run out of time.
    pub(crate) fn expire_approvals(&mut self, effects: &mut Effects) {
        while let Some(id) = self.approvals.overdue(self.time) {
            if planted(Bug::NeverExpires) {
                return;
            }
            let status = self.approvals.get(id).map(|approval| approval.status);
            if let Some(held @ Status::Consumed { .. }) = status {
                self.end(id, held, effects);
                continue;
            }
            let event = ApprovalExpired { approval: id };
            self.record_small(Kind::ApprovalExpired(event), effects);
            self.end(id, Status::Expired, effects);
        }
    }

    /// A session is gone, and with it all that was asked or holds in it.
    pub(crate) fn withdraw_of_session(
        &mut self,
        session: &SessionId,
        because: Withdrawn,
        effects: &mut Effects,
    ) {
        let live: Vec<_> = self.approvals.of_session(session).map(|live| live.id).collect();
        for id in live {
            self.cut_short(id, because, effects);
        }
    }

    /// What was asked is void: the policy is another, or the cluster.
    pub(crate) fn withdraw_all(&mut self, because: Withdrawn, effects: &mut Effects) {
        let live: Vec<_> = self.approvals.live().collect();
        for id in live {
            self.cut_short(id, because, effects);
        }
    }

    /// Ends a live one that is not wanted any more: what was used holds until now.
    fn cut_short(&mut self, id: ApprovalId, because: Withdrawn, effects: &mut Effects) {
        let status = self.approvals.get(id).map(|approval| approval.status);
        if let Some(Status::Consumed { .. }) = status {
            self.end(id, Status::Consumed { until: Some(self.time) }, effects);
            return;
        }
        let event = ApprovalWithdrawn { approval: id, because };
        self.record_small(Kind::ApprovalWithdrawn(event), effects);
        self.end(id, Status::Withdrawn(because), effects);
    }

    fn end(&mut self, id: ApprovalId, status: Status, effects: &mut Effects) {
        self.approvals.change(id, self.time, |approval| {
            approval.status = status;
            approval.drop_what_is_over();
        });
        effects.changed.approvals = true;
    }
}
