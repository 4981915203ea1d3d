//! Approvals that are no approvals: each is refused, and what was held does not run by it.

mod quorum;

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::invariants::acknowledged_once::Acknowledged;
use chaos_tests::invariants::history::Outcome;
use chaos_tests::live::fleet::{EXPIRES, HELD, HELD_BY_TWO, HELD_SHORTLY, T, on_fleet};
use chaos_tests::live::{SHORT, since_boot};

use super::{done, in_the_end, marked, never_ran, ran_once, refused};

/// How much later than its time a request may end: the leader's clock ticks, and may have failed
/// over.
const EXPIRY_LATE: Duration = Duration::from_secs(5);

#[test]
fn nobody_approves_their_own() -> Result<()> {
    on_fleet(|fleet| {
        let marked = marked(HELD);
        // Dora may approve what others ask.
        let mut waiting = fleet.hold("dora", "gw-1", &marked.command)?;
        for node in fleet.names() {
            refused(&fleet.approve("dora", &node, waiting.approval), "SP-1511")?;
        }
        ensure!(fleet.runs(&marked.marker)? == 0);
        done(&fleet.approve("bob", "gw-2", waiting.approval))?;
        ran_once(fleet, &mut waiting, &marked)
    })
}

#[test]
fn one_person_counts_once() -> Result<()> {
    on_fleet(|fleet| {
        let marked = marked(HELD_BY_TWO);
        let mut waiting = fleet.hold("alice", "gw-2", &marked.command)?;
        done(&fleet.approve("bob", "gw-1", waiting.approval))?;
        for node in fleet.names() {
            refused(&fleet.approve("bob", &node, waiting.approval), "SP-1513")?;
        }
        ensure!(fleet.runs(&marked.marker)? == 0);
        done(&fleet.approve("carol", "gw-3", waiting.approval))?;
        ran_once(fleet, &mut waiting, &marked)
    })
}

#[test]
fn the_administrator_and_strangers_approve_nothing() -> Result<()> {
    on_fleet(|fleet| {
        let marked = marked(HELD);
        let mut waiting = fleet.hold("alice", "gw-3", &marked.command)?;
        for node in fleet.names() {
            refused(&fleet.approve("admin", &node, waiting.approval), "SP-1515")?;
            let word = fleet.approve("eve", &node, waiting.approval);
            // Who may not see a request is told no more of it.
            let unseen = word.refused_with("SP-1503");
            ensure!(unseen || word.refused_with("SP-1512"), "{word:?}");
        }
        waiting.talk.process().kill()?;
        fleet.stands("gw-1", waiting.approval, "withdrawn: client left", SHORT)?;
        ensure!(fleet.runs(&marked.marker)? == 0);
        Ok(())
    })
}

#[test]
fn nothing_is_approved_after_its_time() -> Result<()> {
    on_fleet(|fleet| {
        let marked = marked(HELD_SHORTLY);
        let begun = since_boot();
        let mut waiting = fleet.hold("alice", "gw-1", &marked.command)?;
        never_ran(fleet, &mut waiting, &marked, "SP-1208")?;
        let (took, expires) = (since_boot() - begun, Duration::from_secs(EXPIRES));
        ensure!(took >= expires && took < expires + EXPIRY_LATE, "it ended after {took:?}");
        for node in fleet.names() {
            refused(&fleet.approve("bob", &node, waiting.approval), "SP-1514")?;
        }
        ensure!(fleet.approval("gw-2", waiting.approval)? == "expired");
        Ok(())
    })
}

