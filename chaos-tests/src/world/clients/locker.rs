//! Somebody who locks others out, and lifts locks again.

use std::sync::Arc;
use std::time::Duration;

use consensus_state::{Denied, Reply};
use proto::entry::{ApprovalId, By, Entry, LockLift, LockScope, LockSetting};

use super::{PEOPLE, TARGETS, name, propose, read};
use crate::invariants::forbidden_after_t::Forbidden;
use crate::invariants::history::Outcome;
use crate::invariants::linearizable::LockCall;
use crate::world::oracles::CLOCK_BOUND;
use crate::world::runtime::{self, sleep};
use crate::world::stage::Stage;

fn scope(stage: &Stage) -> LockScope {
    let machine = stage.any().map(|machine| machine.name.clone());
    runtime::draw(|dice| match (dice.below(10), machine) {
        (0, _) => LockScope::All,
        (1, Some(node)) => LockScope::Node(node),
        (2 | 3, _) => LockScope::Target(name(dice.pick(TARGETS).expect("targets"))),
        _ => LockScope::Person(name(dice.pick(PEOPLE).expect("people"))),
    })
}

/// Sets locks and lifts them, as long as things break.
pub(crate) async fn set_locks(stage: Arc<Stage>) {
    let mut number = 0_u64;
    while stage.breaks() {
        sleep(runtime::draw(|dice| dice.millis(500, 5000))).await;
        number += 1;
        drop(runtime::spawn_in(
            runtime::OUTSIDE,
            one(Arc::clone(&stage), format!("lock-{number}")),
        ));
    }
}

async fn one(stage: Arc<Stage>, key: String) {
    let Some(machine) = stage.any() else { return };
    let scope = scope(&stage);
    let for_ms = runtime::draw(|dice| dice.permille(300).then(|| dice.between(500, 20_000)));
    let (by, reason) = (By::Administrator, key.clone());
    let setting = LockSetting { scope: scope.clone(), for_ms, reason, by };
    let (span, outcome) = propose(&machine, Entry::LockSet(setting)).await;
    if let Some(for_ms) = for_ms {
        let mut ends = span;
        ends.invoked += Duration::from_millis(for_ms).saturating_sub(CLOCK_BOUND);
        stage.told.lock(&key, ends, LockCall::Lift, Outcome::Unknown);
    }
    let id = match outcome {
        Outcome::Done(answer) => match answer.reply {
            Reply::Lock(id) => id,
            _ => return stage.told.lock(&key, span, LockCall::Set, Outcome::Refused),
        },
        Outcome::Refused => return stage.told.lock(&key, span, LockCall::Set, Outcome::Refused),
        Outcome::Unknown => return stage.told.lock(&key, span, LockCall::Set, Outcome::Unknown),
    };
    stage.told.lock(&key, span, LockCall::Set, Outcome::Done(true));
    stage.told.acknowledged(format!("lock.set {key}"));
    let subject = scope.to_string();
    stage.told.forbids(&key, Forbidden { subject, committed: span.returned, lifted: None });
    if let Some(for_ms) = for_ms {
        let ends = span.invoked + Duration::from_millis(for_ms).saturating_sub(CLOCK_BOUND);
        stage.told.permits(&key, ends);
    }
    sleep(runtime::draw(|dice| dice.millis(200, 5000))).await;
    holds(&stage, &key).await;
    if runtime::draw(|dice| dice.permille(800)) {
        lift(&stage, &key, id).await;
    }
}

async fn lift(stage: &Arc<Stage>, key: &str, id: ApprovalId) {
    let Some(machine) = stage.any() else { return };
    stage.told.permits(key, super::now());
    let (lock, reason, by) = (id, "enough".to_owned(), By::Administrator);
    let (span, outcome) = propose(&machine, Entry::LockLifted(LockLift { lock, reason, by })).await;
    let (call, outcome) = match outcome {
        Outcome::Done(answer) => match answer.reply {
            Reply::Done => (LockCall::Lift, Outcome::Done(false)),
            // Nobody else lifts it, so it does not hold any more: its time is over, or it is lost.
            Reply::Refused(Denied::UnknownLock(_)) => (LockCall::Holds, Outcome::Done(false)),
            _ => (LockCall::Lift, Outcome::Refused),
        },
        Outcome::Refused => (LockCall::Lift, Outcome::Refused),
        Outcome::Unknown => (LockCall::Lift, Outcome::Unknown),
    };
    stage.told.lock(key, span, call, outcome);
}

/// Looks whether a lock holds, at any machine.
async fn holds(stage: &Arc<Stage>, key: &str) {
    let Some(machine) = stage.any() else { return };
    let reason = key.to_owned();
    let holds =
        move |state: &consensus_state::State| state.locks().any(|lock| lock.reason == reason);
    let (span, seen) = read(&machine, holds).await;
    if let Some(holds) = seen {
        stage.told.lock(key, span, LockCall::Holds, Outcome::Done(holds));
    }
}

/// Looks at all locks once more.
pub(crate) async fn look_at_locks(stage: &Arc<Stage>) {
    for key in stage.told.locks() {
        holds(stage, &key).await;
    }
}
