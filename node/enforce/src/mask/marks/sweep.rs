//! The one pass over every byte: 64 at a time, and by itself only what its bits make worth it.

use std::ops::Range;
use std::sync::Arc;

use super::super::blocks::{BLOCK, Bits, Blocks, both, low, places, runs};
use super::super::detector::{Candidate, KeyValue, Word, may_be_email, word_before};
use super::super::scan::Found;
use super::super::text::Text;
use super::running::{EMAIL, KEY_VALUE, TELEGRAM, URL};
use super::scanner::MarkScanner;
use super::{Marks, frames};

/// No token has a shorter body behind a joint, and no literal with its body is shorter. Bytes.
const RUN: u32 = 16;
/// A block with so many token bytes is left to the search by vectors.
const DENSE: u32 = 60;
/// So many blocks are few.
const FEW: usize = 8;
/// In so many places of a block literals are looked for one by one.
const FEW_LITERALS: u32 = 16;
/// Digits of a bot's number.
const BOT_DIGITS: std::ops::RangeInclusive<usize> = 8..=10;

/// Behind these places there is no third byte in the block.
const LAST_TWO: u64 = 0b11 << 62;

/// One block of the stream, with what is known around it.
struct Block<'a> {
    text: (&'a Text, bool),
    /// Offset of its first byte.
    offset: u64,
    bytes: &'a [u8],
    /// Bits of places that were not looked at before.
    new: u64,
    bits: &'a Bits,
    before: &'a Bits,
    next: &'a Bits,
    /// There are few of them, for which a search by vectors is not worth its beginning.
    is_of_few: bool,
}

impl MarkScanner {
    /// Looks at every new place, and for numbers that begin before `undecided`.
    pub(super) fn sweep(&mut self, text: (&Text, bool), undecided: u64, found: &mut Vec<Found>) {
        let marks = Arc::clone(&self.marks);
        let from = self.position.min(self.numbers);
        let bytes = text.0.rest(from);
        let mut blocks = Blocks::new(text.0.last(from, 1), bytes, text.1);
        for (index, here) in bytes.chunks(BLOCK).enumerate() {
            let [before, bits, next] = blocks.around(index);
            let offset = from + (index * BLOCK) as u64;
            // All of most blocks is new.
            let new = match offset >= self.position && here.len() == BLOCK {
                true => u64::MAX,
                false => at_or_behind(self.position, offset) & !at_or_behind(text.0.end(), offset),
            };
            let is_of_few = bytes.len() <= FEW * BLOCK;
            let one = Block { text, offset, bytes: here, new, bits, before, next, is_of_few };
            self.look_at(&marks, &one, found);
            if marks.numbers.any {
                let open = at_or_behind(self.numbers, offset) & !at_or_behind(undecided, offset);
                self.look_for_numbers(&marks, &one, (open, &(self.numbers..undecided)), found);
            }
        }
    }

    fn look_at(&mut self, marks: &Marks, block: &Block<'_>, found: &mut Vec<Found>) {
        for place in places(block.bits.mark & block.new) {
            self.mark(marks, block.offset + place as u64, block.bytes[place], block.text, found);
        }
        // The last of joints in a row; what is not in the block is looked up.
        let joint = block.bits.joint;
        for place in places(joint & (joint << 1 | 1) & !(joint >> 1) & block.new) {
            if block.bytes[place] == b'-' {
                self.dashes(marks, block.offset + place as u64, block.text, found);
            }
        }
        let tokens = both(block.bits.token, block.next.token);
        let long = runs(tokens, RUN);
        if long == 0 {
            return;
        }
        let first = block.bits.token & !((block.bits.token << 1) | (block.before.token >> 63));
        for place in places(first & low(long) & block.new) {
            self.first(marks, block.offset + place as u64, block.text, found);
            // As far as is seen: both blocks have more bytes than any run must have.
            let length = (!(tokens >> place)).trailing_zeros();
            if length >= frames::RUN_MIN {
                self.run(marks, (block.offset + place as u64, length), block.text, found);
            }
        }
        for place in places(low(long >> 1) & block.bits.ending & block.new) {
            self.joint(marks, block.offset + place as u64, block.text, found);
        }
        let few = block.is_of_few && block.bits.begins <= FEW_LITERALS;
        if !few && block.bits.tokens >= DENSE {
            return self.add_region(block.offset);
        }
        for place in places(low(long) & may_be_literals(block.bits) & block.new) {
            self.literal(marks, block.offset + place as u64, block.text, found);
        }
    }

