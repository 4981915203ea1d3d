//! Fresh secrets that a target prints reach nobody: not the client, the replay, the export, the
//! events, the log, the metrics, nor any file of the node.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use chaos_tests::invariants::Events;
use chaos_tests::invariants::no_secret_anywhere::Places;
use chaos_tests::live::{Ended, Scene, Secret, Talk, fresh_secrets};

use crate::api::ask;

/// How long a command is silent between two lines at least, as a replay must show it.
const PAUSE: Duration = Duration::from_millis(250);

/// Writes a file with all lines, and a script that prints it in some way.
fn print_by(scene: &Scene, secrets: &[Secret], how: &str) -> Result<String> {
    let lines: Vec<_> = secrets.iter().map(|secret| secret.line.as_str()).collect();
    let file = scene.target.folder.join("secrets.txt");
    fs::write(&file, format!("first\n{}\nlast\n", lines.join("\n")))?;
    scene.target.script("print", &how.replace("FILE", &file.display().to_string()))
}

/// Everything that a person or a thief may look at.
pub(crate) fn collect(scene: &Scene, seen: &Ended) -> Result<Places> {
    let mut places = Places::default();
    places.add("the client's output", seen.output.clone());
    places.add("the client's errors", seen.errors.clone());
    let lines = scene.event_lines()?;
    let events = Events::read(lines.iter().map(String::as_str)).expect("events are JSON");
    places.add_events("the record", &events);
    let listed = scene.node.administer(&["sessions", "list", "--output", "json"])?;
    ensure!(listed.status.success(), "sessions list: {}", listed.said());
    let sessions: serde_json::Value = serde_json::from_slice(&listed.output)?;
    let sessions = sessions.as_array().context("a list of sessions is an array")?;
    ensure!(!sessions.is_empty(), "no session is listed");
    for session in sessions {
        let id = session["id"].as_str().context("a session has an id")?;
        for arguments in [
            &["sessions", "show", id][..],
            &["sessions", "replay", id, "--no-wait"][..],
            &["sessions", "export", id][..],
        ] {
            let said = scene.node.administer(arguments)?;
            ensure!(said.status.success(), "{arguments:?}: {}", said.said());
            places.add(format!("{arguments:?}"), said.output);
            places.add(format!("errors of {arguments:?}"), said.errors);
        }
    }
    let metrics = ask(scene, "/metrics")?;
    ensure!(metrics.contains("sallyport_commands_total"), "no metrics: {metrics}");
    places.add("the metrics", metrics);
    places.add("the node's log", scene.node.logged()?);
    add_files(&mut places, &scene.path("data"))?;
    Ok(places)
}

fn add_files(places: &mut Places, folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            add_files(places, &entry.path())?;
        } else {
            places.add_sparse(entry.path().display().to_string(), &fs::read(entry.path())?);
        }
    }
    Ok(())
}

#[track_caller]
fn check(how: &str) {
    let scene = Scene::start().expect("a scene starts");
    let secrets = fresh_secrets();
    let script = print_by(&scene, &secrets, how).expect("a script is written");
    let seen = scene.ssh().run(&script).expect("the client ends");
    assert_eq!(seen.status, Some(0), "{}", seen.errors);
    let all = format!("{}{}", seen.text(), seen.errors);
    assert!(all.starts_with("first\n") && all.contains("last\n"), "not all was printed: {all}");
    let places = collect(&scene, &seen).expect("everything can be read");
    let hidden: Vec<_> = secrets.iter().map(|secret| secret.secret.as_str()).collect();
    let kinds: Vec<_> = secrets.iter().map(|secret| secret.kind).collect();
    assert_eq!(places.violations(&hidden), [""; 0], "kinds: {kinds:?}\nseen: {all}");
    // The oracle can see: what is not secret is in the stream, the replay and the record.
    let plain = places.violations(&["last\n"]);
    assert!(plain.iter().any(|place| place.contains("client's")), "{plain:?}");
    assert!(plain.iter().any(|place| place.contains("replay")), "{plain:?}");
}

#[test]
fn printed_at_once() {
    check("#!/bin/sh\ncat FILE\n");
}

