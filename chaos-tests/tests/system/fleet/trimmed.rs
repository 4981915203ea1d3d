//! A journal whose old segments were taken away: the stream gives what was in them, or it is said
//! what is still here. Nothing is exported that looks whole and is not.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::live::fleet::{Fleet, on_streamed_fleet};
use chaos_tests::live::{LONG, Reaped, SHORT, until};
use serde_json::Value;

use super::stream::journal;

/// The one node.
const NODE: &str = "gw-1";
/// A quota that is used up by little, in bytes.
const QUOTA: u64 = 32 * 1024 * 1024;
/// So many segments are taken away.
const TAKEN: usize = 2;
/// A command that says much.
const MUCH: &str = "seq 1 300000";

/// Gives the node a tiny quota.
fn shrink(fleet: &Fleet) -> Result<()> {
    let gateway = fleet.gateway(NODE);
    gateway.stop()?;
    let file = gateway.data().with_file_name("node.yaml");
    let text = fs::read_to_string(&file)?;
    let lines = text.lines().filter(|line| !line.starts_with("journal_quota:"));
    let lines: Vec<_> =
        lines.map(str::to_owned).chain([format!("journal_quota: {QUOTA}")]).collect();
    fs::write(&file, lines.join("\n"))?;
    gateway.start().map(drop)
}

/// Segments that have left the quota, the oldest first.
fn archived(fleet: &Fleet) -> Result<Vec<PathBuf>> {
    let folder = fleet.gateway(NODE).data().join("events/archive");
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        found.push(entry?.path());
    }
    found.retain(|path| path.extension().is_some_and(|ending| ending == "segment"));
    found.sort();
    Ok(found)
}

fn export(fleet: &Fleet, name: &str, more: &[&str]) -> Result<(Reaped, String)> {
    let folder = fleet.path(name);
    let path = folder.to_str().context("a path")?.to_owned();
    let said = fleet
        .try_administer(NODE, &[&["events", "export", "--out", path.as_str()], more].concat())?;
    Ok((said, path))
}

/// The lines of an export, by chain.
fn chains(path: &str) -> Result<BTreeMap<String, Vec<String>>> {
    let mut chains: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in fs::read_to_string(format!("{path}/events.jsonl"))?.lines() {
        let event: serde_json::Value = serde_json::from_str(line)?;
        let chain = event["data"]["chain"].as_str().context("a chain")?.to_owned();
        chains.entry(chain).or_default().push(line.to_owned());
    }
    Ok(chains)
}

fn verify(fleet: &Fleet, what: &[&str], status: i32, word: &str) -> Result<()> {
    let said =
        fleet.try_administer(NODE, &[&["audit", "verify"], what, &["-o", "table"]].concat())?;
    let text = format!("{}{}", said.text(), said.said());
    ensure!(said.status.code() == Some(status) && text.contains(word), "{what:?}: {text}");
    Ok(())
}

/// The node's sessions, the oldest first, and what the oldest one's client saw.
fn sessions(fleet: &Fleet) -> Result<(Vec<String>, String)> {
    let listed = fleet.administer(NODE, &["sessions", "list", "-o", "json"])?;
    let listed: Vec<Value> = serde_json::from_str(&listed)?;
    let ids = listed.iter().filter_map(|one| one["id"].as_str());
    let ids: Vec<_> = ids.map(str::to_owned).collect();
    let oldest = ids.first().context("a session")?;
    let seen = fleet.administer(NODE, &["sessions", "replay", oldest, "--no-wait"])?;
    ensure!(seen.starts_with("1\n2\n"), "{oldest} shows {:?}", seen.get(..100));
    Ok((ids, seen))
}

/// The views are folded anew, and show the same sessions.
fn rebuild(fleet: &Fleet, before: &(Vec<String>, String)) -> Result<()> {
    let said = fleet.administer(NODE, &["views", "rebuild", "-o", "json"])?;
    let said: Value = serde_json::from_str(&said)?;
    ensure!(said[0]["state"] == "following", "{said}");
    ensure!(sessions(fleet)? == *before, "the views show other sessions");
    Ok(())
}

/// Sessions of which everything is in the record: while the quota was full, some lost an event.
fn recorded_whole(fleet: &Fleet, ids: &[String]) -> Result<Vec<String>> {
    let mut whole = Vec::new();
    for id in ids {
        let replay = ["sessions", "replay", id, "--no-wait", "--output-only"];
        let replayed = fleet.try_administer(NODE, &replay)?;
        if replayed.status.success() && replayed.text().starts_with("1\n2\n") {
            whole.push(id.clone());
        }
    }
    Ok(whole)
}

