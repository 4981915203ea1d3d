//! What people do in the record's storm, each in a thread of their own, and what they saw of it.
//! Faults may refuse or end whatever they do: nobody is surprised.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::Scope;
use std::time::Duration;

use anyhow::Result;
use chaos_tests::invariants::acknowledged_once::Acknowledged;
use chaos_tests::live::fleet::{ALLOWED, BLOCKED, Fleet, HELD};
use chaos_tests::live::{Ended, SHORT, Secret, fresh_secrets, marker, until};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

/// How long a client waits for a short command.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a client that was told to wait for an approval is told so.
const IS_ASKED: Duration = Duration::from_secs(6);

/// What is said of a command that a policy blocks.
const BY_POLICY: &str = "SP-1201";

/// Sorts of commands.
const IS_ALLOWED: &str = "allowed";
const IS_BLOCKED: &str = "blocked";
const MASKED: &str = "masked";
const IS_HELD: &str = "held";

/// What people saw.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) acknowledged: Acknowledged,
    /// All that clients were sent, by what it was.
    pub(super) outputs: Vec<(String, Vec<u8>)>,
    /// How many of each sort were acknowledged.
    counts: BTreeMap<&'static str, usize>,
}

/// Everybody, and where they leave what they saw.
pub(super) struct People<'a> {
    fleet: &'a Fleet,
    pub(super) secrets: Vec<Secret>,
    /// A program on the target that prints all secrets, and then its argument.
    leak: String,
    seen: Mutex<Seen>,
    stopped: AtomicBool,
}

/// Lets everybody leave when it goes.
pub(super) struct Leave<'a>(&'a AtomicBool);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl<'a> People<'a> {
    /// Plants secrets on the target.
    pub(super) fn begin(fleet: &'a Fleet) -> Result<Self> {
        let secrets = fresh_secrets();
        let lines: Vec<_> = secrets.iter().map(|secret| secret.line.as_str()).collect();
        let file = fleet.target.folder.join("secrets.txt");
        fs::write(&file, format!("first\n{}\n", lines.join("\n")))?;
        let print = format!("#!/bin/sh\ncat {}\necho \"$1\"\n", file.display());
        let leak = fleet.target.script("leak", &print)?;
        let (seen, stopped) = (Mutex::default(), AtomicBool::new(false));
        let people = Self { fleet, secrets, leak, seen, stopped };
        // What a storm leaves to chance: there is something to find, before anything breaks.
        until("secrets are printed", SHORT, || {
            // A machine that is busy may take longer than a client waits.
            Somebody(&people).runs_one("alice", "gw-1", MASKED).ok();
            Ok(people.seen().counts.contains_key(MASKED).then_some(()))
        })?;
        Ok(people)
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much was acknowledged, in a line.
    pub(super) fn summary(&self) -> String {
        let seen = self.seen();
        format!("acknowledged: {:?}, {} lines", seen.counts, seen.acknowledged.lines.len())
    }

    /// Lets everybody come; they leave when what is given goes.
    pub(super) fn come<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        seed: u64,
    ) -> Leave<'scope> {
        self.stopped.store(false, Ordering::Relaxed);
        let mut random = StdRng::seed_from_u64(seed);
        let acts: [fn(&Somebody<'_>, &mut StdRng) -> Result<()>; 4] = [
            |one, random| one.runs("alice", random),
            |one, random| one.runs("eve", random),
            |one, random| one.asks("dora", random),
            |one, random| one.reads(random),
        ];
        for act in acts {
            let mut random = StdRng::seed_from_u64(random.random());
            scope.spawn(move || {
                while !self.stopped.load(Ordering::Relaxed) {
                    // What fails is what the storm does; what must hold is judged afterwards.
                    act(&Somebody(self), &mut random).ok();
                }
            });
        }
        Leave(&self.stopped)
    }
}

/// Somebody in the storm.
struct Somebody<'a>(&'a People<'a>);

impl Somebody<'_> {
    fn node(&self, random: &mut StdRng) -> String {
        self.0.fleet.names().choose(random).cloned().unwrap_or_default()
    }

    fn saw(&self, what: &str, ended: &Ended) {
        let mut seen = self.0.seen();
        seen.outputs.push((format!("the output of {what}"), ended.output.clone()));
        seen.outputs.push((format!("the errors of {what}"), ended.errors.clone().into_bytes()));
    }

    fn knows(&self, sort: &'static str, marker: String) {
        let mut seen = self.0.seen();
        *seen.counts.entry(sort).or_default() += 1;
        seen.acknowledged.markers.insert(marker);
    }

    /// Runs a command that is allowed, one that is not, or one whose output is masked.
    fn runs(&self, person: &str, random: &mut StdRng) -> Result<()> {
        let sort = [IS_BLOCKED, MASKED, IS_ALLOWED, IS_ALLOWED][random.random_range(0..4)];
        self.runs_one(person, &self.node(random), sort)
    }

    fn runs_one(&self, person: &str, node: &str, sort: &'static str) -> Result<()> {
        let marker = marker();
        let program = match sort {
            IS_BLOCKED => BLOCKED,
            MASKED => &self.0.leak,
            _ => ALLOWED,
        };
        let command = format!("{program} {marker}");
        let ssh = self.0.fleet.ssh(person, node).with(&["-o", "ConnectTimeout=3"]);
        let ended = ssh.run_with(&command, Vec::new(), PATIENCE)?;
        self.saw(&command, &ended);
        let said = match sort {
            IS_BLOCKED => ended.status == Some(126) && ended.errors.contains(BY_POLICY),
            _ => ended.text().ends_with(&format!("{marker}\n")),
        };
        if said {
            self.knows(sort, marker);
        }
        Ok(())
    }

    /// Runs a command that is held, and has it approved through any node.
    fn asks(&self, person: &str, random: &mut StdRng) -> Result<()> {
        let (marker, node, other) = (marker(), self.node(random), self.node(random));
        let command = format!("{HELD} {marker}");
        let ssh = self.0.fleet.ssh(person, &node).with(&["-o", "ConnectTimeout=3"]);
        let mut client = ssh.talk(&command)?;
        let last = |errors: &str| Fleet::all_asked(errors).pop();
        let asked = client.said("it is held", IS_ASKED, |_, errors| last(errors));
        if let Ok(approval) = asked {
            // It is told only what its client sees.
            drop(self.0.fleet.approve("bob", &other, approval));
            client.wait(PATIENCE).ok();
        }
        client.process().kill().ok();
        let (status, _) = client.wait(PATIENCE)?;
        if status.success() && client.output().trim_end() == marker {
            self.knows(IS_HELD, marker);
        }
        Ok(())
    }

    /// Reads the newest events, as an auditor would.
    fn reads(&self, random: &mut StdRng) -> Result<()> {
        let node = self.node(random);
        let text = self.0.fleet.administer(&node, &["events", "tail", "-n", "100"])?;
        self.0.seen().acknowledged.lines.extend(text.lines().map(str::to_owned));
        Ok(())
    }
}
