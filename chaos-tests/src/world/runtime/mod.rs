//! A runtime for openraft whose clock is paused and whose chance is seeded: the same seed makes the
//! same world, step by step.

mod dice;
mod kernel;
mod timers;

pub(crate) use dice::Dice;
pub(crate) use kernel::{
    BEGINNING, OUTSIDE, Process, begin, current, draw, kill, lives, now, run, spawn_in, stop,
};
pub(crate) use timers::Sleep;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use openraft::{AsyncRuntime, TokioRuntime};
use tokio::sync::oneshot;

use dice::Drawn;
use timers::{Moment, Timeout, TooLate};

/// Sleeps for so long.
pub(crate) fn sleep(time: Duration) -> Sleep {
    Sleep::lasting(time)
}

/// The runtime of every machine in a world.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Seeded;

/// A task's end, for whoever waits for it.
pub(crate) struct Handle<T>(oneshot::Receiver<T>);

/// The task was taken down with its process.
#[derive(Debug)]
pub(crate) struct Gone;

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task is gone")
    }
}

impl<T> Future for Handle<T> {
    type Output = Result<T, Gone>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|ended| ended.map_err(|_| Gone))
    }
}

impl AsyncRuntime for Seeded {
    type JoinError = Gone;
    type JoinHandle<T: Send + 'static> = Handle<T>;
    type Sleep = Sleep;
    type Instant = Moment;
    type TimeoutError = TooLate;
    type Timeout<R, T: Future<Output = R> + Send> = Timeout<T>;
    type ThreadLocalRng = Drawn;
    type OneshotSender<T: Send> = <TokioRuntime as AsyncRuntime>::OneshotSender<T>;
    type OneshotReceiver<T: Send> = oneshot::Receiver<T>;
    type OneshotReceiverError = oneshot::error::RecvError;

    fn spawn<T>(future: T) -> Handle<T::Output>
    where
        T: Future + Send + 'static,
        T::Output: Send + 'static,
    {
        Handle(spawn_in(current(), future))
    }

    fn sleep(duration: Duration) -> Sleep {
        sleep(duration)
    }

    fn sleep_until(deadline: Moment) -> Sleep {
        Sleep::until(deadline.0)
    }

    fn timeout<R, F: Future<Output = R> + Send>(duration: Duration, future: F) -> Timeout<F> {
        Timeout::at(now() + duration, future)
    }

    fn timeout_at<R, F: Future<Output = R> + Send>(deadline: Moment, future: F) -> Timeout<F> {
        Timeout::at(deadline.0, future)
    }

    fn is_panic(_: &Gone) -> bool {
        false
    }

    fn thread_rng() -> Drawn {
        Drawn
    }

    fn oneshot<T: Send>() -> (Self::OneshotSender<T>, oneshot::Receiver<T>) {
        TokioRuntime::oneshot()
    }
}
