//! The life of a cluster: it is restarted node by node, and an old copy of a disk is no node.

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::invariants::acknowledged_once::Acknowledged;
use chaos_tests::invariants::history::Outcome;
use chaos_tests::live::fleet::{BYSTANDER, Fleet, HELD, on_fleet};
use chaos_tests::live::{SHORT, marker, since_boot, until};

use super::{marked, never_ran, refused};

/// How long one write may take while another node restarts: leadership is given away, not lost.
const WRITTEN_WITHIN: Duration = Duration::from_secs(5);

/// Writes that were accepted, by their reasons, and the longest that one took.
#[derive(Default)]
struct Written {
    reasons: Vec<String>,
    most: Duration,
    refused: Vec<String>,
}

/// Writes through nodes that are not being restarted, until told to stop.
fn write(fleet: &Fleet, restarts: &Mutex<String>, stop: &AtomicBool) -> Written {
    let mut written = Written::default();
    while !stop.load(Ordering::Relaxed) {
        let away = restarts.lock().expect("nobody panics with the lock").clone();
        for through in fleet.others(&[&away]) {
            let reason = marker();
            let lock = ["lock", "set", "--person", BYSTANDER, "--for", "1h", "--reason", &reason];
            let asked = since_boot();
            let word = fleet.ask("admin", &through, &lock).0;
            // Whom it was asked through may have begun to restart meanwhile: then it proves nothing.
            let untouched = *restarts.lock().expect("nobody panics with the lock") == away;
            match word.outcome {
                Outcome::Done(()) => {
                    written.reasons.push(reason);
                    written.most = written.most.max(since_boot() - asked);
                }
                _ if untouched => written.refused.push(format!("{through}: {word:?}")),
                _ => {}
            }
        }
    }
    written
}

#[test]
fn restarted_node_by_node_no_write_is_lost() -> Result<()> {
    on_fleet(|fleet| {
        let (restarts, stop) = (Mutex::new(String::new()), AtomicBool::new(false));
        let written = thread::scope(|scope| -> Result<Written> {
            let writer = scope.spawn(|| write(fleet, &restarts, &stop));
            let rolled = fleet.names().iter().try_for_each(|node| {
                node.clone_into(&mut restarts.lock().expect("nobody panics with the lock"));
                fleet.gateway(node).stop()?;
                fleet.gateway(node).start()?;
                // Two of three must be there for the next one to go.
                until("it follows", SHORT, || Ok(fleet.status(node)?.has_contact.then_some(())))
            });
            stop.store(true, Ordering::Relaxed);
            let written = writer.join().ok().context("the writer panicked")?;
            rolled?;
            Ok(written)
        })?;
        ensure!(written.refused.is_empty(), "{:?}", written.refused);
        ensure!(!written.reasons.is_empty(), "nothing was written");
        println!("{} writes, at most {:?}", written.reasons.len(), written.most);
        ensure!(written.most <= WRITTEN_WITHIN, "a write took {:?}", written.most);
        let listed = fleet.administer("gw-1", &["lock", "list", "--output", "jsonl"])?;
        for reason in &written.reasons {
            ensure!(listed.contains(reason.as_str()), "the lock {reason} is lost");
        }
        // Nobody else shall see so many locks.
        fleet.use_up();
        fleet.judge(&Acknowledged::default()).map(drop)
    })
}

/// A command that goes on saying something.
const BEATS: &str = "while echo beat; do sleep 0.05; done";

#[test]
fn a_drain_withdraws_what_is_held_before_it_waits_for_what_runs() -> Result<()> {
    on_fleet(|fleet| {
        let leader = fleet.leader()?;
        let other = fleet.others(&[&leader])[0].clone();
        let marked = marked(HELD);
        let mut beats = fleet.ssh("eve", &leader).talk(BEATS)?;
        beats.said("it beats", SHORT, |output, _| output.contains("beat").then_some(()))?;
        let mut waiting = fleet.hold("alice", &leader, &marked.command)?;
        fleet.gateway(&leader).terminate()?;
        never_ran(fleet, &mut waiting, &marked, "SP-1005")?;
        let told = since_boot();
        let errors = waiting.talk.errors();
        ensure!(errors.contains("Run it again"), "{errors}");
        // Not by the end of its session, which is told as well: that would be another reason.
        fleet.stands(&other, waiting.approval, "withdrawn: node lost", SHORT)?;
        refused(&fleet.approve("bob", &other, waiting.approval), "SP-1514")?;
        beats.wait(SHORT)?;
        let last = beats.heard().last().map(|said| said.at).unwrap_or_default();
        ensure!(last > told, "what was held was told {:?} after what ran had ended", told - last);
        until("it stops", SHORT, || Ok((!fleet.gateway(&leader).runs()?).then_some(())))?;
        fleet.gateway(&leader).start()?;
        ensure!(fleet.runs(&marked.marker)? == 0, "{} ran", marked.command);
        fleet.judge(&Acknowledged::default()).map(drop)
    })
}

#[test]
fn an_old_copy_of_a_disk_is_refused() -> Result<()> {
    on_fleet(|fleet| {
        // A machine that was restored from before its last start, or from a snapshot of a moment.
        for started_since in [true, false] {
            let leader = fleet.leader()?;
            let node = fleet.gateway(&fleet.others(&[&leader])[0]);
            let (data, old) = (node.data(), fleet.path(&marker()));
            if started_since {
                node.kill()?;
                shell("cp", &data, &old)?;
                node.start()?;
            } else {
                node.pause()?;
                shell("cp", &data, &old)?;
                node.resume()?;
            }
            fleet.comes_back()?;
            node.kill()?;
            let new = fleet.path(&marker());
            shell("mv", &data, &new)?;
            shell("mv", &old, &data)?;
            let refused = node.start().map(drop);
            shell("mv", &data, &old)?;
            // It took no part, so what is newer is still the truth.
            shell("mv", &new, &data)?;
            node.start()?;
            let said = format!("{:#}", refused.err().context("it started with an old disk")?);
            ensure!(said.contains("SP-1806"), "started since: {started_since}: {said}");
            fleet.comes_back()?;
        }
        fleet.judge(&Acknowledged::default()).map(drop)
    })
}

/// Copies or moves a directory.
fn shell(program: &str, from: &Path, to: &Path) -> Result<()> {
    let mut command = Command::new(program);
    if program == "cp" {
        command.arg("-a");
    }
    let done = command.arg(from).arg(to).status()?;
    ensure!(done.success(), "{program} of {}", from.display());
    Ok(())
}
