//! What becomes of a database's messages by what policy lets a statement give: each line is the
//! kinds of messages, and what of them reaches the client. `!` is our error, `x` the moment when
//! the database is asked to stop.

use std::time::Duration;

use node_enforce::policy::Limits;

use crate::allowance::{Allowance, Way};
use crate::attempts::{Attempts, Pace};

fn passed(allowance: &mut Allowance, kinds: &str) -> String {
    let mut out = String::new();
    for kind in kinds.chars() {
        match allowance.way(kind as u8, 10) {
            Way::On => out.push(kind),
            Way::Stop => out.push('x'),
            Way::Nowhere => {}
            Way::Instead(_) => out.push('!'),
        }
    }
    out
}

#[test]
fn rows_and_bytes() {
    #[track_caller]
    fn check(limits: Limits, kinds: &str, expected: &str) {
        let mut allowance = Allowance::default();
        allowance.begin(limits, Duration::ZERO);
        assert_eq!(passed(&mut allowance, kinds), expected, "{limits:?}");
    }
    let none = Limits::default();
    let two = Limits { rows: Some(2), ..none };
    check(none, "TDDDDCZ", "TDDDDCZ");
    check(two, "TDDCZ", "TDDCZ");
    check(two, "TDDDDDEZ", "TDDx!Z");
    // It was over before it heard of it.
    check(two, "TDDDCZ", "TDDx!Z");
    // What belongs to the rest of the text goes nowhere; what is said beside it passes.
    check(two, "TDDDCTDCNSAGZ", "TDDx!NSAZ");
    check(two, "TDDDDs", "TDDx!");
    check(two, "HdddcCZ", "Hddx!Z");
    let bytes = Limits { bytes: Some(25), ..none };
    check(bytes, "TDDDDEZ", "TDDx!Z");
    check(Limits { bytes: Some(20), rows: Some(1), ..none }, "TDDEZ", "TDx!Z");
}

#[test]
fn a_portal_that_goes_on_has_what_is_left() {
    let mut allowance = Allowance::default();
    allowance.begin(Limits { rows: Some(3), ..Limits::default() }, Duration::ZERO);
    assert_eq!(passed(&mut allowance, "DDsZ"), "DDsZ");
    allowance.go_on(Duration::ZERO);
    assert_eq!(passed(&mut allowance, "DDEZ"), "Dx!Z");
    assert_eq!(passed(&mut allowance, "DEZ"), "x!Z");
    allowance.begin(Limits { rows: Some(3), ..Limits::default() }, Duration::ZERO);
    assert_eq!(passed(&mut allowance, "DDDCZ"), "DDDCZ");
}

#[test]
fn time() {
    let mut allowance = Allowance::default();
    assert_eq!(allowance.until(), None);
    let second = Duration::from_secs(1);
    allowance.begin(Limits { time: Some(second), ..Limits::default() }, second);
    assert_eq!(allowance.until(), Some(2 * second));
    allowance.go_on(3 * second);
    assert_eq!(allowance.until(), Some(4 * second));
    allowance.is_late();
    assert_eq!(allowance.until(), None, "it is stopped once");
    // What was said before it was stopped, and comes behind.
    assert_eq!(passed(&mut allowance, "12TDHEZ"), "12T!Z");
}

#[test]
fn attempts_of_one_key_leave_others_alone() {
    let minute = Duration::from_secs(60);
    let mut attempts = Attempts::new(2, minute);
    assert!(attempts.count('a', Duration::ZERO) && attempts.count('a', Duration::ZERO));
    assert!(!attempts.may_try(&'a', Duration::ZERO) && !attempts.count('a', Duration::ZERO));
    assert!(attempts.may_try(&'b', Duration::ZERO));
    assert!(attempts.may_try(&'a', minute), "a while later");
    // Nobody makes it grow without end.
    let mut attempts = Attempts::new(2, minute);
    for source in 0..5000 {
        attempts.count(source, Duration::ZERO);
    }
    assert!(attempts.may_try(&0, Duration::ZERO) && !attempts.may_try(&4999, Duration::ZERO));
}

#[test]
fn pace() {
    let mut pace = Pace::default();
    let at = Duration::from_millis;
    assert!(pace.count(2, at(0)) && pace.count(2, at(10)) && !pace.count(2, at(999)));
    assert!(pace.count(2, at(1000)));
}
