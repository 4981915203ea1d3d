//! How often an address may fail to log in.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::attempts::{Attempts, FAILURES, WINDOW};

#[test]
fn an_address_that_fails_too_often_waits() {
    let attempts = Attempts::default();
    let (one, other) = (IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)));
    let start = Duration::from_secs(1000);
    for count in 0..FAILURES {
        assert!(attempts.may(one, start), "attempt {count}");
        attempts.failed(one, start);
    }
    assert!(!attempts.may(one, start));
    assert!(!attempts.may(one, start + WINDOW - Duration::from_millis(1)));
    assert!(attempts.may(other, start), "another address is not held back");
    assert!(attempts.may(one, start + WINDOW), "the window is over");
    attempts.failed(one, start + WINDOW);
    assert!(attempts.may(one, start + WINDOW), "and counts anew");
}

#[test]
fn the_table_is_bounded() {
    let attempts = Attempts::default();
    let start = Duration::from_secs(1000);
    let address = |number: u32| IpAddr::V4(Ipv4Addr::from(number));
    for number in 0..5_000 {
        attempts.failed(address(number), start + Duration::from_millis(number.into()));
    }
    assert_eq!(attempts.len(), 4_096);
}
