//! The homes of the audit views, as the oracle reads them.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use chaos_tests::invariants::Events;
use chaos_tests::invariants::views_equal::Kept;
use chaos_tests::live::fleet::Fleet;
use chaos_tests::live::until;
use serde_json::Value;
use store_disk::{Files, ViewsHome};
use store_views::{Home as _, Table, whole_table};
use tempfile::TempDir;

/// How long homes may take until they have what the record has.
const FOLLOWS: Duration = Duration::from_secs(40);

/// How far each chain of a record goes.
fn ends(record: &Events) -> BTreeMap<String, u64> {
    record.chains().into_iter().map(|(chain, last)| (chain.to_owned(), last)).collect()
}

/// Waits until both homes of every node follow, and have at least this record.
pub(super) fn follow(fleet: &Fleet, record: &Events) -> Result<()> {
    let least = ends(record);
    for node in fleet.names() {
        let mut last = String::new();
        let all = until("the views follow", FOLLOWS, || {
            let said = fleet.try_administer(&node, &["views", "status", "-o", "json"])?;
            last = format!("{}{}", said.text(), said.said());
            let Ok(homes) = serde_json::from_str::<Value>(&said.text()) else { return Ok(None) };
            let homes = homes.as_array().cloned().unwrap_or_default();
            let follows = homes.iter().all(|home| follows(home, &node, &least));
            Ok((homes.len() == 2 && follows).then_some(()))
        });
        all.with_context(|| format!("{node}: {last}"))?;
    }
    Ok(())
}

fn follows(home: &Value, node: &str, least: &BTreeMap<String, u64>) -> bool {
    let chains = home["chains"].as_array().map_or(&[][..], Vec::as_slice);
    home["state"] == "following"
        && ["control", node].iter().all(|name| {
            let chain = chains.iter().find(|chain| chain["chain"] == *name);
            let seq = chain.and_then(|chain| chain["seq"].as_u64()).unwrap_or(0);
            seq >= least.get(*name).copied().unwrap_or(0)
        })
}

/// What the database holds; at least this record.
pub(super) fn in_database(fleet: &Fleet, least: &Events) -> Result<Kept> {
    let found = fleet.database(|database| database.rows())?;
    let (home, cursors) = ("PostgreSQL".to_owned(), found.cursors.into_iter().collect());
    Ok(Kept { home, cursors, least: ends(least), rows: found.rows })
}

/// What each node's own file holds of its own chain and the control chain, as a power cut would
/// leave it: some steps may be missing, so it goes on until this record is in it.
pub(super) fn embedded(fleet: &Fleet, least: &Events) -> Result<Vec<Kept>> {
    let all = ends(least);
    let mut homes = Vec::new();
    for node in fleet.names() {
        let own = |(chain, _): &(&String, &u64)| [&node, "control"].contains(&chain.as_str());
        let own = all.iter().filter(own).map(|(chain, last)| (chain.clone(), *last));
        let least: BTreeMap<_, _> = own.collect();
        let kept = until(&format!("the views of {node} are on its disk"), FOLLOWS, || {
            let kept = on_disk(fleet, &node)?;
            let has = |chain: &String| kept.cursors.get(chain).copied().unwrap_or(0);
            if least.iter().all(|(chain, last)| has(chain) >= *last) {
                return Ok(Some(Kept { least: least.clone(), ..kept }));
            }
            // Each look of an auditor is one more event, and brings the next sync nearer.
            fleet.try_administer(&node, &["events", "tail", "-n", "1"])?;
            Ok(None)
        })?;
        homes.push(kept);
    }
    Ok(homes)
}

/// The file as it is at one moment of its node.
fn on_disk(fleet: &Fleet, node: &str) -> Result<Kept> {
    let copy = TempDir::with_prefix("views-")?;
    let gateway = fleet.gateway(node);
    gateway.pause()?;
    let file = gateway.data().join("views").join("views.redb");
    let copied = fs::copy(&file, copy.path().join("views.redb"));
    gateway.resume()?;
    copied.with_context(|| file.display().to_string())?;
    let mut home = ViewsHome::open(Arc::new(Files::open(copy.path())?))?;
    let cursors = home.cursors()?.into_iter().map(|(chain, cursor)| (chain, cursor.seq));
    let cursors = cursors.collect();
    let mut rows = Vec::new();
    for table in Table::ALL {
        rows.extend(whole_table(&mut home, *table)?);
    }
    Ok(Kept { home: format!("the file of {node}"), cursors, least: BTreeMap::new(), rows })
}
