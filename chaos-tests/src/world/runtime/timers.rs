//! Virtual time: moments, sleeping, and giving up in time.
//!
//! A sleep is over only when the kernel has fired its timer, and not already when its time has
//! come: so a task never finds both a message and its time-out, and no library has a choice to make
//! that the seed does not know of.

use std::future::Future;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;

use super::kernel::{self, TimerKey};

/// A moment of the world, since long before it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(pub(crate) Duration);

impl openraft::Instant for Moment {
    fn now() -> Self {
        Self(kernel::now())
    }
}

impl Add<Duration> for Moment {
    type Output = Self;
    fn add(self, after: Duration) -> Self {
        Self(self.0 + after)
    }
}

impl AddAssign<Duration> for Moment {
    fn add_assign(&mut self, after: Duration) {
        self.0 += after;
    }
}

impl Sub<Duration> for Moment {
    type Output = Self;
    fn sub(self, before: Duration) -> Self {
        Self(self.0.saturating_sub(before))
    }
}

impl Sub for Moment {
    type Output = Duration;
    fn sub(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl SubAssign<Duration> for Moment {
    fn sub_assign(&mut self, before: Duration) {
        self.0 = self.0.saturating_sub(before);
    }
}

/// What a timer and whoever sleeps on it share.
#[derive(Debug, Default)]
pub(super) struct Timer {
    pub(super) fired: bool,
    pub(super) waker: Option<Waker>,
}

/// Sleeps until its timer fires.
#[derive(Debug)]
pub(crate) struct Sleep {
    key: TimerKey,
    timer: Arc<Mutex<Timer>>,
}

impl Sleep {
    pub(crate) fn until(deadline: Duration) -> Self {
        let timer = Arc::default();
        Self { key: kernel::set_timer(deadline, Arc::clone(&timer)), timer }
    }

    pub(crate) fn lasting(time: Duration) -> Self {
        Self::until(kernel::now() + time)
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut timer = self.timer.lock();
        if timer.fired {
            return Poll::Ready(());
        }
        timer.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        kernel::forget_timer(self.key);
    }
}

/// It took too long.
#[derive(Debug)]
pub(crate) struct TooLate;

impl std::fmt::Display for TooLate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("it took too long")
    }
}

/// A future that is given up in time.
pub(crate) struct Timeout<F> {
    future: Pin<Box<F>>,
    sleep: Sleep,
}

impl<F: Future> Timeout<F> {
    pub(crate) fn at(deadline: Duration, future: F) -> Self {
        Self { future: Box::pin(future), sleep: Sleep::until(deadline) }
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, TooLate>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(done) = self.future.as_mut().poll(context) {
            return Poll::Ready(Ok(done));
        }
        Pin::new(&mut self.sleep).poll(context).map(|()| Err(TooLate))
    }
}
