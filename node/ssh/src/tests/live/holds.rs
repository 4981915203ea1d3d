//! What a client hears whose command is held, and one whose session is ended while it runs.

use std::time::Duration;

use node_session::{Boxed, Clock as _};
use proto::entry::{By, LockScope, Ruling};
use proto::refusal::{Code, Told};
use russh::{Channel, Sig};

use super::in_time;
use super::rig::{self, CONTACT, Heard, Rig, name};

/// How long nothing must come for it to be held that nothing comes.
const NOTHING: Duration = Duration::from_millis(300);

/// A client's command that waits: what became of its request, and what the client heard.
async fn check(rig: &Rig, command: &str, ruled: Option<(&str, Ruling)>) -> (String, Heard) {
    let client = rig.client("web-1").await;
    let rule = async {
        let approval = rig.control.asked_for().await;
        if let Some((who, ruling)) = ruled {
            rig.control.rule(approval, who, ruling).await;
        }
        (approval, rig.control.became(approval).await)
    };
    let (heard, (approval, became)) =
        in_time(async { tokio::join!(client.run(command, ""), rule) }).await;
    let mut lines = heard.errors.lines();
    let why = lines.next().expect("a line that says why it waits");
    assert!(why.starts_with("sallyport: SP-1211: The rule `") && why.contains("holds"), "{why}");
    let how = lines.next().expect("a line that says how to approve");
    let (id, end) = (
        format!("sallyport: SP-1211: It waits as approval {approval} until "),
        format!("sallyport approvals approve {approval} --reason …"),
    );
    assert!(how.starts_with(&id) && how.ends_with(&end), "{how}");
    let rest = lines.map(|line| format!("{line}\n")).collect();
    (became, Heard { errors: rest, ..heard })
}

