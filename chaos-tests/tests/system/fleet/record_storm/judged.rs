//! What the oracles say of a fleet after the record's storm.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::invariants::in_stream_once::{self, Streamed};
use chaos_tests::invariants::views_equal;
use chaos_tests::invariants::{Events, acknowledged_once};
use chaos_tests::live::broker::Message;
use chaos_tests::live::fleet::Fleet;
use chaos_tests::live::until;
use tempfile::TempDir;

use super::people::People;
use super::{places, seen, views};

/// The stream of the record.
pub(super) const RECORD: &str = "SALLYPORT_RECORD";
/// What subscribers read.
pub(super) const EVENTS: &str = "SALLYPORT_EVENTS";

/// How long the stream may take until it has what journals have.
const FILLED: Duration = Duration::from_secs(30);

/// Judges the record, the stream and the views; the last time also what takes longer. Says how much
/// there was to judge.
pub(super) fn judge(fleet: &Fleet, people: &People<'_>, last: bool) -> Result<String> {
    let acknowledged = seen(people, |seen| seen.acknowledged.clone());
    // O1 of what was acknowledged, O2, O3, O6 of each node.
    let before = fleet.judge(&acknowledged)?;
    let stream = filled(fleet, RECORD, &before)?;
    // Subscribers may be told again, and are never left without.
    let derived = filled(fleet, EVENTS, &before)?;
    views::follow(fleet, &before)?;
    let mut homes = vec![views::in_database(fleet, &before)?];
    if last {
        homes.extend(views::embedded(fleet, &before)?);
    }
    let after = fleet.record()?.0;
    let mut found = in_stream_once::violations(&before, &stream, &after);
    found.extend(acknowledged_once::violations(&acknowledged, &after));
    found.extend(views_equal::violations(&after, &homes));
    ensure!(found.is_empty(), "{} violations:\n{}", found.len(), found.join("\n"));
    people.seen().acknowledged.lines.extend(after.exact().map(str::to_owned));
    if last {
        rebuilt(fleet, &after)?;
        verified(fleet)?;
        places::search(fleet, people, &after, &[&stream, &derived], &homes)?;
    }
    let (events, messages) = (after.exact().count(), stream.len());
    Ok(format!("{events} events in journals, {messages} messages in the stream"))
}

/// A stream, once it has all of a record.
pub(super) fn filled(fleet: &Fleet, name: &str, record: &Events) -> Result<Vec<Streamed>> {
    let mut missing = String::new();
    let filled = until(&format!("{name} is filled"), FILLED, || {
        // A broker that has just started may not give it yet.
        let Ok(messages) = fleet.broker(|broker| broker.messages(name)) else { return Ok(None) };
        let streamed = |Message { sequence, subject, bytes }| Streamed { sequence, subject, bytes };
        let stream: Vec<_> = messages.into_iter().map(streamed).collect();
        let has: BTreeSet<_> = stream.iter().map(|one| one.bytes.as_slice()).collect();
        let lacks = record.exact().find(|line| !has.contains(line.as_bytes()));
        missing = lacks.unwrap_or_default().to_owned();
        Ok(lacks.is_none().then_some(stream))
    });
    filled.with_context(|| format!("it lacks {missing}"))
}

/// O5 of views that are rebuilt: all nodes fold anew, and it comes out the same.
fn rebuilt(fleet: &Fleet, record: &Events) -> Result<()> {
    // In the database all of them at once: each drops what the others have just folded.
    for node in fleet.names() {
        let rebuild = ["views", "rebuild", "--no-wait", "--home"];
        for home in ["embedded", "postgres"] {
            fleet.administer(&node, &[&rebuild[..], &[home]].concat())?;
        }
    }
    views::follow(fleet, record)?;
    let mut homes = vec![views::in_database(fleet, record)?];
    homes.extend(views::embedded(fleet, record)?);
    let after = fleet.record()?.0;
    let found = views_equal::violations(&after, &homes);
    ensure!(found.is_empty(), "rebuilt: {}", found.join("\n"));
    Ok(())
}

/// O6: the exports of all nodes, verified as one.
fn verified(fleet: &Fleet) -> Result<()> {
    let folder = TempDir::with_prefix("exports-")?;
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let keys = path("public.keys");
    fleet.administer("gw-1", &["audit", "keys", "--out", &keys])?;
    let mut arguments = vec!["audit".to_owned(), "verify".to_owned()];
    for node in fleet.names() {
        fleet.administer(&node, &["events", "export", "--out", &path(&node)])?;
        arguments.push(path(&node));
    }
    arguments.extend(["--keys", &keys, "-o", "table"].map(str::to_owned));
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let said = fleet.try_administer("gw-1", &arguments)?;
    let text = format!("{}{}", said.text(), said.said());
    ensure!(said.status.code() == Some(0), "O6: {:?} {text}", said.status.code());
    for node in fleet.names() {
        ensure!(text.contains(&format!("chain {node}: proven up to")), "O6: {node}: {text}");
    }
    Ok(())
}
