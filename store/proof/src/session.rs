//! The sessions of one node's chain: does each do only what its own events allow?
//!
//! Where the chain has holes, an event that is missing here may be in the hole: then the hole is
//! the finding, and what follows from it is not told again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proto::event::{Event, Kind, SessionClosed};
use proto::ids::{Epoch, SessionId};

use crate::command::{Commands, RECORD_CODES, says_that_the_record_failed};
use crate::fault::Fault;
use crate::finding::{At, Findings, Turn};
use crate::report::{Tally, UnfinishedCommand};

/// How many sessions may be open at once; events of further ones are not checked.
const OPEN_LIMIT: usize = 100_000;

/// How many ended sessions are remembered, to name an event after an end.
const ENDED_LIMIT: usize = 65_536;

#[derive(Debug, Default)]
pub(crate) struct Sessions {
    open: BTreeMap<SessionId, Session>,
    ended: BTreeSet<SessionId>,
    ended_in_order: VecDeque<SessionId>,
    /// Whether events that are not here may have opened sessions.
    holes: bool,
    epoch: Epoch,
}

#[derive(Debug)]
struct Session {
    at: At,
    seq: u64,
    /// Whether every event of the session is here, as far as is known.
    whole: bool,
    gap: Option<Gap>,
    commands: Commands,
}

/// A place in a session that is not here; how the session ends says whether it was ever written.
#[derive(Debug)]
struct Gap {
    at: At,
    turn: Turn,
    expected: u64,
    found: u64,
    record_failed: bool,
}

impl Sessions {
    /// Events of the chain are missing: what follows from that is not told again.
    pub(crate) fn distrust(&mut self) {
        self.holes = true;
        for session in self.open.values_mut() {
            session.whole = false;
        }
    }

    pub(crate) fn on(
        &mut self,
        event: &Event,
        at: &At,
        findings: &mut Findings,
        tally: &mut Tally,
    ) {
        if event.id.epoch > self.epoch {
            self.epoch = event.id.epoch;
            self.node_ended(false, findings, tally);
        }
        if let Some(Kind::NodeStopped(_)) = event.kind {
            self.node_ended(true, findings, tally);
        }
        let (Some(id), Some(seq)) = (&event.about.session, event.about.session_seq) else {
            return;
        };
        if !self.open.contains_key(id) && !self.begin(id, seq, event, at, findings, tally) {
            return;
        }
        let Some(session) = self.open.get_mut(id) else {
            return;
        };
        session.follow(id, seq, at, findings);
        match &event.kind {
            Some(Kind::SessionClosed(closed)) => self.close(id, closed, findings, tally),
            Some(kind) => session.on(id, kind, at, findings),
            // A kind that this program does not know may open, allow or end anything.
            None => session.whole = false,
        }
    }

    /// The first event of a session that is not open; true when the session is open now.
    fn begin(
        &mut self,
        id: &SessionId,
        seq: u64,
        event: &Event,
        at: &At,
        findings: &mut Findings,
        tally: &mut Tally,
    ) -> bool {
        if self.ended.contains(id) {
            findings.push(at, Fault::EventAfterEnd { session: id.clone() });
            return false;
        }
        let opens = matches!(event.kind, Some(Kind::SessionOpened(_)));
        match event.kind {
            Some(Kind::SessionOpened(_)) => tally.sessions.opened += 1,
            Some(Kind::SessionRefused(_)) => {
                tally.sessions.refused += 1;
                return false;
            }
            Some(_) if !self.holes => {
                findings.push(at, Fault::SessionNotOpened { session: id.clone() });
            }
            _ => {}
        }
        if self.open.len() == OPEN_LIMIT {
            self.holes = true;
            return false;
        }
        let before = if opens { 0 } else { seq.saturating_sub(1) };
        self.open.insert(id.clone(), Session::new(at.clone(), before, opens));
        true
    }