fn told(text: &str) -> Heard {
    Heard::status("", &format!("sallyport: {text}\n"), 126)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_command_is_told_how_it_is_approved_and_what_became_of_it() {
    let rig = Rig::start().await;
    let approved = check(&rig, "echo held", Some(("bob", Ruling::Approve))).await;
    let said = "sallyport: SP-1211: Approved by bob: it goes.\n";
    assert_eq!(approved, ("used up".to_owned(), Heard::status("held\n", said, 0)));
    let denied = check(&rig, "echo held", Some(("bob", Ruling::Deny))).await;
    let said = told("SP-1207: The approval was denied by bob: looks right");
    assert_eq!(denied, ("denied".to_owned(), said));
    let expired = check(&rig, "echo soon over", None).await;
    let said = told("SP-1208: nobody approved the command in time");
    assert_eq!(expired, ("expired".to_owned(), said));
    assert_eq!(rig.target.commands(), ["echo held"], "approved once, run once");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_leaves_asks_no_more() {
    let rig = Rig::start().await;
    let client = rig.client("web-1").await;
    let close = async |channel: Channel<_>| channel.close().await.expect("sent");
    let signal = async |channel: Channel<_>| {
        channel.signal(Sig::INT).await.expect("sent");
        let heard = in_time(rig::hear(channel)).await;
        assert_eq!(heard.status, Some(126), "{heard:?}");
        assert!(heard.errors.contains("SP-1209"), "{heard:?}");
    };
    for signals in [false, true] {
        let channel = client.exec("echo held").await;
        let approval = in_time(rig.control.asked_for()).await;
        if signals {
            signal(channel).await
        } else {
            close(channel).await
        }
        assert_eq!(in_time(rig.control.became(approval)).await, "withdrawn (client left)");
    }
    drop(client);
    assert_eq!(rig.target.commands(), Vec::<String>::new());
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_withdraws_what_is_held() {
    let rig = Rig::start().await;
    let client = rig.client("web-1").await;
    let channel = client.exec("echo held").await;
    let approval = in_time(rig.control.asked_for()).await;
    rig.sessions.live().end_waiting(&Told::new(Code::Draining, "Run it again."));
    rig.drain.cancel();
    let heard = in_time(rig::hear(channel)).await;
    assert_eq!(heard.status, Some(126), "{heard:?}");
    assert!(heard.errors.ends_with("sallyport: SP-1005: Run it again.\n"), "{heard:?}");
    assert_eq!(in_time(rig.control.became(approval)).await, "withdrawn (node lost)");
    let commands = rig.target.commands();
    let endings = in_time(rig.stop()).await;
    assert_eq!((commands, endings.closed), (Vec::new(), vec!["drained".to_owned()]));
}

/// A running command; something ends its session: what its client hears, after `cat` said it runs.
async fn ended(rig: &Rig, end: impl AsyncFnOnce(&Rig)) -> Heard {
    let client = rig.client("web-1").await;
    let mut channel = client.exec("cat").await;
    channel.data(&b"before"[..]).await.expect("sent");
    assert_eq!(in_time(rig::bytes(&mut channel, 6)).await, b"before");
    end(rig).await;
    // Sent or not: what comes after the end does not come back.
    drop(channel.data(&b"after"[..]).await);
    let heard = in_time(rig::hear(channel)).await;
    in_time(rig.target.ended("cat")).await;
    heard
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_command_is_ended_by_a_lock_a_people_change_and_an_operator() {
    let check = async |end: fn(&Rig) -> Boxed<'_, ()>, code: &str, reason: &str| {
        let rig = Rig::start().await;
        let heard = ended(&rig, async |rig| end(rig).await).await;
        assert_eq!((heard.output.as_str(), heard.status), ("", Some(126)), "{code}");
        assert!(heard.errors.starts_with(&format!("sallyport: {code}: ")), "{}", heard.errors);
        assert!(!heard.errors.contains("secret reason"), "{}", heard.errors);
        let endings = in_time(rig.stop()).await;
        assert_eq!(endings.finished, [format!("refused {code}")]);
        assert!(endings.closed[0].contains(reason), "{:?} is not {reason}", endings.closed);
    };
    check(lock, "SP-1007", "on person alice").await;
    check(everybody_gone, "SP-1004", "is gone").await;
    check(kill, "SP-1004", "ended by bob: who is this?").await;
}

fn lock(rig: &Rig) -> Boxed<'_, ()> {
    Box::pin(rig.control.lock(LockScope::Person(name("alice"))))
}

fn everybody_gone(rig: &Rig) -> Boxed<'_, ()> {
    Box::pin(rig.control.people(Vec::new()))
}

fn kill(rig: &Rig) -> Boxed<'_, ()> {
    let live = rig.sessions.live();
    let (id, by) = (live.list().remove(0).id, By::Person(name("bob")));
    live.kill(&id, &by, "who is this?").expect("it is live");
    Box::pin(std::future::ready(()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_contact_no_byte_moves_either_way_and_then_the_session_ends() {
    let rig = Rig::start().await;
    let client = rig.client("web-1").await;
    let mut channel = client.exec("cat").await;
    channel.data(&b"before"[..]).await.expect("sent");
    assert_eq!(in_time(rig::bytes(&mut channel, 6)).await, b"before");
    let ago = |age: Duration| rig.clock.elapsed().saturating_sub(age);
    rig.control.contact_was(ago(CONTACT + Duration::from_secs(1)));
    channel.data(&b"frozen"[..]).await.expect("taken into the spool");
    let came = tokio::time::timeout(NOTHING, rig::bytes(&mut channel, 1)).await;
    assert!(came.is_err(), "it came while the session was frozen: {came:?}");
    rig.control.contact_was(Duration::MAX);
    assert_eq!(in_time(rig::bytes(&mut channel, 6)).await, b"frozen");
    rig.control.contact_was(ago(CONTACT * 2 + Duration::from_secs(1)));
    let heard = in_time(rig::hear(channel)).await;
    assert_eq!((heard.output.as_str(), heard.status), ("", Some(255)));
    assert!(heard.errors.starts_with("sallyport: SP-1008: "), "{}", heard.errors);
    in_time(rig.target.ended("cat")).await;
    let endings = in_time(rig.stop()).await;
    assert_eq!(endings.finished, ["refused SP-1008"]);
}
