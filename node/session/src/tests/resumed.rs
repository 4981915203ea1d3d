//! What a record does not hold of the control chain is stated in it first, and nothing else is.

use std::sync::Arc;

use consensus_state::Reply;
use proto::entry::{By, ControlPublication, Entry, LockScope, LockSetting};
use proto::event::{ControlResumed, Event, Kind};
use store_log::memory::Memory;
use store_log::{Log, Position};

use super::node::TestClock;
use super::plane::{compile, found, found_apart};
use crate::Control;
use crate::control::RaftControl;

async fn lock(control: &RaftControl) {
    let (reason, by) = ("incident".to_owned(), By::Administrator);
    let lock = LockSetting { scope: LockScope::All, for_ms: Some(1_000_000), reason, by };
    let reply = control.propose(Entry::LockSet(lock)).await.expect("a majority of one");
    assert!(matches!(reply, Reply::Lock(_)), "{reply:?}");
}

fn recorded(log: &Log<Memory>) -> Vec<Event> {
    let stored = log.read(Position(1), 100).expect("memory reads");
    stored.iter().map(|stored| Event::read(&stored.bytes).expect("an event")).collect()
}

fn named(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| format!("{} {}", event.id, event.name)).collect()
}

#[tokio::test]
async fn a_record_that_begins_late_says_so_before_its_first_event() {
    let (clock, memory) = (Arc::new(TestClock::new()), Arc::new(Memory::new()));
    let (control, log) = found_apart(&clock, &memory).await;
    lock(&control).await;
    lock(&control).await;
    // What others keep goes from the state: this node comes too late for it.
    let kept = Entry::ControlPublished(ControlPublication { seq: 2 });
    assert_eq!(control.propose(kept).await.expect("a majority"), Reply::Done);
    let late = control.again(Box::new(compile), 0).await.expect("there is contact");
    late.attach(log.clone(), clock.clone()).await.expect("memory keeps it");
    let events = recorded(&log);
    assert_eq!(named(&events), ["gw-1/1-1 control.resumed", "control/0-3 lock.set"]);
    let stated = ControlResumed { after: 0, first: 3, follows: events[1].prev };
    assert_eq!(events[0].kind, Some(Kind::ControlResumed(stated)));
    lock(&control).await;
    let again = control.again(Box::new(compile), 3).await.expect("there is contact");
    again.attach(log.clone(), clock).await.expect("memory keeps it");
    assert_eq!(named(&recorded(&log))[2..], ["control/0-4 lock.set"], "said once");
}

#[tokio::test]
async fn a_record_without_a_gap_says_nothing() {
    let (clock, memory) = (Arc::new(TestClock::new()), Arc::new(Memory::new()));
    let (control, log) = found(&clock, &memory).await;
    lock(&control).await;
    control.attach(log.clone(), clock).await.expect("once more");
    let expected = ["control/0-1 node.joined", "control/0-2 lock.set"];
    assert_eq!(named(&recorded(&log)), expected);
}
