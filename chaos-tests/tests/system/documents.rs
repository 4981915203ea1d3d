//! A policy, people or targets file that is wrong: the gateway does not start, and says file, line
//! and column.

use std::fs;

use anyhow::Result;
use chaos_tests::live::Scene;

/// Changes a document of a stopped gateway, and looks what it says: `FILE:LINE:COLUMN` and a word.
#[track_caller]
fn check(scene: &Scene, file: &str, change: impl Fn(&str) -> String, place: &str, word: &str) {
    let code = match file {
        "policy.yaml" => "SP-1601",
        "people.yaml" => "SP-1602",
        _ => "SP-1603",
    };
    let path = scene.path(file);
    let good = fs::read_to_string(&path).expect("a document");
    let bad = change(&good);
    assert_ne!(good, bad, "the change changes something");
    fs::write(&path, bad).expect("a document is written");
    let said = scene.refused().expect("the gateway ends");
    fs::write(&path, good).expect("a document is written back");
    let text = format!("{}{}", said.text(), said.said());
    assert_eq!(said.status.code(), Some(1), "{file}: {text}");
    let named = format!("{file}:{place}");
    assert!(text.contains(&named), "{named} is not in: {text}");
    assert!(text.contains(word), "{word} is not in: {text}");
    assert!(text.contains(code), "{code} is not in: {text}");
    assert!(!scene.path("data").join("ready.json").exists(), "it never was ready");
}

#[test]
fn a_wrong_file_is_named_with_its_place() -> Result<()> {
    let mut scene = Scene::start()?;
    scene.node.stop()?;
    let after = |line: &'static str| move |text: &str| format!("{text}{line}\n");
    let lines =
        |file: &str| -> Result<usize> { Ok(fs::read_to_string(scene.path(file))?.lines().count()) };
    let policy = lines("policy.yaml")? + 1;
    check(&scene, "policy.yaml", after("wishes: []"), &format!("{policy}:"), "wishes");
    check(
        &scene,
        "policy.yaml",
        after("masks: [{ name: x, when: {}, detect: [no-such], with: redact }]"),
        &format!("{policy}:"),
        "no-such",
    );
    let text = fs::read_to_string(scene.path("policy.yaml"))?;
    let line = text.lines().position(|line| line.contains("then: block"));
    let blocked = format!("{}:11", line.expect("a rule blocks") + 1);
    let spelt = |text: &str| text.replace("then: block", "then: blok");
    check(&scene, "policy.yaml", spelt, &blocked, "blok");
    let version = |text: &str| text.replace("version: 1", "version: 7");
    check(&scene, "policy.yaml", version, "1:10", "7");
    let people = |text: &str| text.replace("ssh-ed25519", "ssh-ed25520");
    check(&scene, "people.yaml", people, "2:", "expected");
    let twice = |text: &str| format!("{text}  - {{ name: alice, groups: [] }}\n");
    check(&scene, "people.yaml", twice, "3:", "alice");
    let kind = |text: &str| text.replacen("kind: ssh", "kind: telnet", 1);
    check(&scene, "targets.yaml", kind, "3:", "telnet");
    let broken = |text: &str| format!("{text}  - [\n");
    check(&scene, "targets.yaml", broken, "", "targets.yaml");
    // With the good files it starts again, and all is as it was.
    scene.restart()?;
    assert_eq!(scene.ssh().run("echo back")?.text(), "back\n");
    Ok(())
}

#[test]
fn two_gateways_do_not_share_a_directory() -> Result<()> {
    let scene = Scene::start()?;
    let said = scene.refused()?;
    assert_eq!(said.status.code(), Some(1));
    assert!(said.said().contains("SP-1605"), "{}", said.said());
    Ok(())
}
