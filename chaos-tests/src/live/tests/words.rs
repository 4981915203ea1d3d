//! Answers of the command line, and what a client may conclude from them.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use crate::invariants::history::Outcome;
use crate::live::Reaped;
use crate::live::fleet::word;

#[track_caller]
fn check(status: i32, errors: &str, outcome: Outcome<()>, code: Option<&str>) {
    // The kernel keeps an exit status in the second byte.
    let status = ExitStatus::from_raw(status << 8);
    let reaped = Reaped { status, output: Vec::new(), errors: errors.into() };
    let word = word(Some(&reaped));
    assert_eq!((word.outcome, word.code.as_deref()), (outcome, code), "{errors}");
}

#[test]
fn unknown_is_not_refused() {
    check(0, "", Outcome::Done(()), None);
    check(0, "warning: SP-1234 is a code", Outcome::Done(()), Some("SP-1234"));
    check(1, "sallyport: SP-1514: it is over", Outcome::Refused, Some("SP-1514"));
    check(1, "sallyport: SP-1508: no majority", Outcome::Refused, Some("SP-1508"));
    check(1, "sallyport: SP-1509: perhaps", Outcome::Unknown, Some("SP-1509"));
    check(1, "sallyport: SP-1507: it does not answer", Outcome::Unknown, Some("SP-1507"));
    check(1, "something else", Outcome::Unknown, None);
    check(1, "SP-x", Outcome::Unknown, None);
    assert_eq!(word(None).outcome, Outcome::Unknown, "no answer in time");
}
