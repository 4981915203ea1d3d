//! Sessions over a log in memory and a control plane of one: what a driver may count on.

mod backup;
mod compiled;
mod contact;
mod holds;
mod live;
mod node;
mod plane;
mod resumed;
mod revocation;
mod seal;
mod sources;

use proto::event::{Counted, Kind, Outcome, Stream};
use proto::reading::{Durability, Verdict};
use proto::refusal::{Code, Told};
use store_log::RefusedBecause;
use store_log::memory::Answers;

use self::node::{Node, POLICY, asked, judge};
use crate::Over;

#[track_caller]
fn code<T>(result: Result<T, Told>) -> Code {
    match result {
        Ok(_) => panic!("it was let through"),
        Err(told) => told.code,
    }
}

#[tokio::test]
async fn a_session_from_its_grant_to_its_end() {
    let node = Node::start().await;
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    let permit = judge(&mut session, "uname -a").await.expect("nothing blocks it");
    let now = session.ports().clock.now().elapsed;
    assert_eq!(permit.redeem(now).expect("it is fresh").bytes(), b"uname -a");
    session.started().await.expect("the record takes it");
    let mut seen = Vec::new();
    for release in session.output(Stream::Output, b"Linux\n").await.expect("the record takes it") {
        seen.extend_from_slice(&release.into_bytes());
    }
    assert_eq!(seen, b"Linux\n");
    let ending = node_gate::Ending::Exited(0);
    session.ended(ending, Counted::default()).await.expect("the record takes it");
    assert_eq!(node.sessions.live().count(), 1);
    session.close("finished").await;
    assert_eq!(node.sessions.live().count(), 0);
    assert_eq!(
        node.of_sessions(),
        [
            "session.opened",
            "command.judged",
            "command.started",
            "output.released",
            "command.finished",
            "session.closed"
        ]
    );
}

#[tokio::test]
async fn who_may_not_open() {
    let node = Node::start().await;
    let mut wrong = asked();
    wrong.target = "web-9".parse().expect("a name");
    assert_eq!(code(node.sessions.open(&wrong).await), Code::PermissionDenied);
    let mut wrong = asked();
    wrong.login = Some("root".to_owned());
    assert_eq!(code(node.sessions.open(&wrong).await), Code::PermissionDenied);
    let mut wrong = asked();
    wrong.actor.person = "dave".parse().expect("a name");
    assert_eq!(code(node.sessions.open(&wrong).await), Code::PermissionDenied);
    wrong.actor.person = "nobody".parse().expect("a name");
    assert_eq!(code(node.sessions.open(&wrong).await), Code::PermissionDenied);
    let first = node.sessions.open(&asked()).await.expect("one");
    let _second = node.sessions.open(&asked()).await.expect("two");
    assert_eq!(code(node.sessions.open(&asked()).await), Code::TooManySessions);
    first.close("finished").await;
    node.sessions.open(&asked()).await.expect("one of two has ended");
    assert_eq!(
        node.refused(),
        [
            "there is no target web-9",
            "web-1 does not have that login",
            "no grant is about dave",
            "the person, or their credential, is gone",
            "2 sessions of this person are open, which is the limit"
        ]
    );
}

