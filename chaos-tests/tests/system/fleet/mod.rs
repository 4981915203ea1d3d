//! A fleet of real nodes, in a network of its own, under real faults. Needs root; without it these
//! tests say so and test nothing.
//!
//! `make test` runs few rounds of each, `make chaos` many: how many is in the environment.

mod calm;
mod cancels;
mod clocks;
mod disks;
mod gone;
mod leaders;
mod life;
mod locks;
mod lost;
mod partitions;
mod record_storm;
mod refusals;
mod sealed;
mod stalls;
mod storm;
mod stream;
mod trimmed;

use std::time::Duration;

use anyhow::{Result, ensure};
use chaos_tests::invariants::history::Outcome;
use chaos_tests::live::fleet::{Fleet, Waiting, Word};
use chaos_tests::live::{SHORT, marker, since_boot, until};

/// How long after something ended a client may notice it: it is another process, on a busy machine.
const NOTICED: Duration = Duration::from_millis(500);

/// A number of rounds from the environment.
fn rounds(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// A command with a marker of its own.
struct Marked {
    marker: String,
    command: String,
}

/// A command of a program that prints its argument.
fn marked(program: &str) -> Marked {
    let marker = marker();
    let argument = if program == "dirname" { format!("{marker}/x") } else { marker.clone() };
    Marked { command: format!("{program} {argument}"), marker }
}

/// The held command has run: its client saw its output, and the target saw it once.
fn ran_once(fleet: &Fleet, waiting: &mut Waiting, marked: &Marked) -> Result<()> {
    let (status, output, errors) = waiting.ends()?;
    let seen = output.trim_end();
    ensure!(status == Some(0) && seen == marked.marker, "{status:?}, {output:?}, {errors:?}");
    let runs = fleet.runs(&marked.marker)?;
    ensure!(runs == 1, "{} ran {runs} times", marked.command);
    Ok(())
}

/// The held command was ended with a code, and never ran.
fn never_ran(fleet: &Fleet, waiting: &mut Waiting, marked: &Marked, code: &str) -> Result<()> {
    let (status, output, errors) = waiting.ends()?;
    ensure!(status == Some(126) && output.is_empty(), "{status:?}, {output:?}, {errors:?}");
    ensure!(errors.contains(code), "{code} is not in {errors:?}");
    let runs = fleet.runs(&marked.marker)?;
    ensure!(runs == 0, "{} ran {runs} times", marked.command);
    Ok(())
}

fn done(word: &Word) -> Result<()> {
    ensure!(word.outcome == Outcome::Done(()), "{word:?}");
    Ok(())
}

fn refused(word: &Word, code: &str) -> Result<()> {
    ensure!(word.refused_with(code), "{code} was expected: {word:?}");
    Ok(())
}

/// Asks until it is done; gives how long that took.
fn in_the_end(what: &str, mut ask: impl FnMut() -> Word) -> Result<Duration> {
    let begun = since_boot();
    until(what, SHORT, || Ok((ask().outcome == Outcome::Done(())).then_some(())))?;
    Ok(since_boot() - begun)
}
