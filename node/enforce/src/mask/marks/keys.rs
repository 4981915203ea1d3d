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
    /// For each pair of letters, the words that end in it.
    slots: Box<[Slot; SLOTS]>,
    words: Vec<KeyWord>,
    /// For each of them, what stands before the bytes that all words of its slot end in.
    heads: Vec<Option<u8>>,
    /// For the first word of each slot, a bit for each head of the slot, and the first word that
    /// has none: most keys have no head of their slot, and are compared with that alone.
    sets: Vec<(u64, usize)>,
}

/// Which of the words: `[first, last)`, and how many bytes all of these end in.
#[derive(Clone, Copy, Default)]
struct Slot {
    first: u8,
    last: u8,
    common: u8,
}

/// A word that is looked for before a separator.
struct KeyWord {
    word: &'static [u8],
    end: End,
    kind: Word,
    treatment: u16,
}

/// The last bytes of a word, for all of which at once it is told whether a key ends in them.
#[derive(Clone, Copy)]
struct End {
    bytes: u128,
    /// Bits that make its letters small.
    small: u128,
    mask: u128,
}

/// So many bytes are looked at together.
const END: usize = size_of::<u128>();

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
            let (word, treatment) = (word.as_bytes(), treatment(detector)?);
            Some(KeyWord { word, end: End::of(word), kind, treatment })
        });
        let mut words: Vec<_> = on.collect();
        let of = |word: &[u8]| slot(word).expect("a word has two letters");
        // The longest of a slot first.
        words.sort_by_key(|one| (of(one.word), usize::MAX - one.word.len()));
        let place = |index: usize| u8::try_from(index).expect("there are fewer than 256 words");
        let mut slots = Box::new([Slot::default(); SLOTS]);
        let mut heads = Vec::with_capacity(words.len());
        let mut sets = vec![(0, 0); words.len()];
        for same in words.chunk_by(|one, next| of(one.word) == of(next.word)) {
            let common = same.iter().map(|one| shared(one.word, same[0].word)).min().unwrap_or(0);
            let first = heads.len();
            heads.extend(same.iter().map(|one| head(one.word, common)));
            // The longest come first.
            let own = heads[first..].iter().flatten();
            sets[first] = (own.clone().fold(0, |set, head| set | bit(*head)), first + own.count());
            let common = u8::try_from(common).expect("no word is so long");
            slots[of(same[0].word)] =
                Slot { first: place(first), last: place(heads.len()), common };
        }
        Self { slots, words, heads, sets }
    }

    /// The keys whose separator is at `at`: for each detector the longest.
    #[inline]
    pub(super) fn before(&self, text: &Text, at: u64, found: impl FnMut(Key)) {
        let before = text.last(at, (BLANKS_MAX + WORD_MAX) as u64);
        let key = bare(before);
        // Most separators are behind no key.
        if let Some(slot) = slot(key).map(|slot| self.slots[slot]).filter(|slot| slot.last > 0) {
            self.look_back(slot, text, (at, before, key.len()), found);
        }
    }

    /// Finds which words of a slot a key ends in, the first `length` bytes of those before the
    /// separator at `at`.
    #[inline(never)]
    fn look_back(
        &self,
        slot: Slot,
        text: &Text,
        (at, before, length): (u64, &[u8], usize),
        mut found: impl FnMut(Key),
    ) {
        let (key, behind) = before.split_at(length);
        let blanks = behind.iter().rev().take_while(|byte| is_blank(byte)).count();
        let Some(blanks) = u8::try_from(blanks).ok().filter(|_| blanks <= BLANKS_MAX) else {
            return;
        };
        let (mut had, last) = (None, last_bytes(key));
        let own_head = head(key, slot.common.into());
        let first = usize::from(slot.first);
        let (set, headless) = self.sets[first];
        let has_head = own_head.is_some_and(|head| set & bit(head) != 0);
        let own = if has_head { first } else { headless }..usize::from(slot.last);
        for (head, one) in self.heads[own.clone()].iter().zip(&self.words[own]) {
            if head.is_some() && *head != own_head {
                continue;
            }
            let &KeyWord { word, end: ending, kind, treatment } = one;
            if had == Some(treatment) || !ending.ends(last) || !ends_in(key, word) {
                continue;
            }
            let begin = at - (before.len() - length + word.len()) as u64;
            if kind.begins_at(text, begin) {
                had = Some(treatment);
                found(Key { word: kind, treatment, blanks, begin });
            }
        }
    }
}

/// A key without what may stand between it and its separator.
#[inline]
fn bare(before: &[u8]) -> &[u8] {
    match before {
        [.., last] if last.is_ascii_alphabetic() => before,
        [key @ .., b'"' | b'\''] if key.last().is_some_and(u8::is_ascii_alphabetic) => key,
        _ => stripped(before),
    }
}

#[inline(never)]
fn stripped(before: &[u8]) -> &[u8] {
    let blanks = before.iter().rev().take_while(|byte| is_blank(byte)).count();
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
    key
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn bit(head: u8) -> u64 {
    1 << (head & 63)
}

/// How many bytes both words end in.
fn shared(one: &[u8], other: &[u8]) -> usize {
    one.iter().rev().zip(other.iter().rev()).take_while(|(a, b)| a == b).count()
}

/// The byte before the last so many, a letter as a small one.
#[inline]
fn head(word: &[u8], common: usize) -> Option<u8> {
    let before = word.len().checked_sub(common + 1)?;
    Some(word[before] | 0x20)
}

impl End {
    fn of(word: &[u8]) -> Self {
        let letters: Vec<u8> =
            word.iter().map(|byte| u8::from(byte.is_ascii_alphabetic()) << 5).collect();
        let all = vec![u8::MAX; word.len()];
        let [bytes, small, mask] = [word, &letters, &all].map(last_bytes);
        Self { bytes, small, mask }
    }

    /// Whether these are the last bytes of something that ends as the word does, in either case.
    #[inline]
    fn ends(self, last: u128) -> bool {
        (last | self.small) & self.mask == self.bytes
    }
}

/// The last bytes of a text, the very last in the highest place.
#[inline]
fn last_bytes(text: &[u8]) -> u128 {
    if let Some(last) = text.last_chunk() {
        return u128::from_le_bytes(*last);
    }
    let mut last = [0; END];
    last[END - text.len()..].copy_from_slice(text);
    u128::from_le_bytes(last)
}

/// Whether a key whose last bytes are those of a word ends in all of it: few words are longer.
#[inline]
fn ends_in(key: &[u8], word: &[u8]) -> bool {
    let is_word = |end: &[u8]| end.eq_ignore_ascii_case(word);
    word.len() <= END || key.len() >= word.len() && is_word(&key[key.len() - word.len()..])
}

fn slot(key: &[u8]) -> Option<usize> {
    let [first, second] = *key.last_chunk::<2>()?;
    let slot = usize::from(first & 31) << 5 | usize::from(second & 31);
    second.is_ascii_alphabetic().then_some(slot)
}
