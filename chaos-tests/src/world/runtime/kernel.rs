//! The one thread on which a world happens: which task goes next, when time moves, which process
//! lives.
//!
//! Tasks that are ready are a set without an order, and the dice choose from it: in which order
//! they were woken is not the seed's business. Time moves only when nothing is ready, from timer
//! to timer. No borrow of the kernel is held while foreign code runs, dropping included.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::hash::{DefaultHasher, Hasher};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::dice::Dice;
use super::timers::Timer;

/// Which process a task belongs to: all tasks of a process stop and die together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Process(u64);

/// What is in nobody's machine: the network, people, whoever breaks things.
pub(crate) const OUTSIDE: Process = Process(0);

/// When a world begins, so that nothing comes before time.
pub(crate) const BEGINNING: Duration = Duration::from_secs(1_000_000);
/// So many steps without time moving are a loop that never ends.
const STEPS_AT_ONCE: u64 = 1_000_000;

pub(super) type TimerKey = (Duration, u64);
type Task = Pin<Box<dyn Future<Output = ()> + Send>>;
type Ready = Arc<Mutex<BTreeSet<u64>>>;

struct Kernel {
    now: Duration,
    steps: u64,
    made: u64,
    current: Process,
    /// Tasks that are not being polled right now, each with its process.
    tasks: BTreeMap<u64, (Process, Option<Task>)>,
    ready: Ready,
    timers: BTreeMap<TimerKey, (Process, Arc<Mutex<Timer>>)>,
    /// Processes that stand still.
    stopped: BTreeSet<Process>,
    /// Processes that die as soon as the step that killed them is over.
    doomed: BTreeSet<Process>,
    living: BTreeMap<Process, Life>,
    dice: Dice,
    trace: DefaultHasher,
}

struct Life {
    /// Runs when the process dies, before anything of it is dropped.
    last: Box<dyn FnOnce() + Send>,
    ended: oneshot::Sender<()>,
}

thread_local! {
    static KERNEL: RefCell<Option<Kernel>> = const { RefCell::new(None) };
}

fn with<T>(act: impl FnOnce(&mut Kernel) -> T) -> T {
    KERNEL.with_borrow_mut(|kernel| act(kernel.as_mut().expect("a world runs on this thread")))
}

struct Rouse {
    task: u64,
    ready: Ready,
}

impl Wake for Rouse {
    fn wake(self: Arc<Self>) {
        self.ready.lock().insert(self.task);
    }
}

/// Runs a world to its end; gives what came of it and the digest of all that happened.
pub(crate) fn run<T: Send + 'static>(
    seed: u64,
    world: impl Future<Output = T> + Send + 'static,
) -> (T, u64) {
    let kernel = Kernel {
        now: BEGINNING,
        steps: 0,
        made: 0,
        current: OUTSIDE,
        tasks: BTreeMap::new(),
        ready: Arc::default(),
        timers: BTreeMap::new(),
        stopped: BTreeSet::new(),
        doomed: BTreeSet::new(),
        living: BTreeMap::new(),
        dice: Dice::new(seed),
        trace: DefaultHasher::new(),
    };
    let before = KERNEL.replace(Some(kernel));
    assert!(before.is_none(), "one world at a time on a thread");
    let _end = End;
    let mut result = spawn_in(OUTSIDE, world);
    loop {
        if let Ok(done) = result.try_recv() {
            return (done, with(|kernel| kernel.trace.finish()));
        }
        step();
    }
}

/// Takes the world down, also when it panics.
struct End;

impl Drop for End {
    fn drop(&mut self) {
        let processes: Vec<_> = with(|kernel| kernel.living.keys().copied().collect());
        processes.into_iter().for_each(bury);
        bury(OUTSIDE);
        drop(KERNEL.take());
    }
}

fn step() {
    while let Some(doomed) = with(|kernel| kernel.doomed.pop_first()) {
        bury(doomed);
    }
    match with(Kernel::choose) {
        Some((id, task)) => poll(id, task),
        None => {
            let waker = with(Kernel::fire);
            waker.into_iter().for_each(Waker::wake);
        }
    }
}

fn poll(id: u64, mut task: Task) {
    let ready = with(|kernel| Arc::clone(&kernel.ready));
    let waker = Waker::from(Arc::new(Rouse { task: id, ready }));
    let is_done = task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
    let left = with(|kernel| {
        kernel.current = OUTSIDE;
        if is_done {
            kernel.tasks.remove(&id);
        }
        match kernel.tasks.get_mut(&id) {
            Some((_, place)) => {
                *place = Some(task);
                None
            }
            None => Some(task),
        }
    });
    drop(left);
}

