//! One chain: does each event point back to the one before, and is each place taken once?
//!
//! Places have no gaps. The control chain jumps where a backup was restored, which its event says;
//! and what a node keeps of it may begin late or have gaps, which the node says in its own chain.

use proto::event::{Event, Head};
use proto::ids::{Chain, Digest, EventId, Name};
use proto::time::Utc;

use crate::fault::Fault;
use crate::finding::{At, Finding, Findings, Turn};
use crate::gaps::{Gaps, jumps_from};
use crate::report::{ChainReport, Tally};
use crate::session::Sessions;
use crate::verifier::Verifier;
use crate::window::Window;

/// How many holes may be open for late events; the oldest is final when there are more.
const BREAKS_LIMIT: usize = 1024;

/// How many ends of other branches are remembered after forks.
const BRANCHES_LIMIT: usize = 64;

/// One event with what was computed of it.
pub(crate) struct Fed<'a> {
    pub(crate) event: &'a Event,
    pub(crate) hash: Digest,
    pub(crate) at: At,
}

/// A hole between two events; late events may still fill it.
#[derive(Debug)]
struct Break {
    from: u64,
    to: u64,
    /// The hash of the event at `from`.
    have: Digest,
    /// What the event at `to` points back to.
    want: Digest,
    before: Option<EventId>,
    at: At,
    turn: Turn,
}

#[derive(Debug)]
struct Last {
    at: At,
    hash: Digest,
    time: Utc,
}

/// What is known of one chain.
#[derive(Debug)]
pub(crate) struct ChainState {
    cluster: Name,
    control: bool,
    partial: bool,
    events: u64,
    first: Option<EventId>,
    last: Option<Last>,
    starts_at: Option<u64>,
    /// The last events, to tell a copy from a fork.
    window: Window,
    breaks: Vec<Break>,
    branches: Vec<Digest>,
    sessions: Sessions,
    expected: Option<Head>,
}

impl ChainState {
    pub(crate) fn new(event: &Event, partial: bool, expected: Option<Head>) -> Self {
        Self {
            cluster: event.cluster.clone(),
            control: event.id.chain == Chain::Control,
            partial,
            events: 0,
            first: None,
            last: None,
            starts_at: None,
            window: Window::default(),
            breaks: Vec::new(),
            branches: Vec::new(),
            sessions: Sessions::default(),
            expected,
        }
    }

    /// Whether events of the control chain are not here between the last one and this.
    pub(crate) fn skips_to(&self, event: &Event) -> bool {
        let place = self.place();
        self.control && event.id.seq - 1 > place && jumps_from(event) != Some(place)
    }

    pub(crate) fn feed(
        &mut self,
        fed: Fed<'_>,
        gaps: &Gaps,
        findings: &mut Findings,
        tally: &mut Tally,
    ) {
        if fed.event.id.seq > self.place() {
            self.forward(&fed, gaps, findings);
            self.sessions.on(fed.event, &fed.at, findings, tally);
            self.last = Some(Last { at: fed.at, hash: fed.hash, time: fed.event.time });
        } else if self.late(&fed, gaps, findings) {
            self.sessions.on(fed.event, &fed.at, findings, tally);
        }
    }

    fn place(&self) -> u64 {
        self.last.as_ref().map_or(0, |last| last.at.event.seq)
    }

    fn forward(&mut self, fed: &Fed<'_>, gaps: &Gaps, findings: &mut Findings) {
        let starts = self.last.is_none() && self.partial;
        if starts {
            self.start(fed);
        } else {
            self.link(fed, gaps, findings);
        }
        self.compare_with_last(fed, findings);
        self.take(fed, findings);
    }

    /// The first event of a partial record: there is nothing to compare it with.
    fn start(&mut self, fed: &Fed<'_>) {
        if fed.event.prev != Digest::ZERO {
            self.starts_at = Some(fed.event.id.seq);
            self.sessions.distrust();
        }
    }

    fn link(&mut self, fed: &Fed<'_>, gaps: &Gaps, findings: &mut Findings) {
        let (from, have) =
            self.last.as_ref().map_or((0, Digest::ZERO), |last| (last.at.event.seq, last.hash));
        let (to, want) = (fed.event.id.seq, fed.event.prev);
        let jumps = jumps_from(fed.event).filter(|_| from > 0);
        let next = to == from + 1 || jumps == Some(from);
        if next && want == have {
            return;
        }
        if let Some(after) = jumps.filter(|after| self.window.get(*after) == Some(want)) {
            // The backup was older than the chain, whose end the restored cluster does not know.
            findings.push(&fed.at, Fault::Abandoned { first: after + 1, last: from });
            return;
        }
        if let Some(branch) = self.branches.iter_mut().find(|branch| next && **branch == want) {
            // The record goes on on the other branch of a fork that was named already.
            *branch = have;
            return;
        }
        let before = self.last.as_ref().map(|last| last.at.event.clone());
        let (at, turn) = (fed.at.clone(), findings.turn());
        if to > from + 1 {
            self.sessions.distrust();
        }
        self.settle(Break { from, to, have, want, before, at, turn }, gaps, findings);
    }

