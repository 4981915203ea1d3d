//! What people did in a storm, as the oracles read it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use anyhow::{Context as _, Result};
use chaos_tests::invariants::acknowledged_once::Acknowledged;
use chaos_tests::invariants::forbidden_after_t::{self, Allowed, Forbidden};
use chaos_tests::invariants::history::{Operation, Outcome};
use chaos_tests::invariants::linearizable::{
    self, Approvals, Asked, Calls, LockCall, Locks, Policies, PolicyCall, PolicyReply, Seen, Told,
};
use chaos_tests::live::fleet::{Fleet, T};
use chaos_tests::live::{SHORT, since_boot, until};
use serde_json::Value;

use super::super::NOTICED;

/// Everything that happened.
#[derive(Default)]
pub(super) struct Happened {
    /// By the request's id.
    pub(super) approvals: BTreeMap<u64, Calls<Approvals>>,
    pub(super) policies: Calls<Policies>,
    /// By the lock's reason.
    pub(super) locks: BTreeMap<String, Calls<Locks>>,
    pub(super) forbidden: Vec<Forbidden>,
    /// Output that reached somebody, when it was heard.
    pub(super) heard: Vec<Allowed>,
    /// Whose command each marker is.
    pub(super) owners: BTreeMap<String, String>,
    pub(super) acknowledged: Acknowledged,
    /// Requests that may still be looked at: id, and who asks.
    pub(super) open: Vec<(u64, String)>,
    /// Rulings that counted although nobody may rule so.
    pub(super) usurped: Vec<String>,
}

/// The history of one fleet.
pub(super) struct History {
    happened: Mutex<Happened>,
    first_policy: (u64, String),
    stopped: AtomicBool,
    /// What reached the target, as far as it was read.
    ran: Mutex<Vec<Allowed>>,
}

/// Lets everybody leave when it goes.
pub(super) struct Leave<'a>(&'a AtomicBool);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What stands behind the policy's last `# `.
fn remark(document: &str) -> String {
    document.trim_end().rsplit("# ").next().unwrap_or_default().to_owned()
}

impl History {
    /// Begins with what is in force.
    pub(super) fn begin(fleet: &Fleet) -> Result<Self> {
        let first_policy = in_force(fleet)?;
        let (happened, ran) = (Mutex::default(), Mutex::default());
        Ok(Self { happened, first_policy, stopped: AtomicBool::new(false), ran })
    }

