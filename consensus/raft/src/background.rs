//! What runs beside: each task looks at the replica, does one thing and sleeps, and ends when the
//! replica closes or is gone.

use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{Shared, join_all};
use openraft::{AsyncRuntime, Instant};
use proto::entry::Entry;
use proto::peer::raft::Ask;
use tokio::sync::{mpsc, oneshot};

use crate::config::{CLOCK_DEADLINE, CLOCK_INTERVAL, PROPOSE_DEADLINE, SNAPSHOT_BYTES, TELL_PAUSE};
use crate::duties::Duties;
use crate::election::Watchdog;
use crate::error::ProposeError;
use crate::lanes::Lane;
use crate::replica::Replica;
use crate::types::spawn;

/// The watchdog of elections looks this often.
const WATCH_INTERVAL: Duration = Duration::from_millis(100);
/// Whether a snapshot is due is looked at this often.
const SNAPSHOT_INTERVAL: Duration = Duration::from_secs(1);

/// Starts all of it.
pub(crate) fn start<R: AsyncRuntime>(replica: &Arc<Replica<R>>, told: mpsc::Receiver<Entry>) {
    let of = || Arc::downgrade(replica);
    spawn::<R>(tell(of(), told));
    spawn::<R>(every(of(), (), |replica, ()| async move {
        replica.make_contact().await;
        let interval = replica.contact_interval();
        ((), interval)
    }));
    spawn::<R>(every(of(), (), |replica, ()| async move {
        replica.ask_clocks().await;
        ((), CLOCK_INTERVAL)
    }));
    let watchdog = Watchdog::new(replica.config.raft_id, &replica.config.timing);
    spawn::<R>(every(of(), watchdog, |replica, mut watchdog| async move {
        replica.watch(&mut watchdog).await;
        (watchdog, WATCH_INTERVAL)
    }));
    spawn::<R>(every(of(), 0, |replica, appended| async move {
        let appended = replica.snapshot_if_due(appended).await;
        (appended, SNAPSHOT_INTERVAL)
    }));
    spawn::<R>(every(of(), Duties::default(), |replica, mut duties| async move {
        let pause = duties.look_after(&replica).await;
        (duties, pause)
    }));
}

/// Does one thing again and again, as long as the replica is there and open.
async fn every<R, S, F, D>(replica: Weak<Replica<R>>, mut state: S, act: D)
where
    R: AsyncRuntime,
    F: Future<Output = (S, Duration)>,
    D: Fn(Arc<Replica<R>>, S) -> F,
{
    loop {
        let Some(open) = open(&replica) else { return };
        let mut closing = open.closing.subscribe();
        let (next, pause) = act(open, state).await;
        state = next;
        tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => return,
            () = R::sleep(pause) => {}
        }
    }
}

fn open<R: AsyncRuntime>(replica: &Weak<Replica<R>>) -> Option<Arc<Replica<R>>> {
    let replica = replica.upgrade()?;
    let closes = *replica.closing.borrow();
    (!closes).then_some(replica)
}

/// Proposes what is told until it is applied. What is told does not wait for each other, with one
/// exception: a session's end would end what the session asked for, with a reason of its own, so
/// withdrawals that were told before come first.
async fn tell<R: AsyncRuntime>(replica: Weak<Replica<R>>, mut told: mpsc::Receiver<Entry>) {
    let mut withdrawals: Vec<Shared<oneshot::Receiver<()>>> = Vec::new();
    while let Some(entry) = told.recv().await {
        let Some(replica) = open(&replica) else { return };
        let Some(lane) = replica.tell_lanes.take().await else { return };
        withdrawals.retain(|withdrawal| withdrawal.peek().is_none());
        let (done, is_done) = oneshot::channel();
        let before = match entry {
            Entry::ApprovalWithdrawn(_) => {
                withdrawals.push(is_done.shared());
                Vec::new()
            }
            Entry::SessionClose(_) => withdrawals.clone(),
            _ => Vec::new(),
        };
        spawn::<R>(async move {
            drop(join_all(before).await);
            told_until_applied(&replica, &lane, entry).await;
            // Nobody may wait for it.
            done.send(()).ok();
        });
    }
}

async fn told_until_applied<R: AsyncRuntime>(replica: &Replica<R>, lane: &Lane, entry: Entry) {
    loop {
        let until = R::Instant::now() + PROPOSE_DEADLINE;
        // The same lane and number: it has one effect, however often it is tried.
        match replica.propose_in(lane, entry.clone(), until).await {
            Ok(_) | Err(ProposeError::Stopped(_)) => return,
            Err(ProposeError::TooLarge(why)) => {
                tracing::error!(why, entry = entry.name(), "the cluster cannot be told");
                return;
            }
            Err(error) => tracing::debug!(%error, entry = entry.name(), "told again"),
        }
        R::sleep(TELL_PAUSE).await;
    }
}

impl<R: AsyncRuntime> Replica<R> {
    /// Asks all peers for their clocks, and draws the conclusion about this node's own.
    async fn ask_clocks(&self) {
        let seats = self.seats();
        let members = seats.members();
        self.peers.forget_but(|raft_id| members.contains_key(&raft_id));
        let others = seats.others();
        let asked = others.iter().map(|peer| self.peers.ask(peer, Ask::Clock, CLOCK_DEADLINE));
        // The answers are in the clocks; a peer that does not answer has none.
        drop(join_all(asked).await);
        let off = self.peers.clocks.lock().off(self.peers.wall.now());
        let was_off = std::mem::replace(&mut *self.clock_off.lock(), off);
        if let (Some(off), None) = (off, was_off) {
            tracing::error!(?off, "this node's clock is off its peers': it does not lead");
        }
        if !self.is_leaving() {
            self.raft.runtime_config().elect(off.is_none() && self.takes_part());
        }
        if off.is_some() && seats.leads() {
            self.step_down().await;
        }
    }

    async fn watch(&self, watchdog: &mut Watchdog) {
        let seats = self.seats();
        let now = self.now();
        let well = self.clock_off.lock().is_none() && self.takes_part();
        let may = seats.is_voter() && well && !self.is_leaving();
        if seats.leads() || !may {
            *self.leader_heard.lock() = now;
            return;
        }
        if seats.voters().len() == 1 {
            // Nobody else can lead: there is nothing to wait for.
            self.raft.trigger().elect().await.ok();
            return;
        }
        let heard = *self.leader_heard.lock();
        if watchdog.bites(heard, now) {
            tracing::warn!("no leader is heard of: calling an election");
            // A Raft that stopped says so elsewhere.
            self.raft.trigger().elect().await.ok();
        }
    }

    /// Builds a snapshot when enough has come since the last; gives where the log stood then.
    async fn snapshot_if_due(&self, appended_then: u64) -> u64 {
        let seats = self.seats().0;
        let applied = seats.last_applied.map_or(0, |at| at.index + 1);
        let in_snapshot = seats.snapshot.map_or(0, |at| at.index + 1);
        let appended = self.log.appended();
        let entries = self.config.timing.snapshot_entries;
        let is_due = applied.saturating_sub(in_snapshot) >= entries
            || (appended.saturating_sub(appended_then) >= SNAPSHOT_BYTES && applied > in_snapshot);
        if !is_due || !self.shared.take() {
            return appended_then;
        }
        // A Raft that stopped says so elsewhere.
        self.raft.trigger().snapshot().await.ok();
        appended
    }
}
