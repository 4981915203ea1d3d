//! What auditors are given: a report with its page, an archive for years, and what another policy
//! would have changed.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::live::{SHORT, Scene, until};
use serde_json::Value;

/// Runs a command of the command line, and expects a status and a word.
fn says(scene: &Scene, arguments: &[&str], status: i32, word: &str) -> Result<String> {
    let said = scene.node.administer(arguments)?;
    let text = format!("{}{}", said.text(), said.said());
    ensure!(said.status.code() == Some(status), "{arguments:?}: {text}");
    ensure!(text.contains(word), "{arguments:?} says no {word}: {text}");
    Ok(text)
}

fn path(scene: &Scene, name: &str) -> String {
    scene.path(name).to_string_lossy().into_owned()
}

/// Some commands, and the keys once all of it is sealed.
fn scene() -> Result<(Scene, String)> {
    let scene = Scene::start()?;
    for command in ["echo '<b>one</b>'", "env", "cat /etc/hostname | wc -c"] {
        scene.ssh().run(command)?;
    }
    let keys = path(&scene, "public.keys");
    until("signed keys", SHORT, || {
        let said = scene.node.administer(&["audit", "keys"])?;
        Ok(said.text().contains("sallyport/").then_some(()))
    })?;
    says(&scene, &["audit", "keys", "--out", &keys], 0, "")?;
    Ok((scene, keys))
}

#[test]
fn a_report_has_rows_replays_proofs_and_a_page() -> Result<()> {
    let (scene, keys) = scene()?;
    let report = |number: usize| -> Result<Option<String>> {
        let out = path(&scene, &format!("report-{number}"));
        let arguments = ["audit", "report", "--person", "alice", "--out", &out, "--keys", &keys];
        says(&scene, &arguments, 0, "3 sessions and 3 commands")?;
        let proofs = fs::read_dir(Path::new(&out).join("proofs"))?.count();
        // Each session's opening and end, and each command.
        Ok((proofs == 9).then_some(out))
    };
    let mut number = 0;
    let out = until("a report whose events are all proven", SHORT, || {
        number += 1;
        report(number)
    })?;
    let folder = Path::new(&out);
    let page = fs::read_to_string(folder.join("index.html"))?;
    ensure!(page.contains("echo &#39;&lt;b&gt;one&lt;/b&gt;&#39;"), "{page}");
    ensure!(!page.contains("<b>") && !page.contains("<script"), "markup of others: {page}");
    ensure!(page.contains("No tampering found"), "{page}");
    let commands = fs::read_to_string(folder.join("commands.jsonl"))?;
    let blocked: Value = commands
        .lines()
        .map(serde_json::from_str::<Value>)
        .find(|row| row.as_ref().is_ok_and(|row| row["verdict"] == "block"))
        .context("env is blocked")??;
    ensure!(blocked["rules"][0] == "no-dump-of-environment", "{blocked}");
    for name in fs::read_dir(folder.join("proofs"))? {
        let proof = name?.path().to_string_lossy().into_owned();
        says(&scene, &["audit", "verify", &proof, "--keys", &keys], 0, "")?;
    }
    ensure!(fs::read_dir(folder.join("replays"))?.count() == 3, "a replay of each session");
    let nobody = path(&scene, "nobody");
    let arguments = ["audit", "report", "--person", "bob", "--out", &nobody, "--keys", &keys];
    says(&scene, &arguments, 0, "0 sessions")?;
    Ok(())
}

#[test]
fn an_archive_is_sealed_held_and_verified() -> Result<()> {
    let (scene, keys) = scene()?;
    let export = scene.archive()?.to_string_lossy().into_owned();
    let archive = path(&scene, "archive");
    let key = path(&scene, "data/keys/signing.key");
    let lines = scene.event_lines()?;
    let first: Value = serde_json::from_str(lines.first().context("an event")?)?;
    let source = first["source"].as_str().context("a source")?;
    ensure!(source.starts_with("/sallyport/"), "{source}");
    let node = lines.iter().find(|line| !line.contains(r#""chain":"control""#));
    let node: Value = serde_json::from_str(node.context("an event of the node")?)?;
    let node = node["data"]["chain"].as_str().context("a chain")?.to_owned();
    let seal = |export: &str, days: &str, status: i32, word: &str| {
        let arguments = [
            "archive",
            "seal",
            export,
            "--into",
            &archive,
            "--signing-key",
            &key,
            "--node",
            &node,
            "--retention",
            days,
        ];
        says(&scene, &arguments, status, word)
    };
    seal(&export, "400", 0, &node)?;
    says(&scene, &["audit", "verify", &archive, "--keys", &keys], 0, "")?;
    // More comes, and goes on where the last ended.
    scene.ssh().run("echo two")?;
    let later = scene.archive()?.to_string_lossy().into_owned();
    seal(&later, "400", 0, &node)?;
    says(&scene, &["audit", "verify", &archive, "--keys", &keys], 0, "")?;
    seal(&later, "30", 1, "never lowered")?;
    says(&scene, &["archive", "prune", &archive, "--older-than", "30"], 1, "400 days")?;
    says(&scene, &["archive", "prune", &archive, "--older-than", "400"], 0, "")?;
    let hold = ["archive", "hold", &archive, "case-7", "--reason", "a claim", "--chain", &node];
    says(&scene, &hold, 0, "")?;
    says(&scene, &["archive", "list", &archive], 0, "case-7")?;
    says(&scene, &["archive", "lift", &archive, "case-7"], 0, "")?;
    // A file that is changed is named by its manifest and by the chain.
    let file = fs::read_dir(Path::new(&archive).join("segments").join(&node))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
        .context("a segment")?;
    let text = fs::read_to_string(&file)?;
    fs::write(&file, text.replacen("alice", "malory", 1))?;
    let verify = ["audit", "verify", &archive, "--keys", &keys, "-o", "table"];
    let text = says(&scene, &verify, 1, "SP-1701")?;
    ensure!(text.contains("tampering: file-differs: "), "{text}");
    ensure!(text.contains("tampering: edited: "), "{text}");
    Ok(())
}

#[test]
fn another_policy_is_tried_on_the_past() -> Result<()> {
    let (scene, _) = scene()?;
    let policy = fs::read_to_string(scene.path("policy.yaml"))?;
    let stricter = path(&scene, "stricter.yaml");
    fs::write(&stricter, policy.replace("[env, printenv]", "[cat]"))?;
    let export = scene.archive()?.to_string_lossy().into_owned();
    for archive in [None, Some(export.as_str())] {
        let arguments: Vec<_> = ["policy", "backtest", &stricter]
            .into_iter()
            .chain(archive)
            .chain(["-o", "json"])
            .collect();
        let said = scene.node.administer(&arguments)?;
        ensure!(said.status.success(), "{}", said.said());
        let result: Value = serde_json::from_str(&said.text())?;
        let all = &result["all"];
        let counts = (&all["commands"], &all["stricter"], &all["looser"], &all["inexact"]);
        ensure!(counts == (&3.into(), &1.into(), &1.into(), &0.into()), "{result}");
        ensure!(result["people"]["alice"]["changed"] == 2, "{result}");
    }
    Ok(())
}
