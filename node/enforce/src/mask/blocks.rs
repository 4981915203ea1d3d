//! 64 bytes at a time: which of them are digits, parts of tokens, or marks.
//!
//! This is the one pass that every byte of a stream goes through, by the widest vectors that the
//! processor has; so it knows bytes only, and no detector. Each class is a word of bits, the lowest
//! that of the first byte.

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch, mask8x64, u8x64};

/// Bytes in a block.
pub(super) const BLOCK: usize = 64;
/// So many blocks are looked at in one go, which costs more to begin than a block.
const GROUP: usize = 8;

/// What literals begin with.
pub(super) const BEGINS: &[u8] = b"AFGILdp";

/// What stands before the slash of each prefix that ends in one.
pub(super) const BEFORE_SLASH: &[u8] = b"s2/";

/// The classes of the bytes of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bits {
    /// What tokens are made of: letters, digits, `_`, `-`, `+`, `/`.
    pub token: u64,
    /// Digits.
    pub digit: u64,
    /// `_`, `-`, `/`, `.`: what a prefix may end in.
    pub joint: u64,
    /// Those of them that one may end in, by the byte before: base64 is full of slashes.
    pub ending: u64,
    /// `=`, `:`, `@`, `$`, `~`: what stands between a key and its value, makes an address, or is
    /// the middle of a token.
    pub mark: u64,
    /// `.`.
    pub dot: u64,
    /// `+`.
    pub plus: u64,
    /// [`BEGINS`].
    pub begin: u64,
    /// `:`.
    pub colon: u64,
    /// `\\`.
    pub escape: u64,
    /// `<`, with which lines of passports are filled.
    pub filler: u64,
    /// `J`, the last byte of what web tokens begin with, and the rarest.
    pub web: u64,
    /// How many bytes tokens are made of. They are counted here, where the processor can.
    pub tokens: u32,
    /// At how many places a literal may begin, by its first byte.
    pub begins: u32,
}

impl Bits {
    /// The classes of a block's last bytes, as what is before another block.
    pub(super) fn before(last: &[u8]) -> Self {
        let mut block = [0; BLOCK];
        block[BLOCK - last.len()..].copy_from_slice(last);
        of(Level::new(), &block)
    }

    /// The classes of a block's first bytes, where no more are known. What follows may be part of
    /// a token, unless the stream has ended.
    fn of_last(level: Level, bytes: &[u8], ended: bool) -> Self {
        let mut block = [0; BLOCK];
        block[..bytes.len()].copy_from_slice(bytes);
        let mut bits = of(level, &block);
        if !ended && bytes.len() < BLOCK {
            bits.token |= u64::MAX << bytes.len();
        }
        bits
    }
}

/// The blocks of a text, looked at in order.
pub(super) struct Blocks<'a> {
    whole: &'a [[u8; BLOCK]],
    last: &'a [u8],
    /// No byte will follow.
    ended: bool,
    level: Level,
    /// The one before `first`, those from `first` on, and the one behind them.
    group: [Bits; GROUP + 2],
    first: usize,
}

impl<'a> Blocks<'a> {
    /// `before` is the byte before the text, if there is one.
    pub(super) fn new(before: &[u8], bytes: &'a [u8], ended: bool) -> Self {
        let (whole, last) = bytes.as_chunks();
        let mut group = [Bits::default(); GROUP + 2];
        group[0] = Bits::before(before);
        let mut blocks = Self { whole, last, ended, level: Level::new(), group, first: 0 };
        blocks.look(1, 0);
        blocks
    }

    /// The classes of the block before, of this one, and of the next. They are asked for in order.
    #[inline]
    pub(super) fn around(&mut self, index: usize) -> [&Bits; 3] {
        if index == self.first + GROUP {
            self.first = index;
            self.group.copy_within(GROUP.., 0);
            self.look(2, index + 1);
        }
        let at = index - self.first;
        [&self.group[at], &self.group[at + 1], &self.group[at + 2]]
    }

    /// Looks at blocks from `first` on, for as long as there is room behind `slot`. Behind the end
    /// of what is known there is nothing.
    fn look(&mut self, slot: usize, first: usize) {
        let blocks = self.whole.get(first..).unwrap_or_default();
        let room = &mut self.group[slot..];
        dispatch!(self.level, simd => classify(simd, blocks, room));
        let Some(rest) = room.get_mut(blocks.len()..) else { return };
        let token = if self.ended { 0 } else { u64::MAX };
        let mut last = self.last;
        if first > self.whole.len() {
            last = &[];
        }
        // Nobody asks for more than one behind the last.
        for bits in rest.iter_mut().take(2) {
            *bits = match std::mem::take(&mut last) {
                [] => Bits { token, ..Bits::default() },
                last => Bits::of_last(self.level, last, self.ended),
            };
        }
    }
}

