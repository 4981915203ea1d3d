//! A cluster of one.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use consensus_state::{Presence, Reply, State};
use proto::entry::{ApprovalId, By, Entry, PolicySetting};

use super::{Cluster, begin, closing, counted, counting, creation, name, propose_from};
use crate::{FoundError, OpenError, ProposeError, Replica};

#[tokio::test(start_paused = true)]
async fn it_is_founded_proposed_to_and_read() {
    let cluster = Cluster::of_one().await;
    let one = cluster.replica(1);
    let answer = one.propose(counting()).await.unwrap();
    assert_eq!(answer.reply, Reply::Lock(ApprovalId(answer.index)));
    assert_eq!(one.read().await.unwrap(), answer.index);
    one.with_state(|state| {
        assert_eq!(state.applied(), answer.index);
        assert_eq!(state.contact(), Duration::from_secs(15));
        assert_eq!(state.node(&name("gw-1")).unwrap().presence, Presence::Up);
    });
    let again = one.found(Cluster::member(1), creation()).await;
    assert!(matches!(again, Err(FoundError::Founded)), "{again:?}");
    assert!(one.contact().borrow().is_some());
}

/// SHA-256 of `version: 1`.
const DIGEST: &str = "1a6ddd3533d91cae4b3742d4294fb07ee863a4d667fe598f01365bd68a18bcfd";

#[tokio::test(start_paused = true)]
async fn a_policy_is_foreseen_before_it_is_in_force_and_while_the_state_can_be_read() {
    let cluster = Cluster::of_one().await;
    let one = cluster.replica(1);
    let revision = |replica: &Replica| {
        replica.with_state(|state| state.policy().map(|policy| policy.revision))
    };
    let (say, heard) = mpsc::channel();
    let looking = Arc::downgrade(&one);
    let foresees = move || {
        // In a thread of its own: were the state locked, it would not get to look.
        let (looking, say) = (looking.clone(), say.clone());
        let looked = std::thread::spawn(move || {
            let replica = looking.upgrade().expect("it runs");
            say.send(revision(&replica)).expect("somebody listens");
        });
        let until = std::time::Instant::now() + Duration::from_secs(5);
        while !looked.is_finished() && std::time::Instant::now() < until {
            std::thread::yield_now();
        }
    };
    let journal = &cluster.seats[&1].journal;
    *journal.foresees.lock() = Some(Box::new(foresees));
    let (document, by) = ("version: 1".to_owned(), By::Administrator);
    let digest = DIGEST.parse().unwrap();
    let setting = PolicySetting { document, digest, expected_revision: None, by };
    let answer = one.propose(Entry::PolicySet(setting)).await.unwrap();
    assert_eq!(answer.reply, Reply::Policy(1));
    assert_eq!(heard.try_recv(), Ok(None), "it is read, and not in force");
    assert_eq!(revision(&one), Some(1));
    assert_eq!(*journal.foreseen.lock(), ["version: 1"]);
}

#[tokio::test(start_paused = true)]
async fn proposals_that_come_together_share_entries_of_the_log() {
    let cluster = Cluster::of_one().await;
    let one = cluster.replica(1);
    let before = one.status().last_log.unwrap();
    let answers = propose_from(&one, 1000).await;
    let mut indexes: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().index).collect();
    indexes.sort_unstable();
    indexes.dedup();
    assert_eq!(indexes.len(), 1000, "each has an index of its own");
    let entries = one.status().last_log.unwrap() - before;
    assert!(entries <= 10, "{entries} entries for 1000 proposals");
}

#[tokio::test(start_paused = true)]
async fn a_restart_finds_everything_and_counts_on() {
    let mut cluster = Cluster::of_one().await;
    let one = cluster.replica(1);
    for _ in 0..5 {
        one.propose(counting()).await.unwrap();
    }
    let before = one.with_state(State::to_snapshot);
    let events = cluster.seats[&1].journal.events.lock().clone();
    drop(one);
    cluster.kill(1).await;
    let one = cluster.open(1).await.unwrap();
    one.read().await.unwrap();
    assert_eq!(one.with_state(State::to_snapshot), before);
    assert_eq!(*cluster.seats[&1].journal.events.lock(), events, "events came again, the same");
    assert_eq!(begin(&one).await.unwrap().0, 2);
    one.propose(counting()).await.unwrap();
    assert_eq!(counted(&one), 6);
}

