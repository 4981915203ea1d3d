//! A fleet that publishes to a broker: what is acknowledged as replicated is in the stream, a
//! broker that is gone makes nobody wait, and what was missed is published when it is back.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use chaos_tests::live::fleet::{ALLOWED, Fleet, on_streamed_fleet};
use chaos_tests::live::{SHORT, until};
use serde_json::Value;

/// How long a node may take to notice that a broker is gone.
const NOTICES: Duration = Duration::from_secs(12);

/// The policy, with what it says of the record.
pub(super) fn apply(fleet: &Fleet, remark: &str, when_down: &str) -> Result<()> {
    let records = format!(
        "records:\n  - {{ name: all, when: {{}}, durability: replicated, \
         when_stream_down: {when_down} }}\n"
    );
    fleet.apply("gw-1", "policy", &format!("{}{records}", fleet.policy(remark))).map(drop)
}

/// Whether a command of alice's runs on a node: the status, what was said, and how long it took.
fn run(fleet: &Fleet, node: &str) -> Result<(Option<i32>, String, Duration)> {
    let begun = Instant::now();
    let ended = fleet.ssh("alice", node).run(&format!("{ALLOWED} x"))?;
    Ok((ended.status, ended.errors, begun.elapsed()))
}

/// The newest event of a kind on a node.
fn newest(fleet: &Fleet, node: &str, kind: &str) -> Result<Option<Value>> {
    let said = fleet.administer(node, &["events", "tail", "-n", "200", "--kind", kind])?;
    let last = said.lines().last().map(serde_json::from_str);
    last.transpose().context("an event is JSON")
}

fn problems(fleet: &Fleet, node: &str) -> Result<String> {
    let said = fleet.try_administer(node, &["cluster", "status", "-o", "json"])?;
    Ok(format!("{}{}", said.text(), said.said()))
}

#[test]
fn replicated_waits_for_the_stream_and_a_stream_that_is_down_makes_nobody_wait() -> Result<()> {
    on_streamed_fleet(1, |fleet| {
        apply(fleet, "replicated", "refuse")?;
        until("a command runs", SHORT, || Ok((run(fleet, "gw-1")?.0 == Some(0)).then_some(())))?;
        let judged = newest(fleet, "gw-1", "command.judged")?.context("it was judged")?;
        ensure!(judged["data"]["durability"] == "replicated", "{judged}");

        fleet.broker(|broker| broker.kill())?;
        until(
            "it is noticed",
            NOTICES,
            || Ok(newest(fleet, "gw-1", "record.degraded")?.map(drop)),
        )?;
        let (status, said, took) = run(fleet, "gw-1")?;
        ensure!(status == Some(126) && said.contains("SP-1406"), "{status:?} {said}");
        ensure!(took < Duration::from_secs(3), "it waited {took:?}");
        ensure!(problems(fleet, "gw-1")?.contains("SP-1406"), "the status says so");

        apply(fleet, "local meanwhile", "local")?;
        until("a command runs", SHORT, || Ok((run(fleet, "gw-1")?.0 == Some(0)).then_some(())))?;
        let judged = newest(fleet, "gw-1", "command.judged")?.context("it was judged")?;
        let data = &judged["data"];
        ensure!(data["durability"] == "local" && data["without_stream"] == true, "{judged}");

        fleet.broker(|broker| broker.again())?;
        until("it is restored", NOTICES, || {
            Ok((!problems(fleet, "gw-1")?.contains("SP-1406")).then_some(()))
        })?;
        apply(fleet, "replicated again", "refuse")?;
        until("a command runs", SHORT, || Ok((run(fleet, "gw-1")?.0 == Some(0)).then_some(())))?;
        let judged = newest(fleet, "gw-1", "command.judged")?.context("it was judged")?;
        ensure!(judged["data"]["durability"] == "replicated", "{judged}");
        Ok(())
    })
}

/// How a node's journal stands with the stream.
pub(super) fn journal(fleet: &Fleet, node: &str) -> Result<Value> {
    let said = fleet.try_administer(node, &["journal", "status", "-o", "json"])?;
    let rows: Value = serde_json::from_str(&said.text()).with_context(|| said.said())?;
    Ok(rows[0].clone())
}

/// Waits until the stream has all of a node's journal, and something keeps it there, or nothing.
fn blocked_by(fleet: &Fleet, node: &str, what: &str) -> Result<Value> {
    let mut last = Value::Null;
    let found = until(what, NOTICES * 2, || {
        last = journal(fleet, node)?;
        let stream = &last["stream"];
        Ok((stream["blocked_by"] == what && stream["unacknowledged"] == 0).then_some(()))
    });
    found.with_context(|| format!("the journal of {node}: {last}"))?;
    Ok(last["stream"].clone())
}

#[test]
fn what_no_checkpoint_covers_stays_in_the_journal() -> Result<()> {
    on_streamed_fleet(2, |fleet| {
        ensure!(run(fleet, "gw-1")?.0 == Some(0), "a command runs");
        let before = blocked_by(fleet, "gw-1", "nothing")?;
        // Without a majority nothing is sealed, though the stream takes events and gives them back.
        fleet.gateway("gw-2").kill()?;
        until("a login is refused", SHORT, || {
            let ended = fleet.ssh("alice", "gw-1").user("mallory@web-1").run("echo x")?;
            Ok((ended.status == Some(255)).then_some(()))
        })?;
        let alone = blocked_by(fleet, "gw-1", "no checkpoint covers more")?;
        let (acknowledged, suffices) = (&alone["acknowledged"], &alone["suffices"]);
        ensure!(acknowledged.as_u64() > suffices.as_u64(), "{before} {alone}");
        ensure!(suffices.as_u64() >= before["suffices"].as_u64(), "{before} {alone}");
        fleet.gateway("gw-2").start()?;
        let again = blocked_by(fleet, "gw-1", "nothing")?;
        ensure!(again["suffices"].as_u64() >= acknowledged.as_u64(), "{alone} {again}");
        Ok(())
    })
}

#[test]
fn a_wiped_broker_is_filled_again_and_it_is_said() -> Result<()> {
    on_streamed_fleet(1, |fleet| {
        ensure!(run(fleet, "gw-1")?.0 == Some(0), "a command runs");
        fleet.broker(|broker| {
            broker.kill()?;
            broker.wipe()?;
            broker.again()
        })?;
        until("it is noticed", NOTICES, || {
            Ok(problems(fleet, "gw-1")?.contains("SP-1612").then_some(()))
        })?;
        fleet.broker(|broker| broker.provision("chaos"))?;
        until("it is restored", NOTICES, || {
            let restored = newest(fleet, "gw-1", "record.restored")?;
            Ok(restored.filter(|event| event["data"]["regressions"] == 1).map(drop))
        })
    })
}
