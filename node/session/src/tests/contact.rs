//! Without contact: frozen after T, over after 2T.

use std::time::Duration;

use node_gate::Tie;
use proto::entry::LockScope;
use proto::event::Kind;
use proto::refusal::{Code, Told};
use tokio::time::{Instant, sleep};

use super::node::{Answer, Node, T, asked, judge};
use crate::{ControlError, Over};

const MOMENT: Duration = Duration::from_millis(10);

fn of_quorum(node: &Node) -> Vec<String> {
    let line = |event: proto::event::Event| match event.kind? {
        Kind::QuorumLost(lost) => {
            Some(format!("quorum.lost {} with {}", lost.since_ms, lost.sessions))
        }
        Kind::QuorumRegained(regained) => {
            Some(format!("quorum.regained after {}", regained.after_ms))
        }
        _ => None,
    };
    node.events().into_iter().filter_map(line).collect()
}

#[tokio::test(start_paused = true)]
async fn frozen_after_t_and_over_after_two() {
    let node = Node::tied().await;
    let begun = Instant::now();
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    // Work that would move a byte at every step.
    let mut moved = Vec::new();
    let work = async {
        loop {
            moved.push(begun.elapsed());
            sleep(Duration::from_millis(100)).await;
        }
    };
    let Over(told) = session.meanwhile::<()>(work).await.expect_err("it is over");
    assert_eq!(told, Told::plain(Code::ContactLost));
    let ended = begun.elapsed();
    assert!(ended >= 2 * T && ended < 2 * T + MOMENT, "{ended:?}");
    let last = moved.last().expect("it moved");
    assert!(*last <= T && *last > T - Duration::from_millis(200), "{last:?}");
    session.close("").await;
    assert_eq!(node.closed(), ["no contact with the majority for 2T"]);
    assert_eq!(of_quorum(&node), ["quorum.lost 15001 with 1"]);
}