    /// The block at `offset` is almost only token bytes.
    fn add_region(&mut self, offset: u64) {
        let from = offset.saturating_sub(self.position);
        let end = (offset + BLOCK as u64).saturating_sub(self.position);
        let place = |at: u64| usize::try_from(at).expect("within the buffer");
        let (from, to) = (place(from), place(end) + super::literals::LONGEST);
        match self.regions.last_mut() {
            Some((_, last)) if *last >= from => *last = to,
            _ => self.regions.push((from, to)),
        }
    }

    /// A byte that makes something of what is around it.
    fn mark(
        &mut self,
        marks: &Marks,
        at: u64,
        byte: u8,
        text: (&Text, bool),
        found: &mut Vec<Found>,
    ) {
        match byte {
            // Before times, ports and places in lines stand digits: no key ends in one.
            b'=' | b':' if text.0.before(at).is_some_and(|before| before.is_ascii_digit()) => {
                if byte == b':' {
                    self.colon(marks, at, text, found);
                }
            }
            b'=' => self.key(marks, at, text, found),
            b':' => {
                self.key(marks, at, text, found);
                self.colon(marks, at, text, found);
            }
            b'@' => self.address(marks, at, text, found),
            _ => self.joint(marks, at, text, found),
        }
    }

    fn key(&mut self, marks: &Marks, at: u64, text: (&Text, bool), found: &mut Vec<Found>) {
        marks.keys.before(text.0, at, |key| {
            if matches!(key.word, Word::Cookie | Word::Kind | Word::Data | Word::StringData) {
                return self.framed(&key, at, text, found);
            }
            let kind = (KEY_VALUE, key.treatment);
            if key.blanks == 0
                && matches!(text.0.get(at + 1), Some(b'"' | b'\'' | b' '))
                && let Some(value) = KeyValue::at_once(key.word, at, text.0)
            {
                return self.running.find(kind, at, value, text.0, found);
            }
            let candidate = || Candidate::key_value(key.word, at, key.blanks);
            self.running.start(kind, at, candidate, text, found);
        });
    }

    fn colon(&mut self, marks: &Marks, at: u64, text: (&Text, bool), found: &mut Vec<Found>) {
        let before = text.0.before(at);
        let next = text.0.get(at + 1);
        if next.is_none_or(|byte| !matches!(byte, b' ' | b'/' | b':' | b'"'))
            && before.is_some_and(|byte| frames::may_be_field(text.0, at, byte))
        {
            self.fields(marks, at, text, found);
        }
        if let Some(treatment) = marks.url
            && before.is_some_and(|byte| byte.is_ascii_alphanumeric())
            && next.is_none_or(|byte| byte == b'/')
        {
            let url = || Candidate::url(at + 1);
            self.running.start((URL, treatment), at + 1, url, text, found);
        }
        if let Some(treatment) = marks.telegram
            && before.is_some_and(|byte| byte.is_ascii_digit())
            && next.is_none_or(|byte| byte == b'A')
        {
            let number = text.0.last(at, *BOT_DIGITS.end() as u64 + 1);
            let digits = number.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
            if BOT_DIGITS.contains(&digits) {
                let token = || Candidate::telegram(at + 1);
                self.running.start((TELEGRAM, treatment), at + 1, token, text, found);
            }
        }
    }

    fn address(&mut self, marks: &Marks, at: u64, text: (&Text, bool), found: &mut Vec<Found>) {
        let Some(treatment) = marks.email else { return };
        if !may_be_email(text.0, at, text.1) {
            return;
        }
        if let Some(word) = word_before(text.0, at) {
            let email = || Candidate::email(word, at);
            self.running.start((EMAIL, treatment), at, email, text, found);
        }
    }

