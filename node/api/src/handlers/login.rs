//! Logging in and out, and who one is.
//!
//! A login that is refused is answered the same whatever the reason; the record has it precisely.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use node_enforce::mask::mask_by_default;
use node_enforce::policy::Permission;
use node_identity::challenge::CHALLENGE_LIFETIME;
use node_identity::tokens::TOKEN_LIFETIME;
use node_identity::{LoginError, Principal, Subject, password};
use proto::api::{Challenge, LoggedIn, PasswordLogin, SshLogin, WhoAmI};
use proto::event::{Kind, LoginFailed, LoginSucceeded};
use proto::refusal::Code;
use rand::TryRng as _;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

use crate::caller::{Caller, actor, may};
use crate::extract::Body;
use crate::note::note;
use crate::refuse::Refused;
use crate::state::Api;

/// The longest name that is recorded as claimed, in characters.
const CLAIMED_LIMIT: usize = 64;

/// Something to sign.
pub(crate) async fn challenge(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Challenge>, Refused> {
    may_try(&api, &caller)?;
    let challenge = api.challenges.issue(*random()?, api.given.clock.now());
    Ok(Json(Challenge { challenge, expires_in: CHALLENGE_LIFETIME.as_secs() }))
}

/// A token for a signature.
pub(crate) async fn ssh(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Body(login): Body<SshLogin>,
) -> Result<Json<LoggedIn>, Refused> {
    may_try(&api, &caller)?;
    let view = api.view();
    let now = api.given.clock.now();
    match api.challenges.redeem(&login.challenge, &login.signature, &view.people, now) {
        Ok(subject) => succeeded(&api, &caller, subject, "ssh-key").await,
        Err(error) => {
            let credential = match &error {
                LoginError::WrongSignature { fingerprint }
                | LoginError::UnknownKey { fingerprint }
                | LoginError::UnfitKey { fingerprint, .. } => Some(fingerprint.clone()),
                _ => None,
            };
            failed(&api, &caller, "ssh-key", "", error.to_string(), credential).await
        }
    }
}

/// A token for a password.
pub(crate) async fn password(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Body(login): Body<PasswordLogin>,
) -> Result<Json<LoggedIn>, Refused> {
    may_try(&api, &caller)?;
    let busy = |_| Refused::plain(Code::TooManyRequests);
    let turn = api.passwords.acquire().await.map_err(busy)?;
    let people = api.view().people.clone();
    let claimed = login.person;
    let secret = Zeroizing::new(login.password);
    let name = claimed.clone();
    let checking = move || password::log_in(&people, &name, &secret);
    let checked = tokio::task::spawn_blocking(checking).await;
    drop(turn);
    match checked {
        Ok(Ok(subject)) => succeeded(&api, &caller, subject, "password").await,
        Ok(Err(error)) => {
            failed(&api, &caller, "password", &claimed, error.to_string(), None).await
        }
        Err(error) => {
            tracing::error!(%error, "a password could not be checked");
            Err(Refused::plain(Code::Internal))
        }
    }
}

/// Gives the token up. The administrator's is not given up: it is a file.
pub(crate) async fn logout(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
) -> Json<serde_json::Value> {
    let header = headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    let token = header.and_then(|header| header.split_once(' ')).map(|(_, token)| token.trim());
    let now = api.given.clock.now().utc;
    let ended = token.is_some_and(|token| api.tokens.revoke(token, now));
    Json(serde_json::json!({ "ended": ended }))
}

/// Who the token is for.
pub(crate) async fn who_am_i(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<WhoAmI>, Refused> {
    let principal = caller.principal.as_ref().ok_or(Refused::plain(Code::NotAuthenticated))?;
    let view = api.view();
    let policy = view.policy.as_ref().map(|(policy, _)| &**policy);
    let held = Permission::ALL.iter().filter(|(_, one)| may(principal, policy, *one));
    let permissions = held.map(|(word, _)| (*word).to_owned()).collect();
    let actor = actor(principal, caller.from);
    Ok(Json(WhoAmI {
        name: actor.person,
        administrator: *principal == Principal::Admin,
        groups: actor.groups,
        permissions,
    }))
}

fn may_try(api: &Api, caller: &Caller) -> Result<(), Refused> {
    if api.attempts.may(caller.address(), api.given.clock.now().elapsed) {
        return Ok(());
    }
    let text = "too many logins from your address failed; try again in a minute";
    Err(Refused::new(Code::TooManyRequests, text))
}

async fn succeeded(
    api: &Api,
    caller: &Caller,
    subject: Subject,
    method: &str,
) -> Result<Json<LoggedIn>, Refused> {
    let person = subject.person.clone();
    let actor = actor(&Principal::Person(subject.clone()), caller.from);
    let (method, service) = (method.to_owned(), "api".to_owned());
    let kind = Kind::LoginSucceeded(LoginSucceeded { method, service, connection: None });
    note(api, Some(actor), kind).await?;
    let token = api.tokens.issue(&random()?, &subject, api.given.clock.now().utc);
    let token = token.reveal().to_owned();
    Ok(Json(LoggedIn { token, expires_in: TOKEN_LIFETIME.as_secs(), person }))
}

async fn failed(
    api: &Api,
    caller: &Caller,
    method: &str,
    claimed: &str,
    reason: String,
    credential: Option<String>,
) -> Result<Json<LoggedIn>, Refused> {
    api.attempts.failed(caller.address(), api.given.clock.now().elapsed);
    metrics::counter!("sallyport_logins_failed_total", "service" => "api").increment(1);
    let kind = Kind::LoginFailed(LoginFailed {
        method: method.to_owned(),
        service: "api".to_owned(),
        claimed: mask_by_default(claimed).chars().take(CLAIMED_LIMIT).collect(),
        reason,
        from: caller.from.to_string(),
        credential,
    });
    note(api, None, kind).await?;
    Err(Refused::plain(Code::LoginRefused))
}

/// Fresh bytes from the system.
pub(crate) fn random() -> Result<Zeroizing<[u8; 32]>, Refused> {
    let mut bytes = Zeroizing::new([0; 32]);
    SysRng.try_fill_bytes(&mut *bytes).map_err(|error| {
        tracing::error!(%error, "the system gives no randomness");
        Refused::plain(Code::Internal)
    })?;
    Ok(bytes)
}
