//! One world from its beginning to its end: it is set up, things break, all is mended, and it must
//! heal.

use std::sync::Arc;
use std::time::Duration;

use proto::entry::{By, Entry, PeopleSetting, SessionClosing, TargetsSetting};
use proto::ids::{Epoch, SessionId};
use proto::person::Person;
use proto::target::{CredentialSource, HostKeys, Target, TargetKind};

use super::clients::{
    PEOPLE, Sessions, TARGETS, edit, guard, hold, look_at_locks, name, now, propose, set_locks,
    set_policy,
};
use super::faults::{break_things, join, mend};
use super::machine::Machine;
use super::options::Options;
use super::oracles::judge;
use super::runtime::{self, OUTSIDE, sleep, spawn_in};
use super::stage::{FOUNDER, Stage};
use crate::invariants::healed::{Probe, WITHIN};
use crate::invariants::history::Outcome;

/// What came of a world.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) options: Options,
    pub(crate) violations: Vec<String>,
    /// What was noted on the way.
    pub(crate) notes: Vec<String>,
    /// The digest of all that happened.
    pub(crate) trace: u64,
    /// How far it came, as the control index.
    pub(crate) applied: u64,
}

/// Lives through one world.
pub(crate) fn run(options: Options) -> Ended {
    let seed = options.seed;
    let stage = async move {
        let stage = Stage::new(options);
        let violations = live(&stage).await;
        (stage.options.clone(), violations, stage.notes(), stage.applied.last())
    };
    let ((options, violations, notes, applied), trace) = runtime::run(seed, stage);
    Ended { options, violations, notes, trace, applied }
}

async fn live(stage: &Arc<Stage>) -> Vec<String> {
    if !set_up(stage).await {
        return vec!["it did not begin within a minute".to_owned()];
    }
    let sessions = Arc::new(Sessions::default());
    for machine in stage.machines() {
        drop(spawn_in(OUTSIDE, guard(Arc::clone(stage), machine)));
    }
    for person in PEOPLE.iter().take(usize::try_from(stage.options.holders).unwrap_or(2)) {
        drop(spawn_in(OUTSIDE, hold(Arc::clone(stage), Arc::clone(&sessions), person)));
    }
    for who in ["one editor", "another editor"] {
        drop(spawn_in(OUTSIDE, edit(Arc::clone(stage), who.to_owned())));
    }
    drop(spawn_in(OUTSIDE, set_locks(Arc::clone(stage))));
    drop(spawn_in(OUTSIDE, break_things(Arc::clone(stage))));
    sleep(stage.options.unsafe_for).await;

    stage.note("all is mended".to_owned());
    let healing = now();
    mend(stage);
    let probes = stage.machines().into_iter().map(|machine| {
        let stage = Arc::clone(stage);
        spawn_in(OUTSIDE, probe(stage, machine, healing))
    });
    let probes: Vec<_> = probes.collect();
    futures_util::future::join_all(probes).await;
    look_at_locks(stage).await;
    agree(stage).await;
    judge(stage, healing)
}

/// Founds the cluster, and lets people do something in it.
async fn set_up(stage: &Arc<Stage>) -> bool {
    let last = now() + Duration::from_secs(60);
    let in_time = || now() < last;
    stage.set_up(FOUNDER);
    for id in FOUNDER + 1..=stage.options.machines {
        if !join(stage, id, &in_time).await {
            return false;
        }
        stage.set_up(id);
    }
    let people = PEOPLE.iter().map(|person| Person {
        name: name(person),
        groups: Vec::new(),
        ssh_keys: Vec::new(),
        password_hash: None,
    });
    let targets = TARGETS.iter().map(|target| Target {
        name: name(target),
        kind: TargetKind::Ssh,
        address: format!("{target}:22"),
        labels: std::collections::BTreeMap::new(),
        host_keys: HostKeys::TrustOnFirstUse,
        credential: CredentialSource::File("key".to_owned()),
        logins: vec!["deploy".to_owned()],
    });
    let (people, targets) = (people.collect(), targets.collect());
    let (expected_revision, by) = (None, By::Administrator);
    let people = Entry::PeopleSet(PeopleSetting { people, expected_revision, by: by.clone() });
    let targets = Entry::TargetsSet(TargetsSetting { targets, expected_revision, by });
    for entry in [people, targets] {
        let Some(machine) = stage.any() else { return false };
        if !matches!(propose(&machine, entry).await.1, Outcome::Done(_)) {
            return false;
        }
    }
    set_policy(stage, "the founder", "version: 1".to_owned(), None).await;
    let votes = |machine: &Arc<Machine>| {
        let voters = machine.look(|node| node.status().voters.len() as u64);
        machine.serves().is_some() && voters == Some(stage.options.machines)
    };
    while in_time() && !stage.machines().iter().all(votes) {
        sleep(Duration::from_millis(50)).await;
    }
    in_time()
}

/// Writes at a machine until the bound has passed, and once more.
async fn probe(stage: Arc<Stage>, machine: Arc<Machine>, since: Duration) {
    let last = since + WITHIN;
    loop {
        let invoked = now();
        let session = SessionId::new(&machine.name, Epoch(0), 1);
        let close = Entry::SessionClose(SessionClosing { session });
        let (_, written) = propose(&machine, close).await;
        let failed = match written {
            Outcome::Done(_) => None,
            Outcome::Refused | Outcome::Unknown => Some(format!(
                "{:?}",
                machine.look(|node| node.status()).map(|status| (
                    status.leader,
                    status.term,
                    status.voters,
                    status.running
                ))
            )),
        };
        let served = failed.is_none();
        let part = format!("{} writes", machine.name);
        stage.told.probed(Probe { part, invoked, returned: now(), failed });
        if invoked > last {
            return;
        }
        // One more after the bound.
        let pause = if served { last.saturating_sub(now()) } else { Duration::ZERO };
        sleep(pause + Duration::from_millis(500)).await;
    }
}

/// In the end all have applied all of it, and follow one leader.
async fn agree(stage: &Stage) {
    let stands = || {
        stage.machines().into_iter().map(|machine| {
            let status = machine.look(|node| node.status());
            let stands = status.map(|status| (status.applied, status.leader));
            (machine.id, stands)
        })
    };
    for _ in 0..100 {
        let all: Vec<_> = stands().map(|(_, stands)| stands).collect();
        let first = all.first().copied().flatten();
        let led = first.is_some_and(|(_, leader)| leader.is_some());
        if led && all.iter().all(|stands| *stands == first) {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    let all: Vec<_> = stands().collect();
    stage.told.violated(format!("they do not agree (machine, (applied, leader)): {all:?}"));
}