/// The bytes of a text that end what a terminal shows as it is, looked for in order.
pub(super) struct Controls<'a> {
    bytes: &'a [u8],
    level: Level,
    group: [u64; GROUP],
    first: usize,
}

/// Escape, backspace, and the ends of lines.
const CONTROLS: &[u8] = b"\x1b\x08\n\r";

impl<'a> Controls<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let mut controls = Self { bytes, level: Level::new(), group: [0; GROUP], first: 0 };
        controls.look(0);
        controls
    }

    /// The first at `at` or behind it, or the end of the text.
    #[inline]
    pub(super) fn next(&mut self, at: usize) -> usize {
        let mut index = at / BLOCK;
        let mut skipped = at % BLOCK;
        while index * BLOCK < self.bytes.len() {
            if !(self.first..self.first + GROUP).contains(&index) {
                self.look(index);
            }
            let bits = self.group[index - self.first] >> skipped;
            if bits != 0 {
                return index * BLOCK + skipped + bits.trailing_zeros() as usize;
            }
            (index, skipped) = (index + 1, 0);
        }
        self.bytes.len()
    }

    fn look(&mut self, first: usize) {
        self.first = first;
        let (whole, last) = self.bytes.get(first * BLOCK..).unwrap_or_default().as_chunks();
        let whole = &whole[..whole.len().min(GROUP)];
        dispatch!(self.level, simd => controls(simd, whole, &mut self.group));
        if let Some(bits) = self.group.get_mut(whole.len()).filter(|_| !last.is_empty()) {
            let mut block = [0; BLOCK];
            block[..last.len()].copy_from_slice(last);
            let bits = std::slice::from_mut(bits);
            dispatch!(self.level, simd => controls(simd, std::slice::from_ref(&block), bits));
        }
    }
}

#[inline(always)]
fn controls<S: Simd>(simd: S, blocks: &[[u8; BLOCK]], to: &mut [u64]) {
    for (block, bits) in blocks.iter().zip(to) {
        *bits = any_of(simd, u8x64::from_slice(simd, block), CONTROLS).to_bitmask();
    }
}

fn of(level: Level, block: &[u8; BLOCK]) -> Bits {
    let mut bits = [Bits::default()];
    dispatch!(level, simd => classify(simd, std::slice::from_ref(block), &mut bits));
    bits[0]
}

/// Looks at as many blocks as there is room for. All that it calls must become a part of it, or is
/// not done by vectors.
#[inline(always)]
fn classify<S: Simd>(simd: S, blocks: &[[u8; BLOCK]], to: &mut [Bits]) {
    for (block, bits) in blocks.iter().zip(to) {
        let bytes = u8x64::from_slice(simd, block);
        let digit = within(simd, bytes, b'0', 9);
        let letter = within(simd, bytes | u8x64::splat(simd, 0x20), b'a', 25);
        let [dot, plus, colon] = [b'.', b'+', b':'].map(|byte| is(simd, bytes, byte));
        let (line, slash) = (any_of(simd, bytes, b"_-"), is(simd, bytes, b'/'));
        let token = (digit | letter | line | slash | plus).to_bitmask();
        let (lines, slashes) = ((line | dot).to_bitmask(), slash.to_bitmask());
        // The byte before the first is not known here.
        let before = any_of(simd, bytes, BEFORE_SLASH).to_bitmask() << 1 | 1;
        let begin = any_of(simd, bytes, BEGINS).to_bitmask();
        *bits = Bits {
            token,
            tokens: token.count_ones(),
            begin,
            begins: begin.count_ones(),
            digit: digit.to_bitmask(),
            joint: lines | slashes,
            ending: lines | slashes & before,
            mark: (colon | any_of(simd, bytes, b"=@$~")).to_bitmask(),
            dot: dot.to_bitmask(),
            plus: plus.to_bitmask(),
            colon: colon.to_bitmask(),
            escape: is(simd, bytes, b'\\').to_bitmask(),
            filler: is(simd, bytes, b'<').to_bitmask(),
            web: is(simd, bytes, b'J').to_bitmask(),
        };
    }
}

#[inline(always)]
fn is<S: Simd>(simd: S, bytes: u8x64<S>, byte: u8) -> mask8x64<S> {
    bytes.simd_eq(u8x64::splat(simd, byte))
}

