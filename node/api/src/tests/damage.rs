//! A record that cannot be read breaks an answer off: nothing is served in its place, and the
//! answer does not look whole.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use proto::event::{About, Kind, NodeStopped};
use proto::ids::SessionId;
use proto::reading::Durability;
use proto::refusal::Code;
use store_log::memory::Memory;
use store_log::{
    Backend, Completion, Growth, Heads, Health, Position, ReadError, Record, RefusedBecause,
    Stored, Usage,
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::world::World;
use crate::lines::{Source, Wanted, body};
use crate::tail::Tail;
use crate::views::{FollowError, Views};

/// A log one of whose records is damaged.
struct Damaged {
    memory: Arc<Memory>,
    at: Position,
}

impl Backend for Damaged {
    fn enqueue(&self, record: Record) -> Result<(Position, Completion), RefusedBecause> {
        self.memory.enqueue(record)
    }

    fn read(&self, from: Position, _: usize) -> Result<Vec<Stored>, ReadError> {
        if from == self.at {
            let what = "the checksum is wrong".to_owned();
            return Err(ReadError::Damaged { position: from.0, what });
        }
        self.memory.read(from, 1)
    }

    fn positions_of(
        &self,
        session: &SessionId,
        from: Position,
        limit: usize,
    ) -> Result<Vec<Position>, ReadError> {
        self.memory.positions_of(session, from, limit)
    }

    fn find(&self, control: bool, seq: u64) -> Result<Option<Stored>, ReadError> {
        self.memory.find(control, seq)
    }

    fn grown(&self, beyond: Position) -> Growth {
        self.memory.grown(beyond)
    }

    fn heads(&self) -> Heads {
        self.memory.heads()
    }

    fn durability(&self) -> Durability {
        self.memory.durability()
    }

    fn health(&self) -> Health {
        self.memory.health()
    }

    fn usage(&self) -> Usage {
        self.memory.usage()
    }
}

async fn damaged() -> Arc<dyn Backend> {
    let world = World::new().await;
    for reason in ["one", "two", "three"] {
        let stopped = NodeStopped { reason: reason.to_owned() };
        world.record(About::default(), Kind::NodeStopped(stopped)).await;
    }
    let last = world.memory.usage().last;
    Arc::new(Damaged { memory: world.memory.clone(), at: Position(last.0 - 1) })
}

#[tokio::test]
async fn an_answer_breaks_off_at_the_damage() {
    let log = damaged().await;
    let until = log.usage().last;
    let stop = CancellationToken::new();
    let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().expect("a permit");
    let tail = Tail::start(log.clone(), stop.clone());
    let source = Source { log: log.clone(), tail, stop, may: Box::new(|| true), _permit: permit };
    let mut body = body(source, Wanted { from: Position(1), until, ..Wanted::default() });
    let mut lines: Vec<Bytes> = Vec::new();
    let broken = loop {
        match body.frame().await {
            Some(Ok(frame)) => lines.push(frame.into_data().expect("data")),
            Some(Err(error)) => break error,
            None => panic!("the answer ended as if it were whole"),
        }
    };
    assert!(broken.to_string().contains("damaged"), "{broken}");
    let before = usize::try_from(until.0).expect("small") - 2;
    assert_eq!(lines.len(), before, "all before the damage, and nothing behind it");
}

#[tokio::test]
async fn views_stop_at_the_damage() {
    let log = damaged().await;
    let views = Views::new(&super::world::name("gw-1"), log, Box::new(store_views::Memory::new()));
    let error = views.catch_up().expect_err("damage");
    assert!(matches!(error, FollowError::Log(ReadError::Damaged { .. })), "{error}");
    let status = &views.status()[0];
    assert_eq!(status.state, "waiting");
    assert_eq!(status.problem.as_ref().map(|told| told.code), Some(Code::RecordDamaged));
}
