//! The sessions that are live on this node: so that they can be counted, and ended.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use proto::ids::{Name, SessionId};
use proto::refusal::Told;
use tokio::sync::watch;

/// All live sessions of a node.
#[derive(Clone, Debug, Default)]
pub struct Live {
    sessions: Arc<Mutex<BTreeMap<SessionId, Entry>>>,
}

#[derive(Debug)]
struct Entry {
    person: Name,
    target: Name,
    end: watch::Sender<Option<Told>>,
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
}

/// Takes its session off the list when dropped.
#[derive(Debug)]
pub(crate) struct Listed {
    live: Live,
    id: SessionId,
    pub(crate) end: watch::Receiver<Option<Told>>,
}

impl Live {
    pub(crate) fn enter(&self, id: SessionId, person: Name, target: Name) -> Listed {
        let (sender, end) = watch::channel(None);
        let entry = Entry { person, target, end: sender };
        self.sessions.lock().insert(id.clone(), entry);
        metrics::gauge!("sallyport_sessions_live").increment(1);
        Listed { live: self.clone(), id, end }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.sessions.lock().len()
    }

    /// All of them, by id.
    #[must_use]
    pub fn list(&self) -> Vec<LiveSession> {
        let sessions = self.sessions.lock();
        let row = |(id, entry): (&SessionId, &Entry)| LiveSession {
            id: id.clone(),
            person: entry.person.clone(),
            target: entry.target.clone(),
        };
        sessions.iter().map(row).collect()
    }

    /// Ends every session, telling each client why.
    pub fn end_all(&self, told: &Told) {
        for entry in self.sessions.lock().values() {
            entry.end.send_replace(Some(told.clone()));
        }
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.live.sessions.lock().remove(&self.id);
        metrics::gauge!("sallyport_sessions_live").decrement(1);
    }
}