#[test]
fn an_approval_is_of_its_bytes_and_its_session() -> Result<()> {
    on_fleet(|fleet| {
        let (first, second) = (marked(HELD), marked(HELD));
        let mut waiting = fleet.hold("alice", "gw-1", &first.command)?;
        done(&fleet.approve("bob", "gw-3", waiting.approval))?;
        ran_once(fleet, &mut waiting, &first)?;
        // Other bytes, and the same bytes again, are asked for anew.
        for marked in [&second, &first] {
            let before = fleet.runs(&marked.marker)?;
            let mut again = fleet.hold("alice", "gw-1", &marked.command)?;
            ensure!(again.approval != waiting.approval, "{} was asked anew", marked.command);
            again.talk.process().kill()?;
            // Whoever left asks no more, and cannot be approved for.
            fleet.stands("gw-2", again.approval, "withdrawn: client left", SHORT)?;
            refused(&fleet.approve("bob", "gw-3", again.approval), "SP-1514")?;
            ensure!(fleet.runs(&marked.marker)? == before);
        }
        Ok(())
    })
}

#[test]
fn an_approval_ends_with_the_policy_that_it_was_asked_under() -> Result<()> {
    on_fleet(|fleet| {
        let marked = marked(HELD);
        let mut waiting = fleet.hold("alice", "gw-1", &marked.command)?;
        let first = waiting.approval;
        fleet.apply("gw-2", "policy", &fleet.policy("another one"))?;
        // Whether it is refused here or when it would be spent: by it the command does not run.
        let word = fleet.approve("bob", "gw-3", first);
        let judged_again = word.refused_with("SP-1514") || word.outcome == Outcome::Done(());
        ensure!(judged_again, "{word:?}");
        let second = waiting.asks_again()?;
        ensure!(fleet.runs(&marked.marker)? == 0, "it ran by an approval of another policy");
        refused(&fleet.approve("carol", "gw-3", first), "SP-1514")?;
        done(&fleet.approve("carol", "gw-3", second))?;
        ran_once(fleet, &mut waiting, &marked)?;
        fleet.judge(&Acknowledged::default()).map(drop)
    })
}

#[test]
fn a_node_that_is_told_of_another_cluster_does_not_start() -> Result<()> {
    on_fleet(|fleet| {
        let (gateway, file) = (fleet.gateway("gw-3"), fleet.path("gw-3/node.yaml"));
        let right = fs::read_to_string(&file)?;
        let wrong = right.replace("cluster: chaos", "cluster: another");
        ensure!(wrong != right, "{right}");
        gateway.stop()?;
        fs::write(&file, wrong)?;
        let refused = gateway.start().map(drop);
        fs::write(&file, right)?;
        gateway.start()?;
        let said = format!("{:#}", refused.err().context("it started in another cluster")?);
        ensure!(said.contains("SP-1802"), "{said}");
        Ok(())
    })
}

#[test]
fn approving_on_the_minority_never_succeeds() -> Result<()> {
    on_fleet(|fleet| {
        let marked = marked(HELD);
        // A leader that is alone has a test of its own; without it the others would have to elect
        // one first, and the session that waits might end before.
        let leader = fleet.leader()?;
        let alone = fleet.others(&[&leader]).remove(0);
        let others = fleet.others(&[&alone]);
        let mut waiting = fleet.hold("alice", &leader, &marked.command)?;
        let others: Vec<_> = others.iter().map(String::as_str).collect();
        fleet.network.cut(&[&alone], &others)?;
        let begun = since_boot();
        while since_boot() < begun + T * 2 {
            let word = fleet.approve("bob", &alone, waiting.approval);
            // Not done, and said so in time: an answer, if only that nobody knows.
            ensure!(word.outcome != Outcome::Done(()) && word.code.is_some(), "{word:?}");
        }
        ensure!(fleet.runs(&marked.marker)? == 0);
        fleet.network.heal()?;
        // What nobody knew of may have come through once the ways were open.
        in_the_end("it is approved", || {
            let word = fleet.approve("carol", &alone, waiting.approval);
            let over = word.refused_with("SP-1514");
            if over { super::Word { outcome: Outcome::Done(()), ..word } } else { word }
        })?;
        ran_once(fleet, &mut waiting, &marked)?;
        fleet.judge(&Acknowledged::default()).map(drop)
    })
}
