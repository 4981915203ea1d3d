//! User patterns, applied within a line (what lies between CR or LF).
//!
//! A match is leftmost-first, as `find_iter` gives it. A match may have at most
//! [`PATTERN_WINDOW_BYTES`]; a candidate that is still undecided after so many masks the rest of
//! its line. Held is only from the first byte at which a match could still begin. No pattern may
//! take super-linear time: the automata are finite, and a start is probed for one window at most.

use std::sync::Arc;

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, meta};

use super::compile::PATTERN_MAX_BYTES;
use super::scan::{Found, Pending, Scanner, Then};
use super::text::Text;

/// How far a match may reach from its first byte. Bytes.
pub const PATTERN_WINDOW_BYTES: usize = 4096;
/// Most memory for a compiled pattern. Bytes.
const PATTERN_COMPILED_BYTES: usize = 1 << 20;
/// Memory for the states of a pattern in one stream. Bytes.
const PATTERN_CACHE_BYTES: usize = 1 << 18;

/// Whether a user's pattern can be run in linear time and bounded memory.
///
/// # Errors
/// Why it cannot.
pub fn check_pattern(source: &str) -> Result<(), String> {
    if source.len() > PATTERN_MAX_BYTES {
        return Err(format!("{} bytes, at most {PATTERN_MAX_BYTES} are allowed", source.len()));
    }
    Pattern::compile(source, 0).map(drop)
}

/// One compiled user pattern.
pub(super) struct Pattern {
    whole: meta::Regex,
    steps: DFA,
    treatment: u16,
}

impl Pattern {
    pub(super) fn compile(source: &str, treatment: u16) -> Result<Self, String> {
        // UTF-8 mode refuses what could match half a character.
        let syntax = syntax::Config::new().utf8(true);
        let whole = meta::Regex::builder()
            .configure(meta::Config::new().nfa_size_limit(Some(PATTERN_COMPILED_BYTES)))
            .syntax(syntax)
            .build(source)
            .map_err(|error| match error.syntax_error() {
                Some(syntax) => syntax.to_string(),
                None => error.to_string(),
            })?;
        let steps = DFA::builder()
            .configure(
                DFA::config()
                    .unicode_word_boundary(true)
                    .cache_capacity(PATTERN_CACHE_BYTES)
                    .skip_cache_capacity_check(true),
            )
            .syntax(syntax)
            .build(source)
            .map_err(|error| error.to_string())?;
        Ok(Self { whole, steps, treatment })
    }
}

/// What an attempt to match at one place says.
enum Probe {
    /// No match begins here, or only an empty one.
    No,
    /// A match ends at this index.
    Match(usize),
    /// More bytes are needed.
    Undecided,
    /// More bytes are needed than the window has.
    Overflow,
}

/// The search for one pattern in one stream.
pub(super) struct PatternScanner {
    pattern: Arc<Pattern>,
    cache: Cache,
    /// Start of the current line.
    line: u64,
    /// Where the next match may begin.
    at: u64,
    /// Up to here no line break has been seen.
    searched: u64,
    /// Where a candidate overflowed: the line is masked from here.
    flooded: Option<u64>,
}

impl PatternScanner {
    pub(super) fn new(pattern: Arc<Pattern>) -> Self {
        let cache = pattern.steps.create_cache();
        Self { pattern, cache, line: 0, at: 0, searched: 0, flooded: None }
    }

    /// Searches the known part `[at, stop)` of the line.
    fn search_line(&mut self, text: &Text, stop: u64, complete: bool, found: &mut Vec<Found>) {
        // `^` must hold at the line's start only: else the haystack begins before `at`.
        let origin = self.line.max(text.base());
        let haystack = text.slice(origin, stop);
        let index = |offset: u64| usize::try_from(offset - origin).expect("within the buffer");
        let treatment = self.pattern.treatment;
        let short = complete && stop - self.line <= PATTERN_WINDOW_BYTES as u64;
        while self.at < stop {
            let at = index(self.at);
            if short {
                let Some(hit) = self.pattern.whole.search(&Input::new(haystack).range(at..)) else {
                    self.at = stop;
                    break;
                };
                let (start, end) = (origin + hit.start() as u64, origin + hit.end() as u64);
                found.push(Found { start, end, treatment });
                self.at = end.max(start + 1);
                continue;
            }
            match probe(&self.pattern, &mut self.cache, haystack, at, complete) {
                Probe::No => self.at += 1,
                Probe::Match(end) => {
                    let end = origin + end as u64;
                    found.push(Found { start: self.at, end, treatment });
                    self.at = end;
                }
                Probe::Undecided => break,
                Probe::Overflow => {
                    self.flooded = Some(self.at);
                    break;
                }
            }
        }
    }
}

/// Tries to match at `at`, byte by byte, until it is decided.
fn probe(pattern: &Pattern, cache: &mut Cache, text: &[u8], at: usize, complete: bool) -> Probe {
    let bound = text.len().min(at + PATTERN_WINDOW_BYTES);
    let input = Input::new(text).range(at..).anchored(Anchored::Yes);
    let full = bound - at == PATTERN_WINDOW_BYTES;
    let ended = complete && bound == text.len();
    let Ok(mut state) = pattern.steps.start_state_forward(cache, &input) else {
        return unsteppable(pattern, &text[..bound], at, full || ended);
    };
    let mut end = at;
    for (index, &byte) in text.iter().enumerate().take(bound).skip(at) {
        match pattern.steps.next_state(cache, state, byte) {
            Ok(next) if !next.is_quit() => state = next,
            _ => return unsteppable(pattern, &text[..bound], at, full || ended),
        }
        if state.is_match() {
            end = index;
        }
        if state.is_dead() {
            return decided(at, end);
        }
    }
    if ended {
        return match pattern.steps.next_eoi_state(cache, state) {
            Ok(last) => decided(at, if last.is_match() { bound } else { end }),
            Err(_) => unsteppable(pattern, &text[..bound], at, true),
        };
    }
    if full { Probe::Overflow } else { Probe::Undecided }
}

fn decided(at: usize, end: usize) -> Probe {
    if end > at { Probe::Match(end) } else { Probe::No }
}

/// A Unicode word boundary beside non-ASCII text is beyond the stepping automaton: the whole window
/// is waited for, and judged by the complete engine.
fn unsteppable(pattern: &Pattern, window: &[u8], at: usize, full: bool) -> Probe {
    if !full {
        return Probe::Undecided;
    }
    let input = Input::new(window).range(at..).anchored(Anchored::Yes);
    pattern.whole.search(&input).map_or(Probe::No, |hit| decided(at, hit.end()))
}

impl Scanner for PatternScanner {
    fn scan(&mut self, text: &Text, then: Then, found: &mut Vec<Found>) -> Pending {
        let ended = then == Then::Ended;
        loop {
            let break_at = memchr::memchr2(b'\n', b'\r', text.rest(self.searched));
            let stop = break_at.map_or(text.end(), |index| self.searched + index as u64);
            let complete = break_at.is_some() || ended;
            if self.flooded.is_none() {
                self.search_line(text, stop, complete, found);
            }
            if let Some(start) = self.flooded {
                let treatment = self.pattern.treatment;
                found.push(Found { start, end: stop, treatment });
                self.at = stop;
            }
            if break_at.is_none() {
                self.searched = stop;
                let open = self.flooded.filter(|_| !ended).unwrap_or(self.at);
                return Pending { hold: self.at, open }.unless_quiet(then, stop);
            }
            self.flooded = None;
            self.line = stop + 1;
            self.at = stop + 1;
            self.searched = stop + 1;
        }
    }
}
