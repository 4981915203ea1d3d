//! The small parts by themselves.

use crate::starts_beyond;

#[test]
fn a_restored_disk_counts_beyond_every_number_that_was_used() {
    for (last, ahead) in [(0, 0), (1, 5), (7 << 32 | 9, 1 << 20), (u64::MAX, 1 << 20)] {
        let starts = starts_beyond(last, ahead);
        // The disk counts one more when it is opened.
        let first = (starts + 1).checked_shl(32).unwrap() | 1;
        assert!(first > last || last > u64::MAX >> 1, "{last} and {ahead} give {first}");
        assert!(starts < u64::from(u32::MAX), "it does not overflow");
    }
    assert_eq!(starts_beyond(7 << 32 | 9, 1 << 20), 7 + (1 << 20));
}