#[test]
fn printed_to_standard_error() {
    check("#!/bin/sh\ncat FILE >&2\n");
}

#[test]
fn printed_byte_by_byte_with_pauses() {
    // python3 would have to be on the target; dd of one byte and a pause every few is enough.
    check(
        "#!/bin/sh\nsize=$(wc -c < FILE)\nat=0\nwhile [ $at -lt $size ]; do\n\
         dd if=FILE bs=1 skip=$at count=1 2>/dev/null\nat=$((at + 1))\n\
         [ $((at % 16)) -eq 0 ] && sleep 0.01\ndone\nexit 0\n",
    );
}

#[test]
fn printed_in_odd_pieces() {
    check(
        "#!/bin/sh\nsize=$(wc -c < FILE)\nat=0\nstep=1\nwhile [ $at -lt $size ]; do\n\
         dd if=FILE bs=1 skip=$at count=$step 2>/dev/null\nat=$((at + step))\n\
         step=$((step % 37 + 7))\nsleep 0.02\ndone\nexit 0\n",
    );
}

#[test]
fn secrets_in_commands_are_sealed() -> Result<()> {
    let scene = Scene::start()?;
    let secrets = fresh_secrets();
    let hidden = &secrets[1]; // A token on one line, as somebody would paste it.
    let seen = scene.ssh().run(&format!("echo '{}' >/dev/null; echo done", hidden.line))?;
    assert_eq!(seen.text(), "done\n");
    let reached = scene.target.log()?;
    assert!(reached[0].command.contains(&hidden.secret), "the target got the command as it was");
    let places = collect(&scene, &seen)?;
    assert_eq!(places.violations(&[&hidden.secret]), [""; 0]);
    Ok(())
}

#[test]
fn what_is_replayed_is_what_the_client_saw() -> Result<()> {
    let scene = Scene::start()?;
    let seen = scene.ssh().run("echo one; sleep 0.3; echo two; echo three >&2")?;
    let sessions = scene.node.administer(&["sessions", "list", "--output", "json"])?;
    let sessions: serde_json::Value = serde_json::from_slice(&sessions.output)?;
    let id = sessions[0]["id"].as_str().context("a session has an id")?;
    let replay = |how: &[&str]| -> Result<Duration> {
        let begun = Instant::now();
        let arguments = [&["sessions", "replay", id], how].concat();
        let replayed = scene.node.administer(&arguments)?;
        assert_eq!((replayed.text(), replayed.said()), (seen.text(), seen.errors.clone()));
        Ok(begun.elapsed())
    };
    replay(&["--no-wait"])?;
    assert!(replay(&[])? >= PAUSE, "a replay honours the pauses");
    assert!(replay(&["--speed", "0.5"])? >= 2 * PAUSE, "a slow one makes them longer");
    let exported = scene.node.administer(&["sessions", "export", id, "--format", "cast"])?;
    let text = exported.text();
    let header: serde_json::Value = serde_json::from_str(text.lines().next().unwrap_or_default())?;
    assert_eq!(header["version"], 2, "asciicast v2");
    assert_eq!(scene.events_of("replay.viewed")?.len(), 4, "who looked is recorded");
    Ok(())
}

/// A target's key begins with `b` in the base64 that it is kept in, so one `b` may be the beginning
/// of something that nobody may see. A program that asks with it waits for the answer all the same.
#[test]
fn a_question_is_asked_whatever_it_ends_in() -> Result<()> {
    let scene = Scene::start()?;
    let ask = scene.target.script("ask", "printf 'a or b'; read answer; echo \"; $answer\"")?;
    let mut ssh = Talk::typing(&mut scene.ssh().command(&[&ask]))?;
    let asked = |output: &str, _: &str| output.contains("a or b").then_some(());
    ssh.said("a question", Duration::from_secs(20), asked)?;
    ssh.types("b\n")?;
    let (ended, _) = ssh.wait(Duration::from_secs(20))?;
    ensure!(ended.success() && ssh.output() == "a or b; b\n", "{ended}: {:?}", ssh.output());
    Ok(())
}
