//! Words of one's own: lists of up to tens of thousands of values, each found between other words.
//!
//! One automaton for a list, walked only where a value may begin by its first bytes, and no further
//! than the longest value: time is linear, and at most one value is held.

use std::fmt;
use std::sync::Arc;

use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, MatchKind};

use super::scan::{Found, Pending, Scanner, Then};
use super::text::Text;

/// Most words of one list.
pub const WORDS_MAX_COUNT: usize = 50_000;
/// Longest word. Bytes.
pub const WORD_MAX_BYTES: usize = 128;
/// Shorter words occur by chance. Bytes.
pub const WORD_MIN_BYTES: usize = 3;
/// Slots of the filter by the first bytes of words.
const SLOTS: usize = 1 << 16;

/// A compiled list. Equal lists find the same.
pub struct WordList {
    words: Vec<String>,
    ignore_case: bool,
    automaton: NFA,
    start: StateID,
    begins: Vec<bool>,
}

/// Why a list cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WordError {
    /// There are none, or too many.
    #[error("{0} words, expected 1 to {WORDS_MAX_COUNT}")]
    Count(usize),
    /// The word at this place of the list is too short or too long.
    #[error("a word has {WORD_MIN_BYTES} to {WORD_MAX_BYTES} bytes")]
    Length(usize),
    /// The word at this place of the list has a line break or another control character.
    #[error("a word has no control characters")]
    Control(usize),
    /// They need too much memory.
    #[error("the words need too much memory: {0}")]
    Memory(String),
}

impl WordList {
    /// Compiles words or phrases.
    ///
    /// # Errors
    /// [`WordError`], with the place of the word that is wrong.
    pub fn compile(words: Vec<String>, ignore_case: bool) -> Result<Self, WordError> {
        if !(1..=WORDS_MAX_COUNT).contains(&words.len()) {
            return Err(WordError::Count(words.len()));
        }
        for (place, word) in words.iter().enumerate() {
            if !(WORD_MIN_BYTES..=WORD_MAX_BYTES).contains(&word.len()) {
                return Err(WordError::Length(place));
            }
            if word.chars().any(char::is_control) {
                return Err(WordError::Control(place));
            }
        }
        let automaton = NFA::builder()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(ignore_case)
            .prefilter(false)
            .build(&words)
            .map_err(|error| WordError::Memory(error.to_string()))?;
        let start = automaton
            .start_state(Anchored::Yes)
            .map_err(|error| WordError::Memory(error.to_string()))?;
        let mut begins = vec![false; SLOTS];
        for word in &words {
            if let Some(slot) = slot(word.as_bytes()) {
                begins[slot] = true;
            }
        }
        Ok(Self { words, ignore_case, automaton, start, begins })
    }

    /// Whether one of the words is in a text.
    #[must_use]
    pub fn is_in(self: &Arc<Self>, text: &str) -> bool {
        let (mut known, mut found) = (Text::new(), Vec::new());
        known.push(text.as_bytes());
        WordScanner::new(Arc::clone(self), 0).scan(&known, Then::Ended, &mut found);
        !found.is_empty()
    }

    /// Where the longest word ends that `bytes` begin with, if one does; without an answer as long
    /// as that is not known.
    fn longest(&self, bytes: &[u8], ended: bool) -> Option<Option<usize>> {
        let mut state = self.start;
        let mut longest = None;
        for (index, byte) in bytes.iter().enumerate() {
            state = self.automaton.next_state(Anchored::Yes, state, *byte);
            if !self.automaton.is_special(state) {
                continue;
            }
            if self.automaton.is_dead(state) {
                return Some(longest);
            }
            if self.automaton.is_match(state) {
                match bytes.get(index + 1) {
                    None if !ended => return None,
                    next if apart(Some(*byte), next.copied()) => longest = Some(index + 1),
                    _ => {}
                }
            }
        }
        if ended { Some(longest) } else { None }
    }
}

impl PartialEq for WordList {
    fn eq(&self, other: &Self) -> bool {
        self.words == other.words && self.ignore_case == other.ignore_case
    }
}

impl Eq for WordList {}

impl fmt::Debug for WordList {
    /// The words may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WordList({} words)", self.words.len())
    }
}

/// A sum of the first three bytes, whatever their case.
fn slot(bytes: &[u8]) -> Option<usize> {
    let [a, b, c] = bytes.first_chunk::<3>()?.map(|byte| usize::from(byte.to_ascii_lowercase()));
    Some((a ^ b << 5 ^ c << 9) % SLOTS)
}

fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

/// Whether these bytes, side by side, are of two words.
fn apart(one: Option<u8>, other: Option<u8>) -> bool {
    !(one.is_some_and(in_word) && other.is_some_and(in_word))
}

/// The search for the words of a list in one stream.
pub(super) struct WordScanner {
    list: Arc<WordList>,
    treatment: u16,
    position: u64,
}

impl WordScanner {
    pub(super) fn new(list: Arc<WordList>, treatment: u16) -> Self {
        Self { list, treatment, position: 0 }
    }
}

impl Scanner for WordScanner {
    fn scan(&mut self, text: &Text, then: Then, found: &mut Vec<Found>) -> Pending {
        let ended = then == Then::Ended;
        let rest = text.rest(self.position);
        let mut before = text.before(self.position);
        let mut at = 0;
        while let Some(byte) = rest.get(at) {
            let known = &rest[at..];
            let may_begin = match slot(known) {
                Some(slot) => self.list.begins[slot],
                None => !ended,
            };
            if may_begin && apart(before, Some(*byte)) {
                match self.list.longest(known, ended) {
                    None => break,
                    Some(Some(length)) => {
                        let start = self.position + at as u64;
                        let end = start + length as u64;
                        found.push(Found { start, end, treatment: self.treatment });
                        at += length;
                        before = rest.get(at - 1).copied();
                        continue;
                    }
                    Some(None) => {}
                }
            }
            before = Some(*byte);
            at += 1;
        }
        self.position += at as u64;
        Pending::from(self.position).unless_quiet(then, text.end())
    }
}
