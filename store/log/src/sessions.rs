//! The trees over the events of open sessions: the event that closes one says what it closes.
//!
//! A log that loses track, because there are too many or one was not opened here, says nothing
//! about that session. It must never say a root that is not over all of its events.

use std::collections::BTreeMap;

use proto::event::{Draft, Kind, SessionSeal};
use proto::ids::{Digest, SessionId};
use store_proof::tree::Range;

/// How many sessions are followed at once.
const SESSIONS_LIMIT: usize = 131_072;

/// The trees of the sessions that are open.
#[derive(Debug, Default)]
pub(crate) struct SessionTrees(BTreeMap<SessionId, Range>);

impl SessionTrees {
    /// The draft with what it closes, when it closes a session that was followed from its start.
    pub(crate) fn closing(&self, draft: &Draft) -> Option<Draft> {
        let tree = self.0.get(draft.about.session.as_ref()?)?;
        let whole = draft.about.session_seq == Some(tree.end() + 1);
        let Kind::SessionClosed(closed) = &draft.kind else { return None };
        let mut closed = closed.clone();
        closed.sealed = whole.then(|| SessionSeal { events: tree.end(), root: tree.root() });
        Some(Draft { kind: Kind::SessionClosed(closed), ..draft.clone() })
    }

    /// Takes an event that has its place now.
    pub(crate) fn took(&mut self, draft: &Draft, leaf: Digest) {
        let (Some(session), Some(seq)) = (&draft.about.session, draft.about.session_seq) else {
            return;
        };
        if matches!(draft.kind, Kind::SessionClosed(_)) {
            self.0.remove(session);
            return;
        }
        if seq == 1 && self.0.len() < SESSIONS_LIMIT {
            self.0.insert(session.clone(), Range::at(0));
        }
        if let Some(tree) = self.0.get_mut(session) {
            if seq == tree.end() + 1 {
                tree.push(leaf);
            } else {
                self.0.remove(session);
            }
        }
    }
}
