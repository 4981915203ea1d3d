//! Which records a session has: from the index as far as it goes, from the segments beyond.
//!
//! An index that is late, damaged or another journal's never changes an answer.

use proto::ids::SessionId;
use store_log::{Position, ReadError};

use crate::index::{SESSION_LIMIT, session_of};
use crate::shared::{Shared, Walk};

impl Shared {
    pub(crate) fn positions_of(
        &self,
        session: &SessionId,
        from: Position,
        limit: usize,
    ) -> Result<Vec<Position>, ReadError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let durable = self.durable();
        let (mut positions, cursor) = self.indexed(session, from, limit);
        let start = from.max(cursor.next()).max(self.oldest());
        if positions.len() == limit || start > durable {
            return Ok(positions);
        }
        self.walk(start, durable, |frame, content| {
            if session_of(content).is_some_and(|found| found == session.as_str()) {
                positions.push(frame.position);
            }
            if positions.len() < limit { Walk::On } else { Walk::Enough }
        })?;
        Ok(positions)
    }

    /// What the index says, and how far it goes; nothing when it cannot be trusted.
    fn indexed(
        &self,
        session: &SessionId,
        from: Position,
        limit: usize,
    ) -> (Vec<Position>, Position) {
        let nothing = (Vec::new(), Position(0));
        if session.as_str().len() > SESSION_LIMIT {
            return nothing;
        }
        let found = {
            let index = self.index.lock();
            index.positions(session, from, limit).map(|positions| (positions, index.cursor().0))
        };
        match found {
            Ok(found) => found,
            Err(unusable) => {
                self.start_index_anew(&format!("{unusable:?}"));
                self.wake_keeper();
                nothing
            }
        }
    }

    /// Drops an index that goes further than the journal or was made of another one.
    pub(crate) fn check_index(&self) {
        let (cursor, checksum) = self.index.lock().cursor();
        if cursor.0 == 0 {
            return;
        }
        let same = cursor <= self.durable()
            && self.read(cursor, 1).is_ok_and(|stored| {
                stored.first().is_some_and(|stored| crc32fast::hash(&stored.bytes) == checksum)
            });
        if !same {
            self.start_index_anew("it was made of other records");
        }
    }
}
