//! Power cuts and damaged disks. In plain tests a few rounds; `make chaos` takes many.

mod record;
mod record_notices;
mod shells;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::invariants::acknowledged_once::{self, Acknowledged};
use chaos_tests::invariants::no_secret_anywhere::Places;
use chaos_tests::invariants::{Events, recorded_before_done};
use chaos_tests::live::{Client, SHORT, Scene, fresh_secrets, marker, until};
use rand::RngExt as _;
use record::Record;

/// Clients that keep on running commands while the gateway dies.
const CLIENTS: usize = 3;
/// In every how many rounds the whole record is read anew, and in the last one: reading it takes
/// longer the more rounds there were.
const WHOLE_EVERY: usize = 20;

fn from_environment(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Runs marked commands until told to stop; what came back whole was acknowledged.
fn load(client: &Client, print: &str, stop: &AtomicBool, seen: &Mutex<Seen>) -> Result<()> {
    while !stop.load(Ordering::Relaxed) {
        let marker = marker();
        let ended = client.run_with(&format!("{print}; echo {marker}"), Vec::new(), SHORT)?;
        let mut seen = seen.lock().expect("no client panics with the lock");
        if ended.text().ends_with(&format!("{marker}\n")) {
            seen.markers.push(marker);
        }
        seen.streams.push(ended.output);
        seen.streams.push(ended.errors.into_bytes());
    }
    Ok(())
}

#[derive(Default)]
struct Seen {
    markers: Vec<String>,
    streams: Vec<Vec<u8>>,
}

/// One round: load, kill -9 in the middle, restart; gives what clients saw.
fn round(scene: &mut Scene, print: &str) -> Result<Seen> {
    let (stop, seen) = (AtomicBool::new(false), Mutex::new(Seen::default()));
    let client = scene.ssh();
    let moment = Duration::from_millis(rand::rng().random_range(50..900));
    thread::scope(|scope| -> Result<()> {
        let worker = || load(&client, print, &stop, &seen);
        let workers: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(worker)).collect();
        let some = |seen: &Mutex<Seen>| seen.lock().map(|seen| seen.markers.len()).unwrap_or(0);
        let loaded = until("there is load", SHORT, || Ok((some(&seen) > 0).then_some(())));
        // The moment of the cut is random on purpose; whatever it hits must hold.
        let begun = std::time::Instant::now();
        until("the cut", SHORT, || Ok((begun.elapsed() > moment).then_some(())))?;
        scene.node.kill()?;
        stop.store(true, Ordering::Relaxed);
        for worker in workers {
            worker.join().ok().context("a client panicked")??;
        }
        loaded
    })?;
    scene.restart()?;
    Ok(seen.into_inner().expect("no client panics with the lock"))
}

#[test]
fn killed_under_load_again_and_again() -> Result<()> {
    let rounds = from_environment("SALLYPORT_CHAOS_ROUNDS", 5);
    let mut scene = Scene::start()?;
    let secrets = fresh_secrets();
    let lines: Vec<_> = secrets.iter().map(|secret| secret.line.as_str()).collect();
    let file = scene.target.folder.join("secrets.txt");
    fs::write(&file, lines.join("\n"))?;
    let print = format!("cat {}; echo", file.display());
    let mut acknowledged = Acknowledged::default();
    let mut places = Places::default();
    let mut record = Record::default();
    for number in 1..=rounds {
        let seen = round(&mut scene, &print)?;
        acknowledged.markers.extend(seen.markers);
        for stream in seen.streams {
            places.add(format!("a client of round {number}"), stream);
        }
        let whole = number % WHOLE_EVERY == 0 || number == rounds;
        let read = if whole { record.read_whole(&scene) } else { record.read_on(&scene) };
        read.with_context(|| format!("the record in round {number}"))?;
        let lost = acknowledged_once::violations(&acknowledged, record.events());
        ensure!(lost.is_empty(), "O1 in round {number}: {lost:?}");
        let unrecorded = recorded_before_done::violations(&scene.target.log()?, record.events());
        ensure!(unrecorded.is_empty(), "O2 in round {number}: {unrecorded:?}");
        acknowledged.lines.extend(record.events().exact().map(str::to_owned));
    }
    places.add_events("the record", record.events());
    let unknown = unfinished(&scene, record.events())?;
    println!(
        "{rounds} rounds, {} commands acknowledged, {unknown} of unknown outcome",
        acknowledged.markers.len()
    );
    places.add("the log", scene.node.logged()?);
    let hidden: Vec<_> = secrets.iter().map(|secret| secret.secret.as_str()).collect();
    ensure!(places.violations(&hidden).is_empty(), "O8: {:?}", places.violations(&hidden));
    let derived = scene.node.administer(&["audit", "rederive"])?;
    ensure!(derived.status.success(), "{}{}", derived.text(), derived.said());
    Ok(())
}

