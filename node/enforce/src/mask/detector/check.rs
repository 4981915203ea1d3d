//! Check digits that the makers of tokens put into them.

/// Check digits of tokens whose body has a certain length.
pub(in crate::mask) struct Check {
    /// Only a body of so many bytes has them.
    pub length: u64,
    /// Whether a body's check digits are right.
    pub holds: fn(&[u8]) -> bool,
}

/// GitHub and npm: thirty bytes, and their CRC-32 in six digits of base 62.
pub(super) static BASE62_CRC: Check = Check { length: 36, holds: base62_crc };
/// Grafana: thirty-two bytes, and the CRC-32 of these with what stands before them, in hexadecimal
/// and the lowest byte first.
pub(super) static GRAFANA: Check = Check { length: 41, holds: grafana };
/// age: Bech32 (BIP-173) with the prefix `age-secret-key-`, in capitals.
pub(super) static AGE: Check = Check { length: 58, holds: age };

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

fn base62_crc(body: &[u8]) -> bool {
    let Some((text, digits)) = body.split_at_checked(30) else { return false };
    let mut rest = crc32(&[text]);
    let mut expected = [0; 6];
    for place in expected.iter_mut().rev() {
        *place = BASE62[(rest % 62) as usize];
        rest /= 62;
    }
    digits == expected
}

fn grafana(body: &[u8]) -> bool {
    let Some((text, [b'_', digits @ ..])) = body.split_at_checked(32) else { return false };
    let expected = crc32(&[b"glsa_", text]).to_le_bytes();
    let hex = |nibble: u8| char::from_digit(nibble.into(), 16).map_or(0, |digit| digit as u8);
    let written = expected.iter().flat_map(|byte| [hex(byte >> 4), hex(byte & 15)]);
    written.eq(digits.iter().map(u8::to_ascii_lowercase))
}

fn age(body: &[u8]) -> bool {
    bech32(b"age-secret-key-", body) == Some(BECH32)
}

/// What the checksum of Bech32 comes to, and that of Bech32m (BIP-350).
pub(super) const BECH32: u32 = 1;
pub(super) const BECH32M: u32 = 0x2BC8_30A3;

/// What the checksum of a text in Bech32 comes to: a prefix in lower case, and the data behind `1`
/// in one case. `None` for what is none.
pub(super) fn bech32(prefix: &[u8], data: &[u8]) -> Option<u32> {
    const LETTERS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    const POLYNOMIAL: [u32; 5] = [0x3B6A_57B2, 0x2650_8E6D, 0x1EA1_19FA, 0x3D42_33DD, 0x2A14_62B3];
    let upper = data.iter().any(u8::is_ascii_uppercase);
    if upper && data.iter().any(u8::is_ascii_lowercase) {
        return None;
    }
    let values = data.iter().map(|byte| {
        let byte = byte.to_ascii_lowercase();
        LETTERS.iter().zip(0..).find(|(letter, _)| **letter == byte).map(|(_, value)| value)
    });
    let high = prefix.iter().map(|byte| Some(u32::from(byte >> 5)));
    let low = prefix.iter().map(|byte| Some(u32::from(byte & 31)));
    let mut sum = 1_u32;
    for value in high.chain([Some(0)]).chain(low).chain(values) {
        let top = sum >> 25;
        sum = (sum & 0x01FF_FFFF) << 5 ^ value?;
        for (bit, term) in POLYNOMIAL.iter().enumerate() {
            sum ^= if top >> bit & 1 == 1 { *term } else { 0 };
        }
    }
    Some(sum)
}

/// CRC-32 (ISO 3309) of all parts, one behind the other.
fn crc32(parts: &[&[u8]]) -> u32 {
    let mut sum = u32::MAX;
    for byte in parts.iter().copied().flatten() {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = sum >> 1 ^ if sum & 1 == 1 { 0xEDB8_8320 } else { 0 };
        }
    }
    !sum
}

/// A body with fewer different bytes stands for one.
const DIFFERENT_MIN: u32 = 6;
/// Words of documentation. No random text of a token's length has one of them.
const STAND_INS: &[&[u8]] =
    &[b"example", b"placeholder", b"redacted", b"your_", b"your-", b"xxxxxx", b"changeme"];

/// True for the beginning of a body that stands for one, as in documentation: of few different
/// bytes, or with a word that says so.
pub(super) fn is_stand_in(body: &[u8]) -> bool {
    // Signs and digits, and letters: bytes of a body are ASCII.
    let (mut signs, mut letters) = (0_u64, 0_u64);
    for byte in body {
        let (bit, is_letter) = (1 << (byte & 63), u64::from(byte >> 6 & 1));
        signs |= bit & is_letter.wrapping_sub(1);
        letters |= bit & is_letter.wrapping_neg();
    }
    let different = signs.count_ones() + letters.count_ones();
    let says = |word: &&[u8]| body.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    different < DIFFERENT_MIN || STAND_INS.iter().any(says)
}