    fn close(
        &mut self,
        id: &SessionId,
        closed: &SessionClosed,
        findings: &mut Findings,
        tally: &mut Tally,
    ) {
        let Some(mut session) = self.open.remove(id) else {
            return;
        };
        tally.sessions.closed += 1;
        let says_so = RECORD_CODES.iter().any(|code| closed.reason.contains(&code.to_string()));
        if says_so || session.lost_its_last_words() {
            session.record_failed();
        }
        session.name_gap(id, false, findings);
        session.leave_unfinished(id, false, tally);
        self.remember(id.clone());
    }

    fn remember(&mut self, id: SessionId) {
        if self.ended.len() == ENDED_LIMIT
            && let Some(oldest) = self.ended_in_order.pop_front()
        {
            self.ended.remove(&oldest);
        }
        if self.ended.insert(id.clone()) {
            self.ended_in_order.push_back(id);
        }
    }

    /// The node stopped, or a later epoch shows that it crashed: no session of it is open.
    fn node_ended(&mut self, stopped: bool, findings: &mut Findings, tally: &mut Tally) {
        for (id, session) in std::mem::take(&mut self.open) {
            tally.sessions.without_end += 1;
            session.name_gap(&id, true, findings);
            let fault = Fault::SessionWithoutEnd { session: id.clone(), stopped };
            findings.push(&session.at, fault);
            session.leave_unfinished(&id, false, tally);
            self.remember(id);
        }
    }

    pub(crate) fn finish(&mut self, findings: &mut Findings, tally: &mut Tally) {
        for (id, session) in std::mem::take(&mut self.open) {
            tally.sessions.open += 1;
            session.name_gap(&id, true, findings);
            session.leave_unfinished(&id, true, tally);
        }
    }
}

impl Session {
    fn new(at: At, seq: u64, whole: bool) -> Self {
        Self { at, seq, whole, gap: None, commands: Commands::default() }
    }

    /// Compares an event's place in the session with the one before.
    fn follow(&mut self, id: &SessionId, seq: u64, at: &At, findings: &mut Findings) {
        let expected = self.seq.saturating_add(1);
        self.seq = self.seq.max(seq);
        if seq == expected || !self.whole {
            return;
        }
        if seq < expected {
            let (session, found) = (id.clone(), seq);
            let fault = Fault::SessionSeqGap { session, expected, found, unwritten: false };
            findings.push(at, fault);
        } else if self.gap.is_none() {
            let (at, turn) = (at.clone(), findings.turn());
            self.gap = Some(Gap { at, turn, expected, found: seq, record_failed: false });
        }
    }

    fn record_failed(&mut self) {
        if let Some(gap) = &mut self.gap {
            gap.record_failed = true;
        }
    }

    /// Whether nothing but the close follows the gap, and a command has no end: a node that could
    /// write would have written that end first.
    fn lost_its_last_words(&self) -> bool {
        let only_the_close = self.gap.as_ref().is_some_and(|gap| gap.found == self.seq);
        only_the_close && self.commands.unfinished().next().is_some()
    }

    fn name_gap(&self, id: &SessionId, broke_off: bool, findings: &mut Findings) {
        let Some(gap) = &self.gap else { return };
        let fault = Fault::SessionSeqGap {
            session: id.clone(),
            expected: gap.expected,
            found: gap.found,
            unwritten: gap.record_failed || broke_off,
        };
        findings.push_at(gap.turn, &gap.at, fault);
    }

    fn leave_unfinished(&self, id: &SessionId, open: bool, tally: &mut Tally) {
        for (command, judged) in self.commands.unfinished() {
            let At { event: judged, place } = judged.clone();
            let session = id.clone();
            tally.unfinished(UnfinishedCommand { session, command, judged, place, open });
        }
    }

    fn on(&mut self, id: &SessionId, kind: &Kind, at: &At, findings: &mut Findings) {
        if says_that_the_record_failed(kind) {
            self.record_failed();
        }
        // In a session with holes a verdict or an end may be missing because its event is.
        if let Some(fault) = self.commands.on(id, kind, at)
            && self.whole
        {
            findings.push(at, fault);
        }
    }
}
