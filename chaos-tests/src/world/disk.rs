//! A machine's disk: the store that the product writes, on a medium that loses and tears what was
//! not synced. Writes take their time, in order, and the machine may die before, during and after
//! each of them.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use store_disk::Simulated;
use store_disk::raft::{Disk, Done, RaftStore, Stopped, Write, Writer};
use store_disk::storage::simulated::Faults;
use tokio::sync::Notify;

use super::runtime::{self, Process, sleep};

/// What a machine is about to do when it dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    /// It writes anything.
    Writes,
    /// It writes a vote.
    Votes,
    /// It takes entries back.
    Truncates,
    /// It writes a part of a snapshot.
    SnapshotPart,
    /// It makes a snapshot the current one, its own or another's.
    Snapshot,
    /// It lets go of entries.
    Purges,
    /// It applies an entry.
    Applies,
}

/// When within that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Nothing of it is on the disk.
    Before,
    /// Any part of it is.
    Within,
    /// All of it is, and nobody was told.
    After,
}

/// A death that waits for its moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Armed {
    pub(crate) doing: Doing,
    pub(crate) when: When,
    /// It passes by so often before it happens.
    pub(crate) passes: u64,
}

/// Where the next death of a machine waits.
#[derive(Debug, Default)]
pub(crate) struct Trap(Mutex<Option<Armed>>);

impl Trap {
    pub(crate) fn arm(&self, armed: Option<Armed>) {
        *self.0.lock() = armed;
    }

    /// Whether it happens now, and when within what is being done.
    pub(crate) fn springs(&self, is: impl Fn(Doing) -> bool) -> Option<When> {
        let mut trap = self.0.lock();
        let armed = trap.as_mut().filter(|armed| is(armed.doing))?;
        if armed.passes > 0 {
            armed.passes -= 1;
            return None;
        }
        trap.take().map(|armed| armed.when)
    }
}

fn does(write: &Write) -> Doing {
    match write {
        Write::Vote(_) => Doing::Votes,
        Write::Truncate(_) => Doing::Truncates,
        Write::SnapshotPart { .. } => Doing::SnapshotPart,
        Write::Snapshot(_) => Doing::Snapshot,
        Write::Purge(_) => Doing::Purges,
        Write::Append(_) | Write::Committed(_) | Write::Identity(_) => Doing::Writes,
    }
}

/// The disk of one life of a machine.
pub(crate) struct Slow {
    store: RaftStore,
    process: Process,
    waiting: Arc<Waiting>,
}

struct Waiting {
    writes: Mutex<VecDeque<(Write, Done)>>,
    more: Notify,
    medium: Simulated,
    trap: Arc<Trap>,
    /// A sync takes at most so many milliseconds, now and then ten times that.
    sync_ms: u64,
}

impl Slow {
    /// Takes the only writer of a store, and writes from a task of the process that runs.
    pub(crate) fn start(writer: Writer, medium: Simulated, trap: Arc<Trap>, sync_ms: u64) -> Self {
        let (writes, more) = (Mutex::default(), Notify::new());
        let waiting = Arc::new(Waiting { writes, more, medium, trap, sync_ms });
        let (process, store) = (runtime::current(), writer.store().clone());
        drop(runtime::spawn_in(process, Arc::clone(&waiting).write_all(writer)));
        Self { store, process, waiting }
    }
}

impl Waiting {
    async fn write_all(self: Arc<Self>, mut writer: Writer) {
        loop {
            let (writes, answers): (Vec<_>, Vec<_>) = {
                let mut waiting = self.writes.lock();
                let count = runtime::draw(|dice| dice.between(1, 64));
                let count = waiting.len().min(usize::try_from(count).unwrap_or(1));
                waiting.drain(..count).unzip()
            };
            if writes.is_empty() {
                self.more.notified().await;
                continue;
            }
            if writes.iter().any(|write| !matches!(write, Write::Committed(_))) {
                let slow = if runtime::draw(|dice| dice.permille(20)) { 10 } else { 1 };
                sleep(runtime::draw(|dice| dice.millis(0, self.sync_ms * slow))).await;
            }
            let result = self.write(&mut writer, &writes);
            if !runtime::lives(runtime::current()) {
                return;
            }
            for done in answers {
                done(result.clone());
            }
        }
    }

    fn write(&self, writer: &mut Writer, writes: &[Write]) -> Result<(), Stopped> {
        let springs = self.trap.springs(|doing| {
            doing == Doing::Writes || writes.iter().any(|write| does(write) == doing)
        });
        if springs.is_some() {
            runtime::kill(runtime::current());
        }
        match springs {
            Some(When::Before) => return Ok(()),
            Some(When::Within) => {
                let power_off_at = Some(runtime::draw(|dice| dice.below(12)));
                self.medium.set_faults(Faults { power_off_at, ..Faults::default() });
            }
            Some(When::After) | None => {}
        }
        writer.perform(writes)
    }
}

impl Disk for Slow {
    fn submit(&self, write: Write, done: Done) {
        if runtime::lives(self.process) {
            self.waiting.writes.lock().push_back((write, done));
            self.waiting.more.notify_one();
        }
    }

    fn store(&self) -> &RaftStore {
        &self.store
    }

    /// What waits is written, or not: the process ends after this.
    fn close(&self) {}
}
