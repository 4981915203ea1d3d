//! Lengths of time, as they are written.

use std::time::Duration;

use crate::spans::span;

#[track_caller]
fn check(text: &str, seconds: Option<u64>) {
    assert_eq!(span(text).ok(), seconds.map(Duration::from_secs), "{text:?}");
}

#[test]
fn lengths_of_time() {
    check("90s", Some(90));
    check("15m", Some(900));
    check("1h", Some(3_600));
    check("3650d", Some(315_360_000));
    for wrong in ["", "h", "1", "0s", "-1h", "1.5h", "1 h", "1w", "3651d", "99999999999999999999d"]
    {
        check(wrong, None);
    }
    check("1ü", None);
    check("18446744073709551615d", None);
}
