//! The state and the one way to change it.
//!
//! `apply` orders what always happens (index, time, retries) around what an entry does; what each
//! kind of entry does is in the file of its subject. An entry that is refused has no effect on
//! anything but index, time and kept replies.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::entry::{Entry, Proposal};
use proto::ids::Name;
use proto::person::Person;
use proto::target::Target;
use proto::time::Utc;

use crate::approvals::Approvals;
use crate::control_chain::ControlChain;
use crate::denied::Denied;
use crate::documents::Listed;
use crate::effects::Effects;
use crate::ledger::Ledger;
use crate::locks::Locks;
use crate::membership::Tokens;
use crate::nodes::Nodes;
use crate::planted::{Bug, planted};
use crate::policy::Policies;
use crate::replies::{Replies, Seen};
use crate::reply::Reply;
use crate::seals::Seals;
use crate::secrets::{Checkpoints, Secrets};
use crate::sessions::Sessions;

/// What all nodes agree on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub(crate) cluster: Name,
    pub(crate) contact: Duration,
    /// The cluster's version, 0 before it is created.
    pub(crate) version: u32,
    pub(crate) policies: Policies,
    pub(crate) people: Listed<Person>,
    pub(crate) targets: Listed<Target>,
    pub(crate) nodes: Nodes,
    pub(crate) tokens: Tokens,
    pub(crate) sessions: Sessions,
    pub(crate) ledger: Ledger,
    pub(crate) approvals: Approvals,
    pub(crate) locks: Locks,
    pub(crate) secrets: Secrets,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) seals: Seals,
    pub(crate) chain: ControlChain,
    pub(crate) replies: Replies,
    pub(crate) applied: u64,
    pub(crate) time: Utc,
}

impl State {
    /// The state of a cluster that is not created yet.
    #[must_use]
    pub fn new(cluster: Name) -> Self {
        Self {
            cluster,
            contact: Duration::ZERO,
            version: 0,
            policies: Policies::default(),
            people: Listed::default(),
            targets: Listed::default(),
            nodes: Nodes::default(),
            tokens: BTreeMap::new(),
            sessions: Sessions::default(),
            ledger: Ledger::default(),
            approvals: Approvals::default(),
            locks: Locks::default(),
            secrets: BTreeMap::new(),
            checkpoints: BTreeMap::new(),
            seals: Seals::default(),
            chain: ControlChain::default(),
            replies: Replies::default(),
            applied: 0,
            time: Utc(i64::MIN),
        }
    }

    /// Applies the next proposal, whose control index is [`State::applied`] + 1; `at` is the stamp
    /// of its batch. What has run out by then ends first.
    ///
    /// A retry, by (client, request), gets the reply that was given and does nothing more; so
    /// whoever proposes must never use a number of a lane twice, also not after a restart.
    pub fn apply(&mut self, at: Utc, proposal: &Proposal) -> (Reply, Effects) {
        self.applied += 1;
        let mut effects = self.advance(at);
        let Proposal { client, request, entry } = proposal;
        // Only members speak here; whoever begins a cluster is none yet.
        let begins = matches!(entry, Entry::ClusterCreated(_) | Entry::ClusterRestored(_));
        if !begins && self.member(&client.node).is_err() {
            let denied = Denied::NotAMember(client.node.clone());
            return (Reply::Refused(denied), effects);
        }
        if let Seen::Answered(reply) = self.replies.look_up(client, *request, self.time) {
            return (reply, effects);
        }
        let reply = self.perform(entry, &mut effects).unwrap_or_else(Reply::Refused);
        self.replies.keep(client, *request, self.time, reply.clone());
        (reply, effects)
    }

    /// Lets time pass up to a stamp: what runs out by then ends. Time never goes back.
    pub fn advance(&mut self, at: Utc) -> Effects {
        let mut effects = Effects::default();
        self.time = if planted(Bug::TimeGoesBack) { at } else { self.time.max(at) };
        self.expire_approvals(&mut effects);
        self.expire_locks(&mut effects);
        effects
    }

