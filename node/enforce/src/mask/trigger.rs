//! Literals that start a candidate: prefixes, frames and key words, in one automaton.
//!
//! A literal is public, so nothing is held for it. Each hit starts a candidate that reads on by
//! itself; candidates must not see chunk borders.

use std::sync::Arc;

use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::dfa::DFA;
use aho_corasick::{Anchored, MatchKind, StartKind};

use super::detector::{Candidate, Kind, LITERALS, Progress};
use super::scan::{Found, Pending, Scanner, glued};
use super::text::Text;

/// One literal that is looked for, with what it starts.
struct Trigger {
    literal: &'static str,
    kind: Kind,
    treatment: u16,
}

/// The literals of all detectors that are on.
pub(super) struct Triggers {
    automaton: DFA,
    start: StateID,
    triggers: Vec<Trigger>,
}

impl Triggers {
    /// `treatment` gives a detector's treatment by name. `None` if all are off.
    pub(super) fn compile(treatment: impl Fn(&str) -> Option<u16>) -> Option<Self> {
        let triggers: Vec<Trigger> = LITERALS
            .iter()
            .filter_map(|&(detector, literal, kind)| {
                Some(Trigger { literal, kind, treatment: treatment(detector)? })
            })
            .collect();
        if triggers.is_empty() {
            return None;
        }
        let automaton = DFA::builder()
            .match_kind(MatchKind::Standard)
            .start_kind(StartKind::Unanchored)
            .ascii_case_insensitive(true)
            .prefilter(false)
            .build(triggers.iter().map(|trigger| trigger.literal))
            .expect("the literals are constants");
        let start = automaton.start_state(Anchored::No).expect("unanchored search is built");
        Some(Self { automaton, start, triggers })
    }

    /// The candidate that the literal ending at `end` starts, if what stands there really is it.
    fn candidate(&self, index: usize, text: &Text, end: u64) -> Option<Candidate> {
        let trigger = &self.triggers[index];
        let start = end - trigger.literal.len() as u64;
        let exact = text.slice(start, end) == trigger.literal.as_bytes();
        let fits = match trigger.kind {
            Kind::Token(shape) => exact && !(shape.bounded && glued(text, start)),
            Kind::Jwt | Kind::Pem => exact,
            Kind::Url => text.before(start).is_some_and(|b| b.is_ascii_alphanumeric()),
            Kind::KeyValue(word) => word.begins_at(text, start),
        };
        fits.then(|| Candidate::new(trigger.kind, end))
    }
}

struct Running {
    trigger: usize,
    candidate: Candidate,
}

/// The search for literals, and the candidates, of one stream.
pub(super) struct TriggerScanner {
    triggers: Arc<Triggers>,
    state: StateID,
    position: u64,
    running: Vec<Running>,
    /// Ranges of the stream in which a literal starts nothing new, since a candidate of the same
    /// trigger (or, for keys, a decided value) has it.
    taken: Vec<(usize, u64, u64)>,
}

impl TriggerScanner {
    pub(super) fn new(triggers: Arc<Triggers>) -> Self {
        let state = triggers.start;
        Self { triggers, state, position: 0, running: Vec::new(), taken: Vec::new() }
    }

    /// Key words share one range: a decided value covers all of them.
    fn group(&self, trigger: usize) -> usize {
        match self.triggers.triggers[trigger].kind {
            Kind::KeyValue(_) => usize::MAX,
            _ => trigger,
        }
    }

    fn is_taken(&self, group: usize, offset: u64) -> bool {
        let taken =
            self.taken.iter().any(|&(g, from, to)| g == group && (from..to).contains(&offset));
        taken
            || self.running.iter().any(|r| {
                self.group(r.trigger) == group
                    && r.candidate.exclusive_from().is_some_and(|from| from <= offset)
            })
    }

    /// Lets a candidate read on; it goes on running if it needs more.
    fn advance(&mut self, mut run: Running, text: &Text, ended: bool, found: &mut Vec<Found>) {
        let treatment = self.triggers.triggers[run.trigger].treatment;
        let progress = run.candidate.advance(text, ended);
        if let Progress::Open(Some((start, end))) | Progress::Done(Some((start, end))) = progress {
            found.push(Found { start, end, treatment });
        }
        if matches!(progress, Progress::Open(_)) {
            self.running.push(run);
            return;
        }
        let group = self.group(run.trigger);
        if let Some(from) = run.candidate.exclusive_from() {
            self.taken.push((group, from, run.candidate.position()));
        }
    }
}

impl Scanner for TriggerScanner {
    fn scan(&mut self, text: &Text, ended: bool, found: &mut Vec<Found>) -> Pending {
        for run in std::mem::take(&mut self.running) {
            self.advance(run, text, ended, found);
        }
        let triggers = Arc::clone(&self.triggers);
        let automaton = &triggers.automaton;
        let mut state = self.state;
        for (index, &byte) in text.rest(self.position).iter().enumerate() {
            state = automaton.next_state(Anchored::No, state, byte);
            if !automaton.is_special(state) || !automaton.is_match(state) {
                continue;
            }
            let end = self.position + index as u64 + 1;
            self.taken.retain(|&(_, _, to)| to > end);
            for match_index in 0..automaton.match_len(state) {
                let trigger = automaton.match_pattern(state, match_index).as_usize();
                if self.is_taken(self.group(trigger), end) {
                    continue;
                }
                if let Some(candidate) = triggers.candidate(trigger, text, end) {
                    self.advance(Running { trigger, candidate }, text, ended, found);
                }
            }
        }
        self.state = state;
        self.position = text.end();
        let mut pending = Pending::none(self.position);
        for run in &self.running {
            pending = pending.and(run.candidate.pending(self.position));
        }
        pending
    }
}
