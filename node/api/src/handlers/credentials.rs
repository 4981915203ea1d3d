//! Credentials that the cluster gives to people, for what they reach with their ordinary clients.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use node_identity::Principal;
use node_identity::issued::ISSUED_LIFETIME;
use proto::api::DatabaseCredential;
use proto::event::{CredentialIssued, Kind};
use proto::refusal::Code;

use super::login::random;
use crate::caller::{Caller, actor};
use crate::note::note;
use crate::refuse::Refused;
use crate::state::Api;

/// A credential for databases. It is given once the record has that it was.
pub(crate) async fn database(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<DatabaseCredential>, Refused> {
    let principal = caller.principal.as_ref().ok_or(Refused::plain(Code::NotAuthenticated))?;
    let Principal::Person(subject) = principal else {
        let text = "the administrator is no person: log in as one with `sallyport login`";
        return Err(Refused::new(Code::BadRequest, text));
    };
    let now = api.given.clock.now().utc;
    let issued = api.given.issuing.issue(&random()?, subject, now);
    let kind = Kind::CredentialIssued(CredentialIssued {
        service: "postgres".to_owned(),
        id: issued.id.clone(),
        expires: issued.expires,
    });
    note(&api, Some(actor(principal, caller.from)), kind).await?;
    Ok(Json(DatabaseCredential {
        user: issued.user,
        password: issued.password.reveal().to_owned(),
        expires_in: ISSUED_LIFETIME.as_secs(),
        person: subject.person.clone(),
    }))
}
