//! What is taken away ends what is live, and what was never given is not opened.

use proto::entry::{Entry, LockLift, LockScope};
use proto::event::{Kind, Outcome};
use proto::refusal::{Code, Told};

use super::node::{KEY, Node, POLICY, asked, judge, name, people, person, web};
use crate::{Asked, Over, Session};

/// Alice, with the key that she logged in with.
fn with_key() -> Asked {
    let key = node_identity::keys::read(KEY).expect("a key");
    let mut asked = asked();
    asked.actor.credential = Some(node_identity::keys::fingerprint(&key));
    asked
}

async fn ended(session: &mut Session) -> Told {
    let Over(told) = session.meanwhile(std::future::pending::<()>()).await.expect_err("it ends");
    told
}

/// Opens a session with a running command, changes something, and says how the session ended:
/// what the client was told, and why the record says that it was closed.
async fn check(change: impl AsyncFnOnce(&Node), code: Code, reason: &str) {
    let node = Node::start().await;
    let mut session = node.sessions.open(&with_key()).await.expect("a grant");
    drop(judge(&mut session, "sleep 100").await.expect("nothing blocks it"));
    let (told, ()) = tokio::join!(ended(&mut session), change(&node));
    assert_eq!(told.code, code, "{told}");
    assert!(!told.text.contains("secret reason"), "{told}");
    let ending = node_gate::Ending::Refused(told);
    drop(session.ended(ending, proto::event::Counted::default()).await.expect("kept"));
    session.close("the driver's own reason").await;
    // The number of a lock depends on what else was decided before.
    let numberless = |text: &String| text.replace(|letter: char| letter.is_ascii_digit(), "");
    let closed: Vec<_> = node.closed().iter().map(numberless).collect();
    assert_eq!(closed, [numberless(&reason.to_owned())]);
    let finished = node.events().into_iter().find_map(|event| match event.kind {
        Some(Kind::CommandFinished(finished)) => Some(finished.outcome),
        _ => None,
    });
    assert!(matches!(finished, Some(Outcome::Refused(told)) if told.code == code));
    node.closed_in_control().await;
}

#[tokio::test]
async fn a_lock_ends_what_is_live() {
    let locks = [
        (LockScope::Person(name("alice")), "lock 0 on person alice"),
        (LockScope::Target(name("web-1")), "lock 0 on target web-1"),
        (LockScope::Node(name("gw-1")), "lock 0 on node gw-1"),
        (LockScope::All, "lock 0 on everything"),
    ];
    for (scope, reason) in locks {
        let lock = async |node: &Node| {
            node.lock(scope).await;
        };
        check(lock, Code::Locked, reason).await;
    }
}

#[tokio::test]
async fn a_lock_opens_nothing_until_it_is_lifted() {
    let node = Node::start().await;
    let lock = node.lock(LockScope::Person(name("alice"))).await;
    let told = node.sessions.open(&asked()).await.err().expect("she is locked out");
    assert_eq!(told.code, Code::Locked);
    assert!(!told.text.contains("secret reason"), "{told}");
    assert_eq!(node.refused(), [format!("lock {lock} on person alice")]);
    // A lock on somebody else is no lock.
    node.lock(LockScope::Person(name("bob"))).await;
    let (by, reason) = (proto::entry::By::Administrator, String::new());
    node.propose(Entry::LockLifted(LockLift { lock, reason, by })).await;
    node.sessions.open(&asked()).await.expect("it was lifted");
}

#[tokio::test]
async fn a_person_who_is_gone() {
    let gone = "the person, or their credential, is gone";
    let others = || people().into_iter().filter(|one| one.name.as_str() != "alice").collect();
    check(async |node| node.people(others()).await, Code::SessionEnded, gone).await;
    let without_key = async |node: &Node| {
        let mut people = people();
        people[0].ssh_keys.clear();
        node.people(people).await;
    };
    check(without_key, Code::SessionEnded, gone).await;
    let elsewhere = async |node: &Node| {
        node.people(vec![person("alice", "sales"), person("bob", "dba")]).await;
    };
    check(elsewhere, Code::SessionEnded, "no grant is about alice").await;
}

#[tokio::test]
async fn a_target_that_is_gone_or_another() {
    let gone = async |node: &Node| node.targets(Vec::new()).await;
    check(gone, Code::SessionEnded, "there is no target web-1").await;
    let moved = async |node: &Node| node.targets(vec![web("127.0.0.1:2")]).await;
    check(moved, Code::SessionEnded, "target web-1 is another now").await;
    let no_login = async |node: &Node| {
        let mut web = web("127.0.0.1:1");
        web.logins = vec!["root".to_owned()];
        node.targets(vec![web]).await;
    };
    check(no_login, Code::SessionEnded, "web-1 does not have that login").await;
}

#[tokio::test]
async fn a_policy_that_grants_no_more() {
    let check_policy = async |from: &str, to: &str, reason: &str| {
        let policy = POLICY.replace(from, to);
        assert_ne!(policy, POLICY);
        check(async |node| node.policy(&policy).await, Code::SessionEnded, reason).await;
    };
    let nobody = "no grant is about alice";
    check_policy("groups: [engineering]", "groups: [sales]", nobody).await;
    let other = "no grant lets alice reach web-1 as that login";
    check_policy("as: [deploy]", "as: [root]", other).await;
    let command = "the policy does not let its command run any more";
    check_policy("programs: [env]", "programs: [env, sleep]", command).await;
    check_policy("programs: [reboot]", "programs: [sleep]", command).await;
    // What is decided by the raw text is read again from the raw text.
    check_policy("shell: { programs: [env] }", "regex: 'p 1'", command).await;
}

#[tokio::test(start_paused = true)]
async fn what_changes_nothing_ends_nothing() {
    let node = Node::start().await;
    let mut session = node.sessions.open(&with_key()).await.expect("a grant");
    drop(judge(&mut session, "sleep 100").await.expect("nothing blocks it"));
    let change = async {
        node.policy(&POLICY.replace("[env]", "[env, printenv]")).await;
        node.lock(LockScope::Person(name("bob"))).await;
        let mut people = people();
        people.push(person("eve", "sales"));
        node.people(people).await;
        let mut web_2 = web("127.0.0.1:2");
        web_2.name = name("web-2");
        node.targets(vec![web("127.0.0.1:1"), web_2]).await;
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        7
    };
    assert_eq!(session.meanwhile(change).await, Ok(7));
    assert_eq!(judged_by(&node), 1, "the running command was not judged anew in the record");
}

fn judged_by(node: &Node) -> usize {
    node.of_sessions().into_iter().filter(|name| name == "command.judged").count()
}

/// The view may change between the moment that a session is judged and its first wait.
#[tokio::test]
async fn what_changed_while_it_was_judged_counts() {
    let node = Node::start().await;
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    drop(judge(&mut session, "sleep 100").await.expect("nothing blocks it"));
    node.lock(LockScope::All).await;
    tokio::task::yield_now().await;
    for _ in 0..2 {
        let worked = session.meanwhile(async { 7 }).await;
        assert!(matches!(worked, Err(Over(Told { code: Code::Locked, .. }))), "{worked:?}");
    }
}