#[tokio::test]
async fn what_is_refused_says_why_and_leaves_its_verdict() {
    let node = Node::start().await;
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    assert_eq!(code(judge(&mut session, "e\"\"nv").await), Code::BlockedByRule);
    assert_eq!(code(judge(&mut session, "$x").await), Code::Unreadable);
    assert_eq!(code(judge(&mut session, "shutdown").await), Code::HeldWithoutApprovals);
    assert_eq!(code(judge(&mut session, &"a".repeat(128 * 1024)).await), Code::CommandTooLong);
    drop(judge(&mut session, "id").await.expect("the session goes on"));
    let verdicts: Vec<_> = node
        .events()
        .into_iter()
        .filter_map(|event| match event.kind {
            Some(Kind::CommandJudged(judged)) => Some(judged.verdict),
            _ => None,
        })
        .collect();
    assert_eq!(verdicts, [Verdict::Block, Verdict::Block, Verdict::Hold, Verdict::Allow]);
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_of_the_record_there_is_no_permit() {
    let node = Node::start().await;
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    node.events.answer(Answers::Never);
    assert_eq!(code(judge(&mut session, "id").await), Code::RecordUnconfirmed);
    node.events.answer(Answers::Refused(RefusedBecause::Full));
    assert_eq!(code(judge(&mut session, "id").await), Code::RecordFull);
    node.events.answer(Answers::Refused(RefusedBecause::Stopped));
    assert_eq!(code(judge(&mut session, "id").await), Code::RecordUnavailable);
}

/// What the record holds of the last command: the durability that it needed, and whether it went
/// without the stream.
fn last_judged(node: &Node) -> (Durability, bool) {
    let judged = node.events().into_iter().rev().find_map(|event| match event.kind {
        Some(Kind::CommandJudged(judged)) => Some((judged.durability, judged.without_stream)),
        _ => None,
    });
    judged.expect("a command was judged")
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_down_makes_nobody_wait() {
    let node = Node::start().await;
    let records = |when: &str| {
        format!(
            "{POLICY}records:\n  - {{ name: all, when: {{}}, durability: replicated, \
             when_stream_down: {when} }}\n"
        )
    };
    node.policy(&records("refuse")).await;
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    drop(judge(&mut session, "id").await.expect("the stream has it"));
    assert_eq!(last_judged(&node), (Durability::Replicated, false));
    let ending = || node_gate::Ending::Exited(0);
    session.ended(ending(), Counted::default()).await.expect("the record takes it");
    node.stream.set_up(false);
    let begun = tokio::time::Instant::now();
    assert_eq!(code(judge(&mut session, "id").await), Code::StreamDown);
    assert_eq!(begun.elapsed(), std::time::Duration::ZERO, "nobody waited");
    assert_eq!(last_judged(&node), (Durability::Replicated, false));
    node.policy(&records("local")).await;
    drop(judge(&mut session, "id").await.expect("policy lets it go without"));
    assert_eq!(last_judged(&node), (Durability::Local, true));
    session.ended(ending(), Counted::default()).await.expect("the record takes it");
    node.stream.set_up(true);
    drop(judge(&mut session, "id").await.expect("the stream has it"));
    assert_eq!(last_judged(&node), (Durability::Replicated, false));
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_under_the_same_event() {
    let node = Node::start().await;
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    node.events.answer(Answers::Lost);
    let (events, judged) = (node.events.clone(), judge(&mut session, "id"));
    let heal = async {
        tokio::task::yield_now().await;
        events.answer(Answers::AtOnce);
    };
    let (judged, ()) = tokio::join!(judged, heal);
    drop(judged.expect("the record has it"));
    let judged = node.events().into_iter().filter(|event| event.name == "command.judged");
    assert_eq!(judged.count(), 1);
}

#[tokio::test]
async fn output_that_the_record_refuses_is_not_released() {
    let node = Node::start().await;
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    drop(judge(&mut session, "id").await.expect("nothing blocks it"));
    node.events.answer(Answers::Refused(RefusedBecause::ShareUsedUp));
    let refused = session.output(Stream::Output, b"uid=0\n").await;
    assert_eq!(code(refused), Code::RecordFull);
    node.events.answer(Answers::AtOnce);
    drop(session.output(Stream::Output, b"password=").await.expect("kept"));
    drop(session.output(Stream::Output, b"hunter2").await.expect("kept"));
    node.events.answer(Answers::LastWords);
    let ending = node_gate::Ending::Exited(0);
    assert_eq!(code(session.ended(ending, Counted::default()).await), Code::RecordFull);
    let last = node.events().pop().expect("events");
    assert_eq!(last.name, "command.finished", "its last word is said all the same");
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_what_is_waiting() {
    let node = Node::start().await;
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    assert_eq!(session.meanwhile(async { 7 }).await, Ok(7));
    let told = Told::plain(Code::Draining);
    node.sessions.live().end_all(&told);
    assert_eq!(session.meanwhile(std::future::pending::<()>()).await, Err(Over(told)));
}

#[tokio::test]
async fn a_session_that_closes_early_says_that_the_client_left() {
    let node = Node::start().await;
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    drop(judge(&mut session, "sleep 9").await.expect("nothing blocks it"));
    drop(session.output(Stream::Output, b"held: password=x").await.expect("kept"));
    session.close("client left").await;
    let last: Vec<_> = node.events().into_iter().rev().take(3).map(|event| event.kind).collect();
    assert!(matches!(&last[0], Some(Kind::SessionClosed(_))), "{last:?}");
    let Some(Kind::CommandFinished(finished)) = &last[1] else { panic!("{last:?}") };
    assert_eq!(finished.outcome, Outcome::ClientLeft);
    node.closed_in_control().await;
}

#[tokio::test]
async fn a_session_that_is_dropped_is_closed_everywhere() {
    let node = Node::start().await;
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    drop(judge(&mut session, "sleep 9").await.expect("nothing blocks it"));
    let task = tokio::spawn(async move {
        let _session = session;
        panic!("a bug in a driver");
    });
    task.await.expect_err("it panics");
    assert_eq!(node.of_sessions()[2..], ["command.finished", "session.closed"]);
    node.closed_in_control().await;
}

#[tokio::test]
async fn an_opening_that_the_record_refuses_is_taken_back() {
    let node = Node::start().await;
    node.events.answer(Answers::Refused(RefusedBecause::Full));
    for _ in 0..3 {
        assert_eq!(code(node.sessions.open(&asked()).await), Code::RecordFull);
    }
    node.events.answer(Answers::AtOnce);
    node.sessions.open(&asked()).await.expect("the places are free again");
    assert_eq!(node.of_sessions(), ["session.opened", "session.closed"]);
}
