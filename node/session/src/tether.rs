//! How long this node may act on what it knows, for those who wait: promise 7 as futures.
//!
//! A timer may fire late, after a suspend or a stopped process, so none is believed: whether there
//! is contact is read off the clock each time that something is about to move.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use node_gate::{Leash, Tie};
use tokio::sync::watch;
use tokio::time::{Sleep, sleep};

use crate::ports::{Clock, Contact, Control, View};

/// What ties a node to its cluster.
#[derive(Clone)]
pub struct Tether {
    clock: Arc<dyn Clock>,
    contact: watch::Receiver<Contact>,
    views: watch::Receiver<Arc<View>>,
}

impl Tether {
    /// Tied by these contacts, each of which was passed on when it may be used.
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        contact: watch::Receiver<Contact>,
        control: &dyn Control,
    ) -> Self {
        Self { clock, contact, views: control.views() }
    }

    /// The same, by contacts that are passed on by somebody else.
    pub(crate) fn by(&self, contact: watch::Receiver<Contact>) -> Self {
        Self { contact, ..self.clone() }
    }

    /// The contacts that it is tied by; the last one counts as new.
    pub(crate) fn contacts(&self) -> watch::Receiver<Contact> {
        let mut contact = self.contact.clone();
        contact.mark_changed();
        contact
    }

    /// The last contact, and how far it reaches.
    #[must_use]
    pub fn leash(&self) -> Leash {
        let contact = self.contact.borrow().sent_at;
        Leash { contact, within: self.views.borrow().contact }
    }

    /// What may be done now.
    #[must_use]
    pub fn tie(&self) -> Tie {
        self.leash().tie(self.clock.elapsed())
    }

    /// Waits until bytes may move.
    pub async fn fresh(&self) {
        let mut contact = self.contact.clone();
        while self.tie() != Tie::Fresh {
            changed(&mut contact).await;
        }
    }

    /// Waits for a newer contact.
    pub(crate) async fn next_contact(&self) {
        let mut contact = self.contact.clone();
        contact.mark_unchanged();
        changed(&mut contact).await;
    }

    /// Waits until no byte may move any more.
    pub async fn frozen(&self) {
        self.last(&mut Alarm::default(), Leash::frozen_after).await;
    }

    /// Waits until sessions must end.
    pub async fn over(&self) {
        self.over_by(&mut Alarm::default()).await;
    }

    /// As [`Tether::over`], with a timer that outlasts the waiting: whoever waits anew for each
    /// message need not set one each time.
    pub(crate) async fn over_by(&self, alarm: &mut Alarm) {
        self.last(alarm, Leash::over_after).await;
    }

    /// Waits out a moment that newer contact puts off.
    async fn last(&self, alarm: &mut Alarm, moment: impl Fn(&Leash) -> Duration) {
        let left = || moment(&self.leash()).checked_sub(self.clock.elapsed());
        poll_fn(|context: &mut Context<'_>| {
            loop {
                let Some(left) = left() else { return Poll::Ready(()) };
                // A timer that is due before the moment only looks again; past it, it is too late.
                let waiting =
                    alarm.0.get_or_insert_with(|| Box::pin(sleep(left.saturating_add(JUST_AFTER))));
                if waiting.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                alarm.0 = None;
            }
        })
        .await;
    }

    /// Does something, and does not move on with it while there is no contact. It moves when it is
    /// polled and no sooner, and each time the clock says whether it may: so no timer is set.
    pub async fn while_fresh<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            let moved = poll_fn(|context| {
                if self.tie() == Tie::Fresh {
                    work.as_mut().poll(context).map(Some)
                } else {
                    Poll::Ready(None)
                }
            });
            match moved.await {
                Some(done) => return done,
                None => self.fresh().await,
            }
        }
    }
}

/// A timer that is set when it is first needed.
#[derive(Default)]
pub(crate) struct Alarm(Option<Pin<Box<Sleep>>>);

/// A moment is over when it has passed.
const JUST_AFTER: Duration = Duration::from_millis(1);

/// Waits for news; when nobody can send any, for ever.
pub(crate) async fn changed<T>(news: &mut watch::Receiver<T>) {
    if news.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
