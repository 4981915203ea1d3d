//! A node is killed and its disk is gone: what it did is in the stream, and all of it that a client
//! was told is.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::{Context as _, Result, ensure};
use chaos_tests::live::fleet::{ALLOWED, BLOCKED, Fleet, REQUESTERS, on_streamed_fleet};
use chaos_tests::live::{SHORT, until};
use serde_json::Value;

use super::marked;
use super::stream::{apply, journal};

/// The node that goes.
const GONE: &str = "gw-2";
/// A node that stays.
const STAYS: &str = "gw-1";
/// How many commands are done when the node dies; others are under way.
const DONE: usize = 12;

/// What a client saw done: the marker of its command, and what it was told.
type Done = Vec<(String, &'static str)>;

/// Runs one command after the other until the node is gone; gives those that a client saw done.
fn work(fleet: &Fleet, person: &str, over: &AtomicBool, count: &AtomicUsize) -> Done {
    let mut done = Vec::new();
    while !over.load(Ordering::Relaxed) {
        for (program, verdict) in [(ALLOWED, "allow"), (BLOCKED, "block")] {
            let one = marked(program);
            let Ok(ended) = fleet.ssh(person, GONE).run(&one.command) else { continue };
            let allowed = verdict == "allow" && ended.status == Some(0);
            let blocked = ended.status == Some(126) && ended.errors.contains("SP-1201");
            if allowed || blocked {
                done.push((one.marker, verdict));
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    done
}

/// Kills the node while people are at work, and takes its disk away.
fn lose(fleet: &Fleet) -> Result<Done> {
    let (over, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    let all = std::thread::scope(|scope| -> Result<Vec<_>> {
        let workers: Vec<_> = REQUESTERS
            .iter()
            .map(|person| scope.spawn(|| work(fleet, person, &over, &count)))
            .collect();
        let enough = until("commands are done", SHORT, || {
            Ok((count.load(Ordering::Relaxed) >= DONE).then_some(()))
        });
        let killed = enough.and_then(|()| fleet.gateway(GONE).kill());
        over.store(true, Ordering::Relaxed);
        let done = workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default());
        let done = done.collect();
        killed.map(|()| done)
    })?;
    let data = fleet.gateway(GONE).data();
    fs::rename(&data, data.with_extension("gone"))?;
    fs::create_dir(&data)?;
    Ok(all)
}

/// The disk was only away after all, so that the fleet can be whole again.
fn find_again(fleet: &Fleet) -> Result<()> {
    let data = fleet.gateway(GONE).data();
    fs::remove_dir(&data)?;
    Ok(fs::rename(data.with_extension("gone"), data)?)
}

fn json(fleet: &Fleet, arguments: &[&str]) -> Result<Value> {
    let text = fleet.administer(STAYS, &[arguments, &["-o", "json"]].concat())?;
    serde_json::from_str(&text).with_context(|| format!("{arguments:?} says JSON: {text}"))
}

/// The sessions of the node that is gone, by the markers of their commands, as another node has
/// them; once all that were done are among them.
fn sessions(fleet: &Fleet, done: &Done) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    until("all sessions are there", SHORT, || {
        let list = json(fleet, &["sessions", "list"])?;
        let rows = list.as_array().context("a list")?.iter();
        for row in rows.filter(|row| row["node"] == GONE) {
            let id = row["id"].as_str().context("an id")?;
            if found.values().any(|known| known == id) {
                continue;
            }
            let shown = json(fleet, &["sessions", "show", id])?;
            // A session that is not folded yet is shown as the control plane knows it.
            for command in shown["commands"].as_array().into_iter().flatten() {
                let text = command["text"].as_str().context("a text")?;
                let marker = text.rsplit(' ').next().unwrap_or_default().trim_end_matches("/x");
                found.insert(marker.to_owned(), id.to_owned());
            }
        }
        Ok(done.iter().all(|(marker, _)| found.contains_key(marker)).then_some(()))
    })?;
    Ok(found)
}

/// One session is replayed and exported as it was.
fn replayed(fleet: &Fleet, id: &str, marker: &str) -> Result<()> {
    let text = fleet.administer(STAYS, &["sessions", "replay", id, "--no-wait"])?;
    ensure!(text == format!("{marker}\n"), "the replay of {id}: {text:?}");
    let cast = fleet.administer(STAYS, &["sessions", "export", id])?;
    ensure!(cast.contains(marker) && cast.starts_with('{'), "the export of {id}: {cast}");
    let text = fleet.administer(STAYS, &["sessions", "export", id, "--format", "json"])?;
    let replay: Value = serde_json::from_str(&text)?;
    let ended = &replay["commands"][0]["outcome"];
    ensure!(!ended.is_null(), "the end of its command is there: {replay}");
    Ok(())
}

/// A few commands, all of whose events the stream has: their output and their ends too.
fn early(fleet: &Fleet) -> Result<Done> {
    let mut done = Vec::new();
    until("commands run", SHORT, || {
        let one = marked(ALLOWED);
        if fleet.ssh("alice", GONE).run(&one.command)?.status == Some(0) {
            done.push((one.marker, "allow"));
        }
        Ok((done.len() >= 3).then_some(()))
    })?;
    until("the stream has them", SHORT, || {
        Ok((journal(fleet, GONE)?["stream"]["unacknowledged"] == 0).then_some(()))
    })?;
    Ok(done)
}

#[test]
fn a_node_whose_disk_is_gone_loses_nothing_that_a_client_was_told() -> Result<()> {
    on_streamed_fleet(3, |fleet| {
        apply(fleet, "replicated", "refuse")?;
        let early = early(fleet)?;
        // Of those the verdicts are waited for, and what came of them may be lost with the node.
        let done = [early.clone(), lose(fleet)?].concat();
        let sessions = sessions(fleet, &done)?;
        for (marker, _) in &early {
            replayed(fleet, &sessions[marker], marker)?;
        }
        let archive = fleet.path("archive-of-the-stream");
        let path = archive.to_str().context("a path")?;
        fleet.administer(STAYS, &["events", "export", "--out", path, "--node", GONE])?;
        let events = fs::read_to_string(archive.join("events.jsonl"))?;
        let of_it: Vec<Value> = events
            .lines()
            .filter(|line| line.contains(r#""chain":"gw-2""#))
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()?;
        for (marker, verdict) in &done {
            let judged = of_it.iter().filter(|event| {
                event["type"] == "io.sallyport.command.judged.v1"
                    && event["data"]["text"].as_str().is_some_and(|text| text.contains(marker))
            });
            let judged: Vec<_> = judged.collect();
            ensure!(judged.len() == 1, "{marker} was judged {} times", judged.len());
            let data = &judged[0]["data"];
            ensure!(data["verdict"] == *verdict && data["durability"] == "replicated", "{data}");
        }
        let said = fleet.try_administer(STAYS, &["audit", "verify", path, "-o", "table"])?;
        let text = format!("{}{}", said.text(), said.said());
        ensure!(said.status.success() && text.contains("chain gw-2: proven"), "{text}");
        // Its own chain is not taken twice, and a chain that is nowhere is not there.
        let again = fleet.path("again");
        let again = again.to_str().context("a path")?;
        let said =
            fleet.try_administer(STAYS, &["events", "export", "--out", again, "--node", STAYS])?;
        ensure!(said.status.code() == Some(2), "{}", said.said());
        let nobody = fleet.path("nobody");
        let nobody = nobody.to_str().context("a path")?;
        let said = fleet
            .try_administer(STAYS, &["events", "export", "--out", nobody, "--node", "gw-9"])?;
        ensure!(said.said().contains("SP-1503"), "{}", said.said());
        find_again(fleet)
    })
}
