//! The record of a fleet is sealed by a majority, also while a node is away, and verified as one.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::live::fleet::{ALLOWED, Fleet, on_fleet};
use chaos_tests::live::{SHORT, marker, until};
use serde_json::Value;
use tempfile::TempDir;

/// Exports a node's record into a folder of its own.
fn export(fleet: &Fleet, node: &str, into: &TempDir) -> Result<String> {
    let folder = into.path().join(node);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let folder = folder.to_str().context("a path is text")?.to_owned();
    fleet.administer(node, &["events", "export", "--out", &folder])?;
    Ok(folder)
}

/// How many have signed the control chain's checkpoint of an export, and how far it reaches.
fn signed(folder: &str) -> Result<(usize, u64)> {
    let text = fs::read(PathBuf::from(folder).join("seals.json"))?;
    let seals: Value = serde_json::from_slice(&text)?;
    let note = seals["control"].as_str().unwrap_or_default();
    let size = note.lines().nth(1).and_then(|line| line.parse().ok()).unwrap_or(0);
    Ok((note.lines().filter(|line| line.starts_with('\u{2014}')).count(), size))
}

#[test]
fn a_majority_seals_and_all_archives_are_verified_together() -> Result<()> {
    on_fleet(|fleet| {
        let folder = TempDir::with_prefix("sealed-")?;
        let keys = folder.path().join("public.keys");
        let keys = keys.to_str().context("a path is text")?;
        until("all nodes have keys", SHORT, || {
            let text = fleet.administer("gw-1", &["audit", "keys"])?;
            Ok((text.matches("sallyport/").count() == fleet.names().len()).then_some(()))
        })?;
        fleet.administer("gw-1", &["audit", "keys", "--out", keys])?;
        for node in fleet.names() {
            fleet.ssh("alice", &node).run(&format!("{ALLOWED} {}", marker()))?;
        }
        // One node is away: the others go on sealing.
        let away = fleet.names().pop().context("a fleet has nodes")?;
        let before = signed(&export(fleet, "gw-1", &folder)?)?.1;
        fleet.gateway(&away).stop()?;
        until("a checkpoint without the third", SHORT, || {
            fleet.ssh("alice", "gw-1").run(&format!("{ALLOWED} {}", marker()))?;
            let (count, size) = signed(&export(fleet, "gw-1", &folder)?)?;
            Ok((count >= 2 && size > before).then_some(()))
        })?;
        fleet.gateway(&away).start()?;
        fleet.comes_back()?;
        let mut archives = Vec::new();
        for node in fleet.names() {
            archives.push(export(fleet, &node, &folder)?);
        }
        let verify = |archives: &[&str]| -> Result<(Option<i32>, String)> {
            let arguments =
                [&["audit", "verify"], archives, &["--keys", keys, "-o", "table"]].concat();
            let said = fleet.try_administer("gw-1", &arguments)?;
            Ok((said.status.code(), format!("{}{}", said.text(), said.said())))
        };
        let all: Vec<_> = archives.iter().map(String::as_str).collect();
        let (status, text) = verify(&all)?;
        ensure!(status == Some(0), "all of them: {text}");
        for node in fleet.names() {
            ensure!(text.contains(&format!("chain {node}: proven up to")), "{node}: {text}");
        }
        // An archive that is missing is said.
        let (status, text) = verify(&all[..2])?;
        ensure!(status == Some(3), "without {away}: {text}");
        ensure!(text.contains(&format!("chain {away} is in none of the archives")), "{text}");
        Ok(())
    })
}
