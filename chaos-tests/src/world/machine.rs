//! A machine with one node on it: it starts, dies, stands still and starts again; its disk, its
//! record and its clock stay.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use consensus_raft::{Config, Member, Observer, Replica, Timing, Wall};
use consensus_state::{Changed, Denied, Presence, Reply, State};
use parking_lot::Mutex;
use proto::entry::{Entry, NodeAddresses, NodeEpoch, NodeStart};
use proto::event::Stamped;
use proto::ids::{Epoch, Name};
use proto::time::{Moment, Utc};
use store_disk::Simulated;
use store_disk::raft::{Disk, RaftStore};
use store_disk::storage::simulated::Faults;

use super::disk::{Doing, Slow, Trap};
use super::network::{Id, Port};
use super::options::Options;
use super::oracles::Applied;
use super::runtime::{self, BEGINNING, OUTSIDE, Process, Seeded, sleep};
use super::stage::Stage;

/// The replica of a machine that runs.
pub(crate) type Node = Replica<Seeded>;

/// The wall clock when a world begins, in microseconds.
const YEAR_2027: i64 = 1_800_000_000_000_000;

/// A wall clock that may be wrong, and a clock that only goes forward.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    off_us: AtomicI64,
    stands_at: Mutex<Option<i64>>,
}

impl Clock {
    pub(crate) fn set_off(&self, off_us: i64) {
        self.off_us.store(off_us, Ordering::Relaxed);
    }

    pub(crate) fn stand(&self, stands: bool) {
        let now = self.utc();
        *self.stands_at.lock() = stands.then_some(now);
    }

    fn utc(&self) -> i64 {
        let passed = (runtime::now().saturating_sub(BEGINNING)).as_micros();
        let right = YEAR_2027 + i64::try_from(passed).unwrap_or(i64::MAX / 2);
        self.stands_at.lock().unwrap_or(right + self.off_us.load(Ordering::Relaxed))
    }
}

impl Wall for Clock {
    fn now(&self) -> Moment {
        Moment { utc: Utc(self.utc()), offset_minutes: 0, elapsed: runtime::now() }
    }
}

/// A node's record of the control chain: what is shown to it is kept a moment later.
pub(crate) struct Record {
    id: Id,
    kept: Mutex<BTreeMap<u64, String>>,
    waiting: Mutex<BTreeMap<u64, String>>,
    trap: Arc<Trap>,
    applied: Arc<Applied>,
}

impl Record {
    fn take<'a>(&self, events: impl Iterator<Item = &'a Stamped>) {
        let kept = self.kept.lock();
        let mut waiting = self.waiting.lock();
        for event in events {
            let line = String::from_utf8_lossy(&event.bytes).into_owned();
            let seq = event.id.seq;
            let before = kept.get(&seq).or_else(|| waiting.get(&seq));
            if before.is_some_and(|before| *before != line) {
                self.applied.violated(format!("gw-{}: two events at {seq}: {line}", self.id));
            }
            if before.is_none() {
                waiting.insert(seq, line);
            }
        }
    }

    fn keep(&self) {
        self.kept.lock().append(&mut self.waiting.lock());
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.kept.lock().values().cloned().collect()
    }
}

impl Observer for Record {
    fn applied(&self, state: &State, changed: Changed, events: Vec<Stamped>) {
        if changed == Changed::ALL {
            self.take(state.unpublished());
        }
        self.take(events.iter());
        self.applied.saw(self.id, state);
        if self.trap.springs(|doing| doing == Doing::Applies).is_some() {
            runtime::kill(runtime::current());
        }
    }

    fn kept(&self) -> u64 {
        self.kept.lock().last_key_value().map_or(0, |(seq, _)| *seq)
    }
}

/// A life of the node.
#[derive(Clone)]
struct Life {
    process: Process,
    /// Once it has opened.
    node: Option<Arc<Node>>,
    /// Once it has started: only then it serves anybody.
    epoch: Option<Epoch>,
}

/// One machine.
pub(crate) struct Machine {
    pub(crate) id: Id,
    pub(crate) name: Name,
    pub(crate) clock: Arc<Clock>,
    pub(crate) record: Arc<Record>,
    pub(crate) trap: Arc<Trap>,
    medium: Arc<Mutex<Simulated>>,
    life: Mutex<Option<Life>>,
    /// Whether the power goes when it dies next, or only the process.
    power: Arc<AtomicBool>,
    /// Stays down until it may come back.
    pub(crate) down: AtomicBool,
    /// How many more of its starts are cut short.
    pub(crate) stillborn: Mutex<u64>,
    /// It was taken out, or is not needed any more.
    pub(crate) retired: AtomicBool,
    stage: Arc<Stage>,
}

