//! Known values: credentials that the gateway itself holds, found exactly in their usual encodings.
//!
//! No entropy or placeholder filter may apply here: a known value is always a secret. The forms
//! live in the automaton as long as the plan does; they cannot be wiped from it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::packed::Searcher;
use aho_corasick::{Anchored, MatchKind, Span};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::scan::{Found, Pending, Scanner, Then};
use super::text::Text;

/// All forms of all known values, as one automaton.
pub(super) struct KnownForms {
    automaton: NFA,
    start: StateID,
    /// Treatment of each pattern of the automaton.
    treatments: Vec<u16>,
    /// How many bytes of a form a state has seen; states that have seen none are absent.
    depths: HashMap<StateID, u64>,
    /// Bytes with which a form begins: at the start state the others change nothing.
    first: [bool; 256],
    /// Finds where a form may begin, many bytes at a time; absent where the machine cannot, or for
    /// too many forms.
    beginnings: Option<Searcher>,
    /// How many bytes of a form it looks at.
    beginning_bytes: usize,
}

/// The most bytes of a form by which its beginning is searched for.
const BEGINNING_BYTES: usize = 4;

impl KnownForms {
    /// `None` if there is nothing to look for.
    pub(super) fn compile(values: &[(&[u8], u16)]) -> Option<Self> {
        let mut forms = BTreeMap::new();
        for &(value, treatment) in values {
            for form in forms_of(value) {
                forms.entry(form).or_insert(treatment);
            }
        }
        if forms.is_empty() {
            return None;
        }
        let automaton = NFA::builder()
            .match_kind(MatchKind::Standard)
            .prefilter(false)
            .build(forms.keys())
            .expect("the limits on known values are far below those of the automaton");
        let start = automaton.start_state(Anchored::No).expect("unanchored search is built");
        let shortest = forms.keys().map(Vec::len).min().unwrap_or(1);
        let beginning_bytes = shortest.min(BEGINNING_BYTES);
        let beginnings: BTreeSet<_> = forms.keys().map(|form| &form[..beginning_bytes]).collect();
        let beginnings = Searcher::new(beginnings);
        let mut depths = HashMap::new();
        let mut first = [false; 256];
        for form in forms.keys() {
            let mut state = start;
            first[usize::from(form[0])] = true;
            for (index, &byte) in form.iter().enumerate() {
                state = automaton.next_state(Anchored::No, state, byte);
                depths.insert(state, index as u64 + 1);
            }
        }
        let treatments = forms.into_values().collect();
        Some(Self { automaton, start, treatments, depths, first, beginnings, beginning_bytes })
    }

    /// Where, at or behind a place, a form may begin of which nothing was seen; what is cut off by
    /// the end may.
    fn next_beginning(&self, bytes: &[u8], at: usize) -> usize {
        let Some(beginnings) = &self.beginnings else {
            let begins = |byte: &u8| self.first[usize::from(*byte)];
            return bytes[at..].iter().position(begins).map_or(bytes.len(), |found| at + found);
        };
        match beginnings.find_in(bytes, Span::from(at..bytes.len())) {
            Some(found) => found.start(),
            None => at.max((bytes.len() + 1).saturating_sub(self.beginning_bytes)),
        }
    }
}

/// The value as it is, and encoded: base64 in three phases, hex, URL, JSON.
fn forms_of(value: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = vec![value.to_vec(), hex(value, false), hex(value, true)];
    for phase in 0..3 {
        // Of the characters that also carry neighbours' bits only the clean ones are searched for.
        let padded = [&[0; 2][..phase], value].concat();
        let clean = (phase * 8).div_ceil(6)..padded.len() * 8 / 6;
        forms.push(STANDARD_NO_PAD.encode(&padded).as_bytes()[clean.clone()].to_vec());
        forms.push(URL_SAFE_NO_PAD.encode(&padded).as_bytes()[clean].to_vec());
    }
    forms.push(percent(value, false));
    forms.push(percent(value, true));
    forms.push(json(value));
    forms
}

fn hex(value: &[u8], upper: bool) -> Vec<u8> {
    value.iter().flat_map(|&b| [digit(b >> 4, upper), digit(b & 15, upper)]).collect()
}

fn digit(nibble: u8, upper: bool) -> u8 {
    match nibble {
        0..=9 => b'0' + nibble,
        _ if upper => b'A' + nibble - 10,
        _ => b'a' + nibble - 10,
    }
}

/// RFC 3986 section 2.1: all but unreserved characters as `%XX`.
fn percent(value: &[u8], upper: bool) -> Vec<u8> {
    let mut form = Vec::with_capacity(value.len());
    for &byte in value {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            form.push(byte);
        } else {
            form.extend([b'%', digit(byte >> 4, upper), digit(byte & 15, upper)]);
        }
    }
    form
}

/// RFC 8259 section 7, with the short escapes.
fn json(value: &[u8]) -> Vec<u8> {
    let mut form = Vec::with_capacity(value.len());
    for &byte in value {
        match byte {
            b'"' | b'\\' => form.extend([b'\\', byte]),
            b'\n' => form.extend(b"\\n"),
            b'\r' => form.extend(b"\\r"),
            b'\t' => form.extend(b"\\t"),
            8 => form.extend(b"\\b"),
            12 => form.extend(b"\\f"),
            0..=31 => form.extend(
                [b"\\u00", &[digit(byte >> 4, false)][..], &[digit(byte & 15, false)]].concat(),
            ),
            _ => form.push(byte),
        }
    }
    form
}

/// The search for known values in one stream.
pub(super) struct KnownScanner {
    forms: Arc<KnownForms>,
    state: StateID,
    position: u64,
}

impl KnownScanner {
    pub(super) fn new(forms: Arc<KnownForms>) -> Self {
        Self { state: forms.start, forms, position: 0 }
    }
}

impl KnownScanner {
    /// So many of the last bytes are the beginning of a value.
    fn seen(&self) -> u64 {
        self.forms.depths.get(&self.state).copied().unwrap_or(0)
    }
}

impl Scanner for KnownScanner {
    fn scan(&mut self, text: &Text, then: Then, found: &mut Vec<Found>) -> Pending {
        let automaton = &self.forms.automaton;
        let mut state = self.state;
        let (rest, mut index) = (text.rest(self.position), 0);
        loop {
            if state == self.forms.start {
                index = self.forms.next_beginning(rest, index);
            }
            let Some(&byte) = rest.get(index) else { break };
            state = automaton.next_state(Anchored::No, state, byte);
            index += 1;
            if automaton.is_special(state) && automaton.is_match(state) {
                let end = self.position + index as u64;
                for match_index in 0..automaton.match_len(state) {
                    let pattern = automaton.match_pattern(state, match_index);
                    let start = end - automaton.pattern_len(pattern) as u64;
                    let treatment = self.forms.treatments[pattern.as_usize()];
                    found.push(Found { start, end, treatment });
                }
            }
        }
        self.state = state;
        self.position = text.end();
        let seen = if then == Then::Ended { 0 } else { self.seen() };
        Pending::from(self.position - seen).unless_quiet(then, self.position)
    }
}
