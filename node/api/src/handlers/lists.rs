//! Short lists: people, targets, the journal.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use node_identity::keys;
use proto::api::{JournalStatus, Page, PersonRow, TargetRow};
use proto::person::Person;
use store_log::Health;

use crate::state::Api;

/// People, by name.
pub(crate) async fn people(State(api): State<Arc<Api>>) -> Json<Page<PersonRow>> {
    let items = api.view().people.people().map(row).collect();
    Json(Page { items, next: None })
}

fn row(person: &Person) -> PersonRow {
    let keys = person.ssh_keys.iter().filter_map(|line| keys::read(line).ok());
    PersonRow {
        id: person.name.clone(),
        groups: person.groups.clone(),
        ssh_keys: keys.map(|key| keys::fingerprint(&key)).collect(),
        password: person.password_hash.is_some(),
    }
}

/// Targets, by name.
pub(crate) async fn targets(State(api): State<Arc<Api>>) -> Json<Page<TargetRow>> {
    let view = api.view();
    let rows = view.targets.values().map(|target| TargetRow {
        id: target.name.clone(),
        kind: target.kind,
        address: target.address.clone(),
        labels: target.labels.clone(),
        logins: target.logins.clone(),
        problem: api.given.myself.problem_of(target),
    });
    Json(Page { items: rows.collect(), next: None })
}

/// How the journal is.
pub(crate) async fn journal(State(api): State<Arc<Api>>) -> Json<Page<JournalStatus>> {
    let usage = api.given.log.usage();
    let (health, reason) = match api.given.log.health() {
        Health::Good => ("good", None),
        Health::Full => ("full", None),
        Health::Stopped(reason) => ("stopped", Some(reason)),
    };
    let status = JournalStatus {
        id: api.given.node.clone(),
        health: health.to_owned(),
        reason,
        used: usage.used,
        quota: usage.quota,
        archived: usage.archived,
        last: usage.last.0,
        epoch: api.given.record.epoch().0,
        live_sessions: api.given.live.count() as u64,
        time: api.given.clock.now().utc,
    };
    Json(Page { items: vec![status], next: None })
}