#[tokio::test(start_paused = true)]
async fn what_was_answered_survives_a_power_cut_at_once() {
    let mut cluster = Cluster::of_one().await;
    for round in 1..=20 {
        let one = cluster.replica(1);
        one.propose(counting()).await.unwrap();
        assert_eq!(counted(&one), round);
        drop(one);
        cluster.kill(1).await;
        cluster.open(1).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_fails_stops_it_and_it_says_why() {
    let cluster = Cluster::of_one().await;
    let one = cluster.replica(1);
    let mut stopped = Box::pin(one.stopped());
    assert!(futures_util::poll!(&mut stopped).is_pending());
    drop(cluster.seats[&1].disk.power_cut());
    assert_eq!(one.propose(counting()).await, Err(ProposeError::Unknown));
    let why = stopped.await;
    assert!(why.contains("the machine is off"), "{why}");
    assert!(one.running().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_start_whose_answer_was_lost_is_known_again() {
    let mut cluster = Cluster::of_one().await;
    cluster.kill(1).await;
    let one = cluster.open(1).await.unwrap();
    let identity = one.identity();
    assert_eq!(begin_unkept(&one).await, Reply::Epoch(proto::ids::Epoch(2)));
    drop(one);
    // The epoch was given and not remembered.
    cluster.kill(1).await;
    let one = cluster.open(1).await.unwrap();
    assert_eq!(one.identity().nonce, identity.nonce);
    assert_eq!(begin(&one).await.unwrap().0, 3, "it is known, and begins anew");
}

async fn begin_unkept(one: &crate::Replica) -> Reply {
    let identity = one.identity();
    let start = proto::entry::NodeStart {
        node: identity.node,
        raft_id: identity.raft_id,
        last_epoch: identity.epoch,
        nonce: identity.nonce,
        supports: 1,
        version: "1".to_owned(),
        addresses: super::addresses(1),
    };
    one.propose(proto::entry::Entry::NodeStarted(start)).await.unwrap().reply
}

#[tokio::test(start_paused = true)]
async fn the_disk_of_another_node_is_refused() {
    let mut cluster = Cluster::of_one().await;
    cluster.kill(1).await;
    cluster.seat(1).node = name("impostor");
    match cluster.open(1).await {
        Err(OpenError::OtherNode { found, expected }) => {
            assert_eq!(found, "fleet/gw-1 (Raft id 1)");
            assert_eq!(expected, "fleet/impostor (Raft id 1)");
        }
        other => panic!("{:?}", other.map(|_| ())),
    }
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_forgets_no_event_and_a_restart_begins_with_it() {
    let mut cluster = Cluster::of_one().await;
    let one = cluster.replica(1);
    let journal = std::sync::Arc::clone(&cluster.seats[&1].journal);
    journal.kept.store(0, std::sync::atomic::Ordering::Relaxed);
    for _ in 0..crate::config::SNAPSHOT_ENTRIES {
        one.propose(closing(1)).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(one.status().snapshot, None, "events that are not kept would be forgotten");
    journal.kept.store(u64::MAX, std::sync::atomic::Ordering::Relaxed);
    super::until("there is a snapshot", || one.status().snapshot.is_some()).await;
    one.propose(closing(1)).await.unwrap();
    let before = one.with_state(State::to_snapshot);
    drop(one);
    cluster.kill(1).await;
    let first_entry = {
        let (store, _writer) = store_disk::raft::RaftStore::open(&cluster.seats[&1].disk).unwrap();
        assert!(store.heads().snapshot.is_some());
        store.heads().purged.expect("the log let go of what is in the snapshot")
    };
    assert!(first_entry.index > 1000);
    let one = cluster.open(1).await.unwrap();
    one.read().await.unwrap();
    assert_eq!(one.with_state(State::to_snapshot), before);
}
