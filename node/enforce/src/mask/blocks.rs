//! 64 bytes at a time: which of them are digits, parts of tokens, or marks.
//!
//! This is the one pass that every byte of a stream goes through, so it knows bytes only, and no
//! detector. Each class is a word of bits, the lowest that of the first byte.

use wide::u8x16;

/// Bytes in a block.
pub(super) const BLOCK: usize = 64;
const LANES: usize = 16;

/// The classes of the bytes of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bits {
    /// What tokens are made of: letters, digits, `_`, `-`, `+`, `/`.
    pub token: u64,
    /// Digits.
    pub digit: u64,
    /// `_`, `-`, `/`, `.`: what a prefix may end in.
    pub joint: u64,
    /// `=`, `:`, `@`, `$`, `~`: what stands between a key and its value, makes an address, or is
    /// the middle of a token.
    pub mark: u64,
}

impl Bits {
    pub(super) fn of(block: &[u8; BLOCK]) -> Self {
        let mut bits = Self::default();
        for (index, lanes) in block.as_chunks::<LANES>().0.iter().enumerate() {
            let bytes = u8x16::new(*lanes);
            let is = |byte: u8| bytes.simd_eq(u8x16::splat(byte));
            let digit = within(bytes, b'0', 9);
            let letter = within(bytes | u8x16::splat(0x20), b'a', 25);
            let joint = is(b'_') | is(b'-') | is(b'/');
            let token = digit | letter | joint | is(b'+');
            let mark = is(b'=') | is(b':') | is(b'@') | is(b'$') | is(b'~');
            let at = index * LANES;
            bits.joint |= u64::from((joint | is(b'.')).to_bitmask()) << at;
            bits.token |= u64::from(token.to_bitmask()) << at;
            bits.digit |= u64::from(digit.to_bitmask()) << at;
            bits.mark |= u64::from(mark.to_bitmask()) << at;
        }
        bits
    }

    /// The classes of a block's first bytes, where no more are known. What follows may be part of
    /// a token, unless the stream has ended.
    pub(super) fn of_last(bytes: &[u8], ended: bool) -> Self {
        let mut block = [0; BLOCK];
        block[..bytes.len()].copy_from_slice(bytes);
        let mut bits = Self::of(&block);
        if !ended && bytes.len() < BLOCK {
            bits.token |= u64::MAX << bytes.len();
        }
        bits
    }
}

/// Where in a block one of these bytes stands. A block may be the last and shorter.
pub(super) fn any_of(bytes: &[u8], wanted: &[u8]) -> u64 {
    let mut padded = [0; BLOCK];
    let block = bytes.first_chunk().unwrap_or_else(|| {
        padded[..bytes.len()].copy_from_slice(bytes);
        &padded
    });
    let mut found = 0;
    for (index, lanes) in block.as_chunks::<LANES>().0.iter().enumerate() {
        let bytes = u8x16::new(*lanes);
        let each = wanted.iter().map(|byte| bytes.simd_eq(u8x16::splat(*byte)));
        let any = each.fold(u8x16::splat(0), |any, one| any | one);
        found |= u64::from(any.to_bitmask()) << (index * LANES);
    }
    found
}

/// Bytes from `first` to `first + more`.
fn within(bytes: u8x16, first: u8, more: u8) -> u8x16 {
    let above = bytes - u8x16::splat(first);
    above.min(u8x16::splat(more)).simd_eq(above)
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
