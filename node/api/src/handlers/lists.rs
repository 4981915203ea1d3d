//! People, targets, the journal: listed, and the first two replaced.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use node_identity::{certificates, keys};
use node_session::ControlExt as _;
use proto::api::{
    DocumentApplied, DocumentAsked, JournalStatus, Page, PersonRow, RemovalAsked, TargetProblem,
    TargetRow,
};
use proto::person::Person;
use store_log::Health;

use crate::caller::Caller;
use crate::change::by;
use crate::documents::{self, People, Targets, file_name, remove, replace};
use crate::extract::Body;
use crate::handlers::login::random;
use crate::refuse::Refused;
use crate::state::Api;

/// People, by name.
pub(crate) async fn people(State(api): State<Arc<Api>>) -> Json<Page<PersonRow>> {
    let (items, revision) = api
        .given
        .control
        .look(|state| (state.people().map(row).collect(), state.people_revision()));
    Json(Page { items, next: None, revision: Some(revision) })
}

fn row(person: &Person) -> PersonRow {
    let keys = person.ssh_keys.iter().filter_map(|line| keys::read(line).ok());
    let certificates =
        person.ssh_keys.iter().filter_map(|line| line.strip_prefix(certificates::PREFIX));
    PersonRow {
        id: person.name.clone(),
        groups: person.groups.clone(),
        ssh_keys: keys.map(|key| keys::fingerprint(&key)).collect(),
        certificates: certificates.map(str::to_owned).collect(),
        password: person.password_hash.is_some(),
    }
}

/// Replaces the people.
pub(crate) async fn apply_people(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Body(asked): Body<DocumentAsked>,
) -> Result<Json<DocumentApplied>, Refused> {
    let DocumentAsked { document, file, base: _, expected_revision } = asked;
    let (by, file) = (by(&caller)?, file_name(file, "people")?);
    let document: Arc<str> = document.into();
    // Drawn before reading, which cannot fail for want of randomness.
    let seed = random()?;
    let next =
        |now| documents::read_people(&api, file.clone(), document.clone(), now, seed.clone());
    replace::<People, _>(&api, &by, expected_revision, next).await.map(Json)
}

/// Takes a person out.
pub(crate) async fn remove_person(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    Body(asked): Body<RemovalAsked>,
) -> Result<Json<DocumentApplied>, Refused> {
    let unknown = "there is no such person; see `sallyport people list`";
    let expected = asked.expected_revision;
    remove::<People>(&api, &by(&caller)?, expected, &name, unknown).await.map(Json)
}

/// Targets, by name.
pub(crate) async fn targets(State(api): State<Arc<Api>>) -> Json<Page<TargetRow>> {
    let view = api.view();
    let revision = api.given.control.look(|state| state.targets_revision());
    let rows = view.targets.values().map(|target| TargetRow {
        id: target.name.clone(),
        kind: target.kind,
        address: target.address.clone(),
        labels: target.labels.clone(),
        logins: target.logins.clone(),
        problem: api.given.myself.problem_of(target),
    });
    Json(Page { items: rows.collect(), next: None, revision: Some(revision) })
}

/// Replaces the targets.
pub(crate) async fn apply_targets(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Body(asked): Body<DocumentAsked>,
) -> Result<Json<DocumentApplied>, Refused> {
    let DocumentAsked { document, file, base, expected_revision } = asked;
    let (by, file) = (by(&caller)?, file_name(file, "targets")?);
    let targets = documents::read_targets(&api, file, document.into(), base).await?;
    let next = |_| std::future::ready(Ok(targets.clone()));
    let mut applied = replace::<Targets, _>(&api, &by, expected_revision, next).await?;
    let problem = |target: &proto::target::Target| {
        let problem = api.given.myself.problem_of(target)?;
        Some(TargetProblem { id: target.name.clone(), problem })
    };
    applied.problems = targets.iter().filter_map(problem).collect();
    Ok(Json(applied))
}

/// Takes a target out.
pub(crate) async fn remove_target(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    Body(asked): Body<RemovalAsked>,
) -> Result<Json<DocumentApplied>, Refused> {
    let unknown = "there is no such target; see `sallyport target list`";
    let expected = asked.expected_revision;
    remove::<Targets>(&api, &by(&caller)?, expected, &name, unknown).await.map(Json)
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
        stream: api.given.myself.stream(),
    };
    Json(Page::whole(vec![status]))
}
