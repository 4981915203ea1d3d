//! T and 2T, to the nanosecond.

use std::time::Duration;

use crate::{Leash, Tie};

const NANOSECOND: Duration = Duration::from_nanos(1);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn fresh_until_t_frozen_until_two_t() {
    let leash = Leash { contact: seconds(100), within: seconds(15) };
    let check = |now: Duration, tie: Tie| assert_eq!(leash.tie(now), tie, "{now:?}");
    check(seconds(90), Tie::Fresh);
    check(seconds(100), Tie::Fresh);
    check(seconds(115), Tie::Fresh);
    check(seconds(115) + NANOSECOND, Tie::Frozen);
    check(seconds(130), Tie::Frozen);
    check(seconds(130) + NANOSECOND, Tie::Over);
    check(Duration::MAX, Tie::Over);
}

#[test]
fn a_decision_is_good_for_t_from_the_older_of_contact_and_judgement() {
    let leash = Leash { contact: seconds(100), within: seconds(15) };
    assert_eq!(leash.good_until(seconds(90)), seconds(105), "judged before the contact");
    assert_eq!(leash.good_until(seconds(100)), seconds(115));
    assert_eq!(leash.good_until(seconds(110)), seconds(115), "judged long after the contact");
    let endless = Leash { contact: Duration::MAX, within: seconds(15) };
    assert_eq!(endless.good_until(Duration::MAX), Duration::MAX, "nothing overflows");
    assert_eq!(endless.tie(Duration::MAX), Tie::Fresh);
}
