//! Whatever breaks: one thing after the other, some of them at once.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use consensus_state::{Denied, Reply, State};
use proto::entry::{By, Entry, JoinToken, NodeJoining, NodeRemoval};
use proto::ids::Digest;

use super::clients::{guard, propose};
use super::disk::{Armed, Doing, When};
use super::machine::{Machine, addresses, member};
use super::network::Id;
use super::options::Fault;
use super::runtime::{self, OUTSIDE, sleep};
use super::stage::Stage;
use crate::invariants::history::Outcome;

/// Breaks things until the world heals.
pub(crate) async fn break_things(stage: Arc<Stage>) {
    stage.network.set_weather(stage.options.weather);
    let mut members_changed = false;
    while stage.breaks() {
        let most = stage.options.fault_every_ms;
        sleep(runtime::draw(|dice| dice.millis(100, most))).await;
        let fault = runtime::draw(|dice| dice.pick(&stage.options.faults));
        let (Some(fault), Some(victim)) = (fault, victim(&stage)) else { continue };
        if !stage.breaks() {
            return;
        }
        if fault == Fault::Members && std::mem::replace(&mut members_changed, true) {
            continue;
        }
        stage.note(format!("{fault:?} at gw-{}", victim.id));
        drop(runtime::spawn_in(OUTSIDE, happen(Arc::clone(&stage), fault, victim)));
    }
}

/// Mends everything.
pub(crate) fn mend(stage: &Stage) {
    stage.heals.store(true, Ordering::Relaxed);
    stage.network.heal();
    for machine in stage.machines() {
        machine.clock.stand(false);
        machine.clock.set_off(0);
        machine.trap.arm(None);
        machine.mend_disk();
        machine.down.store(false, Ordering::Relaxed);
        machine.stand_still(false);
    }
}

/// Whoever leads is hit as often as all others.
fn victim(stage: &Stage) -> Option<Arc<Machine>> {
    let machines = stage.machines();
    let leads = |machine: &&Arc<Machine>| {
        machine.look(|node| node.status().leader == Some(machine.id)) == Some(true)
    };
    let leader = machines.iter().find(leads).cloned();
    let any = runtime::draw(|dice| dice.pick(&machines));
    if runtime::draw(|dice| dice.permille(400)) { leader.or(any) } else { any }
}

async fn happen(stage: Arc<Stage>, fault: Fault, victim: Arc<Machine>) {
    if !stage.breaks() {
        return;
    }
    let others: Vec<Id> = stage.machines().iter().map(|machine| machine.id).collect();
    let others: Vec<Id> = others.into_iter().filter(|id| *id != victim.id).collect();
    let me = victim.id;
    match fault {
        Fault::Crash => crash(&victim).await,
        Fault::Trap => trap(&victim),
        Fault::Disk => victim.fail_a_sync(),
        Fault::Stall => {
            victim.stand_still(true);
            lasting(300, 8000).await;
            victim.stand_still(false);
        }
        Fault::Partition => {
            let most = (others.len() as u64).saturating_sub(1);
            let with = usize::try_from(runtime::draw(|dice| dice.below(most.max(1)))).unwrap_or(0);
            let (mine, theirs) = others.split_at(with);
            let mine = mine.iter().chain([&me]);
            let links: Vec<_> = mine.flat_map(|a| theirs.iter().map(|b| (*a, *b))).collect();
            let both = links.iter().flat_map(|(a, b)| [(*a, *b), (*b, *a)]);
            cut(&stage, both.collect()).await;
        }
        Fault::OneWay => {
            let hears = runtime::draw(|dice| dice.permille(500));
            let links = others.iter().map(|other| if hears { (me, *other) } else { (*other, me) });
            cut(&stage, links.collect()).await;
        }
        Fault::Ring => {
            let ring: Vec<Id> = others.iter().copied().chain([me]).collect();
            let next = |at: usize| ring[(at + 1) % ring.len()];
            let all = ring.iter().enumerate().flat_map(|(at, from)| {
                let heard = next(at);
                ring.iter().filter(move |to| **to != heard && *to != from).map(|to| (*from, *to))
            });
            cut(&stage, all.collect()).await;
        }
        Fault::Flap => {
            let Some(other) = runtime::draw(|dice| dice.pick(&others)) else { return };
            for _ in 0..runtime::draw(|dice| dice.between(3, 20)) {
                let time = runtime::draw(|dice| dice.millis(20, 800));
                cut_for(&stage, vec![(me, other), (other, me)], time).await;
                sleep(runtime::draw(|dice| dice.millis(20, 800))).await;
            }
        }
        Fault::Slow => slow(&stage, me, &others).await,
        Fault::Fading => {
            others.iter().for_each(|other| stage.network.slow(*other, me, 2500));
            lasting(500, 3000).await;
            cut(&stage, others.iter().map(|other| (*other, me)).collect()).await;
            others.iter().for_each(|other| stage.network.slow(*other, me, 0));
        }
        Fault::Clock => clock(&stage, &victim).await,
        Fault::StepDown => {
            victim.call(|node, _| async move { node.step_down().await }).await;
        }
        Fault::Members => members(&stage).await,
    }
}

async fn lasting(least: u64, most: u64) {
    sleep(runtime::draw(|dice| dice.millis(least, most))).await;
}

async fn crash(victim: &Machine) {
    victim.down.store(true, Ordering::Relaxed);
    victim.kill(runtime::draw(|dice| dice.permille(600)));
    lasting(0, 10_000).await;
    victim.down.store(false, Ordering::Relaxed);
}

