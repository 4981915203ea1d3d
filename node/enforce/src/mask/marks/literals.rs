//! Literals in long runs of token bytes: many at a time by vectors (Teddy) while they are rare, by
//! an automaton where they are dense. Both find the same.

use std::ops::Range;

use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::dfa::DFA;
use aho_corasick::packed::{Config, MatchKind as PackedKind, Searcher};
use aho_corasick::{Anchored, MatchKind, Span, StartKind};

use super::Start;

/// Shortest literal. Bytes.
pub(super) const SHORTEST: usize = 4;
/// So many bytes before a place a literal may have begun that ends behind it.
pub(super) const LONGEST: usize = 48;
/// Literals of one vector search.
const GROUP: usize = 32;
/// Literals that begin in so many bytes are looked for at a time.
const WINDOW_BYTES: usize = 4096;
/// A search of vectors begins anew behind each hit: with more hits in a window than this the
/// automaton is faster.
const HITS_MAX: usize = 64;

const FILTER: usize = 4096;

/// Where a literal was found: its end, and its number.
pub(super) type Hit = (usize, usize);

/// The literals, each without what stands in it before its last run of token bytes.
pub(super) struct Literals {
    pub(super) starts: Vec<Start>,
    groups: Vec<(Searcher, usize)>,
    automaton: DFA,
    state: StateID,
    /// For each sum of four bytes, which of `sorted` begin with such: `[first, last)`.
    slots: Box<[(u8, u8); FILTER]>,
    /// Numbers of the literals, by their slots.
    sorted: Vec<u8>,
    pub(super) runs: Vec<&'static [u8]>,
}

impl Literals {
    /// `None` if there are none.
    pub(super) fn new(starts: Vec<Start>) -> Option<Self> {
        if starts.is_empty() {
            return None;
        }
        let runs: Vec<_> = starts.iter().map(|start| last_run(start.prefix)).collect();
        let config = Config::new().match_kind(PackedKind::LeftmostFirst).clone();
        let searcher = |group: &[&[u8]]| config.builder().extend(group).build();
        let groups = runs.chunks(GROUP).enumerate();
        let groups = groups.map(|(index, group)| Some((searcher(group)?, index * GROUP)));
        let automaton = DFA::builder()
            .match_kind(MatchKind::Standard)
            .start_kind(StartKind::Unanchored)
            .prefilter(false)
            .build(&runs)
            .expect("the literals are constants");
        let state = automaton.start_state(Anchored::No).expect("unanchored search is built");
        // Without vectors on this machine the automaton does all.
        let groups = groups.collect::<Option<_>>().unwrap_or_default();
        let place = |index: usize| u8::try_from(index).expect("there are fewer than 256 literals");
        let of = |literal: u8| {
            slot(runs[usize::from(literal)]).expect("no literal is shorter than four bytes")
        };
        let mut sorted: Vec<_> = (0..runs.len()).map(place).collect();
        sorted.sort_by_key(|literal| of(*literal));
        let mut slots = Box::new([(0, 0); FILTER]);
        for (index, literal) in sorted.iter().enumerate() {
            let (first, last) = &mut slots[of(*literal)];
            if *last == 0 {
                *first = place(index);
            }
            *last = place(index + 1);
        }
        Some(Self { groups, starts, automaton, state, slots, sorted, runs })
    }

    /// The literals that `bytes` begin with, and where they end.
    pub(super) fn at(&self, bytes: &[u8], mut found: impl FnMut(usize, &Start)) {
        let (first, last) = slot(bytes).map_or((0, 0), |slot| self.slots[slot]);
        for literal in &self.sorted[usize::from(first)..usize::from(last)] {
            let run = self.runs[usize::from(*literal)];
            if bytes.starts_with(run) {
                found(run.len(), &self.starts[usize::from(*literal)]);
            }
        }
    }

    /// All places in `bytes[from..to]` at which a literal stands, for each literal in order.
    pub(super) fn find(&self, bytes: &[u8], from: usize, to: usize, hits: &mut Vec<Hit>) {
        let mut begin = from;
        while begin < to {
            let end = to.min(begin + WINDOW_BYTES);
            let text = &bytes[..to.min(end + LONGEST)];
            if self.groups.is_empty() {
                self.walk(text, begin..end, 0..self.starts.len(), hits);
            }
            for (searcher, first) in &self.groups {
                self.leap(text, begin..end, searcher, *first, hits);
            }
            begin = end;
        }
    }

    /// Finds the literals of a group that begin in `window`, by vectors.
    fn leap(
        &self,
        text: &[u8],
        window: Range<usize>,
        searcher: &Searcher,
        first: usize,
        hits: &mut Vec<Hit>,
    ) {
        let (mut at, mut count) = (window.start, 0);
        while let Some(found) = searcher.find_in(text, Span::from(at..text.len())) {
            if found.start() >= window.end {
                return;
            }
            hits.push((found.end(), first + found.pattern().as_usize()));
            at = found.start() + 1;
            count += 1;
            if count > HITS_MAX {
                return self.walk(text, at..window.end, first..first + GROUP, hits);
            }
        }
    }

    /// Finds those of some literals that begin in `window`, byte by byte.
    fn walk(&self, text: &[u8], window: Range<usize>, some: Range<usize>, hits: &mut Vec<Hit>) {
        let mut state = self.state;
        for (index, &byte) in text.iter().enumerate().skip(window.start) {
            state = self.automaton.next_state(Anchored::No, state, byte);
            if !self.automaton.is_special(state) || !self.automaton.is_match(state) {
                continue;
            }
            for match_index in 0..self.automaton.match_len(state) {
                let pattern = self.automaton.match_pattern(state, match_index);
                let (end, literal) = (index + 1, pattern.as_usize());
                let start = end - self.automaton.pattern_len(pattern);
                if some.contains(&literal) && window.contains(&start) {
                    hits.push((end, literal));
                }
            }
        }
    }
}

/// A sum of the first four bytes, spread over the filter.
fn slot(bytes: &[u8]) -> Option<usize> {
    let first = u32::from_le_bytes(*bytes.first_chunk()?);
    Some((first.wrapping_mul(0x9E37_79B1) >> 20) as usize)
}

/// What a prefix ends in that is made of token bytes.
fn last_run(prefix: &'static [u8]) -> &'static [u8] {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-+/".contains(byte);
    let at = prefix.iter().rposition(|byte| !is_token(byte)).map_or(0, |at| at + 1);
    &prefix[at..]
}
