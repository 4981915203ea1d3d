//! `kill -9` while fifty people sit at shells: each session is known to be lost, up to its last
//! event, and nothing that was promised while they lasted is taken back.

use std::collections::BTreeSet;
use std::fs;
use std::thread;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::invariants::acknowledged_once::{self, Acknowledged};
use chaos_tests::invariants::no_secret_anywhere::Places;
use chaos_tests::invariants::{Events, recorded_before_done};
use chaos_tests::live::{LONG, Ran, SHORT, Scene, Secret, Talk, fresh_secrets, marker, until};
use serde_json::Value;

/// How many shells there are, and how many are begun at a time.
const SHELLS: usize = 50;
const AT_A_TIME: usize = 10;

const POLICY: &str = r#"version: 1
sessions: { per_person: 60 }
grants:
  - { name: all, who: { groups: [engineering] }, targets: { kind: ssh }, as: [LOGIN], channels: [exec, shell] }
"#;

/// A person at a shell, and the line whose end they saw.
struct Seat {
    shell: Talk,
    marker: String,
}

impl Seat {
    /// Opens a shell, and runs a line in it: it says on the target that it ran, shows secrets, and
    /// ends with its marker.
    fn take(scene: &Scene) -> Result<Self> {
        let mut shell = scene.ssh().shell()?;
        shell.said("a prompt", LONG, |output, _| output.contains("sh> ").then_some(()))?;
        let marker = marker();
        shell.types(&format!("{}\r", line(scene, &marker)))?;
        // What is typed is not what is printed.
        let printed = format!("{marker}=2");
        shell.said(&marker, LONG, |output, _| output.contains(&printed).then_some(()))?;
        Ok(Self { shell, marker })
    }
}

/// A line that leaves its marker on the target, shows secrets, and then its marker.
fn line(scene: &Scene, marker: &str) -> String {
    let folder = scene.target.folder.display();
    format!("echo {marker} >>{folder}/lines; cat {folder}/secrets; echo {marker}=$((1+1))")
}

/// Fifty shells in which something goes on.
fn seated(scene: &Scene) -> Result<Vec<Seat>> {
    let mut seats = Vec::new();
    while seats.len() < SHELLS {
        let more = thread::scope(|scope| -> Result<Vec<Seat>> {
            let one = |_| scope.spawn(|| Seat::take(scene));
            let opening: Vec<_> = (0..AT_A_TIME).map(one).collect();
            let opened = opening.into_iter().map(|one| one.join().ok().context("it panicked")?);
            opened.collect()
        })?;
        seats.extend(more);
    }
    for seat in &mut seats {
        seat.shell.types("while :; do date; sleep 0.1; done\r")?;
    }
    Ok(seats)
}

#[test]
fn killed_with_fifty_shells_open() -> Result<()> {
    let mut scene = Scene::with_policy(POLICY)?;
    let secrets = fresh_secrets();
    let lines: Vec<_> = secrets.iter().map(|secret| secret.line.as_str()).collect();
    fs::write(scene.target.folder.join("secrets"), lines.join("\n") + "\n")?;
    let seats = seated(&scene)?;
    until("all of them are busy", SHORT, || {
        let judged = scene.events_of("command.judged")?;
        let busy = judged.iter().filter(|data| text(data).starts_with("while")).count();
        Ok((busy == SHELLS).then_some(()))
    })?;
    let served = scene.event_lines()?;
    scene.node.kill()?;
    let mut places = Places::default();
    let mut acknowledged = Acknowledged::default();
    for mut seat in seats {
        seat.shell.wait(SHORT)?;
        places.add("a terminal", seat.shell.output());
        places.add("a terminal", seat.shell.errors());
        acknowledged.markers.insert(seat.marker);
    }
    acknowledged.lines.extend(served);
    scene.restart()?;

    let verified = scene.node.administer(&["audit", "verify"])?;
    ensure!(verified.status.success(), "{}{}", verified.text(), verified.said());
    let after = scene.event_lines()?;
    let events = Events::read(after.iter().map(String::as_str)).ok().context("events are JSON")?;
    let lost = acknowledged_once::violations(&acknowledged, &events);
    ensure!(lost.is_empty(), "O1: {lost:?}");
    let unrecorded = recorded_before_done::violations(&ran(&scene)?, &events);
    ensure!(unrecorded.is_empty(), "O2: {unrecorded:?}");
    each_is_lost(&scene, &events)?;
    nothing_is_shown(&scene, places, &events, &secrets)
}