    pub(super) fn happened(&self) -> MutexGuard<'_, Happened> {
        self.happened.lock().expect("nobody panics with the lock")
    }

    pub(super) fn go(&self) {
        self.stopped.store(false, Ordering::Relaxed);
    }

    /// Everybody leaves when the guard goes.
    pub(super) fn leave_after(&self) -> Leave<'_> {
        Leave(&self.stopped)
    }

    pub(super) fn goes_on(&self) -> bool {
        !self.stopped.load(Ordering::Relaxed)
    }

    pub(super) fn acknowledged(&self) -> Acknowledged {
        self.happened().acknowledged.clone()
    }

    /// How much happened, in a line.
    pub(super) fn summary(&self) -> String {
        let happened = self.happened();
        let spent =
            happened.approvals.values().flatten().filter(|call| {
                call.call == Asked::Consume && matches!(call.outcome, Outcome::Done(_))
            });
        format!(
            "{} commands acknowledged, {} held and {} of them approved, {} policies, {} locks",
            happened.acknowledged.markers.len(),
            happened.approvals.len(),
            spent.count(),
            happened.policies.len(),
            happened.locks.len()
        )
    }

    /// Reads how everything stands once all has healed.
    pub(super) fn look_at_the_end(&self, fleet: &Fleet) -> Result<()> {
        let (first, last) = (fleet.names()[0].clone(), fleet.names()[2].clone());
        // A write through a node brings it up to date.
        for node in [&first, &last] {
            let write = ["lock", "set", "--person", "frank", "--for", "1s", "--reason", "a look"];
            super::super::in_the_end("a write", || fleet.ask("admin", node, &write).0)?;
        }
        self.lift_what_is_left(fleet, &last)?;
        let invoked = since_boot();
        let ids: Vec<_> = self.happened().approvals.keys().copied().collect();
        for id in ids {
            let Ok(stands) = fleet.approval(&first, id) else { continue };
            let seen = match stands.split(':').next().unwrap_or_default() {
                "open" => Seen::Open,
                "approved" => Seen::Approved,
                "denied" => Seen::Denied,
                "consumed" => Seen::Consumed,
                _ => Seen::Ended,
            };
            let read = read(invoked, Asked::Read, Told::Stands(seen));
            self.happened().approvals.entry(id).or_default().push(read);
        }
        let (revision, document) = in_force(fleet)?;
        let reply = PolicyReply::InForce { revision, document };
        self.happened().policies.push(read(invoked, PolicyCall::Read, reply));
        let listed = fleet.administer(&last, &["lock", "list", "--output", "jsonl"])?;
        for (reason, calls) in &mut self.happened().locks {
            calls.push(read(invoked, LockCall::Holds, listed.contains(reason.as_str())));
        }
        let ran = fleet.target.log()?.into_iter().map(|ran| Allowed {
            subjects: Vec::new(),
            what: ran.command,
            at: ran.at,
        });
        *self.ran.lock().expect("nobody panics with the lock") = ran.collect();
        Ok(())
    }

    /// Lifts locks whose lifting the storm prevented.
    fn lift_what_is_left(&self, fleet: &Fleet, node: &str) -> Result<()> {
        let listed = fleet.administer(node, &["lock", "list", "--output", "jsonl"])?;
        for line in listed.lines() {
            let row: Value = serde_json::from_str(line)?;
            let reason = row["reason"].as_str().unwrap_or_default();
            if !self.happened().locks.contains_key(reason) {
                continue;
            }
            let invoked = since_boot();
            let id = row["id"].to_string();
            fleet.administer(node, &["lock", "lift", &id, "--reason", "the storm is over"])?;
            let lifted = read(invoked, LockCall::Lift, false);
            self.happened().locks.entry(reason.to_owned()).or_default().push(lifted);
        }
        Ok(())
    }

    /// What O4 and promise 7 say.
    pub(super) fn violations(&self) -> Vec<String> {
        let happened = self.happened();
        let mut found = linearizable::violations_by_key(&Approvals, &None, &happened.approvals);
        found.extend(happened.usurped.clone());
        let first = self.first_policy.clone();
        found.extend(linearizable::violations(&Policies, first, &happened.policies));
        found.extend(linearizable::violations_by_key(&Locks, &None, &happened.locks));
        let mut ran = self.ran.lock().expect("nobody panics with the lock").clone();
        for one in &mut ran {
            let owner = happened.owners.iter().find(|(marker, _)| one.what.contains(*marker));
            one.subjects.extend(owner.map(|(_, person)| format!("person {person}")));
        }
        let late = |allowed: &[Allowed], bound| {
            forbidden_after_t::violations(&happened.forbidden, allowed, bound)
        };
        found.extend(late(&ran, T));
        // Output was let through some time before it was heard. That makes the bound later, and not
        // the moment earlier: it would seem to come before a lifting that it followed.
        found.extend(late(&happened.heard, T + NOTICED));
        found
    }
}

/// The policy in force: its revision, and its remark.
fn in_force(fleet: &Fleet) -> Result<(u64, String)> {
    let node = &fleet.names()[0];
    until("a policy that stands still", SHORT, || {
        let before = revision(fleet, node)?;
        let shown = fleet.administer(node, &["policy", "show"])?;
        Ok((revision(fleet, node)? == before).then(|| (before, remark(&shown))))
    })
}

fn revision(fleet: &Fleet, node: &str) -> Result<u64> {
    let listed = fleet.administer(node, &["policy", "history", "--output", "jsonl"])?;
    let last = listed.lines().last().context("a policy is in force")?;
    let row: Value = serde_json::from_str(last)?;
    row["id"].as_u64().context("a revision has a number")
}

/// An answer that was read once all was quiet.
fn read<C, R>(invoked: Duration, call: C, reply: R) -> Operation<C, R> {
    let (client, returned) = ("the end".to_owned(), since_boot());
    Operation { client, invoked, returned, call, outcome: Outcome::Done(reply) }
}
