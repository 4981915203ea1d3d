//! Keys, found at their separator: what stands before an `=` or a `:` is looked back at.

use super::super::detector::{KEY_WORDS, Word};
use super::super::text::Text;

/// Most blanks between a key and its separator.
const BLANKS_MAX: usize = 64;
/// Longest key word with what may close it. Bytes.
const WORD_MAX: usize = 32;

/// Pairs of letters, five bits of each.
const SLOTS: usize = 1024;

/// The key words of the detectors that are on.
pub(super) struct Keys {
    /// For each pair of letters, which words end in it: `[first, last)`.
    slots: Box<[(u8, u8); SLOTS]>,
    words: Vec<(&'static [u8], Word, u16)>,
}

/// A key before a separator.
pub(super) struct Key {
    pub(super) word: Word,
    pub(super) treatment: u16,
    pub(super) blanks: u8,
    /// Where its word begins.
    pub(super) begin: u64,
}

impl Keys {
    pub(super) fn new(treatment: &dyn Fn(&str) -> Option<u16>) -> Self {
        let on = KEY_WORDS.iter().filter_map(|&(detector, word, kind)| {
            Some((word.as_bytes(), kind, treatment(detector)?))
        });
        let mut words: Vec<_> = on.collect();
        let of = |word: &[u8]| slot(word).expect("a word has two letters");
        // The longest of a slot first.
        words.sort_by_key(|(word, ..)| (of(word), usize::MAX - word.len()));
        let place = |index: usize| u8::try_from(index).expect("there are fewer than 256 words");
        let mut slots = Box::new([(0, 0); SLOTS]);
        for (index, (word, ..)) in words.iter().enumerate() {
            let (first, last) = &mut slots[of(word)];
            if *last == 0 {
                *first = place(index);
            }
            *last = place(index + 1);
        }
        Self { slots, words }
    }

    /// The keys whose separator is at `at`: for each detector the longest.
    #[inline]
    pub(super) fn before(&self, text: &Text, at: u64, found: impl FnMut(Key)) {
        if self.may_end(text.last(at, 3)) {
            self.look_back(text, at, found);
        }
    }

    /// Whether a key may end in these bytes; most separators are behind none.
    #[inline]
    fn may_end(&self, bytes: &[u8]) -> bool {
        let key = match bytes {
            [key @ .., b'"' | b'\''] => key,
            key => key,
        };
        match key.last() {
            // What may stand between a key and its separator is passed over.
            Some(b' ' | b'\t' | b']' | b'\\' | b'"' | b'\'') => true,
            _ => slot(key).is_some_and(|slot| self.slots[slot].1 > 0),
        }
    }

    fn look_back(&self, text: &Text, at: u64, mut found: impl FnMut(Key)) {
        let before = text.last(at, (BLANKS_MAX + WORD_MAX) as u64);
        let blank = |byte: &&u8| matches!(byte, b' ' | b'\t');
        let blanks = before.iter().rev().take_while(blank).count();
        let mut key = &before[..before.len() - blanks];
        while let Some((b']', rest)) = key.split_last() {
            key = rest;
        }
        if let Some((b'"' | b'\'', rest)) = key.split_last() {
            key = rest;
        }
        while let Some((b'\\', rest)) = key.split_last() {
            key = rest;
        }
        let (first, last) = slot(key).map_or((0, 0), |slot| self.slots[slot]);
        if last == 0 || blanks > BLANKS_MAX {
            return;
        }
        let end = at - (before.len() - key.len()) as u64;
        let words = &self.words[usize::from(first)..usize::from(last)];
        let mut had = None;
        for &(word, kind, treatment) in words {
            let Some(start) = key.len().checked_sub(word.len()) else { continue };
            if had == Some(treatment) || !key[start..].eq_ignore_ascii_case(word) {
                continue;
            }
            let begin = end - word.len() as u64;
            if kind.begins_at(text, begin) {
                had = Some(treatment);
                let blanks = u8::try_from(blanks).unwrap_or(u8::MAX);
                found(Key { word: kind, treatment, blanks, begin });
            }
        }
    }
}

fn slot(key: &[u8]) -> Option<usize> {
    let [first, second] = *key.last_chunk::<2>()?;
    let slot = usize::from(first & 31) << 5 | usize::from(second & 31);
    second.is_ascii_alphabetic().then_some(slot)
}
