//! What is written in fixed forms, told by its first bytes: a table says for each place and byte
//! which forms may have it there, so most words leave by their first.

use super::super::blocks::{Bits, both, low};
use super::super::detector::{WRITTEN, Written};
use super::super::scan::Found;
use super::super::text::Text;
use super::numbers::take;

/// So many bytes are looked at by the table.
const PLACES: usize = 16;
/// Within so many bytes each form has a digit or a sign, by which its words are told from others.
const TOLD: usize = 8;

/// The forms of the detectors that are on.
pub(super) struct Forms {
    written: Vec<(&'static Written, u16)>,
    /// Which of `written` a form is of.
    of: Vec<usize>,
    /// For each place and byte, a bit for each form.
    table: Box<[[u64; 256]; PLACES]>,
    /// Bits of the places at which the first digit of a form stands, and the first sign of one that
    /// need not have digits.
    digits: u8,
    signs: u8,
}

impl Forms {
    /// `None` if there are none.
    pub(super) fn new(treatment: &dyn Fn(&str) -> Option<u16>) -> Option<Self> {
        let all = WRITTEN.iter().copied().flatten();
        let written: Vec<_> = all.filter_map(|one| Some((one, treatment(one.name)?))).collect();
        let (of, table) = (Vec::new(), Box::new([[0; 256]; PLACES]));
        let mut forms = Self { written, of, table, digits: 0, signs: 0 };
        for index in 0..forms.written.len() {
            let (one, _) = forms.written[index];
            one.forms.iter().for_each(|form| forms.add(index, form.as_bytes()));
        }
        (!forms.written.is_empty()).then_some(forms)
    }

    fn add(&mut self, written: usize, form: &[u8]) {
        let bit = 1_u64 << self.of.len();
        self.of.push(written);
        for (place, row) in self.table.iter_mut().enumerate() {
            for (byte, forms) in (0..=u8::MAX).zip(row) {
                let may = match form.get(place) {
                    Some(own) => Written::may_have(*own, byte),
                    None if place == form.len() => Written::may_follow(byte),
                    None => true,
                };
                *forms |= if may { bit } else { 0 };
            }
        }
        let told = &form[..TOLD];
        if let Some(place) = told.iter().position(|own| *own == b'9') {
            self.digits |= 1 << place;
            return;
        }
        let sign = told.iter().position(|own| b":-.".contains(own));
        self.signs |= 1 << sign.expect("a form has digits or signs in its first bytes");
    }

    /// Whether a form has one of these bytes.
    pub(super) fn uses(&self, bytes: &[u8]) -> bool {
        let mut each = self.written.iter().flat_map(|(one, _)| one.forms);
        each.any(|form| form.bytes().any(|byte| bytes.contains(&byte)))
    }

    /// Places of the block at which a form may begin, if a word does.
    pub(super) fn may_begin(&self, bits: &Bits, next: &Bits) -> u64 {
        let digits = both(bits.digit, next.digit);
        let signs = both(bits.mark | bits.joint, next.mark | next.joint);
        let mut may = 0;
        for place in 0..TOLD {
            may |= if self.digits & 1 << place == 0 { 0 } else { digits >> place };
            may |= if self.signs & 1 << place == 0 { 0 } else { signs >> place };
        }
        low(may)
    }

    /// Reads what may be written in a fixed form from `at` on.
    pub(super) fn read(&self, text: &Text, at: u64, found: &mut Vec<Found>) {
        let rest = text.rest(at);
        let mut fit = if rest.is_empty() { 0 } else { u64::MAX };
        for (row, byte) in self.table.iter().zip(rest) {
            fit &= row[usize::from(*byte)];
            if fit == 0 {
                return;
            }
        }
        let mut last = None;
        while fit != 0 {
            let index = self.of[fit.trailing_zeros() as usize];
            fit &= fit - 1;
            // Forms of one stand side by side, and it looks at all of them.
            if last.replace(index) != Some(index) {
                let (one, treatment) = self.written[index];
                take(Some(treatment), one.ends(text, at).map(|end| (at, end)), found);
            }
        }
    }
}