    /// Names what is certain of a hole, and keeps what a late event may still explain.
    fn settle(&mut self, hole: Break, gaps: &Gaps, findings: &mut Findings) {
        let adjacent = hole.to == hole.from + 1;
        if hole.have == hole.want && adjacent {
            return;
        }
        if adjacent {
            findings.push_at(hole.turn, &hole.at, Fault::Edited { before: hole.before });
            return;
        }
        if self.breaks.len() == BREAKS_LIMIT {
            let oldest = self.breaks.remove(0);
            self.name(oldest, gaps, findings);
        }
        self.breaks.push(hole);
    }

    fn name(&mut self, hole: Break, gaps: &Gaps, findings: &mut Findings) {
        let (first, last) = (hole.from + 1, hole.to - 1);
        let fault = if !self.control {
            Fault::Missing { first, last }
        } else if hole.have == hole.want {
            Fault::Jumped { from: hole.from }
        } else if gaps.covers(hole.from, hole.to, hole.want) {
            if hole.from == 0 {
                self.starts_at = Some(hole.to);
            }
            Fault::NotKept { first, last }
        } else {
            Fault::LinkBroken { before: hole.before }
        };
        findings.push_at(hole.turn, &hole.at, fault);
    }

    fn compare_with_last(&self, fed: &Fed<'_>, findings: &mut Findings) {
        let Some(last) = &self.last else { return };
        let (from, to) = (last.at.event.epoch.0, fed.event.id.epoch.0);
        if to < from {
            findings.push(&fed.at, Fault::EpochWentBack { from, to });
        }
        let by_ms = last.time.0.saturating_sub(fed.event.time.0) / 1000;
        if let Ok(by_ms) = u64::try_from(by_ms)
            && by_ms > Verifier::CLOCK_TOLERANCE_MS
        {
            findings.push(&fed.at, Fault::ClockWentBack { by_ms });
        }
    }

    /// Counts an event as one of the chain.
    fn take(&mut self, fed: &Fed<'_>, findings: &mut Findings) {
        let id = &fed.event.id;
        self.events += 1;
        if self.first.as_ref().is_none_or(|first| id.seq < first.seq) {
            self.first = Some(id.clone());
        }
        self.window.insert(id.seq, fed.hash);
        if let Some(expected) = self.expected.filter(|expected| expected.seq == id.seq) {
            self.expected = None;
            let expected = expected.hash.unwrap_or(Digest::ZERO);
            if expected != fed.hash {
                findings.push(&fed.at, Fault::HeadDiffers { expected, found: fed.hash });
            }
        }
    }

    /// Takes an event whose place is not after the last one; true when it fills a hole.
    fn late(&mut self, fed: &Fed<'_>, gaps: &Gaps, findings: &mut Findings) -> bool {
        let seq = fed.event.id.seq;
        if let Some(known) = self.window.get(seq) {
            if known == fed.hash {
                findings.push(&fed.at, Fault::Duplicate);
            } else {
                self.fork(fed, findings);
            }
            return false;
        }
        let hole = self.breaks.iter().position(|hole| hole.from < seq && seq < hole.to);
        let Some(hole) = hole.map(|index| self.breaks.remove(index)) else {
            let remembered = self.window.first().is_some_and(|first| seq > first);
            if self.control && remembered {
                self.fork(fed, findings);
            } else {
                findings.push(&fed.at, Fault::Reordered);
            }
            return false;
        };
        findings.push(&fed.at, Fault::Reordered);
        self.take(fed, findings);
        let Break { from, to, have, want, before, at, turn } = hole;
        let id = fed.event.id.clone();
        let (prev, hash, here) = (fed.event.prev, fed.hash, fed.at.clone());
        let hole = Break { from, to: seq, have, want: prev, before, at: here, turn };
        self.settle(hole, gaps, findings);
        let turn = findings.turn();
        let after = Break { from: seq, to, have: hash, want, before: Some(id), at, turn };
        self.settle(after, gaps, findings);
        true
    }

    /// Another event at a taken place. A branch that goes on is one fork, not many.
    fn fork(&mut self, fed: &Fed<'_>, findings: &mut Findings) {
        let goes_on = self.branches.iter().position(|branch| *branch == fed.event.prev);
        if let Some(index) = goes_on {
            self.branches[index] = fed.hash;
            return;
        }
        findings.push(&fed.at, Fault::Forked);
        if self.branches.len() == BRANCHES_LIMIT {
            self.branches.remove(0);
        }
        self.branches.push(fed.hash);
    }

    pub(crate) fn finish(
        mut self,
        gaps: &Gaps,
        findings: &mut Findings,
        tally: &mut Tally,
    ) -> Option<ChainReport> {
        let holes = std::mem::take(&mut self.breaks);
        let within = |seq: u64| holes.iter().any(|hole| hole.from < seq && seq < hole.to);
        let explained = self.expected.is_some_and(|head| !self.control && within(head.seq));
        for hole in holes {
            self.name(hole, gaps, findings);
        }
        self.sessions.finish(findings, tally);
        let (first, last) = (self.first?, self.last?);
        if let Some(expected) = self.expected.filter(|_| !explained) {
            let (event, place) = (Some(last.at.event.clone()), Some(last.at.place.clone()));
            let found = last.at.event.seq;
            let fault = Fault::Truncated { expected: expected.seq, found };
            let turn = findings.turn();
            findings.put(turn, Finding { event, place, fault });
        }
        Some(ChainReport {
            chain: last.at.event.chain.clone(),
            cluster: self.cluster,
            events: self.events,
            first,
            last: last.at.event,
            head: last.hash,
            starts_at: self.starts_at,
        })
    }
}
