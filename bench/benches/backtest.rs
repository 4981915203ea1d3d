//! `sallyport policy backtest`: commands of an exported record judged by another policy a second,
//! by the command itself, from bytes on the disk to its answer; beside reading the same lines.
//!
//! How fast it is depends on how many texts were seen before, so there are rows for that.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use bench::export::{Asked, Made, POLICY, export};
use bench::{cpu, heading, rate, row, timed};
use chaos_tests::live::sallyport;
use serde_json::Value;
use tempfile::TempDir;

/// Sessions of the record; each asks for one command, and has about seven events.
const SESSIONS: u64 = 40_000;
/// How often each is measured.
const ROUNDS: usize = 5;
/// What the policy that is tried has more than the one that the record was judged by.
const MORE: &str =
    "  - { name: no-restarts, when: { shell: { programs: [systemctl] } }, then: block }\n";

fn main() -> Result<()> {
    heading("Backtest of a policy over an exported record: commands a second, one core")?;
    row("| texts never seen before | commands | events | commands/s | commands/s of processor \
         time | events/s | the lines alone, events/s | ratio |")?;
    row("|---|---|---|---|---|---|---|---|")?;
    for new_in_ten in [0, 2, 10] {
        let folder = TempDir::with_prefix("sallyport-bench-")?;
        let directory = folder.path().join("export");
        let made = export(&directory, Asked { sessions: SESSIONS, new_in_ten })?;
        let policy = folder.path().join("policy.yaml");
        std::fs::write(&policy, format!("{POLICY}{MORE}"))?;
        let mut best = [Duration::MAX; 3];
        for _ in 0..ROUNDS {
            let lines = timed(|| read(&directory, made))?.1;
            let before = cpu::mine()?.children;
            let tested = timed(|| backtest(&directory, &policy, made))?.1;
            let worked = cpu::mine()?.children - before;
            for (best, took) in best.iter_mut().zip([tested, worked, lines]) {
                *best = took.min(*best);
            }
        }
        let [tested, worked, lines] = best;
        let (commands, events) = (made.commands as f64, made.events as f64);
        row(&format!(
            "| {new_in_ten} in 10 | {commands} | {events} | {:.0} | {:.0} | {:.0} | {:.0} | {:.1} |",
            rate(commands, tested),
            rate(commands, worked),
            rate(events, tested),
            rate(events, lines),
            tested.as_secs_f64() / lines.as_secs_f64()
        ))?;
    }
    Ok(())
}

/// Runs the command and checks that it has judged every command, and some otherwise.
fn backtest(directory: &Path, policy: &Path, made: Made) -> Result<()> {
    let mut command = Command::new(sallyport()?);
    command.args(["policy", "backtest"]).arg(policy).arg(directory).args(["--output", "json"]);
    let ended = command.output()?;
    ensure!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let said: Value = serde_json::from_slice(&ended.stdout)?;
    let said = said.get(0).unwrap_or(&said);
    let (all, looser) = (&said["all"]["commands"], &said["all"]["looser"]);
    ensure!(all.as_u64() == Some(made.commands), "{all} of {} commands", made.commands);
    ensure!(looser == 0, "{looser} would be let go: the policy is only stricter");
    ensure!(said["underivable"] == 0, "{} cannot be judged", said["underivable"]);
    Ok(())
}

/// What must be done at least: each line is read.
fn read(directory: &Path, made: Made) -> Result<()> {
    let file = std::fs::File::open(directory.join("events.jsonl"))?;
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let (mut line, mut lines) = (Vec::new(), 0);
    while reader.read_until(b'\n', &mut line)? > 0 {
        lines += 1;
        line.clear();
    }
    ensure!(lines == made.events, "{lines} lines");
    Ok(())
}
