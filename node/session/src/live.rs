//! The sessions that are live on this node: so that they can be listed, watched and ended.

use std::collections::BTreeMap;
use std::sync::Arc;

use node_enforce::mask::mask_by_default;
use parking_lot::Mutex;
use proto::entry::{ApprovalId, By};
use proto::ids::{Name, SessionId};
use proto::reading::Channel;
use proto::refusal::{Code, Told};
use proto::time::Utc;
use tokio::sync::{Notify, watch};

use crate::taps::{NotWatched, Taps, Watching};

/// The longest reason of an operator that is recorded, in characters.
const REASON_CHARACTERS: usize = 256;

/// All live sessions of a node.
#[derive(Clone, Debug, Default)]
pub struct Live {
    sessions: Arc<Mutex<Entries>>,
    left: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Entries {
    by_id: BTreeMap<SessionId, Entry>,
    /// Why no command may wait for an approval any more, once that is so.
    nobody_waits: Option<Ended>,
}

#[derive(Debug)]
struct Entry {
    shown: LiveSession,
    taps: Arc<Taps>,
    end: watch::Sender<Option<Ended>>,
}

/// One live session, as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveSession {
    /// The session.
    pub id: SessionId,
    /// Who is in it.
    pub person: Name,
    /// With what.
    pub target: Name,
    /// As whom there.
    pub login: String,
    /// By what kind of channel.
    pub channel: Channel,
    /// The address that the person came from.
    pub from: Option<String>,
    /// When it was opened, on the node's clock.
    pub since: Utc,
    /// What goes on in it.
    pub doing: Doing,
}

/// What goes on in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// No command is under way.
    Nothing,
    /// A command waits for somebody else's approval.
    Waiting {
        /// Which.
        approval: ApprovalId,
    },
    /// A command is with its target.
    Running {
        /// Its number within the session.
        command: u64,
    },
}

/// Why a session is ended by somebody or something other than its client and its target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// What the client is told.
    pub told: Told,
    /// The precise reason: the record says it as why the session was closed.
    pub reason: String,
}

impl Ended {
    /// An end of everything, which its code says enough about.
    fn of_all(told: &Told) -> Self {
        let reason = match told.code {
            Code::Draining => "drained".to_owned(),
            code => code.to_string(),
        };
        Self { told: told.clone(), reason }
    }
}

/// A session that is not live on this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such session is live on this node")]
pub struct NotLive;

/// Takes its session off the list when dropped.
#[derive(Debug)]
pub(crate) struct Listed {
    live: Live,
    id: SessionId,
    pub(crate) taps: Arc<Taps>,
    pub(crate) end: watch::Receiver<Option<Ended>>,
}

impl Live {
    pub(crate) fn enter(&self, shown: LiveSession) -> Listed {
        let (sender, end) = watch::channel(None);
        let (id, taps) = (shown.id.clone(), Arc::new(Taps::default()));
        let entry = Entry { shown, taps: taps.clone(), end: sender };
        self.sessions.lock().by_id.insert(id.clone(), entry);
        metrics::gauge!("sallyport_sessions_live").increment(1);
        Listed { live: self.clone(), id, taps, end }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.sessions.lock().by_id.len()
    }

    /// All of them, by id.
    #[must_use]
    pub fn list(&self) -> Vec<LiveSession> {
        self.sessions.lock().by_id.values().map(|entry| entry.shown.clone()).collect()
    }

    /// Ends a session: its client is told that an operator did, its record says who and why.
    ///
    /// # Errors
    /// [`NotLive`] when it is not live here.
    pub fn kill(&self, session: &SessionId, by: &By, reason: &str) -> Result<(), NotLive> {
        let told = Told::new(Code::SessionEnded, "The session was ended by an operator.");
        let reason: String = mask_by_default(reason).chars().take(REASON_CHARACTERS).collect();
        let ended = Ended { told, reason: format!("ended by {by}: {reason}") };
        let sessions = self.sessions.lock();
        sessions.by_id.get(session).ok_or(NotLive)?.end(&ended);
        Ok(())
    }

    /// Looks over a session's shoulder: what is let through to its client from now on, masked as
    /// the client gets it. Whoever watches too slowly misses some of it, and is told how much.
    ///
    /// # Errors
    /// [`NotWatched`] when it is not live here, or watched by too many.
    pub fn watch(&self, session: &SessionId) -> Result<Watching, NotWatched> {
        let sessions = self.sessions.lock();
        let entry = sessions.by_id.get(session).ok_or(NotWatched::NotLive)?;
        entry.taps.tap().ok_or(NotWatched::TooMany)
    }

    /// Ends the sessions in which a command waits for an approval, and from now on each in which
    /// one would begin to wait, telling each client why: a node that shuts down need not wait for
    /// somebody to approve.
    pub fn end_waiting(&self, told: &Told) {
        let ended = Ended::of_all(told);
        let mut sessions = self.sessions.lock();
        sessions.by_id.values().filter(|entry| entry.waits()).for_each(|entry| entry.end(&ended));
        sessions.nobody_waits.get_or_insert(ended);
    }

    /// Waits until there is none.
    pub(crate) async fn empty(&self) {
        loop {
            let left = self.left.notified();
            if self.count() == 0 {
                return;
            }
            left.await;
        }
    }

    /// Ends every session, telling each client why.
    pub fn end_all(&self, told: &Told) {
        let ended = Ended::of_all(told);
        for entry in self.sessions.lock().by_id.values() {
            entry.end(&ended);
        }
    }
}

impl Entry {
    /// Whether a command in it waits for an approval.
    fn waits(&self) -> bool {
        matches!(self.shown.doing, Doing::Waiting { .. })
    }

    /// The first reason counts: an end is not explained away by a later one.
    fn end(&self, ended: &Ended) {
        self.end.send_if_modified(|end| {
            let first = end.is_none();
            end.get_or_insert_with(|| ended.clone());
            first
        });
    }
}

impl Listed {
    /// Shows what goes on in the session. It ends when a command waits in it and none may.
    pub(crate) fn doing(&self, doing: Doing) {
        let Entries { by_id, nobody_waits } = &mut *self.live.sessions.lock();
        let Some(entry) = by_id.get_mut(&self.id) else { return };
        entry.shown.doing = doing;
        if let Some(ended) = nobody_waits.as_ref().filter(|_| entry.waits()) {
            entry.end(ended);
        }
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.live.sessions.lock().by_id.remove(&self.id);
        self.live.left.notify_waiters();
        metrics::gauge!("sallyport_sessions_live").decrement(1);
    }
}
