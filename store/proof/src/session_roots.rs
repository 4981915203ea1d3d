//! What the event that closes a session says of the session's events, against those that are here.

use std::collections::BTreeMap;

use proto::event::{Event, Kind};
use proto::ids::{Digest, SessionId};

use crate::fault::Fault;
use crate::finding::{At, Findings};
use crate::seal_fault::SealFault;
use crate::tree::Range;

/// How many sessions are followed at once; of further ones the closing root is not compared.
const OPEN_LIMIT: usize = 100_000;

/// The trees of the sessions that are open.
#[derive(Debug, Default)]
pub(crate) struct SessionRoots(BTreeMap<SessionId, Range>);

impl SessionRoots {
    pub(crate) fn on(&mut self, event: &Event, leaf: Digest, at: &At, findings: &mut Findings) {
        let (Some(session), Some(seq)) = (&event.about.session, event.about.session_seq) else {
            return;
        };
        if let Some(Kind::SessionClosed(closed)) = &event.kind {
            let Some((tree, sealed)) = self.0.remove(session).zip(closed.sealed) else { return };
            if (tree.end(), tree.root()) != (sealed.events, sealed.root) {
                let (session, events) = (session.clone(), sealed.events);
                findings.push(at, Fault::Seal(SealFault::SessionDiffers { session, events }));
            }
            return;
        }
        if seq == 1 && self.0.len() < OPEN_LIMIT {
            self.0.insert(session.clone(), Range::at(0));
        }
        if let Some(tree) = self.0.get_mut(session)
            && seq == tree.end() + 1
        {
            tree.push(leaf);
        }
    }
}