#[tokio::test(start_paused = true)]
async fn contact_in_time_lets_it_go_on() {
    let node = Node::tied().await;
    let begun = Instant::now();
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    let contact = async {
        sleep(T + T / 2).await;
        node.contact();
        sleep(T / 2).await;
        node.contact();
    };
    let mut moved = Vec::new();
    let work = async {
        while begun.elapsed() < 3 * T {
            moved.push(begun.elapsed());
            sleep(Duration::from_millis(100)).await;
        }
    };
    let (worked, ()) = tokio::join!(session.meanwhile(work), contact);
    worked.expect("it is never over");
    let still = |at: &&Duration| **at > T && **at < T + T / 2;
    assert_eq!(moved.iter().find(still), None, "nothing moved while it was frozen");
    assert!(moved.iter().any(|at| *at >= T + T / 2), "it went on");
    assert_eq!(of_quorum(&node), ["quorum.lost 15001 with 1", "quorum.regained after 22500"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_opened_or_judged_while_frozen() {
    let node = Node::tied().await;
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    sleep(T + MOMENT).await;
    let begun = Instant::now();
    let told = node.sessions.open(&asked()).await.err().expect("it is frozen");
    assert_eq!(told.code, Code::NoQuorum);
    assert_eq!(begun.elapsed(), Duration::ZERO, "at once");
    assert_eq!(node.refused(), ["the node has no contact with the majority"]);
    // A command waits for contact, and is judged when there is.
    let contact = async {
        sleep(T / 2).await;
        node.contact();
    };
    let (permit, ()) = tokio::join!(judge(&mut session, "id"), contact);
    drop(permit.expect("there is contact again"));
    assert_eq!(begun.elapsed(), T / 2);
    session
        .ended(node_gate::Ending::Exited(0), proto::event::Counted::default())
        .await
        .expect("kept");
    let told = {
        sleep(T + MOMENT).await;
        judge(&mut session, "id").await.expect_err("there is none")
    };
    assert_eq!(told.code, Code::ContactLost);
}

/// A contact is passed on behind what was decided before it: to each session, and by each session
/// to what copies bytes beside it.
#[tokio::test(start_paused = true)]
async fn a_frozen_session_hears_what_was_forbidden_before_it_moves() {
    let node = Node::tied().await;
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    drop(judge(&mut session, "sleep 100").await.expect("nothing blocks it"));
    let beside = session.tether();
    sleep(T + MOMENT).await;
    node.lock(LockScope::All).await;
    let ties = || [node.sessions.tether().tie(), beside.tie()];
    assert_eq!(ties(), [Tie::Frozen; 2]);
    node.contact();
    assert_eq!(ties(), [Tie::Frozen; 2], "a contact is of no use before it is passed on");
    while node.sessions.tether().tie() != Tie::Fresh {
        tokio::task::yield_now().await;
    }
    sleep(MOMENT).await;
    assert_eq!(beside.tie(), Tie::Frozen, "the session has not heard of the lock yet");
    let mut moved = false;
    let work = async { moved = true };
    let Over(told) = session.meanwhile(work).await.expect_err("it is locked");
    assert_eq!((told.code, moved, beside.tie()), (Code::Locked, false, Tie::Frozen));
}

#[tokio::test(start_paused = true)]
async fn a_permit_is_worth_no_more_than_the_contact() {
    let node = Node::tied().await;
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    sleep(T - Duration::from_secs(1)).await;
    let early = judge(&mut session, "id").await.expect("there is contact");
    session
        .ended(node_gate::Ending::Exited(0), proto::event::Counted::default())
        .await
        .expect("kept");
    let late = judge(&mut session, "id").await.expect("there is contact");
    assert!(early.redeem(crate::Clock::elapsed(&*node.clock)).is_ok());
    sleep(Duration::from_secs(1) + MOMENT).await;
    node.contact();
    let redeemed = late.redeem(crate::Clock::elapsed(&*node.clock));
    assert!(redeemed.is_err(), "contact that came later does not make it better");
}

#[tokio::test(start_paused = true)]
async fn a_held_command_waits_through_a_freeze_and_ends_with_contact() {
    let node = Node::tied().await;
    let begun = Instant::now();
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    let refreeze = async {
        let approval = node.asked_for().await;
        sleep(T + T / 2).await;
        // Approved elsewhere while this node is frozen: nothing is let go.
        node.rule(approval, "bob", proto::entry::Ruling::Approve).await;
        sleep(T / 4).await;
        assert_eq!(node.status(approval), "approved");
        node.contact();
    };
    let (permit, ()) = tokio::join!(judge(&mut session, "reboot"), refreeze);
    drop(permit.expect("there is contact again"));
    assert_eq!(begun.elapsed(), T + T / 2 + T / 4);
    session
        .ended(node_gate::Ending::Exited(0), proto::event::Counted::default())
        .await
        .expect("kept");
    let waits = Instant::now();
    let (told, approval) = tokio::join!(judge(&mut session, "reboot"), node.asked_for());
    assert_eq!(told.expect_err("no contact").code, Code::ContactLost);
    assert!(waits.elapsed() < 2 * T + MOMENT);
    session.close("").await;
    node.closed_in_control().await;
    assert_eq!(node.status(approval), "withdrawn (node lost)");
}

#[tokio::test(start_paused = true)]
async fn an_opening_without_an_answer_is_given_up_in_time_and_taken_back() {
    let node = Node::tied().await;
    node.refuse("SessionOpen", Answer::Never);
    let begun = Instant::now();
    let told = node.sessions.open(&asked()).await.err().expect("no answer");
    assert_eq!(told.code, Code::NoQuorum);
    assert!(begun.elapsed() < T + MOMENT, "{:?}", begun.elapsed());
    node.heal();
    node.contact();
    node.refuse("SessionOpen", Answer::Lost);
    let told = node.sessions.open(&asked()).await.err().expect("the answer is lost");
    assert_eq!(told.code, Code::NoQuorum);
    node.closed_in_control().await;
    node.heal();
    node.refuse("SessionOpen", Answer::Error(ControlError::Unavailable("stopped".to_owned())));
    let told = node.sessions.open(&asked()).await.err().expect("it is refused");
    assert_eq!(told.code, Code::RecordUnavailable);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_lost_ends_what_it_has_and_says_that_it_is_back() {
    let node = Node::tied().await;
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    let lost =
        proto::entry::NodeEpoch { node: super::node::name("gw-1"), epoch: proto::ids::Epoch(1) };
    node.propose(proto::entry::Entry::NodeLost(lost)).await;
    let Over(told) =
        session.meanwhile(std::future::pending::<()>()).await.expect_err("it is closed there");
    assert_eq!(told.code, Code::ContactLost);
    let told = node.sessions.open(&asked()).await.err().expect("the node is lost");
    assert_eq!(told.code, Code::ContactLost);
    session.close("").await;
    let mut views = node.sessions.ports().control.views();
    let up = |node: &Node| {
        let presence = |state: &consensus_state::State| {
            state.node(&super::node::name("gw-1")).map(|one| one.presence)
        };
        crate::ControlExt::look(&*node.control, presence) == Some(consensus_state::Presence::Up)
    };
    while !up(&node) {
        views.changed().await.expect("the control plane lives");
    }
    node.sessions.open(&asked()).await.expect("it is back");
}
