//! Prefixes that end in a joint, found by their last three bytes.

use super::Start;

/// Slots of the filter: most joints of a text are before no prefix, and leave by it.
const SLOTS: usize = 4096;
const TAIL: usize = 3;

/// Prefixes by their tails.
pub(super) struct Beginnings {
    /// For each slot, which of the prefixes are in it: `[first, last)`.
    slots: Box<[(u8, u8); SLOTS]>,
    starts: Vec<Start>,
}

impl Beginnings {
    pub(super) fn new(mut starts: Vec<Start>) -> Self {
        let of = |start: &Start| slot(start.prefix).expect("no prefix is shorter than its tail");
        starts.sort_by_key(of);
        let place = |index: usize| u8::try_from(index).expect("there are fewer than 256 prefixes");
        let mut slots = Box::new([(0, 0); SLOTS]);
        for (index, start) in starts.iter().enumerate() {
            let (first, last) = &mut slots[of(start)];
            if *last == 0 {
                *first = place(index);
            }
            *last = place(index + 1);
        }
        Self { slots, starts }
    }

    /// The prefixes that `before` may end in.
    #[inline]
    pub(super) fn ending(&self, before: &[u8]) -> &[Start] {
        let (first, last) = slot(before).map_or((0, 0), |slot| self.slots[slot]);
        &self.starts[usize::from(first)..usize::from(last)]
    }
}

#[inline]
fn slot(bytes: &[u8]) -> Option<usize> {
    let [a, b, c] = bytes.last_chunk::<TAIL>()?.map(usize::from);
    Some((a ^ (b << 4) ^ (c << 7)) % SLOTS)
}
