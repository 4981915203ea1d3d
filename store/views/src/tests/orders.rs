//! In whatever order events come, and whoever else folds: the tables are the same. A chain that
//! does not hold together goes no further.

use std::sync::{Arc, Mutex};

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;

use crate::conformance::{
    a_rebuild_is_killed_at_each_step, a_step_is_whole_or_not_at_all, any_delivery_gives_the_same,
    deliver, record, rows_are_read_back, scans_are_in_order, two_fold_into_one_home,
};
use crate::{
    Begins, Cursor, Delivered, EARLY_EVENTS, Hold, Home, HomeError, Key, Memory, Offered,
    Projector, Reached, Row, Step, Table, Taken, natural,
};

#[test]
fn memory_conforms() {
    a_step_is_whole_or_not_at_all(Memory::new);
    rows_are_read_back(Memory::new);
    scans_are_in_order(Memory::new);
    for seed in 0..20 {
        let mut random = StdRng::seed_from_u64(seed);
        any_delivery_gives_the_same(Memory::new, |events| events.shuffle(&mut random));
    }
}

/// A home that several hold: what a server or a file is to processes. An answer can be lost.
#[derive(Clone, Default)]
struct Held {
    memory: Arc<Mutex<Memory>>,
    /// The answer to the next steps is lost, after they are taken or before.
    lost: Arc<Mutex<Vec<bool>>>,
}

impl Held {
    fn with<T>(&mut self, work: impl FnOnce(&mut Memory) -> T) -> T {
        work(&mut self.memory.lock().unwrap())
    }
}

impl Home for Held {
    fn name(&self) -> &'static str {
        "shared"
    }
    fn cursors(&mut self) -> Result<Vec<(String, Cursor)>, HomeError> {
        self.with(|home| home.cursors())
    }
    fn reached(&mut self, source: &str) -> Result<Option<Reached>, HomeError> {
        self.with(|home| home.reached(source))
    }
    fn rows(&mut self, chain: &str, keys: &[Key]) -> Result<Vec<Row>, HomeError> {
        self.with(|home| home.rows(chain, keys))
    }
    fn take(&mut self, step: &Step) -> Result<Taken, HomeError> {
        let lost = self.lost.lock().unwrap().pop();
        if lost == Some(false) {
            return Err(HomeError::Unreachable("lost".to_owned()));
        }
        let taken = self.with(|home| home.take(step))?;
        if lost == Some(true) {
            return Err(HomeError::Unreachable("lost".to_owned()));
        }
        Ok(taken)
    }
    fn forget(&mut self, chains: &[String], source: &str) -> Result<(), HomeError> {
        self.with(|home| home.forget(chains, source))
    }
    fn start_anew(&mut self) -> Result<(), HomeError> {
        self.with(Memory::start_anew)
    }
    fn scan(
        &mut self,
        table: Table,
        chain: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Row>, HomeError> {
        self.with(|home| home.scan(table, chain, after, limit))
    }
    fn newest(&mut self, table: Table, chain: &str, limit: usize) -> Result<Vec<Row>, HomeError> {
        self.with(|home| home.newest(table, chain, limit))
    }
}

#[test]
fn two_fold_into_one() {
    let home = Held::default();
    two_fold_into_one_home(|| home.clone());
}

#[test]
fn a_rebuild_goes_on() {
    let home = Held::default();
    a_rebuild_is_killed_at_each_step(|| home.clone());
}

/// Whether a step was taken is read from the cursors: it is neither lost nor taken twice.
#[test]
fn a_lost_answer_is_settled_by_looking() {
    let record = record(9).events;
    let model = crate::conformance::expected(&record).unwrap();
    for taken in [true, false] {
        let home = Held::default();
        let mut projector = Projector::new(home.clone(), "test", Begins::AtOne);
        let (first, rest) = record.split_at(20);
        deliver(&mut projector, first.iter().cloned()).unwrap();
        rest.iter().cloned().for_each(|event| {
            projector.offer(event);
        });
        home.lost.lock().unwrap().push(taken);
        projector.fold(None).unwrap_err();
        projector.fold(None).unwrap();
        assert_eq!(projector.in_line(), 0);
        assert_eq!(crate::conformance::tables(projector.home()).unwrap(), model, "{taken}");
    }
}

fn projector() -> Projector<Memory> {
    Projector::new(Memory::new(), "test", Begins::AtOne)
}

/// The events of one chain of a record.
fn chain(name: &str) -> Vec<Delivered> {
    let events = record(12).events.into_iter();
    events.filter(|one| one.event.id.chain.to_string() == name).collect()
}