    /// What a prefix may end in.
    fn joint(&mut self, marks: &Marks, at: u64, text: (&Text, bool), found: &mut Vec<Found>) {
        for start in marks.joined.ending(text.0.last(at + 1, 3)) {
            self.token(start, at + 1, text, found);
        }
    }

    /// The first byte of a long run.
    pub(super) fn first(
        &mut self,
        marks: &Marks,
        at: u64,
        text: (&Text, bool),
        found: &mut Vec<Found>,
    ) {
        // The letter of an escape is none of the run.
        let escaped = text.0.before(at) == Some(b'\\')
            && text.0.get(at).is_some_and(|letter| b"nrt".contains(&letter));
        let begin = at + u64::from(escaped);
        let first = text.0.get(begin);
        // Almost no run begins with one.
        if first.is_some_and(|first| !marks.first_bytes[usize::from(first)]) {
            return;
        }
        for start in &marks.first {
            if first.is_some_and(|first| start.prefix[0] != first) {
                continue;
            }
            let body = begin + start.prefix.len() as u64;
            if body > text.0.end() {
                let known = text.0.rest(begin);
                if start.prefix.starts_with(known) {
                    self.late = Some(at);
                }
            } else if text.0.slice(begin, body) == start.prefix {
                self.behind(start, body, text, found);
            }
        }
    }

    fn look_for_numbers(
        &mut self,
        marks: &Marks,
        block: &Block<'_>,
        (open, begins): (u64, &Range<u64>),
        found: &mut Vec<Found>,
    ) {
        let (bits, next, before) = (block.bits, block.next, block.before);
        let (text, numbers) = (block.text.0, &marks.numbers);
        let at = |place: usize| block.offset + place as u64;
        for place in places(numbers.centres(bits, next)) {
            numbers.read_around(text, at(place), begins, found);
        }
        if let Some(forms) = &numbers.forms {
            let may = forms.may_begin(bits, next) & bits.token & open;
            let starts = !(bits.token << 1 | before.token >> 63);
            places(may & starts).for_each(|place| forms.read(text, at(place), found));
            // Behind an escape a word begins too; what is before the block is looked up.
            let escaped = may & !starts & (bits.escape << 2 | 0b11);
            let behind = |place: &usize| is_behind_escape(text, at(*place));
            places(escaped).filter(behind).for_each(|place| forms.read(text, at(place), found));
        }
        if bits.digit == 0 && !numbers.wants_accounts() {
            return;
        }
        let [cards, ssns, mut phones] = numbers.places(bits, next, before);
        if numbers.wants_plus() {
            let plus = bits.plus << 1;
            let first = u64::from(text.before(block.offset) == Some(b'+'));
            phones |= (plus | first) & bits.digit;
        }
        places(cards & open).for_each(|place| numbers.read_card(text, at(place), found));
        places(ssns & open).for_each(|place| numbers.read_ssn(text, at(place), found));
        places(phones & open).for_each(|place| numbers.read_phone(text, at(place), found));
        if numbers.wants_addresses() {
            let dots = both(bits.dot, next.dot);
            let addresses = numbers.addresses(bits, next, before, dots);
            places(addresses & open).for_each(|place| numbers.read_address(text, at(place), found));
        }
        let accounts = numbers.accounts(bits, next) & open;
        places(accounts).for_each(|place| numbers.read_account(text, at(place), found));
    }
}

/// Whether the letter of an escape (`\\n`) ends before `at`.
fn is_behind_escape(text: &Text, at: u64) -> bool {
    let letter = text.before(at).is_some_and(|letter| b"nrt".contains(&letter));
    letter && text.before(at - 1) == Some(b'\\')
}

/// Places of a block at which a literal may begin, by its first byte. Web tokens begin with `eyJ`;
/// of these the last is rare.
pub(super) fn may_be_literals(bits: &Bits) -> u64 {
    bits.begin | bits.web >> 2 | LAST_TWO
}

/// Bits of the places of a block that are at `from` or behind it.
fn at_or_behind(from: u64, block: u64) -> u64 {
    let skipped = from.saturating_sub(block);
    if skipped >= BLOCK as u64 { 0 } else { u64::MAX << skipped }
}
