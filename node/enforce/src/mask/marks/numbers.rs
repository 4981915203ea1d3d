//! Numbers of people, cards and machines, found by the lengths of their groups of digits.
//!
//! A text is full of digits and has few of these shapes, so shapes are told from bits, and only
//! what has one is read.

use std::ops::Range;

use super::super::blocks::{Bits, both, low};
use super::super::detector::{self, FORM_MAX};
use super::super::scan::Found;
use super::super::text::Text;
use super::forms::Forms;

/// So many bytes at the end of what is known may be a part of a number, or what must be known
/// behind one.
pub(super) const TAIL: u64 = 48;

/// Which numbers are looked for.
pub(super) struct Numbers {
    card: Option<u16>,
    ipv4: Option<u16>,
    ipv6: Option<u16>,
    ssn: Option<u16>,
    phone: Option<u16>,
    iban: Option<u16>,
    travel: Option<u16>,
    pub(super) forms: Option<Forms>,
    pub(super) any: bool,
    /// What may be a part of one, beside what may be of all.
    parts: Parts,
}

/// Bytes that may be a part of a number, when some kinds are looked for.
#[derive(Clone, Copy, Default)]
struct Parts {
    capitals: bool,
    hexadecimal: bool,
    slash: bool,
    filler: bool,
}

// What is undecided must reach as far back as the longest of these.
const _: () = assert!(FORM_MAX < TAIL as usize);

impl Numbers {
    pub(super) fn new(treatment: &dyn Fn(&str) -> Option<u16>) -> Self {
        let [card, ipv4, ipv6, ssn, phone, iban, travel] =
            ["card", "ipv4", "ipv6", "us-ssn", "phone", "iban", "travel-document"].map(treatment);
        let forms = Forms::new(treatment);
        let single = [card, ipv4, ipv6, ssn, phone, iban, travel].iter().any(Option::is_some);
        let uses = |bytes: &[u8]| forms.as_ref().is_some_and(|forms| forms.uses(bytes));
        let parts = Parts {
            capitals: iban.is_some() || travel.is_some() || uses(b"AXITN"),
            hexadecimal: ipv6.is_some() || uses(b"H"),
            slash: uses(b"/"),
            filler: travel.is_some(),
        };
        let any = single || forms.is_some();
        Self { card, ipv4, ipv6, ssn, phone, iban, travel, forms, any, parts }
    }

    /// Places of the block at which a card number, a social security number, a phone number may
    /// begin. Bits of the block before are `before`.
    pub(super) fn places(&self, bits: &Bits, next: &Bits, before: &Bits) -> [u64; 3] {
        let digits = both(bits.digit, next.digit);
        let starts = bits.digit & !(bits.digit << 1 | before.digit >> 63);
        let pairs = digits & digits >> 1;
        let (threes, fours) = (pairs & digits >> 2, pairs & pairs >> 2);
        let mut places = [0; 3];
        if threes == 0 {
            return places;
        }
        if self.card.is_some() {
            let eights = fours & fours >> 4;
            let thirteen = eights & eights >> 5;
            let grouped = fours & fours >> 5 & fours >> 10 & fours >> 15;
            let american = fours & threes >> 5 & threes >> 8 & fours >> 12;
            places[0] = low(thirteen | grouped | american) & starts;
        }
        if self.ssn.is_some() {
            places[1] = low(threes & pairs >> 4 & fours >> 7) & starts;
        }
        if self.phone.is_some() {
            // ddd-ddd-dddd, (ddd) ddd-dddd, (ddd)ddd-dddd.
            places[2] =
                low(threes & (threes >> 4 & fours >> 8 | threes >> 5 & fours >> 9)) & starts;
        }
        places
    }

    /// Places at which an account number may begin: two token bytes, then two digits.
    pub(super) fn accounts(&self, bits: &Bits, next: &Bits) -> u64 {
        if self.iban.is_none() {
            return 0;
        }
        let digits = both(bits.digit, next.digit);
        let letters = both(bits.token, next.token) & !digits;
        low(letters & letters >> 1 & digits >> 2 & digits >> 3)
    }

    /// Places at which an address of a network may begin.
    pub(super) fn addresses(&self, bits: &Bits, next: &Bits, before: &Bits, dots: u128) -> u64 {
        if self.ipv4.is_none() {
            return 0;
        }
        let digits = both(bits.digit, next.digit);
        let starts = bits.digit & !(bits.digit << 1 | before.digit >> 63);
        // From a dot to the next are two to four bytes.
        let joints = dots & digits >> 1;
        let two = joints & (joints >> 2 | joints >> 3 | joints >> 4);
        let three = two >> 1 | two >> 2 | two >> 3;
        starts & low(three) & !low(dots << 1)
    }

