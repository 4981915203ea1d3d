//! Three real nodes (`sallyport serve`) with a real `ssh` on one of them: somebody locks its person
//! through another node, and the time counts until the command has ended at its client.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bench::row;
use chaos_tests::invariants::history::Outcome;
use chaos_tests::live::fleet::{Fleet, T, on_fleet};
use chaos_tests::live::{SHORT, since_boot, until};
use serde_json::Value;

use crate::failover::median_and_most;
use crate::rounds;

/// A command that goes on saying something.
const BEATS: &str = "while echo beat; do sleep 0.05; done";

pub(crate) fn measure() -> Result<()> {
    let rounds = rounds("SALLYPORT_BENCH_LOCKS", 10);
    if rounds == 0 {
        return Ok(());
    }
    on_fleet(|fleet| {
        let (names, mut asked, mut answered) = (fleet.names(), Vec::new(), Vec::new());
        for round in 0..rounds {
            let (on, through) = (&names[round % 3], &names[(round + 1) % 3]);
            let (from_asking, from_answer) = once(fleet, on, through)?;
            asked.push(from_asking);
            answered.push(from_answer);
        }
        row(
            "| locks | from the call of `lock set`: median | most | from its end: median | most |",
        )?;
        row("|---|---|---|---|---|")?;
        let count = asked.len();
        let ((a, b), (c, d)) = (median_and_most(&mut asked), median_and_most(&mut answered));
        row(&format!("| {count} | {a:.1?} | {b:.1?} | {c:.1?} | {d:.1?} |"))
    })
}

fn once(fleet: &Fleet, on: &str, through: &str) -> Result<(Duration, Duration)> {
    let mut beats = fleet.ssh("eve", on).talk(BEATS)?;
    beats.said("it beats", SHORT, |output, _| output.contains("beat").then_some(()))?;
    let lock = ["lock", "set", "--person", "eve", "--reason", "she left", "--output", "json"];
    let asked = since_boot();
    let (word, text) = fleet.ask("ed", through, &lock);
    let answered = since_boot();
    ensure!(word.outcome == Outcome::Done(()), "{word:?}");
    let (status, ended) = beats.wait(T * 3)?;
    ensure!(!status.success() && beats.errors().contains("SP-1007"), "{}", beats.errors());
    let json: Value = serde_json::from_str(&text).with_context(|| text.clone())?;
    let row = json.get(0).unwrap_or(&json);
    let id = row["id"].as_u64().with_context(|| text.clone())?.to_string();
    let lift = ["lock", "lift", &id, "--reason", "she is back"];
    until("it is lifted", SHORT, || {
        Ok((fleet.ask("ed", through, &lift).0.outcome == Outcome::Done(())).then_some(()))
    })?;
    for node in fleet.names() {
        until("eve may again", T, || {
            Ok((fleet.ssh("eve", &node).run("true")?.status == Some(0)).then_some(()))
        })?;
    }
    Ok((ended.saturating_sub(asked), ended.saturating_sub(answered)))
}
