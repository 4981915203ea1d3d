//! The memory backend keeps the contract, and each fault that it injects is the one it says.

use proto::event::{About, Draft, Kind, NodeStopped};
use proto::ids::{Epoch, SessionId};
use proto::time::Utc;
use store_proof::tree::leaf;

use crate::conformance::{self, Subject, record, wait};
use crate::memory::{Answers, Memory};
use crate::{Backend, Failure, Health, Log, Position, RefusedBecause, Share, Urgency};

struct InMemory(std::sync::Arc<Memory>);

/// Hands out one memory again and again, as a process that restarts finds its disk.
struct Handle(std::sync::Arc<Memory>);

impl Backend for Handle {
    fn enqueue(
        &self,
        record: crate::Record,
    ) -> Result<(Position, crate::Completion), RefusedBecause> {
        self.0.enqueue(record)
    }
    fn read(&self, from: Position, limit: usize) -> Result<Vec<crate::Stored>, crate::ReadError> {
        self.0.read(from, limit)
    }
    fn positions_of(
        &self,
        session: &SessionId,
        from: Position,
        limit: usize,
    ) -> Result<Vec<Position>, crate::ReadError> {
        self.0.positions_of(session, from, limit)
    }
    fn find(&self, control: bool, seq: u64) -> Result<Option<crate::Stored>, crate::ReadError> {
        self.0.find(control, seq)
    }
    fn grown(&self, beyond: Position) -> crate::Growth {
        self.0.grown(beyond)
    }
    fn heads(&self) -> crate::Heads {
        self.0.heads()
    }
    fn durability(&self) -> proto::reading::Durability {
        self.0.durability()
    }
    fn health(&self) -> Health {
        self.0.health()
    }
    fn usage(&self) -> crate::Usage {
        self.0.usage()
    }
}

impl Subject for InMemory {
    type Opened = Handle;

    fn open(&mut self) -> Handle {
        self.0 = std::sync::Arc::new(self.0.reopened());
        Handle(self.0.clone())
    }
}

#[test]
fn memory_conforms() {
    let broken = conformance::run(|| InMemory(Memory::new().into()));
    assert_eq!(broken, vec![]);
}

/// What a memory with a fault does to one record: accepted or not, the answer, and what is read.
#[track_caller]
fn check(
    memory: &Memory,
    accepted: Result<u64, RefusedBecause>,
    answer: Option<Result<u64, Failure>>,
    readable: usize,
) {
    let seq = memory.reopened().heads().node.seq.max(memory.usage().last.0) + 1;
    let enqueued = memory.enqueue(record(seq, None));
    let place = enqueued.as_ref().map(|(position, _)| position.0).map_err(|because| *because);
    assert_eq!(place, accepted);
    let seen = enqueued.ok().and_then(|(_, mut completion)| match completion.try_recv() {
        Ok(None) => None,
        Ok(Some(answer)) => Some(answer.map(|position| position.0)),
        Err(_) => Some(Err(Failure::Unknown)),
    });
    assert_eq!(seen, answer);
    assert_eq!(memory.read(Position(1), 99).unwrap().len(), readable);
}

#[test]
fn faults_are_what_they_say() {
    check(&Memory::new(), Ok(1), Some(Ok(1)), 1);
    check(&Memory::silent(), Ok(1), None, 0);
    check(&Memory::lossy(), Ok(1), Some(Err(Failure::Unknown)), 1);
    for because in [RefusedBecause::Full, RefusedBecause::Busy, RefusedBecause::Stopped] {
        check(&Memory::refusing(because), Err(because), None, 0);
    }
    let memory = Memory::new();
    check(&memory, Ok(1), Some(Ok(1)), 1);
    memory.answer(Answers::Refused(RefusedBecause::Full));
    check(&memory, Err(RefusedBecause::Full), None, 1);
    assert_eq!(memory.health(), Health::Full);
    memory.answer(Answers::AtOnce);
    check(&memory, Ok(2), Some(Ok(2)), 2);
}

#[test]
fn a_lost_answer_is_found_by_asking_again() {
    let memory = Memory::lossy();
    let (position, lost) = memory.enqueue(record(1, None)).unwrap();
    assert!(matches!(wait(lost), Some(Err(_))));
    memory.answer(Answers::Refused(RefusedBecause::Full));
    let (again, answered) = memory.enqueue(record(1, None)).unwrap();
    assert_eq!((again, wait(answered).unwrap().unwrap()), (position, Ok(position)));
}

#[test]
fn what_never_was_answered_is_gone_after_reopening() {
    let memory = Memory::silent();
    let (_, mut waiting) = memory.enqueue(record(1, None)).unwrap();
    assert_eq!(waiting.try_recv(), Ok(None));
    assert_eq!(memory.reopened().heads().node.seq, 0);
    assert_eq!(memory.reopened().read(Position(1), 9).unwrap(), vec![]);
}

/// What is known of the last events is what reading and hashing them gives, of all or of none.
#[test]
fn leaves_are_those_of_what_is_kept() {
    let memory = std::sync::Arc::new(Memory::new());
    let [cluster, node] = ["c", "gw-1"].map(|name| name.parse().unwrap());
    let log = Log::open(memory.clone(), cluster, node, Epoch(1)).unwrap();
    assert_eq!(log.leaves(0, Position(9)), None, "nothing was appended here");
    for reason in ["a", "b", "c", "d"] {
        let kind = Kind::NodeStopped(NodeStopped { reason: reason.to_owned() });
        let draft = Draft { time: Utc(0), applied: 1, about: About::default(), kind };
        drop(log.append(&draft, Share::NODE, Urgency::Ordinary).unwrap());
    }
    let known = log.leaves(0, Position(3)).unwrap();
    let read = memory.read(Position(1), 3).unwrap();
    let hashed: Vec<_> = read.iter().map(|stored| (stored.seq, leaf(&stored.bytes))).collect();
    assert_eq!(known.iter().map(|one| (one.seq, one.leaf)).collect::<Vec<_>>(), hashed);
    // Each event points back to the one before by its hash.
    let next = String::from_utf8(memory.read(Position(4), 1).unwrap()[0].bytes.to_vec()).unwrap();
    assert!(next.contains(&format!(r#""prev":"{}""#, known[2].hash)), "{next}");
    assert_eq!(log.leaves(3, Position(9)).unwrap().len(), 1);
    assert_eq!(log.leaves(1, Position(9)), None, "those before were forgotten");
    assert_eq!(log.leaves(4, Position(9)), None, "nothing came behind");
}

/// A backend that breaks one rule; the suite must name it.
struct Forgetful;

impl Subject for Forgetful {
    type Opened = Memory;

    fn open(&mut self) -> Memory {
        Memory::new()
    }
}

#[test]
fn the_suite_notices_a_backend_that_forgets() {
    let broken: Vec<_> = conformance::run(|| Forgetful).into_iter().map(|b| b.check).collect();
    assert!(broken.contains(&"everything acknowledged is there after reopening"), "{broken:?}");
    assert!(broken.contains(&"heads are those of the last records"), "{broken:?}");
    assert!(broken.contains(&"a stale epoch is refused"), "{broken:?}");
}
