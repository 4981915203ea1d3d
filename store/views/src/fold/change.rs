//! Who changed policy, people, targets and locks.

use proto::event::{Event, Kind, LockLifted, LockSet, PolicyChanged};
use proto::ids::Name;

use super::{TEXT_LIMIT, count, event_id, text, word};
use crate::tables::PolicyChange;
use crate::working::Working;

/// How many names of people or targets a row holds; the event has them all.
const NAMES_LIMIT: usize = 1024;

pub(super) fn changed(rows: &mut Working, event: &Event, kind: &Kind) {
    let row = match kind {
        Kind::PolicyChanged(policy) => of_policy(event, policy),
        Kind::PeopleChanged(people) => of_names(event, &people.set, &people.removed, &people.by),
        Kind::TargetsChanged(targets) => {
            of_names(event, &targets.set, &targets.removed, &targets.by)
        }
        Kind::LockSet(lock) => of_lock(event, lock),
        Kind::LockLifted(lock) => of_lifting(event, lock),
        _ => return,
    };
    rows.put(row);
}

fn of_policy(event: &Event, policy: &PolicyChanged) -> PolicyChange {
    PolicyChange {
        revision: Some(count(policy.revision)),
        digest: Some(policy.digest.to_string()),
        changed_by: Some(word(&policy.by)),
        approval: policy.approval.map(|approval| count(approval.0)),
        ..nothing(event)
    }
}

fn of_names(event: &Event, set: &[Name], removed: &[Name], by: &str) -> PolicyChange {
    let names = |names: &[Name]| names.iter().take(NAMES_LIMIT).map(Name::to_string).collect();
    PolicyChange {
        names_set: names(set),
        names_removed: names(removed),
        changed_by: Some(word(by)),
        ..nothing(event)
    }
}

fn of_lock(event: &Event, lock: &LockSet) -> PolicyChange {
    PolicyChange {
        changed_by: Some(word(&lock.by)),
        lock_number: Some(count(lock.lock.0)),
        lock_scope: Some(word(&lock.scope)),
        lock_until: lock.until,
        reason: Some(text(&lock.reason, TEXT_LIMIT)),
        ..nothing(event)
    }
}

fn of_lifting(event: &Event, lock: &LockLifted) -> PolicyChange {
    PolicyChange {
        changed_by: lock.by.as_deref().map(word),
        lock_number: Some(count(lock.lock.0)),
        lock_scope: Some(word(&lock.scope)),
        reason: Some(text(&lock.reason, TEXT_LIMIT)),
        ..nothing(event)
    }
}

fn nothing(event: &Event) -> PolicyChange {
    PolicyChange {
        chain: event.id.chain.to_string(),
        id: event_id(event),
        at: event.time,
        kind: event.name.clone(),
        revision: None,
        digest: None,
        names_set: Vec::new(),
        names_removed: Vec::new(),
        changed_by: None,
        approval: None,
        lock_number: None,
        lock_scope: None,
        lock_until: None,
        reason: None,
    }
}
