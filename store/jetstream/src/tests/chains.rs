//! A chain out of the stream: whatever the stream holds, nothing is given that does not follow.

use bytes::Bytes;
use proto::event::{About, BackupRestored, Draft, Event, Head, Kind, stamp};
use proto::ids::{Chain, Epoch, EventId};
use proto::time::Utc;
use serde_json::json;

use super::server::Server;
use super::world::{Node, ask, draft, name, provision, servers};
use crate::chain_reader::ChainReader;
use crate::fault::Fault;
use crate::link::{Answer, Fence, Link, Message, Together};
use crate::resume::sha256;
use crate::shape::RECORD;
use crate::subject::record_subject;

fn gw_2() -> Chain {
    Chain::Node(name("gw-2"))
}

/// An event of a chain behind another one.
fn event(chain: &Chain, head: Head, draft: &Draft, seq: u64) -> (Bytes, Head) {
    let id = EventId { chain: chain.clone(), epoch: Epoch(1), seq };
    let bytes = Bytes::from(stamp(&name("test"), id, head, draft).expect("it is small").bytes);
    let head = Head { seq, hash: Some(sha256(&bytes)) };
    (bytes, head)
}

/// So many events of a chain.
fn events(chain: &Chain, count: u64) -> (Vec<Bytes>, Vec<Head>) {
    let mut heads = vec![Head::default()];
    let mut all = Vec::new();
    for seq in 1..=count {
        let draft = draft(&format!("event {seq}"));
        let (bytes, head) = event(chain, heads[heads.len() - 1], &draft, seq);
        all.push(bytes);
        heads.push(head);
    }
    (all, heads)
}

struct World {
    server: Server,
    reader: ChainReader,
}

impl World {
    async fn start() -> Self {
        let server = Server::start();
        provision(&server).await;
        let reader = ChainReader::new(servers(&server), name("test"));
        Self { server, reader }
    }

    /// Puts messages onto a chain's subject, whatever they are.
    async fn put(&self, chain: &Chain, messages: &[Bytes]) {
        let subject = record_subject(&name("test"), chain);
        let link = Link::open(&servers(&self.server)).await.expect("the server is reached");
        for (bytes, count) in messages.iter().zip(0..) {
            let last = link.last(RECORD, &subject).await.expect("an answer");
            let after = last.map_or(0, |last| last.sequence);
            let id = format!("{}/{after}/{count}", sha256(bytes));
            let (subject, bytes) = (subject.clone(), bytes.clone());
            let message = Message { subject, id, bytes, note: None };
            let answer =
                link.publish(RECORD, Fence::Subject(after), Together::Batch, &[message]).await;
            assert!(matches!(answer, Answer::Kept(_)), "{answer:?}");
        }
    }