fn trap(victim: &Machine) {
    const DOING: &[Doing] = &[
        Doing::Writes,
        Doing::Writes,
        Doing::Votes,
        Doing::Truncates,
        Doing::SnapshotPart,
        Doing::Snapshot,
        Doing::Purges,
        Doing::Applies,
    ];
    const WHEN: &[When] = &[When::Before, When::Within, When::Within, When::After];
    let (doing, when) = runtime::draw(|dice| (dice.pick(DOING), dice.pick(WHEN)));
    let passes = match doing {
        Some(Doing::Writes | Doing::Applies) => runtime::draw(|dice| dice.below(12)),
        _ => runtime::draw(|dice| dice.below(2)),
    };
    victim.trap.arm(doing.zip(when).map(|(doing, when)| Armed { doing, when, passes }));
    *victim.stillborn.lock() = runtime::draw(|dice| dice.below(4)).saturating_sub(1);
}

async fn cut(stage: &Stage, links: Vec<(Id, Id)>) {
    let time = runtime::draw(|dice| dice.millis(300, 9000));
    cut_for(stage, links, time).await;
}

async fn cut_for(stage: &Stage, links: Vec<(Id, Id)>, time: Duration) {
    if !stage.breaks() {
        return;
    }
    links.iter().for_each(|(from, to)| stage.network.cut(*from, *to));
    sleep(time).await;
    links.iter().for_each(|(from, to)| stage.network.mend(*from, *to));
}

async fn slow(stage: &Stage, me: Id, others: &[Id]) {
    for other in others {
        let (there, back) = runtime::draw(|dice| (dice.below(2), dice.below(2)));
        stage.network.slow(me, *other, there * 2500);
        stage.network.slow(*other, me, back * 2500);
    }
    lasting(500, 10_000).await;
    for other in others {
        stage.network.slow(me, *other, 0);
        stage.network.slow(*other, me, 0);
    }
}

/// One clock at a time is wrong: of three a majority is right.
async fn clock(stage: &Stage, victim: &Machine) {
    const HOUR: i64 = 3_600_000_000;
    for machine in stage.machines() {
        machine.clock.stand(false);
        machine.clock.set_off(0);
    }
    match runtime::draw(|dice| dice.below(4)) {
        0 => victim.clock.stand(true),
        1 => victim.clock.set_off(HOUR),
        2 => victim.clock.set_off(-HOUR),
        _ => {
            let off = runtime::draw(|dice| dice.below(9_000_000));
            victim.clock.set_off(i64::try_from(off).unwrap_or(0) - 4_500_000);
        }
    }
    lasting(500, 15_000).await;
}

/// A machine is added, or one is taken out, whatever it takes.
async fn members(stage: &Arc<Stage>) {
    let machines = stage.machines();
    if machines.len() > 3 && runtime::draw(|dice| dice.permille(500)) {
        if let Some(goes) = runtime::draw(|dice| dice.pick(&machines)) {
            remove(stage, &goes).await;
        }
        return;
    }
    let id = machines.iter().map(|machine| machine.id).max().unwrap_or(0) + 1;
    let joined = join(stage, id, &|| stage.breaks()).await;
    if joined && stage.breaks() {
        let machine = stage.set_up(id);
        drop(runtime::spawn_in(OUTSIDE, guard(Arc::clone(stage), machine)));
    }
}

/// Lets a machine join; gives whether it did.
pub(crate) async fn join(stage: &Stage, id: Id, goes_on: &(dyn Fn() -> bool + Sync)) -> bool {
    let digest = Digest([u8::try_from(id).unwrap_or(u8::MAX); 32]);
    let joining = Entry::NodeJoined(NodeJoining {
        node: member(id).node,
        addresses: addresses(id),
        key: Digest([u8::try_from(id + 100).unwrap_or(u8::MAX); 32]),
        token: digest,
        supports: 1,
    });
    while goes_on() {
        sleep(Duration::from_millis(100)).await;
        let Some(machine) = stage.any() else { continue };
        let (_, joined) = propose(&machine, joining.clone()).await;
        match joined {
            Outcome::Done(answer) => match answer.reply {
                Reply::Joined { raft_id } => return raft_id == id,
                Reply::Refused(Denied::JoinTokenWrong) => {
                    let by = By::Administrator;
                    let token = JoinToken { digest, lasts_ms: 60_000, by };
                    drop(propose(&machine, Entry::JoinTokenCreated(token)).await);
                }
                _ => {}
            },
            Outcome::Refused | Outcome::Unknown => {}
        }
    }
    false
}

async fn remove(stage: &Stage, goes: &Machine) {
    let by = By::Administrator;
    let removal = Entry::NodeRemoved(NodeRemoval { node: goes.name.clone(), by });
    loop {
        let Some(machine) = stage.any().filter(|machine| machine.id != goes.id) else {
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (_, removed) = propose(&machine, removal.clone()).await;
        if let Outcome::Done(answer) = removed {
            let is_gone = |state: &State| state.node(&goes.name).is_some_and(|n| !n.is_member());
            let gone = machine.look(|node| node.with_state(is_gone)) == Some(true);
            if gone || answer.reply == Reply::Done {
                break;
            }
        }
    }
    goes.retired.store(true, Ordering::Relaxed);
    goes.down.store(false, Ordering::Relaxed);
    // It runs on for a while, and is not heard.
    lasting(0, 5000).await;
    goes.kill(false);
}