impl Kernel {
    /// The task that goes next.
    fn choose(&mut self) -> Option<(u64, Task)> {
        let runs = |id: &u64| {
            let process = self.tasks.get(id).map(|(process, _)| process);
            process.is_some_and(|process| !self.stopped.contains(process))
        };
        let ready: Vec<u64> = self.ready.lock().iter().copied().filter(runs).collect();
        let id = self.dice.pick(&ready)?;
        self.ready.lock().remove(&id);
        self.steps += 1;
        assert!(self.steps < STEPS_AT_ONCE, "a loop without an end");
        self.trace.write_u64(id);
        self.trace.write_u128(self.now.as_micros());
        let (process, task) = self.tasks.get_mut(&id)?;
        self.current = *process;
        Some((id, task.take()?))
    }

    /// Moves time to the next timer of a process that runs.
    fn fire(&mut self) -> Option<Waker> {
        let runs = |(_, (process, _)): &(&TimerKey, &(Process, _))| !self.stopped.contains(process);
        let next = self.timers.iter().find(runs).map(|(key, _)| *key);
        let key = next.expect("something always happens later");
        let (_, timer) = self.timers.remove(&key)?;
        if key.0 > self.now {
            self.now = key.0;
            self.steps = 0;
        }
        let mut timer = timer.lock();
        timer.fired = true;
        timer.waker.take()
    }
}

/// Ends a process with everything in it.
fn bury(process: Process) {
    let (life, tasks) = with(|kernel| {
        kernel.stopped.remove(&process);
        let ids = kernel.tasks.iter().filter(|(_, (of, _))| *of == process).map(|(id, _)| *id);
        let ids: Vec<_> = ids.collect();
        let tasks: Vec<_> = ids.iter().filter_map(|id| kernel.tasks.remove(id)).collect();
        (kernel.living.remove(&process), tasks)
    });
    let Some(Life { last, ended }) = life else { return drop(tasks) };
    last();
    drop(tasks);
    // Nobody may wait for it.
    ended.send(()).ok();
}

/// Begins a process. `last` runs when it dies, before anything of it is dropped; whoever waits is
/// told when all of it is gone.
pub(crate) fn begin(last: impl FnOnce() + Send + 'static) -> (Process, oneshot::Receiver<()>) {
    let (ended, is_ended) = oneshot::channel();
    let process = with(|kernel| {
        kernel.made += 1;
        let process = Process(kernel.made);
        kernel.living.insert(process, Life { last: Box::new(last), ended });
        process
    });
    (process, is_ended)
}

/// Kills a process: what it does in this step it still does, and nothing after that.
pub(crate) fn kill(process: Process) {
    assert!(process != OUTSIDE, "the world outside does not die");
    with(|kernel| kernel.doomed.insert(process));
}

/// Whether a process lives, and does not die within this step.
pub(crate) fn lives(process: Process) -> bool {
    process == OUTSIDE
        || with(|kernel| kernel.living.contains_key(&process) && !kernel.doomed.contains(&process))
}

/// Lets a process stand still, or go on: time passes for it all the same.
pub(crate) fn stop(process: Process, stands: bool) {
    with(|kernel| {
        if stands && kernel.living.contains_key(&process) {
            kernel.stopped.insert(process);
        } else {
            kernel.stopped.remove(&process);
        }
    });
}

/// The process whose step this is.
pub(crate) fn current() -> Process {
    with(|kernel| kernel.current)
}

pub(crate) fn now() -> Duration {
    with(|kernel| kernel.now)
}

/// Draws from the world's dice.
pub(crate) fn draw<T>(from: impl FnOnce(&mut Dice) -> T) -> T {
    with(|kernel| from(&mut kernel.dice))
}

/// Begins a task in a process; its result comes, unless it dies before.
pub(crate) fn spawn_in<T: Send + 'static>(
    process: Process,
    future: impl Future<Output = T> + Send + 'static,
) -> oneshot::Receiver<T> {
    let (done, result) = oneshot::channel();
    let task = Box::pin(async move {
        // Nobody may wait for it.
        done.send(future.await).ok();
    });
    if !lives(process) {
        return result;
    }
    with(|kernel| {
        kernel.made += 1;
        kernel.tasks.insert(kernel.made, (process, Some(task)));
        kernel.ready.lock().insert(kernel.made);
    });
    result
}

pub(super) fn set_timer(deadline: Duration, timer: Arc<Mutex<Timer>>) -> TimerKey {
    with(|kernel| {
        kernel.made += 1;
        let key = (deadline.max(kernel.now), kernel.made);
        kernel.timers.insert(key, (kernel.current, timer));
        key
    })
}

pub(super) fn forget_timer(key: TimerKey) {
    let timer = KERNEL.with_borrow_mut(|kernel| kernel.as_mut()?.timers.remove(&key));
    drop(timer);
}
