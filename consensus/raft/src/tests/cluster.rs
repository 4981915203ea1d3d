//! Clusters of three, with nodes that die, networks that break and clocks that are off.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use consensus_state::{Presence, Reply, State};
use proto::entry::{By, Entry, NodeRemoval};
use tokio::time::Instant;

use super::{Cluster, begin, closing, counted, counting, name, propose_from, starting, until};
use crate::{ProposeError, ReadError, Replica};

#[tokio::test(start_paused = true)]
async fn three_nodes_agree_whoever_is_asked() {
    let cluster = Cluster::of(3).await;
    for replica in cluster.running() {
        let answer = replica.propose(counting()).await.unwrap();
        assert!(matches!(answer.reply, Reply::Lock(_)), "{answer:?}");
        assert!(replica.status().applied >= answer.index, "it is seen where it was proposed");
    }
    for replica in cluster.running() {
        replica.read().await.unwrap();
        assert_eq!(counted(&replica), 3, "a read sees all that was decided before");
    }
    cluster.agree().await;
}

#[tokio::test(start_paused = true)]
async fn many_proposals_of_a_follower_are_bundled() {
    let cluster = Cluster::of(3).await;
    let follower = cluster.followers().await.remove(0);
    let calls = cluster.net.calls.load(Ordering::Relaxed);
    let answers = propose_from(&follower, 1000).await;
    assert!(answers.iter().all(Result::is_ok));
    let calls = cluster.net.calls.load(Ordering::Relaxed) - calls;
    assert!(calls < 200, "{calls} calls for 1000 proposals");
}

/// Kills the leader while proposals are under way; each that is answered has one effect, and each
/// that is not has one or none.
#[tokio::test(start_paused = true)]
async fn the_leader_dies_and_no_proposal_has_two_effects() {
    let mut cluster = Cluster::of(3).await;
    let mut expected = 0;
    for _ in 0..5 {
        let leader = cluster.leader().await.config.raft_id;
        let follower = cluster.followers().await.remove(0);
        let proposals: Vec<_> = (0..20)
            .map(|_| {
                let follower = Arc::clone(&follower);
                tokio::spawn(async move { follower.propose(counting()).await })
            })
            .collect();
        // Somewhere between the call and its answer.
        tokio::time::sleep(Duration::from_micros(300)).await;
        let died = Instant::now();
        cluster.kill(leader).await;
        for proposal in proposals {
            let answer = proposal.await.unwrap().unwrap();
            assert!(matches!(answer.reply, Reply::Lock(_)), "{answer:?}");
        }
        expected += 20;
        let took = died.elapsed();
        assert!(took < Duration::from_secs(5), "the next leader took {took:?}");
        follower.read().await.unwrap();
        assert_eq!(counted(&follower), expected);
        let back = cluster.open(leader).await.unwrap();
        until("it is back", || back.status().leader.is_some()).await;
        begin(&back).await.unwrap();
    }
    cluster.agree().await;
}

#[tokio::test(start_paused = true)]
async fn a_minority_decides_nothing_and_says_what_it_knows() {
    let cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let alone = leader.config.raft_id;
    let others: Vec<_> = cluster.followers().await.iter().map(|one| one.config.raft_id).collect();
    cluster.net.partition(&[alone], &others);
    let begun = Instant::now();
    let proposed = leader.propose(counting()).await;
    assert_eq!(proposed, Err(ProposeError::Unknown), "it is in the log of the one that led");
    assert!(begun.elapsed() <= Duration::from_millis(10_100), "{:?}", begun.elapsed());
    let begun = Instant::now();
    assert_eq!(leader.read().await, Err(ReadError::NoQuorum));
    assert!(begun.elapsed() <= Duration::from_millis(3_100), "{:?}", begun.elapsed());
    let majority = cluster.replica(others[0]);
    let answer = majority.propose(counting()).await.unwrap();
    assert!(matches!(answer.reply, Reply::Lock(_)));
    cluster.net.heal();
    cluster.agree().await;
    assert_eq!(counted(&leader), 1, "what the minority put into its log is gone");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_leader_that_is_cut_off() {
    let cluster = Cluster::of(3).await;
    let alone = cluster.leader().await.config.raft_id;
    let followers = cluster.followers().await;
    let others: Vec<_> = followers.iter().map(|one| one.config.raft_id).collect();
    cluster.net.partition(&[alone], &others);
    // Asked at once: both still believe in the one that is gone.
    let begun = Instant::now();
    let (written, read) = tokio::join!(followers[0].propose(counting()), followers[1].read());
    assert!(matches!(written.unwrap().reply, Reply::Lock(_)));
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(4), "it took {took:?}");
    // A read may find nobody for as long as nobody leads.
    if read.is_err() {
        followers[1].read().await.unwrap();
    }
    cluster.net.heal();
    cluster.agree().await;
    assert_eq!(counted(&followers[0]), 1, "it has one effect, whoever it was handed to");
}

