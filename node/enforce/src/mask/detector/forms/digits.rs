//! Check digits: sums of digits with weights, and what more there is.

/// The value of a digit. Forms let nothing else through.
pub(super) fn value(byte: u8) -> u32 {
    u32::from(byte.wrapping_sub(b'0'))
}

/// The sum of digits, each times its weight.
pub(super) fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| value(*digit) * weight).sum()
}

/// The number that digits are.
pub(super) fn number(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |number, digit| number * 10 + u64::from(value(*digit)))
}

/// Luhn's check digit, of digits as text.
pub(super) fn luhn(digits: &[u8]) -> bool {
    let mut values = [0; 24];
    for (place, digit) in values.iter_mut().zip(digits) {
        *place = digit.wrapping_sub(b'0');
    }
    crate::mask::detector::number::luhn(&values[..digits.len().min(24)])
}

/// True if not all digits are the same: such numbers pass many checks, and are nobody's.
pub(super) fn differ(digits: &[u8]) -> bool {
    digits.windows(2).any(|pair| pair[0] != pair[1])
}

/// A day of a month, as two digits each.
pub(super) fn is_day(month: &[u8], day: &[u8]) -> bool {
    (1..=12).contains(&number(month)) && (1..=31).contains(&number(day))
}

/// What ISO 7064 modulo 11,10 comes to before the check digit.
pub(super) fn mod_11_10(digits: &[u8]) -> u32 {
    let product = digits.iter().fold(10, |product, digit| {
        let sum = (value(*digit) + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10
}

/// Verhoeff's check digit.
pub(super) fn verhoeff(digits: &[u8]) -> bool {
    /// Multiplication of the group of symmetries of the pentagon.
    fn times(a: u8, b: u8) -> u8 {
        match (a < 5, b < 5) {
            (true, true) => (a + b) % 5,
            (true, false) => 5 + (a + b - 5) % 5,
            (false, true) => 5 + (a - 5 + 5 - b) % 5,
            (false, false) => (a - 5 + 5 - (b - 5)) % 5,
        }
    }
    const PERMUTED: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let mut sum = 0;
    for (place, digit) in digits.iter().rev().enumerate() {
        let mut digit = digit.wrapping_sub(b'0') % 10;
        for _ in 0..place % 8 {
            digit = PERMUTED[usize::from(digit)];
        }
        sum = times(sum, digit);
    }
    sum == 0
}
