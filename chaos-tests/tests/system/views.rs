//! The audit views are disposable: folded anew, deleted or damaged, they come out as they were.

use std::fs;

use anyhow::{Context as _, Result};
use chaos_tests::live::Scene;
use serde_json::Value;

fn asked(scene: &Scene, arguments: &[&str]) -> Result<Value> {
    let said = scene.node.administer(arguments)?;
    assert!(said.status.success(), "{arguments:?}: {}", said.said());
    serde_json::from_str(&said.text()).with_context(|| format!("{arguments:?} says JSON"))
}

/// What people see of sessions: the list, and each with its commands.
fn seen(scene: &Scene) -> Result<Vec<Value>> {
    let list = asked(scene, &["sessions", "list", "-o", "json"])?;
    let mut all = vec![list.clone()];
    for row in list.as_array().context("a list")? {
        let id = row["id"].as_str().context("an id")?;
        all.push(asked(scene, &["sessions", "show", id, "-o", "json"])?);
    }
    Ok(all)
}

fn status(scene: &Scene) -> Result<Value> {
    let mut rows = asked(scene, &["views", "status", "-o", "json"])?;
    Ok(rows[0].take())
}

#[test]
fn views_come_out_as_they_were() -> Result<()> {
    let mut scene = Scene::start()?;
    assert_eq!(scene.ssh().run("echo one")?.status, Some(0));
    assert_eq!(scene.ssh().run("env")?.status, Some(126));
    assert_eq!(scene.ssh().run("exit 7")?.status, Some(7));
    let before = seen(&scene)?;
    assert_eq!(before.len(), 4, "a list of three, and each");
    assert_eq!(before[2]["commands"][0]["state"], "refused");
    let status_before = status(&scene)?;
    assert_eq!(status_before["state"], "following");
    let chains = status_before["chains"].as_array().context("chains")?;
    assert_eq!(chains.len(), 2, "{status_before}");

    let rebuilt = asked(&scene, &["views", "rebuild", "-o", "json"])?;
    assert_eq!(rebuilt[0]["state"], "following", "{rebuilt}");
    assert_eq!(seen(&scene)?, before);

    // They may be deleted at any time, and damage is noticed and dropped.
    let file = scene.path("data").join("views").join("views.redb");
    scene.node.kill()?;
    fs::remove_file(&file)?;
    scene.restart()?;
    assert_eq!(seen(&scene)?, before);
    scene.node.kill()?;
    let mut bytes = fs::read(&file)?;
    bytes.iter_mut().skip(4096).step_by(997).for_each(|byte| *byte ^= 1);
    fs::write(&file, bytes)?;
    scene.restart()?;
    assert_eq!(seen(&scene)?, before);
    assert_eq!(status(&scene)?["state"], "following");
    Ok(())
}