#[test]
fn a_gap_holds_its_chain_and_no_other() {
    let mut projector = projector();
    let offered: Vec<_> = record(12).events;
    let missing =
        |one: &Delivered| one.event.id.chain.to_string() == "gw-1" && one.event.id.seq == 5;
    deliver(&mut projector, offered.iter().filter(|one| !missing(one)).cloned()).unwrap();
    let waiting = chain("gw-1").len() - 5;
    for standing in projector.standings() {
        let expected = Hold::Gap { expected: 5, waiting };
        let held = standing.chain == "gw-1";
        assert_eq!(standing.hold, held.then_some(expected), "{}", standing.chain);
        let seq = standing.cursor.unwrap().seq;
        assert_eq!(seq, if held { 4 } else { chain(&standing.chain).len() as u64 });
    }
    // Once it is there everything goes on.
    deliver(&mut projector, offered.into_iter().filter(missing)).unwrap();
    assert!(projector.standings().iter().all(|chain| chain.hold.is_none()));
}

#[test]
fn a_fork_holds_its_chain() {
    let events = chain("gw-1");
    let mut projector = projector();
    deliver(&mut projector, events[..4].iter().cloned()).unwrap();
    let mut other = events[4].clone();
    other.event.prev = events[0].hash;
    assert_eq!(projector.offer(other), Offered::Held);
    assert_eq!(projector.offer(events[4].clone()), Offered::Held);
    assert_eq!(projector.fold(None).unwrap().0, 0);
    assert_eq!(projector.standings()[0].hold, Some(Hold::Fork { seq: 5 }));
    // The same place with other bytes, after the first was taken.
    let mut projector = Projector::new(Memory::new(), "test", Begins::AtOne);
    deliver(&mut projector, events[..5].iter().cloned()).unwrap();
    let mut other = events[4].clone();
    other.hash = events[0].hash;
    assert_eq!(projector.offer(other), Offered::Held);
    assert_eq!(projector.standings()[0].hold, Some(Hold::Fork { seq: 5 }));
}

#[test]
fn a_chain_begins_at_its_first_event_or_where_its_source_does() {
    let events = chain("gw-1");
    let mut projector = projector();
    assert_eq!(projector.offer(events[2].clone()), Offered::Early);
    let mut projector = Projector::new(Memory::new(), "test", Begins::WhereTheSourceDoes);
    assert_eq!(projector.offer(events[2].clone()), Offered::Next);
    projector.fold(None).unwrap();
    let cursor = projector.standings()[0].cursor.clone().unwrap();
    assert_eq!((cursor.begins, cursor.seq), (3, 3));
    assert_eq!(projector.offer(events[1].clone()), Offered::Known);
}

#[test]
fn what_comes_early_is_bounded() {
    let events = chain("gw-1");
    let mut projector = projector();
    let early = |seq: u64| {
        let mut event = events[1].clone();
        event.event.id.seq = seq;
        event
    };
    for seq in 0..EARLY_EVENTS as u64 {
        assert_eq!(projector.offer(early(seq + 10)), Offered::Early);
    }
    assert_eq!(projector.offer(early(10)), Offered::Known);
    assert_eq!(projector.offer(early(EARLY_EVENTS as u64 + 10)), Offered::NoRoom);
    let large = Delivered { bytes: crate::EARLY_BYTES, ..early(12) };
    let mut projector = Projector::new(Memory::new(), "test", Begins::AtOne);
    assert_eq!(projector.offer(early(11)), Offered::Early);
    assert_eq!(projector.offer(large), Offered::NoRoom);
}

/// How far the source is read is noted only when nothing of it waits.
#[test]
fn a_source_is_read_as_far_as_everything_is_folded() {
    let events = chain("gw-1");
    let mut projector = projector();
    let reached = |position| Some(Reached { position, ..Reached::default() });
    projector.offer(events[0].clone());
    projector.fold(reached(1)).unwrap();
    assert_eq!(projector.look().unwrap().position, 1);
    projector.offer(events[1].clone());
    projector.offer(events[3].clone());
    projector.fold(reached(4)).unwrap();
    assert_eq!(projector.look().unwrap().position, 1, "the fourth waits for the third");
    projector.offer(events[2].clone());
    projector.fold(reached(4)).unwrap();
    assert_eq!(projector.look().unwrap().position, 4);
}

#[test]
fn ids_are_in_their_natural_order() {
    let mut ids = ["gw-10-1", "gw-2-10", "gw-2-9", "gw-2-9/2", "gw-2-9/10", "a", "10-1", "9-20"];
    ids.sort_by_key(|id| natural(id));
    let expected = ["9-20", "10-1", "a", "gw-2-9", "gw-2-9/2", "gw-2-9/10", "gw-2-10", "gw-10-1"];
    assert_eq!(ids, expected);
}