/// A session whose start nobody has is shown from where it begins, and nobody takes it for whole.
fn without_its_start(fleet: &Fleet, recorded: &[String]) -> Result<()> {
    const SAID: &str = "the start of this session is not here";
    let (mut cut, mut whole) = (0, 0);
    for id in recorded {
        let replayed = fleet
            .try_administer(NODE, &["sessions", "replay", id, "--no-wait", "--output-only"])?;
        if !replayed.status.success() {
            // Nothing of it is here.
            continue;
        }
        let is_cut = replayed.said().contains(SAID);
        ensure!(is_cut != replayed.text().starts_with("1\n2\n"), "{id}: {}", replayed.said());
        let exported =
            fleet.try_administer(NODE, &["sessions", "export", id, "--format", "json"])?;
        let replay: Value = serde_json::from_str(&exported.text())?;
        ensure!((replay["start_missing"] == true) == is_cut, "{id}: {}", exported.said());
        ensure!(exported.said().contains(SAID) == is_cut, "{id}: {}", exported.said());
        let cast = fleet.try_administer(NODE, &["sessions", "export", id])?.text();
        let title = cast.lines().next().unwrap_or_default();
        ensure!(title.contains("without its start") == is_cut, "{title}");
        (cut, whole) = if is_cut { (cut + 1, whole) } else { (cut, whole + 1) };
    }
    ensure!(cut == 1 && whole > 0, "{cut} sessions are cut, {whole} are whole");
    Ok(())
}

#[test]
fn what_was_taken_away_is_given_by_the_stream_or_named() -> Result<()> {
    on_streamed_fleet(1, |fleet| {
        shrink(fleet)?;
        let mut ran = 0;
        until("old segments leave the quota", LONG, || {
            ran += usize::from(fleet.ssh("alice", NODE).run(MUCH)?.status == Some(0));
            Ok((archived(fleet)?.len() > TAKEN).then_some(()))
        })?;
        ensure!(ran > 0, "nothing ran");
        let (said, whole) = export(fleet, "whole", &[])?;
        ensure!(said.status.success(), "{}", said.said());
        let before = sessions(fleet)?;
        let recorded = recorded_whole(fleet, &before.0)?;
        // Somebody takes the oldest away.
        fleet.gateway(NODE).stop()?;
        for path in archived(fleet)?.iter().take(TAKEN) {
            fs::remove_file(path)?;
        }
        fleet.gateway(NODE).start()?;
        until("the stream is up", SHORT, || {
            Ok((journal(fleet, NODE)?["stream"]["up"] == true).then_some(()))
        })?;

        let (said, filled) = export(fleet, "filled", &[])?;
        ensure!(said.status.success(), "{}", said.said());
        let (whole, chained) = (chains(&whole)?, chains(&filled)?);
        for (chain, lines) in &whole {
            ensure!(chained[chain].starts_with(lines), "{chain} is not what it was");
        }
        verify(fleet, &[&filled], 0, "no tampering found")?;
        // The gateway's own record is verified as a whole too.
        verify(fleet, &[], 0, "no tampering found")?;

        ensure!(sessions(fleet)? == before, "the oldest session is not what it was");
        rebuild(fleet, &before)?;

        fleet.broker(|broker| broker.kill())?;
        // What could not be folded anew is not dropped.
        let said = fleet.try_administer(NODE, &["views", "rebuild"])?;
        ensure!(
            said.status.code() == Some(1) && said.said().contains("SP-1410"),
            "{}",
            said.said()
        );
        let listed = fleet.administer(NODE, &["sessions", "list", "-o", "json"])?;
        ensure!(before.0.iter().all(|id| listed.contains(id.as_str())), "sessions are gone");
        without_its_start(fleet, &recorded)?;
        let (said, _) = export(fleet, "refused", &[])?;
        let text = said.said();
        ensure!(said.status.code() == Some(1) && text.contains("SP-1410"), "{text}");
        ensure!(text.contains("gw-1 from ") && text.contains("control from "), "{text}");
        verify(fleet, &[], 3, "SP-1410")?;
        let (said, here) = export(fleet, "here", &["--from-here"])?;
        ensure!(said.status.success(), "{}", said.said());
        let left = chains(&here)?;
        ensure!(left[NODE].len() < whole[NODE].len(), "something is gone");
        verify(fleet, &[&here], 3, "is not here")?;
        fleet.broker(|broker| broker.again())
    })
}