fn text(judged: &Value) -> &str {
    judged["text"].as_str().unwrap_or_default()
}

/// What ran on the target: each line that said so there, as it was typed, and each shell.
fn ran(scene: &Scene) -> Result<Vec<Ran>> {
    let mut ran = scene.target.log()?;
    ensure!(ran.len() == SHELLS, "{} shells ran", ran.len());
    for shell in &mut ran {
        // A shell is no command to sshd; in the record it has this text.
        ensure!(shell.command.is_empty(), "{shell:?}");
        "# an interactive shell".clone_into(&mut shell.command);
    }
    let lines = fs::read_to_string(scene.target.folder.join("lines"))?;
    let marked: BTreeSet<_> = lines.lines().collect();
    ensure!(marked.len() == SHELLS, "{} lines ran", marked.len());
    let at = ran[0].at;
    let line = |marker| Ran { command: line(scene, marker), at, was_recorded: None };
    ran.extend(marked.into_iter().map(line));
    Ok(ran)
}

/// Every session is listed as lost, since the node started again; its record goes up to the last
/// event without a gap, and does not say that it was closed in good order.
fn each_is_lost(scene: &Scene, events: &Events) -> Result<()> {
    let listed = scene.node.administer(&["sessions", "list", "--output", "json"])?;
    ensure!(listed.status.success(), "{}", listed.said());
    let listed: Vec<Value> = serde_json::from_slice(&listed.output)?;
    ensure!(listed.len() == SHELLS, "{} sessions are listed", listed.len());
    let closed = events.of_kind("session.closed").map(|data| data["session"].to_string());
    let closed: BTreeSet<_> = closed.collect();
    for session in &listed {
        ensure!(session["state"] == "lost" && session["closed"].is_string(), "{session}");
        let id = session["id"].as_str().context("a session has an id")?;
        ensure!(!closed.contains(&session["id"].to_string()), "{id} was closed before");
        let replayed = scene.node.administer(&["sessions", "replay", id, "--no-wait"])?;
        ensure!(replayed.status.success(), "{id}: {}", replayed.said());
        let own = events.all().map(|event| &event["data"]).filter(|data| data["session"] == id);
        let numbers: Vec<_> = own.filter_map(|data| data["session_seq"].as_u64()).collect();
        let whole = (1..).zip(&numbers).all(|(place, number)| place == *number);
        ensure!(numbers.len() > 4 && whole, "{id}: {numbers:?}");
    }
    let left: Vec<_> = events.of_kind("node.left").collect();
    let all = |data: &&Value| data["reason"] == "started again" && data["sessions"] == SHELLS;
    let told = left.iter().any(all);
    ensure!(told, "nobody says that they are lost: {left:?}");
    Ok(())
}

/// O8, in what fifty people saw, in the record, in every replay and in the log.
fn nothing_is_shown(
    scene: &Scene,
    mut places: Places,
    events: &Events,
    secrets: &[Secret],
) -> Result<()> {
    places.add_events("the record", events);
    places.add("the log", scene.node.logged()?);
    let hidden: Vec<_> = secrets.iter().map(|secret| secret.secret.as_str()).collect();
    let shown = places.violations(&hidden);
    ensure!(shown.is_empty(), "O8: {shown:?}");
    Ok(())
}
