//! Who waits is answered by an acknowledgement and by nothing earlier; and what is less than was
//! acknowledged is noticed.

use store_log::{Position, RefusedBecause};
use tokio::time::Instant;

use crate::fault::Fault;
use crate::progress::{Progress, Tip, Way};
use crate::resume::Resume;

fn tip(seq: u64, sequence: u64) -> Tip {
    Tip { seq, sequence, hash: None }
}

fn found(seq: u64, fence: u64) -> Resume {
    Resume { seq, fence, hash: None }
}

#[tokio::test]
async fn a_receipt_is_given_by_an_acknowledgement_alone() {
    let progress = Progress::new(Way::Up);
    let mut first = progress.has(1, Position(7)).expect("it may wait");
    let mut second = progress.has(2, Position(8)).expect("it may wait");
    assert_eq!(first.try_recv(), Ok(None), "the stream has not said anything");
    progress.acknowledged(tip(1, 10), 1);
    assert_eq!(first.try_recv(), Ok(Some(Ok(Position(7)))));
    assert_eq!(second.try_recv(), Ok(None), "it was another event");
    let mut again = progress.has(1, Position(7)).expect("it is there");
    assert_eq!(again.try_recv(), Ok(Some(Ok(Position(7)))));
    // Nobody knows, once it is down, and nobody waits then.
    progress.down(&Fault::Silent);
    assert!(second.try_recv().is_err(), "nobody knows");
    assert_eq!(progress.has(1, Position(7)).err(), Some(RefusedBecause::NoStream));
    let idle = Progress::new(Way::Down { since: Instant::now(), fault: Fault::Silent });
    assert_eq!(idle.has(1, Position(7)).err(), Some(RefusedBecause::NoStream));
}

#[track_caller]
fn check(before: Tip, finds: Resume, regressed: bool) {
    let progress = Progress::new(Way::Up);
    progress.acknowledged(before, 1);
    let salt = progress.salt();
    assert_eq!(progress.resumed(&finds), regressed, "{before:?} {finds:?}");
    assert_eq!(progress.regressions(), u64::from(regressed));
    // What is published again needs another id.
    assert_eq!(progress.salt(), salt + u64::from(regressed));
}

#[tokio::test]
async fn less_than_was_acknowledged_is_noticed() {
    check(tip(5, 50), found(5, 50), false);
    check(tip(5, 50), found(6, 60), false);
    check(tip(0, 0), found(0, 0), false);
    check(tip(0, 0), found(3, 9), false);
    check(tip(5, 50), found(4, 40), true);
    check(tip(5, 50), found(0, 0), true);
    // The same event at another place: the stream is another one.
    check(tip(5, 50), found(5, 5), true);
}
