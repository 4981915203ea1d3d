//! The small parts by themselves.

use std::time::Duration;

use openraft::LeaderId;
use proto::time::{Moment, Utc};

use crate::clocks::Clocks;
use crate::pace::Pace;
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

/// A node that begins to lead when the last stamp was 100 s, a second ago; its own clock and those of
/// the peers that it has heard of, in seconds; and the stamp that it gives.
#[track_caller]
fn check_stamp(own: i64, peers: &[i64], alone: bool, stamp: i64) {
    let seconds = |seconds: i64| Utc(seconds * 1_000_000);
    let (before, elapsed) = (Duration::from_secs(9), Duration::from_secs(10));
    let (mut clocks, mut pace) = (Clocks::default(), Pace::default());
    for (peer, clock) in (2..).zip(peers) {
        clocks.read(peer, seconds(*clock), elapsed);
    }
    pace.saw(seconds(100), before);
    let now = Moment { utc: seconds(own), offset_minutes: 0, elapsed };
    assert_eq!(pace.stamp(now, clocks.borne_out(now, alone)), seconds(stamp));
}

#[test]
fn a_new_leader_believes_its_clock_as_far_as_its_peers_bear_it_out() {
    let (alone, of_several) = (true, false);
    check_stamp(101, &[101], of_several, 101);
    check_stamp(160, &[], alone, 160); // time passed while it did not run
    check_stamp(160, &[], of_several, 101); // nobody says so yet
    check_stamp(3700, &[], of_several, 101);
    check_stamp(160, &[158], of_several, 160);
    check_stamp(50, &[101, 101], of_several, 101); // time does not go back
    check_stamp(3700, &[101, 101], of_several, 106);
    check_stamp(3700, &[101], of_several, 106); // of two nobody knows who is wrong
    check_stamp(3700, &[101, 3700], of_several, 3700);
}
