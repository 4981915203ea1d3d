//! The stream stays away until a node's journal is full: then nothing runs unrecorded, and all
//! comes back with the broker.

use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use chaos_tests::invariants::acknowledged_once::Acknowledged;
use chaos_tests::invariants::{acknowledged_once, in_stream_once};
use chaos_tests::live::fleet::{
    ALLOWED, APPROVERS, EDITOR, Fleet, Made, REQUESTERS, on_made_fleet,
};
use chaos_tests::live::{LONG, marker, since_boot, until};
use serde_json::Value;

use super::judged::{RECORD, filled};

/// The smallest quota that a node takes, in bytes.
const SMALLEST: u64 = 32 * 1024 * 1024;

/// What commands say that are to fill a journal, from some megabytes to nothing: where a large one
/// finds no room any more, a small one may.
const SAYS: [&str; 3] = ["seq 300000", "seq 3000", "true"];

/// How long one command may take until it is refused or served.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long after the broker is back people may work again.
const WORKS: Duration = Duration::from_secs(40);

/// What is said when the record is full.
const IS_FULL: &str = "SP-1402";

const NODE: &str = "gw-1";

/// Everybody; each may use a quarter of the quota at most.
fn everybody() -> Vec<&'static str> {
    let mut people = [REQUESTERS, APPROVERS, &[EDITOR]].concat();
    people.sort_unstable();
    people.dedup();
    people
}

/// Lets everybody run commands.
fn admit_everybody(fleet: &Fleet) -> Result<()> {
    let people = fleet.people_without(&[]);
    let people = people.replace("groups: [dba]", "groups: [dba, engineering]");
    let people = people.replace("groups: [security", "groups: [engineering, security");
    fleet.apply(NODE, "people", &people).map(drop)
}

/// One person runs commands until even the smallest is refused; gives the markers of those that ran.
fn uses_up(fleet: &Fleet, person: &str) -> Result<Vec<String>> {
    let mut ran = Vec::new();
    for says in SAYS {
        until("the record is full", LONG, || {
            let marker = marker();
            let command = format!("{says}; echo {marker}");
            let ended = fleet.ssh(person, NODE).run_with(&command, Vec::new(), PATIENCE)?;
            if ended.text().ends_with(&format!("{marker}\n")) {
                ran.push(marker);
                return Ok(None);
            }
            let errors = &ended.errors;
            ensure!(errors.contains(IS_FULL), "{person} was refused, and not told why: {errors}");
            Ok(Some(()))
        })?;
    }
    Ok(ran)
}

/// Everybody does, two at a time.
fn fill(fleet: &Fleet) -> Result<Vec<String>> {
    let left = Mutex::new(everybody());
    let one = || -> Result<Vec<String>> {
        let mut ran = Vec::new();
        loop {
            let next = left.lock().map_err(|_| anyhow!("somebody panicked"))?.pop();
            let Some(person) = next else { return Ok(ran) };
            ran.extend(uses_up(fleet, person)?);
        }
    };
    thread::scope(|scope| {
        let both = [scope.spawn(one), scope.spawn(one)];
        let mut ran = Vec::new();
        for one in both {
            ran.extend(one.join().map_err(|_| anyhow!("somebody panicked"))??);
        }
        Ok(ran)
    })
}

fn journal(fleet: &Fleet) -> Result<Value> {
    let said = fleet.try_administer(NODE, &["journal", "status", "-o", "json"])?;
    let rows: Value = serde_json::from_str(&said.text()).with_context(|| said.said())?;
    Ok(rows[0].clone())
}

#[test]
fn a_stream_that_stays_away_until_the_quota_is_full() -> Result<()> {
    let made = Made { streamed: true, quota: SMALLEST, ..Made::of(1) };
    on_made_fleet(made, |fleet| {
        admit_everybody(fleet)?;
        let begun = since_boot();
        fleet.broker(|broker| broker.kill())?;
        let mut acknowledged =
            Acknowledged { markers: fill(fleet)?.into_iter().collect(), ..Acknowledged::default() };
        let filled_after = since_boot() - begun;
        let status = journal(fleet)?;
        ensure!(status["health"] == "full", "{status}");
        for person in everybody() {
            let marker = marker();
            let ended = fleet.ssh(person, NODE).run(&format!("{ALLOWED} {marker}"))?;
            let refused = ended.status != Some(0) && ended.output.is_empty();
            ensure!(refused && ended.errors.contains(IS_FULL), "{person}: {ended:?}");
            ensure!(fleet.runs(&marker)? == 0, "{person} ran {marker}");
        }

        fleet.broker(|broker| broker.again())?;
        for person in everybody() {
            let mut said = String::new();
            let works = until("commands run again", WORKS, || {
                let marker = marker();
                let ended = fleet.ssh(person, NODE).run(&format!("{ALLOWED} {marker}"))?;
                said = ended.errors.clone();
                Ok((ended.text() == format!("{marker}\n")).then_some(marker))
            });
            acknowledged.markers.insert(works.with_context(|| format!("{person}: {said}"))?);
        }
        let worked_after = since_boot() - begun;
        let before = fleet.judge(&acknowledged)?;
        let stream = filled(fleet, RECORD, &before)?;
        let after = fleet.record()?.0;
        let mut found = in_stream_once::violations(&before, &stream, &after);
        found.extend(acknowledged_once::violations(&acknowledged, &after));
        ensure!(found.is_empty(), "{} violations:\n{}", found.len(), found.join("\n"));
        let judged_after = since_boot() - begun;
        println!("full after {filled_after:?}, works after {worked_after:?}, {judged_after:?}");
        Ok(())
    })
}
