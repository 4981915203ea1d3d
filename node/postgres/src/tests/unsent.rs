//! Permits that wait in line.

use std::time::Duration;

use crate::unsent::Unsent;

#[test]
fn what_was_permitted_is_written_in_time_or_not_at_all() {
    let seconds = Duration::from_secs;
    let mut unsent = Unsent::default();
    assert!(!unsent.is_late(0, seconds(99)), "nothing was permitted");
    unsent.permitted(10, seconds(5));
    unsent.permitted(20, seconds(7));
    assert!(!unsent.is_late(10, seconds(5)));
    assert!(unsent.is_late(10, seconds(6)), "nothing of the first was written");
    assert!(!unsent.is_late(11, seconds(6)), "the first is on its way, the second has time");
    assert!(unsent.is_late(20, seconds(8)));
    assert!(!unsent.is_late(21, seconds(99)));
}
