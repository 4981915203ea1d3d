//! Nothing is broken: what is applied through one node is in force on all, and a command that is
//! held on one is approved on another and runs once.

use anyhow::{Result, ensure};
use chaos_tests::invariants::acknowledged_once::Acknowledged;
use chaos_tests::live::fleet::{ALLOWED, BLOCKED, Fleet, HELD, T, on_fleet};
use chaos_tests::live::until;

use super::{done, marked, ran_once};

/// Whether a command of a person runs through a node, or with which status it is refused.
fn status(fleet: &Fleet, person: &str, node: &str, command: &str) -> Result<Option<i32>> {
    Ok(fleet.ssh(person, node).run(command)?.status)
}

/// Waits until it is the same on every node: T is what promise 7 gives a change.
fn everywhere(
    fleet: &Fleet,
    person: &str,
    command: &str,
    fits: impl Fn(Option<i32>) -> bool,
) -> Result<()> {
    for node in fleet.names() {
        let what = format!("{person} and {command:?} on {node}");
        until(&what, T, || Ok(fits(status(fleet, person, &node, command)?).then_some(())))?;
    }
    Ok(())
}

#[test]
fn documents_applied_on_one_node_are_in_force_on_all() -> Result<()> {
    on_fleet(|fleet| {
        everywhere(fleet, "alice", &format!("{ALLOWED} x"), |status| status == Some(0))?;
        everywhere(fleet, "alice", BLOCKED, |status| status == Some(126))?;
        let stricter = fleet.policy("stricter").replace("[env, printenv]", "[env, date]");
        fleet.apply("gw-2", "policy", &stricter)?;
        everywhere(fleet, "alice", "date", |status| status == Some(126))?;
        fleet.apply("gw-1", "policy", &fleet.policy("as before"))?;
        everywhere(fleet, "alice", "date", |status| status == Some(0))?;
        fleet.apply("gw-3", "people", &fleet.people_without(&["eve"]))?;
        everywhere(fleet, "eve", "date", |status| status == Some(255))?;
        fleet.apply("gw-2", "people", &fleet.people_without(&[]))?;
        everywhere(fleet, "eve", "date", |status| status == Some(0))
    })
}

#[test]
fn held_on_one_node_approved_on_another_runs_once() -> Result<()> {
    on_fleet(|fleet| {
        let marked = marked(HELD);
        let mut waiting = fleet.hold("alice", "gw-1", &marked.command)?;
        ensure!(fleet.runs(&marked.marker)? == 0, "it ran before it was approved");
        ensure!(fleet.approval("gw-3", waiting.approval)? == "open");
        done(&fleet.approve("bob", "gw-3", waiting.approval))?;
        ran_once(fleet, &mut waiting, &marked)?;
        fleet.stands("gw-2", waiting.approval, "consumed", T)?;
        let acknowledged =
            Acknowledged { markers: [marked.marker].into(), ..Acknowledged::default() };
        fleet.judge(&acknowledged).map(drop)
    })
}

#[test]
fn denied_on_another_node_never_runs() -> Result<()> {
    on_fleet(|fleet| {
        let marked = marked(HELD);
        let mut waiting = fleet.hold("alice", "gw-2", &marked.command)?;
        let id = waiting.approval.to_string();
        let deny = ["approvals", "deny", &id, "--reason", "it is wrong"];
        done(&fleet.ask("carol", "gw-1", &deny).0)?;
        super::never_ran(fleet, &mut waiting, &marked, "SP-1207")
    })
}
