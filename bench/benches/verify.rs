//! `sallyport audit verify DIR`: events of an exported record verified a second, by the command
//! itself, from bytes on the disk to its answer; beside SHA-256 over the same lines, once.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bench::export::{Asked, Made, export};
use bench::{cpu, heading, rate, row, timed};
use chaos_tests::live::sallyport;
use serde_json::Value;
use tempfile::TempDir;

/// Sessions of the record; each has about seven events.
const SESSIONS: u64 = 40_000;
/// How often it is measured.
const ROUNDS: usize = 5;

fn main() -> Result<()> {
    heading("Verifying an exported record: events a second, one core")?;
    let folder = TempDir::with_prefix("sallyport-bench-")?;
    let directory = folder.path().join("export");
    let made = export(&directory, Asked { sessions: SESSIONS, new_in_ten: 2 })?;
    let mut best = Duration::MAX;
    let (mut hashing, mut worked) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        hashing = hashing.min(timed(|| hash(&directory, made))?.1);
        let before = cpu::mine()?.children;
        best = best.min(timed(|| verify(&directory, made))?.1);
        worked = worked.min(cpu::mine()?.children - before);
    }
    let events = made.events as f64;
    row(&format!(
        "{} events of {} bytes each, {} of them signed checkpoints; best of {ROUNDS}.\n",
        made.events,
        made.bytes / made.events,
        made.checkpoints
    ))?;
    row("| | events/s | events/s of processor time | SHA-256 alone, events/s | ratio |")?;
    row("|---|---|---|---|---|")?;
    let (wall, cpu, hashing) = (rate(events, best), rate(events, worked), rate(events, hashing));
    let ratio = hashing / wall;
    row(&format!("| `audit verify` | {wall:.0} | {cpu:.0} | {hashing:.0} | {ratio:.1} |"))
}

/// Runs the command and checks that it has verified all of it.
fn verify(directory: &Path, made: Made) -> Result<()> {
    let mut command = Command::new(sallyport()?);
    command.args(["audit", "verify"]).arg(directory).args(["--output", "json"]);
    command.arg("--keys").arg(directory.with_file_name("public.keys"));
    let ended = command.output()?;
    ensure!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let said: Value = serde_json::from_slice(&ended.stdout)?;
    let said = said.get(0).unwrap_or(&said);
    let chains = said["chains"].as_array().context("it names the chains")?;
    let events: u64 = chains.iter().filter_map(|chain| chain["events"].as_u64()).sum();
    ensure!(events == made.events, "{events} of {} events were verified", made.events);
    let seals = said["seals"].as_array().context("it names what is sealed")?;
    let proven = |chain: &str| {
        let of = seals.iter().find(|one| one["chain"] == chain);
        of.is_some_and(|one| one["covered"] == one["sealed"] && one["here"] == true)
    };
    ensure!(proven("gw-1") && proven("control"), "not all is proven: {seals:?}");
    Ok(())
}

/// What must be done at least: each line is read and hashed.
fn hash(directory: &Path, made: Made) -> Result<()> {
    let file = std::fs::File::open(directory.join("events.jsonl"))?;
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let (mut line, mut lines, mut all) = (Vec::new(), 0, 0);
    while reader.read_until(b'\n', &mut line)? > 0 {
        all ^= ring::digest::digest(&ring::digest::SHA256, &line).as_ref()[0];
        lines += 1;
        line.clear();
    }
    std::hint::black_box(all);
    ensure!(lines == made.events, "{lines} lines");
    Ok(())
}
