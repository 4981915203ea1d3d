//! What a fleet left behind, and what the oracles say of it.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use tempfile::TempDir;

use super::Fleet;
use super::documents::{ALLOWED, BYSTANDER};
use crate::invariants::acknowledged_once::{self, Acknowledged};
use crate::invariants::chain::{self, Kept};
use crate::invariants::healed::{self, Probe, WITHIN};
use crate::invariants::history::Outcome;
use crate::invariants::{Events, held_once, recorded_before_done};
use crate::live::clock::since_boot;
use crate::live::secrets::marker;

/// How long one probe may take.
const PROBE: Duration = Duration::from_secs(8);

/// What the parts of a node do when it is healthy.
const SERVES: &[&str] = &["writes", "runs commands"];

impl Fleet {
    /// All events that a node keeps: its own chain, and the control chain.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn events_of(&self, name: &str) -> Result<Events> {
        let folder = TempDir::with_prefix_in("archive-", self.folder.path())?;
        let at = folder.path().to_str().context("a temporary folder's name is text")?;
        self.administer(name, &["events", "export", "--out", at])?;
        let text = fs::read_to_string(folder.path().join("events.jsonl"))?;
        Events::read(text.lines()).map_err(|wrong| anyhow!("{wrong:?}"))
    }

    /// The record of all nodes, each event once; and what each keeps of the control chain.
    ///
    /// # Errors
    /// When a node does not give it.
    pub fn record(&self) -> Result<(Events, Vec<Kept>)> {
        let (mut all, mut chains) = (Vec::new(), Vec::new());
        for node in self.names() {
            let events = self.events_of(&node)?;
            let lines = events.of_chain("control").map(str::to_owned).collect();
            chains.push(Kept { node, lines });
            all.push(events);
        }
        Ok((Events::united(all), chains))
    }

    /// Judges the record of all nodes: O1 for what was acknowledged, O2, O3, one control chain, and
    /// each node's own verifier.
    ///
    /// # Errors
    /// With all violations.
    pub fn judge(&self, acknowledged: &Acknowledged) -> Result<Events> {
        // The target's log first: what ran is in a record that is read later.
        let ran = self.target.log()?;
        let (events, chains) = self.record()?;
        let mut violations = chain::violations(&chains);
        let mut add = |name: &str, found: Vec<String>| {
            violations.extend(found.into_iter().map(|what| format!("{name}: {what}")));
        };
        add("O1", acknowledged_once::violations(acknowledged, &events));
        add("O2", recorded_before_done::violations(&ran, &events));
        add("O3", held_once::violations(&ran, &events));
        for node in self.names() {
            let said = self.try_administer(&node, &["audit", "verify"])?;
            let text = format!("audit verify of {node}: {}{}", said.text(), said.said());
            add("O6", if said.status.success() { Vec::new() } else { vec![text] });
        }
        ensure!(
            violations.is_empty(),
            "{} violations:\n{}",
            violations.len(),
            violations.join("\n")
        );
        Ok(events)
    }

    /// Ends all faults, and waits until every node writes and runs commands again (O7).
    ///
    /// # Errors
    /// When one does not in time.
    pub fn comes_back(&self) -> Result<()> {
        self.heal()?;
        let stopped = since_boot();
        let (mut left, mut probes) = (Vec::new(), Vec::new());
        for name in self.names() {
            left.extend(SERVES.iter().map(|what| format!("{name} {what}")));
        }
        let parts = left.clone();
        while !left.is_empty() && since_boot() < stopped + WITHIN {
            for part in std::mem::take(&mut left) {
                let probe = self.probe(part);
                if probe.failed.is_some() {
                    left.push(probe.part.clone());
                }
                probes.push(probe);
            }
        }
        let found = healed::violations(stopped, &probes, &parts);
        ensure!(found.is_empty(), "O7: {}", found.join("\n"));
        Ok(())
    }

    /// Tries one part of one node.
    fn probe(&self, part: String) -> Probe {
        let (name, what) = part.split_once(' ').unwrap_or((&part, ""));
        let invoked = since_boot();
        let failed = if what == SERVES[0] { self.no_write(name) } else { self.no_command(name) };
        Probe { part, invoked, returned: since_boot(), failed }
    }

    fn no_write(&self, name: &str) -> Option<String> {
        let word = self.ask("admin", name, &probing_write());
        (word.0.outcome != Outcome::Done(())).then_some(word.0.said)
    }

    fn no_command(&self, name: &str) -> Option<String> {
        let marker = marker();
        let ended =
            self.ssh("alice", name).run_with(&format!("{ALLOWED} {marker}"), Vec::new(), PROBE);
        match ended {
            Ok(ended) if ended.text() == format!("{marker}\n") => None,
            Ok(ended) => Some(ended.errors),
            Err(error) => Some(format!("{error:#}")),
        }
    }
}

/// A write that disturbs nobody: it locks out somebody who never comes, for a second.
#[must_use]
pub(super) fn probing_write() -> [&'static str; 8] {
    ["lock", "set", "--person", BYSTANDER, "--for", "1s", "--reason", "a probe"]
}