#[tokio::test(start_paused = true)]
async fn what_a_node_handed_over_before_it_stopped_is_unknown() {
    let cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let follower = cluster.followers().await.remove(0);
    let (from, to) = (leader.config.raft_id, follower.config.raft_id);
    cluster.net.cut.lock().insert((from, to));
    let writes = Arc::clone(&follower);
    let written = tokio::spawn(async move { writes.propose(counting()).await });
    until("the leader has it", || counted(&leader) == 1).await;
    follower.shutdown().await;
    assert_eq!(written.await.unwrap(), Err(ProposeError::Unknown));
}

#[tokio::test(start_paused = true)]
async fn a_start_that_dies_again_and_again_is_no_old_disk() {
    let mut cluster = Cluster::of(3).await;
    let one = cluster.followers().await.remove(0).config.raft_id;
    // It dies each time between the majority's answer and its own disk.
    for _ in 0..3 {
        cluster.kill(one).await;
        let back = cluster.open(one).await.unwrap();
        back.hold_back();
        back.check_disk().await.unwrap();
        let answer = back.propose(starting(&back)).await.unwrap();
        assert!(matches!(answer.reply, Reply::Epoch(_)), "{answer:?}");
    }
    cluster.agree().await;
}

#[tokio::test(start_paused = true)]
async fn without_anybody_nothing_is_handed_over() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.leader().await.config.raft_id;
    let followers = cluster.followers().await;
    cluster.kill(leader).await;
    let other = followers[1].config.raft_id;
    cluster.kill(other).await;
    let last = &followers[0];
    let begun = Instant::now();
    assert_eq!(last.propose(counting()).await, Err(ProposeError::NoQuorum));
    assert!(begun.elapsed() <= Duration::from_millis(10_100), "{:?}", begun.elapsed());
    assert_eq!(last.read().await, Err(ReadError::NoQuorum));
    cluster.open(other).await.unwrap();
    cluster.leader().await;
    last.propose(counting()).await.unwrap();
    assert_eq!(counted(last), 1, "what was said to have no effect has none");
}

#[tokio::test(start_paused = true)]
async fn contact_counts_from_the_sending() {
    let cluster = Cluster::of(3).await;
    let follower = cluster.followers().await.remove(0);
    let leader = cluster.leader().await.config.raft_id;
    let me = follower.config.raft_id;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let contact = || follower.contact().borrow().unwrap().sent_at;
    assert!(follower.now() - contact() < Duration::from_secs(4), "it is made every T/5");
    // Answers to this node are late, as if the network held them.
    cluster.net.partition(&[me], &[leader]);
    let last = contact();
    tokio::time::sleep(Duration::from_secs(20)).await;
    cluster.net.heal();
    let before = follower.now();
    until("there is contact again", || contact() > last).await;
    // Whatever ended the silence was sent before it was answered.
    assert!(contact() >= last);
    assert!(follower.now() >= contact());
    assert!(before - last > Duration::from_secs(9), "without a leader there was no contact");
}