/// Commands that were judged and never finished must be listed so: unknown is not absent.
fn unfinished(scene: &Scene, events: &Events) -> Result<usize> {
    let key = |data: &serde_json::Value| format!("{}/{}", data["session"], data["command"]);
    let ended: BTreeSet<_> = events.of_kind("command.finished").map(key).collect();
    let judged = events.of_kind("command.judged");
    let open: Vec<_> = judged.filter(|data| !ended.contains(&key(data))).collect();
    for data in &open {
        let id = data["session"].as_str().context("a session has an id")?;
        let shown = scene.node.administer(&["sessions", "show", id, "--output", "json"])?;
        let text = shown.text().to_lowercase();
        ensure!(text.contains("unknown"), "session {id} does not say unknown: {text}");
    }
    Ok(open.len())
}

#[test]
fn a_flipped_byte_of_the_journal_or_of_the_replicated_log_is_noticed() -> Result<()> {
    let flips = from_environment("SALLYPORT_CHAOS_FLIPS", 24);
    let mut scene = Scene::start()?;
    for number in 0..6 {
        scene.ssh().run(&format!("echo number {number}"))?;
    }
    let before = (scene.event_lines()?, in_force(&scene)?);
    scene.node.stop()?;
    let kept = scene.path("kept");
    copy(&scene.path("data"), &kept)?;
    let mut files = written_files(&kept.join("events"))?;
    ensure!(!files.is_empty(), "the journal of events has files");
    files.extend(written_files(&kept.join("raft"))?);
    let mut silent = Vec::new();
    for number in 0..flips {
        let (file, at) = pick(&files, number, flips);
        copy(&kept, &scene.path("data"))?;
        let relative = file.strip_prefix(&kept)?.to_owned();
        flip(&scene.path("data").join(&relative), at)?;
        if let Some(what) = served_wrongly(&mut scene, &before)? {
            silent.push(format!("{}+{at}: {what}", relative.display()));
        }
    }
    assert_eq!(silent, [""; 0], "flips that were not noticed");
    Ok(())
}

/// What the cluster has agreed on, as far as a restart on the same documents leaves it alone.
fn in_force(scene: &Scene) -> Result<String> {
    let mut told = String::new();
    for question in [
        &["policy", "history", "--output", "jsonl"][..],
        &["people", "list", "--output", "jsonl"],
        &["target", "list", "--output", "jsonl"],
    ] {
        let said = scene.node.administer(question)?;
        ensure!(said.status.success(), "{question:?}: {}", said.said());
        told += &said.text();
    }
    Ok(told)
}

/// What a gateway does with a damaged journal; none when that is right: it refuses, or serves all
/// that it was, byte for byte (an index may be rebuilt, room that was never written may be cut).
fn served_wrongly(scene: &mut Scene, before: &(Vec<String>, String)) -> Result<Option<String>> {
    if let Err(refused) = scene.restart() {
        let text = format!("{refused:#}");
        let named = text.contains("SP-1404") || text.contains("SP-1807");
        return Ok((!named).then(|| format!("refused, but not as damaged: {text}")));
    }
    let verified = scene.node.administer(&["audit", "verify"])?;
    let (served, agreed) = (scene.event_lines(), in_force(scene));
    let stopped = scene.node.stop();
    let Ok(served) = served else {
        let text = format!("{}{}", verified.text(), verified.said());
        return Ok(verified.status.success().then(|| format!("unreadable, but verifies: {text}")));
    };
    stopped?;
    let (events, in_force) = before;
    if !events.iter().all(|line| served.contains(line)) {
        return Ok(Some(format!("{} of {} events are served", served.len(), events.len())));
    }
    let agreed = agreed?;
    Ok((agreed != *in_force).then(|| format!("{in_force} has become {agreed}")))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::remove_dir_all(to).or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })?;
    let copied = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status()?;
    ensure!(copied.success(), "cp of {}", from.display());
    Ok(())
}

/// Files with something in them, and where their last written byte is.
fn written_files(folder: &Path) -> Result<Vec<(PathBuf, usize)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            files.extend(written_files(&entry.path())?);
            continue;
        }
        let bytes = fs::read(entry.path())?;
        if let Some(last) = bytes.iter().rposition(|byte| *byte != 0) {
            files.push((entry.path(), last + 1));
        }
    }
    files.sort();
    Ok(files)
}

/// Spreads places evenly over all written bytes, with a little chance in each.
fn pick(files: &[(PathBuf, usize)], number: usize, of: usize) -> (&Path, usize) {
    let total: usize = files.iter().map(|(_, written)| written).sum();
    let width = (total / of).max(1);
    let mut at = (number * width + rand::rng().random_range(0..width)) % total;
    for (file, written) in files {
        if at < *written {
            return (file, at);
        }
        at -= written;
    }
    (&files[0].0, 0)
}

fn flip(file: &Path, at: usize) -> Result<()> {
    let mut bytes = fs::read(file)?;
    bytes[at] ^= 1 << rand::rng().random_range(0..8);
    fs::write(file, bytes)?;
    Ok(())
}
