//! The small parts by themselves.

use openraft::LeaderId;

use crate::reads::at_least;
use crate::starts_beyond;
use crate::types::LogId;

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

/// A place in the log: term and index.
fn at((term, index): (u64, u64)) -> LogId {
    LogId { leader_id: LeaderId::new(term, 1), index }
}

#[track_caller]
fn check_read(says: Option<(u64, u64)>, left: Option<(u64, u64)>, from: Option<(u64, u64)>) {
    assert_eq!(at_least(says.map(at), left.map(at)), from.map(at));
}

#[test]
fn a_read_waits_for_all_that_a_leader_found_in_its_own_log() {
    check_read(None, None, None);
    check_read(Some((2, 7)), None, Some((2, 7)));
    // It still leads its own term: all of its log may have been decided.
    check_read(Some((2, 7)), Some((2, 9)), Some((2, 9)));
    check_read(Some((2, 9)), Some((2, 7)), Some((2, 9))); // it has decided more since
    // It leads another term by now, which began behind what it found.
    check_read(Some((3, 12)), Some((2, 9)), Some((3, 12)));
    check_read(Some((3, 12)), Some((2, 40)), Some((3, 12))); // what was found was taken back
    check_read(None, Some((2, 9)), None); // openraft has said nothing that could be believed
}