/// A question that was first asked of a leader that died is asked again of the next one: what counts
/// is when that was, or whoever waited for the election would be frozen again at once.
#[tokio::test(start_paused = true)]
async fn contact_with_the_next_leader_is_young() {
    let mut cluster = Cluster::of(3).await;
    for _ in 0..5 {
        let leader = cluster.leader().await.config.raft_id;
        let follower = cluster.followers().await.remove(0);
        cluster.kill(leader).await;
        let died = follower.now();
        let contact = || follower.contact().borrow().map_or(Duration::ZERO, |last| last.sent_at);
        until("there is contact again", || contact() > died).await;
        let age = follower.now() - contact();
        assert!(age < Duration::from_millis(500), "it is {age:?} old");
        let back = cluster.open(leader).await.unwrap();
        until("it is back", || back.status().leader.is_some()).await;
        begin(&back).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_contact_is_as_old_as_its_question_and_not_as_its_answer() {
    const LATE: Duration = Duration::from_millis(200);
    let cluster = Cluster::of(3).await;
    let follower = cluster.followers().await.remove(0);
    *cluster.net.late.lock() = LATE;
    for replica in [cluster.leader().await, follower] {
        let mut contact = replica.contact();
        // The first of them may have been asked for before answers were late.
        for _ in 0..3 {
            contact.changed().await.unwrap();
            contact.borrow_and_update();
        }
        let sent_at = contact.borrow().unwrap().sent_at;
        let age = replica.now() - sent_at;
        assert!(age >= LATE, "{:?} old when the answer came", age);
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_without_contact_is_lost_and_comes_back() {
    let cluster = Cluster::of(3).await;
    let follower = cluster.followers().await.remove(0);
    let me = follower.config.raft_id;
    let others: Vec<_> = (1..=3).filter(|id| *id != me).collect();
    let leader = cluster.leader().await;
    cluster.net.partition(&[me], &others);
    let node = follower.config.node.clone();
    let presence =
        |replica: &Replica| replica.with_state(|state| state.node(&node).unwrap().presence);
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert_eq!(presence(&leader), Presence::Up, "three T have not passed");
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(presence(&leader), Presence::Lost);
    cluster.net.heal();
    until("it knows", || presence(&follower) == Presence::Lost).await;
}

#[tokio::test(start_paused = true)]
async fn a_learner_far_behind_gets_a_snapshot_and_votes() {
    let mut cluster = Cluster::of_one().await;
    let one = cluster.replica(1);
    for _ in 0..3 {
        one.propose(counting()).await.unwrap();
    }
    for _ in 0..crate::config::SNAPSHOT_ENTRIES + 100 {
        one.propose(closing(1)).await.unwrap();
    }
    until("there is a snapshot", || one.status().snapshot.is_some()).await;
    cluster.join(2).await;
    let two = cluster.replica(2);
    until("it votes", || one.status().voters == [1, 2]).await;
    cluster.agree().await;
    assert_eq!(counted(&two), 3);
    let events = cluster.seats[&2].journal.events.lock().len();
    assert_eq!(events as u64, two.with_state(|state| state.control_head().seq), "no event is lost");
    drop((one, two));
    cluster.kill(2).await;
    let two = cluster.open(2).await.unwrap();
    two.read().await.unwrap();
    cluster.agree().await;
}

#[tokio::test(start_paused = true)]
async fn a_removed_node_is_no_member_and_is_not_heard() {
    let mut cluster = Cluster::of(3).await;
    let one = cluster.replica(1);
    let removal = NodeRemoval { node: name("gw-3"), by: By::Administrator };
    one.propose(Entry::NodeRemoved(removal)).await.unwrap();
    until("it is out", || one.status().voters == [1, 2]).await;
    let three = cluster.replica(3);
    let refused = three.propose(counting()).await;
    assert!(matches!(refused, Err(ProposeError::NoQuorum | ProposeError::Unknown)), "{refused:?}");
    assert_eq!(three.read().await, Err(ReadError::NoQuorum));
    cluster.kill(3).await;
    one.propose(counting()).await.unwrap();
    cluster.kill(2).await;
    let alone = one.read().await;
    assert_eq!(alone, Err(ReadError::NoQuorum), "two are left, and both are needed");
}

#[tokio::test(start_paused = true)]
async fn the_leader_is_taken_out_by_the_next_one() {
    let cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let (raft_id, node) = (leader.config.raft_id, leader.config.node.clone());
    let removal = NodeRemoval { node, by: By::Administrator };
    leader.propose(Entry::NodeRemoved(removal)).await.unwrap();
    let other = cluster.replica(if raft_id == 1 { 2 } else { 1 });
    until("it is out", || !other.status().voters.contains(&raft_id)).await;
    other.propose(counting()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn leadership_is_given_away_at_once() {
    let cluster = Cluster::of(3).await;
    for _ in 0..5 {
        // Whoever has just voted for a leader grants no other vote for a moment.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let leader = cluster.leader().await;
        let begun = Instant::now();
        assert!(leader.step_down().await);
        let follower = cluster.followers().await.remove(0);
        follower.propose(counting()).await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    }
    cluster.agree().await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_off_does_not_lead() {
    let cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let me = leader.config.raft_id;
    let time = leader.with_state(State::time);
    cluster.seats[&me].clock_off.store(3_600_000_000, Ordering::Relaxed);
    until("another leads", || leader.status().leader.is_some_and(|leads| leads != me)).await;
    assert!(leader.status().clock_off.is_some_and(|off| off > Duration::from_secs(3590)));
    leader.propose(counting()).await.unwrap();
    let passed = leader.with_state(State::time).0 - time.0;
    assert!(passed < 60_000_000, "an hour did not pass: {passed} us did");
    cluster.seats[&me].clock_off.store(0, Ordering::Relaxed);
    until("its clock is good again", || leader.status().clock_off.is_none()).await;
}

/// One that stopped for a moment goes on to lead its term when it is back, without a vote, and so
/// without having heard of anybody.
#[tokio::test(start_paused = true)]
async fn a_leader_that_is_started_again_does_not_believe_its_clock_alone() {
    let mut cluster = Cluster::of(3).await;
    let me = cluster.leader().await.config.raft_id;
    let others: Vec<_> = (1..=3).filter(|id| *id != me).collect();
    let (time, last) = (cluster.replica(me).with_state(State::time), last_log(&cluster, me));
    cluster.kill(me).await;
    cluster.net.partition(&[me], &others);
    cluster.seats[&me].clock_off.store(3_600_000_000, Ordering::Relaxed);
    let back = cluster.open(me).await.unwrap();
    let writes = Arc::clone(&back);
    let written = tokio::spawn(async move { writes.propose(counting()).await });
    until("it has put it into its log", || last_log(&cluster, me) > last).await;
    cluster.net.heal();
    written.await.unwrap().unwrap();
    let passed = back.with_state(State::time).0 - time.0;
    assert!(passed < 60_000_000, "an hour did not pass: {passed} us did");
    cluster.agree().await;
}

fn last_log(cluster: &Cluster, raft_id: u64) -> Option<u64> {
    cluster.replica(raft_id).status().last_log
}

#[tokio::test(start_paused = true)]
async fn what_is_told_is_done_when_a_quorum_is_there_again() {
    let cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let alone = leader.config.raft_id;
    let others: Vec<_> = (1..=3).filter(|id| *id != alone).collect();
    cluster.net.partition(&[1], &[2, 3]);
    cluster.net.partition(&[2], &[3]);
    for replica in cluster.running() {
        replica.tell(counting()).unwrap();
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(counted(&leader), 0);
    cluster.net.heal();
    let one = cluster.replica(others[0]);
    until("all were told", || counted(&one) == 3).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(counted(&one), 3, "and no one twice");
}

#[tokio::test(start_paused = true)]
async fn all_die_at_once_and_nothing_is_lost() {
    let mut cluster = Cluster::of(3).await;
    for round in 1..=5 {
        cluster.followers().await[0].propose(counting()).await.unwrap();
        for raft_id in 1..=3 {
            cluster.kill(raft_id).await;
        }
        for raft_id in 1..=3 {
            cluster.open(raft_id).await.unwrap();
        }
        let any = cluster.replica(1 + round % 3);
        until("it reads", || any.status().leader.is_some()).await;
        while any.read().await.is_err() {}
        assert_eq!(counted(&any) as u64, round);
    }
}