    pub(super) fn wants_addresses(&self) -> bool {
        self.ipv4.is_some()
    }

    /// Places around which something may be, of which the first one tells: the first colon of an
    /// address, the first `<` of a line.
    pub(super) fn centres(&self, bits: &Bits, next: &Bits) -> u64 {
        let lines = if self.travel.is_some() { bits.filler } else { 0 };
        if self.ipv6.is_none() || bits.colon == 0 {
            return lines;
        }
        let colons = both(bits.colon, next.colon);
        // Within the next group.
        let before = |bits: u128| bits >> 1 | bits >> 2 | bits >> 3 | bits >> 4 | bits >> 5;
        let double = colons & colons >> 1;
        // Two colons side by side come at once, behind a group, or behind two more.
        let four = before(colons & before(colons & before(colons)));
        lines | low(colons & (double | before(double) | four))
    }

    pub(super) fn wants_accounts(&self) -> bool {
        self.iban.is_some()
    }

    pub(super) fn wants_plus(&self) -> bool {
        self.phone.is_some()
    }

    /// Reads the card number that may begin at `at`.
    pub(super) fn read_card(&self, text: &Text, at: u64, found: &mut Vec<Found>) {
        take(self.card, detector::card(text, at).map(|end| (at, end)), found);
    }

    /// Reads the social security number that may begin at `at`.
    pub(super) fn read_ssn(&self, text: &Text, at: u64, found: &mut Vec<Found>) {
        take(self.ssn, detector::ssn(text, at).map(|end| (at, end)), found);
    }

    /// Reads the phone number that may have its first digit at `at`.
    pub(super) fn read_phone(&self, text: &Text, at: u64, found: &mut Vec<Found>) {
        take(self.phone, detector::phone(text, at), found);
    }

    /// Reads the address that may begin at `at`.
    pub(super) fn read_address(&self, text: &Text, at: u64, found: &mut Vec<Found>) {
        take(self.ipv4, detector::ipv4(text, at).map(|end| (at, end)), found);
    }

    /// Reads the account number that may begin at `at`.
    pub(super) fn read_account(&self, text: &Text, at: u64, found: &mut Vec<Found>) {
        take(self.iban, detector::iban(text, at).map(|end| (at, end)), found);
    }

    /// Reads what may be around the byte at `at`, if it begins in this range: all of it is known.
    pub(super) fn read_around(
        &self,
        text: &Text,
        at: u64,
        begins: &Range<u64>,
        found: &mut Vec<Found>,
    ) {
        let (treatment, span) = if text.get(at) == Some(b':') {
            (self.ipv6, detector::ipv6(text, at))
        } else {
            (self.travel, detector::travel_document(text, at))
        };
        take(treatment, span.filter(|(start, _)| begins.contains(start)), found);
    }

    /// From here on bytes may be a part of a number that is not known to its end.
    pub(super) fn undecided_from(&self, text: &Text, from: u64) -> u64 {
        let (end, parts) = (text.end(), self.parts);
        let is_part = |byte: u8| {
            byte.is_ascii_digit()
                || matches!(byte, b'-' | b'.' | b' ' | b'+' | b'(' | b')')
                || parts.capitals && byte.is_ascii_uppercase()
                || parts.hexadecimal && (byte.is_ascii_hexdigit() || byte == b':')
                || parts.slash && byte == b'/'
                || parts.filler && byte == b'<'
        };
        let tail = text.slice(end.saturating_sub(TAIL).max(from), end);
        let length = tail.iter().rev().take_while(|byte| is_part(**byte)).count();
        let part = &tail[tail.len() - length..];
        // Blanks begin no number.
        let begins = |byte: &u8| *byte != b' ' && *byte != b'.' && *byte != b'-' && *byte != b')';
        let skipped = part.iter().position(begins).unwrap_or(length);
        let undecided = end - (length - skipped) as u64;
        // The sign before a number's first digit is masked with it.
        let signed = undecided > from && matches!(text.before(undecided), Some(b'+' | b'('));
        undecided - u64::from(signed)
    }
}

pub(super) fn take(treatment: Option<u16>, span: Option<(u64, u64)>, found: &mut Vec<Found>) {
    if let (Some(treatment), Some((start, end))) = (treatment, span) {
        found.push(Found { start, end, treatment });
    }
}