    /// When the next thing runs out: somebody should let time pass then.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Utc> {
        let ends = [self.approvals.first_deadline(), self.locks.first_end()];
        ends.into_iter().flatten().min()
    }

    fn perform(&mut self, entry: &Entry, effects: &mut Effects) -> Result<Reply, Denied> {
        let (needs, version) = (entry.since(), self.version);
        let begins = matches!(entry, Entry::ClusterCreated(_) | Entry::ClusterRestored(_));
        if needs > version && !begins {
            return Err(Denied::NotYet { needs, version });
        }
        if let Some(kept_back) = makes_events(entry) {
            self.check_outbox(kept_back)?;
        }
        match entry {
            Entry::ClusterCreated(creation) => self.create_cluster(creation, effects),
            Entry::ClusterRestored(restoration) => self.restore_cluster(restoration, effects),
            Entry::JoinTokenCreated(token) => self.create_join_token(token, effects),
            Entry::NodeJoined(joining) => self.join_node(joining, effects),
            Entry::NodeStarted(start) => self.start_node(start, effects),
            Entry::NodeSeen(seen) => self.see_node(seen, effects),
            Entry::NodeLost(lost) => self.lose_node(lost, effects),
            Entry::NodeStopped(stopped) => self.stop_node(stopped, effects),
            Entry::NodeRemoved(removal) => self.remove_node(removal, effects),
            Entry::VersionRaised(raise) => self.raise_version(raise, effects),
            Entry::SecretSet(setting) => self.set_secret(setting, effects),
            Entry::CheckpointSealed(checkpoint) => self.seal_checkpoint(checkpoint),
            Entry::ControlPublished(publication) => self.publish(publication.seq),
            Entry::NodeKeySet(setting) => self.set_node_key(setting, effects),
            Entry::ChainSealed(sealing) => self.seal_chain(sealing, effects),
            Entry::ControlCut(_) => Ok(self.cut_control(effects)),
            Entry::ControlSigned(signing) => self.sign_control(signing, effects),
            Entry::PolicySet(setting) => self.set_policy(setting, effects),
            Entry::PolicyProposed(proposal) => self.propose_policy(proposal, effects),
            Entry::PeopleSet(setting) => self.set_people(setting, effects),
            Entry::TargetsSet(setting) => self.set_targets(setting, effects),
            Entry::SessionOpen(opening) => self.open_session(opening, effects),
            Entry::SessionClose(closing) => Ok(self.close_session(closing, effects)),
            Entry::ApprovalRequested(request) => self.request_approval(request, effects),
            Entry::ApprovalRuled(ruling) => self.rule(ruling, effects),
            Entry::ApprovalConsumed(consumption) => self.consume(consumption, effects),
            Entry::ApprovalWithdrawn(withdrawal) => self.withdraw(withdrawal, effects),
            Entry::ApprovalRevoked(revocation) => self.revoke(revocation, effects),
            Entry::LockSet(setting) => self.set_lock(setting, effects),
            Entry::LockLifted(lift) => self.lift_lock(lift, effects),
            Entry::Tick(_) => Ok(Reply::Done),
        }
    }
}

/// Whether an entry makes events of the control chain that it need not make; and if so, whether it
/// may use the room that is kept back for what forbids something.
fn makes_events(entry: &Entry) -> Option<bool> {
    match entry {
        Entry::NodeJoined(_)
        | Entry::NodeKeySet(_)
        | Entry::ChainSealed(_)
        | Entry::PolicySet(_)
        | Entry::PolicyProposed(_)
        | Entry::PeopleSet(_)
        | Entry::TargetsSet(_)
        | Entry::ApprovalRequested(_)
        | Entry::ApprovalRuled(_)
        | Entry::ApprovalConsumed(_)
        | Entry::LockLifted(_) => Some(false),
        Entry::LockSet(_) | Entry::NodeStarted(_) => Some(true),
        // What ends something is bounded by what there is to end.
        _ => None,
    }
}

/// A time so many milliseconds later.
pub(crate) fn later(time: Utc, ms: u64) -> Utc {
    let microseconds = i64::try_from(ms.saturating_mul(1_000)).unwrap_or(i64::MAX);
    Utc(time.0.saturating_add(microseconds))
}
