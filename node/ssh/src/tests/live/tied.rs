//! The control plane of the rig, which has contact with its majority when a test says so.

use std::sync::Arc;
use std::time::Duration;

use consensus_state::{Reply, State, Status};
use node_session::control::RaftControl;
use node_session::{Boxed, Contact, Control, ControlError, ControlExt as _, View};
use proto::entry::{
    ApprovalId, ApprovalRuling, By, Entry, LockScope, LockSetting, PeopleSetting, Ruling,
};
use proto::person::Person;
use tokio::sync::watch;

/// Passes everything on, but for when there was contact.
pub(super) struct Tied {
    real: Arc<RaftControl>,
    contact: watch::Sender<Contact>,
}

impl Control for Tied {
    fn propose(&self, entry: Entry) -> Boxed<'_, Result<Reply, ControlError>> {
        self.real.propose(entry)
    }

    fn tell(&self, entry: Entry) -> Result<(), ControlError> {
        self.real.tell(entry)
    }

    fn read(&self) -> Boxed<'_, Result<u64, ControlError>> {
        self.real.read()
    }

    fn contact(&self) -> watch::Receiver<Contact> {
        self.contact.subscribe()
    }

    fn views(&self) -> watch::Receiver<Arc<View>> {
        self.real.views()
    }

    fn with_state(&self, look: &mut dyn FnMut(&State)) {
        self.real.with_state(look);
    }
}

impl Tied {
    /// There is contact, until a test says otherwise.
    pub(super) fn new(real: Arc<RaftControl>) -> Self {
        Self { real, contact: watch::Sender::new(Contact { sent_at: Duration::MAX }) }
    }

    /// The last contact was then.
    pub(super) fn contact_was(&self, sent_at: Duration) {
        self.contact.send_replace(Contact { sent_at });
    }

    /// Proposes something that is not refused.
    pub(super) async fn do_it(&self, entry: Entry) -> Reply {
        let name = entry.name();
        match self.propose(entry).await.expect("a majority of one") {
            Reply::Refused(denied) => panic!("{name}: {denied}"),
            reply => reply,
        }
    }

    /// Somebody rules.
    pub(super) async fn rule(&self, approval: ApprovalId, who: &str, ruling: Ruling) {
        let (by, reason) = (By::Person(super::rig::name(who)), "looks right".to_owned());
        self.do_it(Entry::ApprovalRuled(ApprovalRuling { approval, by, ruling, reason })).await;
    }

    /// Locks somebody or something out.
    pub(super) async fn lock(&self, scope: LockScope) {
        let reason = "a secret reason".to_owned();
        let setting = LockSetting { scope, for_ms: None, reason, by: By::Administrator };
        self.do_it(Entry::LockSet(setting)).await;
    }

    /// Replaces all people.
    pub(super) async fn people(&self, people: Vec<Person>) {
        let (by, expected_revision) = (By::Administrator, None);
        self.do_it(Entry::PeopleSet(PeopleSetting { people, expected_revision, by })).await;
    }

    /// Waits for a request that is open, and gives it.
    pub(super) async fn asked_for(&self) -> ApprovalId {
        let open = |state: &State| {
            let mut approvals = state.approvals();
            approvals.find(|one| one.status == Status::Open).map(|one| one.id)
        };
        let mut views = self.views();
        loop {
            views.mark_unchanged();
            match self.look(open) {
                Some(approval) => return approval,
                None => views.changed().await.expect("the control plane lives"),
            }
        }
    }

    /// Waits until a request is over, and says how it ended.
    pub(super) async fn became(&self, approval: ApprovalId) -> String {
        let mut views = self.views();
        loop {
            views.mark_unchanged();
            let status = self.look(|state| state.approval(approval).map(|one| one.status));
            match status {
                Some(Status::Open | Status::Approved) => {
                    views.changed().await.expect("the control plane lives");
                }
                Some(over) => return over.to_string(),
                None => return "gone".to_owned(),
            }
        }
    }
}