impl Machine {
    pub(crate) fn new(id: Id, stage: &Arc<Stage>) -> Arc<Self> {
        let trap = Arc::new(Trap::default());
        let record = Arc::new(Record {
            id,
            kept: Mutex::default(),
            waiting: Mutex::default(),
            trap: Arc::clone(&trap),
            applied: Arc::clone(&stage.applied),
        });
        Arc::new(Self {
            id,
            name: member(id).node,
            clock: Arc::default(),
            record,
            trap,
            medium: Arc::new(Mutex::new(Simulated::new(runtime::draw(|dice| dice.any())))),
            life: Mutex::default(),
            power: Arc::default(),
            down: AtomicBool::new(false),
            stillborn: Mutex::default(),
            retired: AtomicBool::new(false),
            stage: Arc::clone(stage),
        })
    }

    /// Lives again and again, until it is retired.
    pub(crate) async fn live(self: Arc<Self>) {
        while !self.retired.load(Ordering::Relaxed) {
            while self.down.load(Ordering::Relaxed) {
                sleep(Duration::from_millis(50)).await;
            }
            let power = runtime::draw(|dice| dice.permille(600));
            self.power.store(power, Ordering::Relaxed);
            let ended = Arc::clone(&self).begin();
            // All of it is gone when this comes.
            ended.await.ok();
            self.record.waiting.lock().clear();
            sleep(runtime::draw(|dice| dice.millis(10, 3000))).await;
        }
    }

    fn begin(self: Arc<Self>) -> tokio::sync::oneshot::Receiver<()> {
        let machine = Arc::clone(&self);
        let (process, ended) = runtime::begin(move || {
            let power = machine.power.load(Ordering::Relaxed);
            let mut medium = machine.medium.lock();
            *medium = if power { medium.power_cut() } else { medium.killed() };
            drop(medium);
            let life = machine.life.lock().take();
            drop(life);
        });
        *self.life.lock() = Some(Life { process, node: None, epoch: None });
        drop(runtime::spawn_in(process, async move {
            if let Err(why) = self.run().await {
                self.stage.note(format!("gw-{}: {why}", self.id));
            }
            runtime::kill(runtime::current());
        }));
        ended
    }

    async fn run(self: &Arc<Self>) -> Result<(), String> {
        let medium = self.medium.lock().clone();
        {
            let mut stillborn = self.stillborn.lock();
            if *stillborn > 0 {
                *stillborn -= 1;
                let power_off_at = Some(runtime::draw(|dice| dice.below(25)));
                medium.set_faults(Faults { power_off_at, ..Faults::default() });
            }
        }
        let (store, writer) = RaftStore::open(&medium).map_err(|error| error.to_string())?;
        self.stage.promises.found(self.id, &store.heads());
        let options = &self.stage.options;
        let disk = Slow::start(writer, medium, Arc::clone(&self.trap), options.sync_ms);
        let node = self.open(Arc::new(disk), options).await?;
        node.hold_back();
        self.with_life(|life| life.node = Some(Arc::clone(&node)));
        node.with_state(|state| self.record.take(state.unpublished()));
        let record = Arc::clone(&self.record);
        drop(runtime::spawn_in(runtime::current(), async move {
            loop {
                sleep(runtime::draw(|dice| dice.millis(5, 300))).await;
                record.keep();
            }
        }));
        self.stage.network.listen(self.id, runtime::current(), &node);
        node.check_disk().await.map_err(|unfit| unfit.to_string())?;
        let epoch = self.start(&node).await?;
        self.with_life(|life| life.epoch = Some(epoch));
        loop {
            sleep(Duration::from_millis(250)).await;
            node.running()?;
            let me = node.with_state(|state| state.node(&self.name).map(|me| me.presence));
            if me == Some(Presence::Lost) {
                let seen = NodeEpoch { node: self.name.clone(), epoch };
                // It is asked again when it was not done.
                node.propose(Entry::NodeSeen(seen)).await.ok();
            }
        }
    }

