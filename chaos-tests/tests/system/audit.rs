//! The record proves itself: verified, derived again, and every change by hand is named.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use chaos_tests::live::{Node, Reaped, Scene};

fn scene() -> Result<Scene> {
    let scene = Scene::start()?;
    for command in ["echo one", "env", "echo two; false", "$X", "cat /etc/hostname | wc -c"] {
        scene.ssh().run(command)?;
    }
    scene.ssh_to("free-1").run("$X true")?;
    Ok(scene)
}

fn audit(node: &Node, what: &str, archive: Option<&Path>) -> Result<Reaped> {
    let archive = archive.map(|path| path.to_str().context("a path is text")).transpose()?;
    let arguments: Vec<_> = ["audit", what].into_iter().chain(archive).collect();
    node.administer(&arguments)
}

#[test]
fn an_honest_record_verifies_and_derives() -> Result<()> {
    let mut scene = scene()?;
    let archive = scene.archive()?;
    for archive in [None, Some(archive.as_path())] {
        for what in ["verify", "rederive"] {
            let said = audit(&scene.node, what, archive)?;
            let text = format!("{}{}", said.text(), said.said());
            assert!(said.status.success(), "{what}: {text}");
        }
    }
    let key = scene.path("data").join("keys").join("audit.key");
    let key = key.to_str().context("a path is text")?;
    let said = scene.node.administer(&["audit", "rederive", "--audit-key", key, "-o", "json"])?;
    assert!(said.status.success(), "{}{}", said.text(), said.said());
    assert!(said.text().contains('6'), "six commands were judged: {}", said.text());
    // An archive needs no server.
    scene.node.stop()?;
    for what in ["verify", "rederive"] {
        let said = audit(&scene.node, what, Some(&archive))?;
        assert!(said.status.success(), "{what} offline: {}{}", said.text(), said.said());
    }
    Ok(())
}

/// Changes a copy of the record, and looks which commands notice.
#[track_caller]
fn check(
    scene: &Scene,
    change: impl Fn(Vec<String>) -> Vec<String>,
    noticed_by: &[&str],
    named: &str,
) {
    let archive = scene.archive().expect("an archive");
    let file = archive.join("events.jsonl");
    let lines: Vec<_> =
        fs::read_to_string(&file).expect("events").lines().map(str::to_owned).collect();
    let changed = change(lines.clone());
    assert_ne!(lines, changed, "the change changes something");
    fs::write(&file, format!("{}\n", changed.join("\n"))).expect("a changed copy");
    for what in noticed_by {
        let said = audit(&scene.node, what, Some(&archive)).expect("audit ends");
        let text = format!("{}{}", said.text(), said.said());
        assert_eq!(said.status.code(), Some(1), "{what} did not notice: {text}");
        assert!(text.contains(named), "{what} does not name {named}: {text}");
        let code = if *what == "verify" { "SP-1701" } else { "SP-1702" };
        assert!(text.contains(code), "{what} says no {code}: {text}");
    }
}

fn of_kind(lines: &[String], kind: &str) -> usize {
    let wanted = format!("io.sallyport.{kind}.v1");
    lines.iter().position(|line| line.contains(&wanted)).expect("an event of the kind")
}

#[test]
fn a_record_that_was_changed_by_hand_is_noticed() -> Result<()> {
    let scene = scene()?;
    let lines = scene.event_lines()?;
    let blocked = lines.iter().find(|line| line.contains(r#""verdict":"block""#));
    let event: serde_json::Value = serde_json::from_str(blocked.context("a blocked command")?)?;
    let id = event["id"].as_str().context("an event has an id")?.to_owned();
    let acquitted = |lines: Vec<String>| -> Vec<String> {
        let change = |line: String| {
            if line.contains(&format!(r#""id":"{id}""#)) && line.contains("command.judged") {
                return line.replace(r#""verdict":"block""#, r#""verdict":"allow""#);
            }
            line
        };
        lines.into_iter().map(change).collect()
    };
    check(&scene, acquitted, &["verify", "rederive"], &id);
    let without = |mut lines: Vec<String>| {
        lines.remove(of_kind(&lines, "command.judged"));
        lines
    };
    check(&scene, without, &["verify"], "events.jsonl");
    let swapped = |mut lines: Vec<String>| {
        let at = of_kind(&lines, "command.judged");
        lines.swap(at, at + 1);
        lines
    };
    check(&scene, swapped, &["verify"], "events.jsonl");
    let forked = |mut lines: Vec<String>| {
        let at = of_kind(&lines, "session.opened");
        lines.insert(at + 1, lines[at].replace("alice", "mallory"));
        lines
    };
    check(&scene, forked, &["verify"], "events.jsonl");
    let cut = |mut lines: Vec<String>| {
        lines.pop();
        lines
    };
    check(&scene, cut, &["verify"], "");
    Ok(())
}
