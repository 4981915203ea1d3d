//! Approvals that are kept: live ones, and what became of the latest that ended.
//!
//! Live is what may still let something run: open, approved, or used and covering its session. It
//! is in every index; what has ended is in none, and ages.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proto::entry::ApprovalId;
use proto::ids::{Name, SessionId};
use proto::time::Utc;

use super::{Approval, Asked, Status};
use crate::denied::Denied;
use crate::limits;

/// All kept approvals, by id; live ones also by session, by who asks, and by when they end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Approvals {
    by_id: BTreeMap<ApprovalId, Approval>,
    /// Those that have ended, in the order in which they did.
    ended: VecDeque<ApprovalId>,
    deadlines: BTreeSet<(Utc, ApprovalId)>,
    of_session: BTreeMap<SessionId, BTreeSet<ApprovalId>>,
    of_person: BTreeMap<Name, usize>,
    policies: BTreeSet<ApprovalId>,
    /// How many names the sets of all kept approvals have.
    names: usize,
    /// How many of these those of live ones have.
    live_names: usize,
}

impl Approvals {
    pub(crate) fn get(&self, id: ApprovalId) -> Option<&Approval> {
        self.by_id.get(&id)
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &Approval> {
        self.by_id.values()
    }

    pub(crate) fn ended(&self) -> impl ExactSizeIterator<Item = ApprovalId> {
        self.ended.iter().copied()
    }

    pub(crate) fn of_session(&self, session: &SessionId) -> impl Iterator<Item = &Approval> {
        let live = self.of_session.get(session).into_iter().flatten();
        live.filter_map(|id| self.by_id.get(id))
    }

    /// Live ones, those that end first in front.
    pub(super) fn live(&self) -> impl ExactSizeIterator<Item = ApprovalId> {
        self.deadlines.iter().map(|(_, id)| *id)
    }

    pub(crate) fn first_deadline(&self) -> Option<Utc> {
        self.deadlines.first().map(|(end, _)| *end)
    }

    /// The first live one whose time is over.
    pub(super) fn overdue(&self, now: Utc) -> Option<ApprovalId> {
        self.deadlines.first().filter(|(end, _)| *end <= now).map(|(_, id)| *id)
    }

    /// Refuses one more when there are too many.
    pub(super) fn check_room(&self, asked: &Asked) -> Result<(), Denied> {
        let count = self.deadlines.len() + 1;
        limits::check(count, "the number of live approvals", limits::APPROVALS)?;
        let person = asked.person().and_then(|person| self.of_person.get(person));
        let count = person.copied().unwrap_or(0) + 1;
        let limit = limits::APPROVALS_OF_PERSON;
        limits::check(count, "the number of live approvals of one person", limit)?;
        match asked {
            Asked::Command(request) => {
                let session = self.of_session.get(&request.command.session);
                let count = session.map_or(0, BTreeSet::len) + 1;
                let limit = limits::APPROVALS_OF_SESSION;
                limits::check(count, "the number of live approvals of one session", limit)?;
            }
            Asked::Policy(_) => {
                let (count, limit) = (self.policies.len() + 1, limits::POLICIES_WAITING);
                limits::check(count, "the number of policies that wait", limit)?;
            }
        }
        let names = self.live_names + asked.names();
        limits::check(names, "all sets of approvers in names", limits::APPROVERS_KEPT)
    }

    /// What a snapshot holds: all that are kept, and which have ended, in the order in which they
    /// did. Nothing when that does not fit together.
    pub(crate) fn restore(
        approvals: Vec<Approval>,
        ended: Vec<ApprovalId>,
        now: Utc,
    ) -> Option<Self> {
        let mut restored = Self::default();
        for approval in approvals {
            restored.insert(approval, now);
        }
        let kept = &restored.by_id;
        let over = |id: &ApprovalId| kept.get(id).is_some_and(|approval| !approval.is_live(now));
        let distinct = ended.iter().filter(|id| over(id)).collect::<BTreeSet<_>>().len();
        let fits = distinct == ended.len() && distinct + restored.deadlines.len() == kept.len();
        restored.ended = ended.into();
        fits.then_some(restored)
    }

    /// Adds one.
    pub(super) fn insert(&mut self, approval: Approval, now: Utc) {
        self.names += approval.asked.names();
        if approval.is_live(now) {
            self.index(&approval);
        }
        self.by_id.insert(approval.id, approval);
        self.age();
    }

    /// Changes a live one; when it is not live any more after that, it has ended.
    pub(super) fn change(&mut self, id: ApprovalId, now: Utc, change: impl FnOnce(&mut Approval)) {
        let Some(mut approval) = self.by_id.remove(&id) else { return };
        self.unindex(&approval);
        self.names -= approval.asked.names();
        change(&mut approval);
        self.names += approval.asked.names();
        if approval.is_live(now) {
            self.index(&approval);
        } else {
            self.ended.push_back(id);
        }
        self.by_id.insert(id, approval);
        self.age();
    }

    fn index(&mut self, approval: &Approval) {
        let id = approval.id;
        self.live_names += approval.asked.names();
        self.deadlines.insert((approval.deadline(), id));
        if let Some(person) = approval.asked.person() {
            *self.of_person.entry(person.clone()).or_default() += 1;
        }
        match &approval.asked {
            Asked::Command(request) => {
                let session = request.command.session.clone();
                self.of_session.entry(session).or_default().insert(id);
            }
            Asked::Policy(_) => {
                self.policies.insert(id);
            }
        }
    }

    fn unindex(&mut self, approval: &Approval) {
        let id = approval.id;
        self.live_names -= approval.asked.names();
        self.deadlines.remove(&(approval.deadline(), id));
        if let Some(person) = approval.asked.person()
            && let Some(count) = self.of_person.get_mut(person)
        {
            *count -= 1;
            if *count == 0 {
                self.of_person.remove(person);
            }
        }
        self.policies.remove(&id);
        if let Asked::Command(request) = &approval.asked
            && let Some(of_session) = self.of_session.get_mut(&request.command.session)
        {
            of_session.remove(&id);
            if of_session.is_empty() {
                self.of_session.remove(&request.command.session);
            }
        }
    }

    /// Forgets what ended first, while there is too much.
    fn age(&mut self) {
        while self.ended.len() > limits::APPROVALS_ENDED
            || (self.names > limits::APPROVERS_KEPT && !self.ended.is_empty())
        {
            let oldest = self.ended.pop_front().and_then(|id| self.by_id.remove(&id));
            self.names -= oldest.map_or(0, |approval| approval.asked.names());
        }
    }
}

impl Approval {
    /// Whether it may still let something run. An approval that covers a session holds until its
    /// time, and its time is cut short when its session ends or the policy changes.
    pub(crate) fn is_live(&self, now: Utc) -> bool {
        match self.status {
            Status::Open | Status::Approved => true,
            Status::Consumed { until } => until.is_some_and(|until| now < until),
            Status::Denied | Status::Withdrawn(_) | Status::Expired | Status::Revoked => false,
        }
    }

    /// When it ends by itself, as long as it is live.
    fn deadline(&self) -> Utc {
        match self.status {
            Status::Consumed { until: Some(until) } => until,
            _ => self.expires,
        }
    }
}