#[inline(always)]
fn any_of<S: Simd>(simd: S, bytes: u8x64<S>, wanted: &[u8]) -> mask8x64<S> {
    let mut any = mask8x64::splat(simd, false);
    for byte in wanted {
        any |= is(simd, bytes, *byte);
    }
    any
}

/// Bytes from `first` to `first + more`.
#[inline(always)]
fn within<S: Simd>(simd: S, bytes: u8x64<S>, first: u8, more: u8) -> mask8x64<S> {
    (bytes - u8x64::splat(simd, first)).simd_le(u8x64::splat(simd, more))
}

/// A class of a block and of the next one, for what reaches from one into the other.
pub(super) fn both(bits: u64, next: u64) -> u128 {
    u128::from(bits) | u128::from(next) << BLOCK
}

/// Of the classes of two blocks, that of the first.
pub(super) fn low(bits: u128) -> u64 {
    (bits & u128::from(u64::MAX)) as u64
}

/// Where `count` or more bits in a row begin. `count` is a power of two.
pub(super) fn runs(mut bits: u128, count: u32) -> u128 {
    let mut length = 1;
    while length < count {
        bits &= bits >> length;
        length *= 2;
    }
    bits
}

/// The places of the bits that are set, lowest first.
pub(super) fn places(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = bits.trailing_zeros() as usize;
        bits &= bits.wrapping_sub(1);
        (place < BLOCK).then_some(place)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A block byte by byte.
    fn slowly(block: &[u8], ended: bool) -> Bits {
        let of = |is: &dyn Fn(u8) -> bool| {
            let each = block.iter().enumerate().filter(|(_, byte)| is(**byte));
            each.fold(0, |bits, (place, _)| bits | 1_u64 << place)
        };
        let unknown = if ended || block.len() == BLOCK { 0 } else { u64::MAX << block.len() };
        let token = of(&|byte| byte.is_ascii_alphanumeric() || b"_-+/".contains(&byte));
        let begin = of(&|byte| BEGINS.contains(&byte));
        Bits {
            tokens: token.count_ones(),
            begins: begin.count_ones(),
            token: unknown | token,
            digit: of(&|byte| byte.is_ascii_digit()),
            joint: of(&|byte| b"_-/.".contains(&byte)),
            ending: of(&|byte| b"_-.".contains(&byte))
                | of(&|byte| byte == b'/') & (of(&|byte| BEFORE_SLASH.contains(&byte)) << 1 | 1),
            mark: of(&|byte| b"=:@$~".contains(&byte)),
            dot: of(&|byte| byte == b'.'),
            plus: of(&|byte| byte == b'+'),
            colon: of(&|byte| byte == b':'),
            escape: of(&|byte| byte == b'\\'),
            filler: of(&|byte| byte == b'<'),
            begin,
            web: of(&|byte| byte == b'J'),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 64,
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn blocks_by_vectors_and_byte_by_byte(
            bytes in proptest::collection::vec(any::<u8>(), 0..3 * GROUP * BLOCK),
            ended in any::<bool>(),
        ) {
            let mut blocks = Blocks::new(b"+", &bytes, ended);
            let block = |index: usize| {
                let from = bytes.len().min(index * BLOCK);
                slowly(&bytes[from..bytes.len().min(from + BLOCK)], ended)
            };
            let mut last = Bits::before(b"+");
            for index in 0..bytes.len().div_ceil(BLOCK) {
                let [before, here, next] = blocks.around(index).map(|bits| *bits);
                prop_assert_eq!((before, here, next), (last, block(index), block(index + 1)));
                last = here;
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 64,
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn controls_by_vectors_and_byte_by_byte(
            bytes in proptest::collection::vec(
                prop_oneof![9 => 32_u8..=255, 1 => 0_u8..32],
                0..3 * GROUP * BLOCK,
            ),
            step in 1..200_usize,
        ) {
            let mut controls = Controls::new(&bytes);
            for at in (0..=bytes.len()).step_by(step) {
                let next = bytes[at..].iter().position(|byte| CONTROLS.contains(byte));
                prop_assert_eq!(controls.next(at), next.map_or(bytes.len(), |next| at + next));
            }
        }
    }

    #[test]
    fn every_byte() {
        for byte in 0..=u8::MAX {
            let bits = *Blocks::new(&[], &[byte; BLOCK], true).around(0)[1];
            assert_eq!(bits, slowly(&[byte; BLOCK], true), "{byte}");
            let before = Bits::before(&[byte]);
            assert_eq!(before.token, bits.token & 1 << 63, "{byte}");
        }
    }
}
