//! Two of three nodes are gone: every command that writes says so, within a bound, and nothing was
//! changed; what only reads still works.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::invariants::history::Outcome;
use chaos_tests::live::fleet::{BYSTANDER, Fleet, HELD, Waiting, Word, on_fleet};
use chaos_tests::live::{SHORT, marker, since_boot, until};
use serde_json::Value;

use super::super::{done, marked};

/// What the page of SP-1508 promises.
const ANSWERED_WITHIN: Duration = Duration::from_secs(15);

/// A command, by whom.
type Asked = (&'static str, Vec<String>);

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// Every command that writes, right in itself.
fn writes(fleet: &Fleet, approval: u64, lock: u64, other: &str) -> Result<Vec<Asked>> {
    let document = |noun: &str, text: &str| {
        let file = fleet.document(noun, text)?;
        Ok::<_, anyhow::Error>(format!("{noun} apply -f {}", file.display()))
    };
    let path = |name: &str| fleet.path(&format!("{name}-{}", marker())).display().to_string();
    let recipient = fleet.administer("gw-1", &["cluster", "backup-key", "--out", &path("key")])?;
    let admin = |text: String| ("admin", words(&text));
    let approver = |verb: &str| {
        ("bob", words(&format!("approvals {verb} {approval} --reason without-a-majority")))
    };
    Ok(vec![
        admin(document("people", &fleet.people_without(&[BYSTANDER]))?),
        admin(format!("people remove {BYSTANDER}")),
        admin(document("target", "targets: []\n")?),
        admin("target remove web-1".to_owned()),
        admin(document("policy", &fleet.policy("without a majority"))?),
        admin("policy rollback 1".to_owned()),
        approver("approve"),
        approver("deny"),
        approver("revoke"),
        admin(format!("lock set --person {BYSTANDER} --reason without-a-majority")),
        admin(format!("lock lift {lock} --reason without-a-majority")),
        admin("cluster join-token".to_owned()),
        admin(format!("cluster add gw-9 --join-file {}", path("join"))),
        admin(format!("cluster remove {other}")),
        admin(format!("cluster backup --recipient {} --out {}", recipient.trim(), path("backup"))),
    ])
}

/// Asks for all of it at once, through one node; gives each answer and how long it took.
fn ask(fleet: &Fleet, through: &str, asked: &[Asked]) -> Vec<(String, Word, Duration)> {
    let one = |(person, arguments): &Asked| {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let begun = since_boot();
        let word = fleet.ask(person, through, &arguments).0;
        (arguments.join(" "), word, since_boot() - begun)
    };
    thread::scope(|scope| {
        let asking: Vec<_> = asked.iter().map(|asked| scope.spawn(move || one(asked))).collect();
        asking.into_iter().map(|one| one.join().expect("nobody panics in it")).collect()
    })
}

/// What documents are in force. Locks are not among them: probes set some for a moment.
fn in_force(fleet: &Fleet, through: &str) -> Result<String> {
    let lists = ["people list", "target list", "policy history"];
    let list = |list: &&str| {
        let mut arguments: Vec<_> = list.split(' ').collect();
        arguments.extend(["--output", "jsonl"]);
        fleet.administer(through, &arguments)
    };
    lists.iter().map(list).collect()
}

/// The lock stands, and none was set by a command that was refused.
fn lock_stands(fleet: &Fleet, through: &str, lock: u64) -> Result<()> {
    let listed = fleet.administer(through, &["lock", "list", "--output", "jsonl"])?;
    let rows: Result<Vec<Value>, _> = listed.lines().map(serde_json::from_str).collect();
    ensure!(rows?.iter().any(|row| row["id"] == lock), "lock {lock} is gone: {listed}");
    ensure!(!listed.contains("without-a-majority"), "a lock was set: {listed}");
    Ok(())
}

/// What is refused says why, what still works or what to do, and in time.
fn refused_in_time((asked, word, took): &(String, Word, Duration)) -> Result<()> {
    let code = word.code.as_deref();
    let no_quorum = word.outcome == Outcome::Refused
        && code == Some("SP-1508")
        && word.said.contains("can still be read");
    let unknown = word.outcome == Outcome::Unknown
        && code == Some("SP-1509")
        && word.said.contains("before you ask again");
    ensure!(no_quorum || unknown, "{asked}: {word:?}");
    ensure!(*took <= ANSWERED_WITHIN, "{asked} was answered after {took:?}");
    Ok(())
}

/// Sets a lock on somebody who does nothing.
fn lock(fleet: &Fleet) -> Result<u64> {
    let set = ["lock", "set", "--person", BYSTANDER, "--reason", "a look", "--output", "json"];
    let text = fleet.administer("gw-1", &set)?;
    let json: Value = serde_json::from_str(&text)?;
    json.get(0).unwrap_or(&json)["id"].as_u64().with_context(|| text.clone())
}

fn hold(fleet: &Fleet, on: &str) -> Result<Waiting> {
    fleet.hold("alice", on, &marked(HELD).command)
}

fn without_two(fleet: &Fleet, alone: &str, fail: impl Fn(&str) -> Result<()>) -> Result<()> {
    let others = fleet.others(&[alone]);
    let locked = lock(fleet)?;
    let mut waiting = hold(fleet, alone)?;
    let writes = writes(fleet, waiting.approval, locked, &others[0])?;
    let before = in_force(fleet, alone)?;
    others.iter().try_for_each(|node| fail(node))?;
    let answers = ask(fleet, alone, &writes);
    answers.iter().try_for_each(refused_in_time)?;
    // What the node knows is shown all the same, and how the cluster is.
    ensure!(in_force(fleet, alone)? == before, "it changed without a majority");
    lock_stands(fleet, alone, locked)?;
    for list in ["sessions list", "approvals list", "events tail"] {
        done(&fleet.ask("admin", alone, &list.split(' ').collect::<Vec<_>>()).0)?;
    }
    until("it says so", SHORT, || Ok((!fleet.status(alone)?.has_contact).then_some(())))?;
    fleet.comes_back()?;
    // Nor later: what was said to have had no effect has none. What was said to be unknown may come
    // about: a leader that others could not hear has it in its log.
    if answers.iter().all(|(_, word, _)| word.outcome == Outcome::Refused) {
        ensure!(in_force(fleet, alone)? == before, "it changed once there was a majority again");
        lock_stands(fleet, alone, locked)?;
        let state = fleet.approval(alone, waiting.approval)?;
        ensure!(state == "open" || state.starts_with("withdrawn"), "it is {state}");
    }
    waiting.talk.process().kill()?;
    let lift = ["lock", "lift", &locked.to_string(), "--reason", "seen"];
    // It may be lifted already.
    drop(fleet.ask("admin", alone, &lift));
    Ok(())
}

#[test]
fn every_command_that_writes_is_refused_in_time_while_two_nodes_stand_still() -> Result<()> {
    on_fleet(|fleet| {
        let leader = fleet.leader()?;
        without_two(fleet, &leader, |node| fleet.gateway(node).pause())
    })
}

#[test]
fn every_command_that_writes_is_refused_in_time_when_two_nodes_are_killed() -> Result<()> {
    on_fleet(|fleet| {
        let follower = fleet.others(&[&fleet.leader()?])[0].clone();
        without_two(fleet, &follower, |node| fleet.gateway(node).kill())
    })
}