    async fn open(&self, disk: Arc<dyn Disk>, options: &Options) -> Result<Arc<Node>, String> {
        let config = Config {
            cluster: "fleet".parse().expect("a name"),
            node: self.name.clone(),
            raft_id: self.id,
            nonce: runtime::draw(|dice| dice.any()) | 1,
            supports: 1,
            timing: Timing {
                snapshot_entries: options.snapshot_entries,
                entries_kept: options.entries_kept,
                ..Timing::default()
            },
        };
        let port = Port { me: self.id, network: Arc::clone(&self.stage.network) };
        let (record, clock) = (Arc::clone(&self.record), Arc::clone(&self.clock));
        let opened = Node::open(config, disk, Arc::new(port), record, clock).await;
        opened.map_err(|error| error.to_string())
    }

    /// Enters the start, and waits for its epoch as long as it takes.
    async fn start(&self, node: &Arc<Node>) -> Result<Epoch, String> {
        let found = self.stage.founds(self.id);
        loop {
            if let Some(creation) = &found
                && node.with_state(State::cluster_version) == 0
            {
                // A founding that was cut short is finished by founding again.
                node.found(member(self.id), creation.clone()).await.ok();
            }
            let identity = node.identity();
            let start = Entry::NodeStarted(NodeStart {
                node: identity.node,
                raft_id: identity.raft_id,
                last_epoch: identity.epoch,
                nonce: identity.nonce,
                supports: 1,
                version: "1".to_owned(),
                addresses: addresses(self.id),
            });
            match node.propose(start).await.map(|answer| answer.reply) {
                Ok(Reply::Epoch(epoch)) => {
                    node.keep_epoch(epoch).await.map_err(|error| error.to_string())?;
                    return Ok(epoch);
                }
                Ok(Reply::Refused(Denied::NotAMember(_) | Denied::NoCluster)) | Err(_) => {}
                Ok(other) => return Err(format!("its start was answered {other:?}")),
            }
            node.running()?;
            sleep(Duration::from_millis(200)).await;
        }
    }

    fn with_life(&self, change: impl FnOnce(&mut Life)) {
        if let Some(life) = self.life.lock().as_mut() {
            change(life);
        }
    }

    fn lives(&self) -> Option<Life> {
        self.life.lock().clone().filter(|life| runtime::lives(life.process))
    }

    /// Lets its process do something; nothing when it dies before it has done it.
    pub(crate) async fn call<T, F>(&self, act: impl FnOnce(Arc<Node>, Epoch) -> F) -> Called<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let Some(Life { process, node: Some(node), epoch: Some(epoch) }) = self.lives() else {
            return Called::Down;
        };
        let done = runtime::spawn_in(process, act(node, epoch));
        done.await.map_or(Called::Died, Called::Done)
    }

    /// Whether it has started, and in which epoch.
    pub(crate) fn serves(&self) -> Option<Epoch> {
        self.lives().and_then(|life| life.epoch)
    }

    /// Looks at its replica, when there is one.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Node) -> T) -> Option<T> {
        let life = self.lives()?;
        life.node.as_deref().map(look)
    }

    pub(crate) fn kill(&self, power: bool) {
        if let Some(life) = self.lives() {
            self.power.store(power, Ordering::Relaxed);
            runtime::kill(life.process);
        }
    }

    pub(crate) fn stand_still(&self, stands: bool) {
        if let Some(life) = self.lives() {
            runtime::stop(life.process, stands);
        }
    }

    /// Its disk fails at one of the next syncs: the node stops then, and starts again.
    pub(crate) fn fail_a_sync(&self) {
        let sync_fails_at = Some(runtime::draw(|dice| dice.between(1, 10)));
        self.medium.lock().set_faults(Faults { sync_fails_at, ..Faults::default() });
    }

    /// Its disk does not fail any more.
    pub(crate) fn mend_disk(&self) {
        *self.stillborn.lock() = 0;
        self.medium.lock().set_faults(Faults::default());
    }

    /// Begins its life, on a task outside of it.
    pub(crate) fn switch_on(self: &Arc<Self>) {
        drop(runtime::spawn_in(OUTSIDE, Arc::clone(self).live()));
    }
}

/// What became of something that a machine was to do.
#[derive(Debug)]
pub(crate) enum Called<T> {
    Done(T),
    /// It died meanwhile.
    Died,
    /// It was not there, and has done nothing.
    Down,
}

pub(crate) fn member(id: Id) -> Member {
    let node: Name = format!("gw-{id}").parse().expect("a name");
    Member { raft_id: id, address: format!("{node}:7400"), node }
}

pub(crate) fn addresses(id: Id) -> NodeAddresses {
    let Member { address, node, .. } = member(id);
    NodeAddresses { cluster: address, api: format!("{node}:8443") }
}
