//! What the benchmarks share: measured runs, rows, the facts of the machine.
//!
//! A figure means nothing without what the same machine does without Sallyport in the same run, so
//! each row has a ratio. Nothing here is linked into the product.

pub mod cpu;
pub mod export;

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::Result;

/// How many bytes a megabyte has in these tables.
pub const MB: f64 = 1e6;

/// Runs something and says how long it took.
///
/// # Errors
/// Those of what runs.
pub fn timed<T>(run: impl FnOnce() -> Result<T>) -> Result<(T, Duration)> {
    let begun = Instant::now();
    let value = run()?;
    Ok((value, begun.elapsed()))
}

/// The shortest of several runs: what else the machine did only makes a run longer.
///
/// # Errors
/// Those of what runs.
pub fn best(runs: usize, mut run: impl FnMut() -> Result<()>) -> Result<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..runs {
        best = best.min(timed(&mut run)?.1);
    }
    Ok(best)
}

/// A middle and a high value of many durations.
#[must_use]
pub fn percentiles(mut durations: Vec<Duration>) -> (Duration, Duration) {
    durations.sort_unstable();
    let at = |percent: usize| durations.get(durations.len() * percent / 100).copied();
    (at(50).unwrap_or_default(), at(99).unwrap_or_default())
}

/// Something per second.
#[must_use]
pub fn rate(count: f64, took: Duration) -> f64 {
    count / took.as_secs_f64().max(f64::EPSILON)
}

/// Prints one line of a table.
///
/// # Errors
/// When standard output is gone.
pub fn row(text: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}

/// Prints a heading, and on what machine the figures below it were taken.
///
/// # Errors
/// When standard output is gone.
pub fn heading(text: &str) -> Result<()> {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.unwrap_or_default().trim_start_matches(['\t', ':', ' ']).to_owned();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or("?");
    row(&format!("\n## {text}\n{cores} x {model}, load {load}\n"))
}