    async fn read(&self, from: u64, sealed: Option<Head>) -> Result<Vec<Bytes>, Fault> {
        self.reader.read(&gw_2(), from, 1000, sealed).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_is_read_in_pieces_from_any_place() {
    let world = World::start().await;
    let node = Node::start(&world.server);
    for count in 0..2500 {
        node.append(&format!("event {count}")).await;
    }
    node.acknowledged(2500).await;
    let chain = Chain::Node(name("gw-1"));
    let mut next = 1;
    loop {
        let piece = world.reader.read(&chain, next, 700, None).await.expect("it is read");
        assert!(piece.len() <= 700);
        for bytes in &piece {
            assert_eq!(Event::read(bytes).expect("an event").id.seq, next);
            next += 1;
        }
        if piece.is_empty() {
            break;
        }
    }
    assert_eq!(next, 2501);
    for from in [1, 2, 1023, 1024, 1025, 2048, 2500] {
        let one = world.reader.read(&chain, from, 1, None).await.expect("it is read");
        assert_eq!(Event::read(&one[0]).expect("an event").id.seq, from);
    }
    let anew = ChainReader::new(servers(&world.server), name("test"));
    let one = anew.read(&chain, 2222, 1, None).await.expect("it is read");
    assert_eq!(Event::read(&one[0]).expect("an event").id.seq, 2222, "who knows nothing yet too");
    assert_eq!(anew.read(&gw_2(), 1, 1, None).await, Ok(vec![]), "no such chain");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_follow_is_not_given() {
    let world = World::start().await;
    let (chain, heads) = events(&gw_2(), 4);
    let elsewhere = events(&Chain::Node(name("gw-3")), 3).0;
    let (forged, _) = event(&gw_2(), heads[1], &draft("forged, and it follows another"), 3);
    let noise = Bytes::from_static(b"noise");
    let id = EventId { chain: gw_2(), epoch: Epoch(1), seq: 1 };
    let of_other = stamp(&name("other"), id, Head::default(), &draft("other")).expect("small");
    // The first events of other chains, which follow nothing either.
    world.put(&gw_2(), &[elsewhere[0].clone(), Bytes::from(of_other.bytes)]).await;
    let (one, two) = (chain[0].clone(), chain[1].clone());
    world.put(&gw_2(), &[one, noise, elsewhere[1].clone(), two, forged]).await;
    world.put(&gw_2(), &chain[..]).await;
    assert_eq!(world.read(1, None).await.expect("it is read"), chain, "each once, in order");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hole_is_named_and_nothing_behind_it_is_given() {
    let world = World::start().await;
    let (chain, _) = events(&gw_2(), 7);
    world.put(&gw_2(), &[&chain[..3], &chain[4..6]].concat()).await;
    assert_eq!(world.read(1, None).await.expect("before the hole"), &chain[..3]);
    let hole = world.read(4, None).await;
    assert_eq!(hole, Err(Fault::Hole { chain: gw_2(), seq: 4 }));
    // As a publisher mends it, though not at once.
    world.put(&gw_2(), &chain[3..5]).await;
    assert_eq!(world.read(4, None).await.expect("two more"), &chain[3..5]);
    let hole = world.read(6, None).await;
    assert_eq!(hole, Err(Fault::Hole { chain: gw_2(), seq: 6 }), "it was there once");
    world.put(&gw_2(), &chain[5..]).await;
    assert_eq!(world.read(6, None).await.expect("the rest"), &chain[5..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sealed_otherwise_is_refused() {
    let world = World::start().await;
    let (chain, heads) = events(&gw_2(), 3);
    let (forged, other) = event(&gw_2(), heads[3], &draft("forged, and it follows"), 4);
    let (real, sealed) = event(&gw_2(), heads[3], &draft("real"), 4);
    world.put(&gw_2(), &[&chain[..], &[forged]].concat()).await;
    // Nobody knows better while it is not sealed.
    assert_eq!(world.read(4, Some(heads[3])).await.expect("it is read").len(), 1);
    let refused = world.read(5, Some(sealed)).await;
    let (ours, theirs) = (sealed.hash.expect("a hash"), other.hash.expect("a hash"));
    assert_eq!(refused, Err(Fault::Forked { chain: gw_2(), seq: 4, ours, theirs }));
    let refused = world.read(1, Some(sealed)).await;
    assert!(matches!(refused, Err(Fault::Forked { .. })), "{refused:?}");
    drop(real);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_made_anew_is_read_anew() {
    let world = World::start().await;
    let (chain, heads) = events(&gw_2(), 6);
    world.put(&Chain::Control, &events(&Chain::Control, 3).0).await;
    world.put(&gw_2(), &chain[..5]).await;
    assert_eq!(world.read(1, Some(heads[2])).await.expect("it is read").len(), 5);
    ask(&world.server, &format!("STREAM.DELETE.{RECORD}"), &json!({})).await;
    provision(&world.server).await;
    assert_eq!(world.read(6, None).await, Ok(vec![]));
    // At lower numbers of the stream than before.
    world.put(&gw_2(), &chain).await;
    assert_eq!(world.read(6, None).await.expect("it is read"), &chain[5..]);
    assert_eq!(world.read(3, None).await.expect("it is read"), &chain[2..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_control_chain_jumps_where_a_backup_was_restored() {
    let world = World::start().await;
    let (mut chain, heads) = events(&Chain::Control, 3);
    let restored = |after| Draft {
        time: Utc(1_700_000_000_000_000),
        applied: 0,
        about: About::default(),
        kind: Kind::BackupRestored(BackupRestored {
            founder: name("gw-1"),
            gone: Vec::new(),
            sessions: 0,
            after: Some(after),
        }),
    };
    let (elsewhere, _) = event(&Chain::Control, heads[3], &restored(2), 500);
    let (jump, head) = event(&Chain::Control, heads[3], &restored(3), 1000);
    let (next, _) = event(&Chain::Control, head, &draft("goes on"), 1001);
    world.put(&Chain::Control, &[&chain[..], &[elsewhere]].concat()).await;
    world.put(&Chain::Control, &[jump.clone(), next.clone()]).await;
    chain.extend([jump, next]);
    let read = world.reader.read(&Chain::Control, 1, 100, None).await;
    assert_eq!(read.expect("it is read"), chain);
}
