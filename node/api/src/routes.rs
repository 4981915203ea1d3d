//! The router, built from the table of endpoints and nothing else: each route is behind its guard.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use http::header::{
    AUTHORIZATION, CACHE_CONTROL, HeaderValue, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use proto::event::{AdminDenied, Kind};
use proto::refusal::Code;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;

use crate::caller::{Caller, Shown, check};
use crate::change::failed;
use crate::endpoint::{Access, ENDPOINTS, Endpoint, Method, Operation};
use crate::handlers::{
    approvals, chains, cluster, credentials, events, health, lists, locks, login, policy, sessions,
    views,
};
use crate::note::note;
use crate::refuse::Refused;
use crate::server::Acquaintance;
use crate::state::{Api, locked};

/// How many requests are worked on at once; more wait.
pub(crate) const REQUESTS_AT_ONCE: usize = 128;

/// How long the head of an answer may take.
pub(crate) const ANSWER_DEADLINE: Duration = Duration::from_secs(60);

type Guarded = (Arc<Api>, &'static Endpoint);

/// All routes, guarded.
pub fn router(api: &Arc<Api>) -> Router {
    let mut router = Router::new();
    for endpoint in ENDPOINTS {
        let guard = from_fn_with_state((api.clone(), endpoint), guard);
        let route = handler(endpoint).with_state::<()>(api.clone());
        // The guard is outermost: nobody's body is read before it is known that they may send one.
        let limit = RequestBodyLimitLayer::new(endpoint.body_bytes);
        let route: MethodRouter = route.layer(DefaultBodyLimit::disable());
        let route: MethodRouter = route.layer(limit);
        let route: MethodRouter = route.layer(guard);
        router = router.route(endpoint.path, route);
    }
    let nosniff = HeaderValue::from_static("nosniff");
    let no_store = HeaderValue::from_static("no-store");
    let year = HeaderValue::from_static("max-age=31536000");
    router
        .fallback(|| async { Refused::plain(Code::NotFound) })
        .method_not_allowed_fallback(|| async { Refused::plain(Code::NotFound) })
        .layer(SetResponseHeaderLayer::overriding(X_CONTENT_TYPE_OPTIONS, nosniff))
        .layer(SetResponseHeaderLayer::overriding(CACHE_CONTROL, no_store))
        .layer(SetResponseHeaderLayer::overriding(STRICT_TRANSPORT_SECURITY, year))
        .layer(TimeoutLayer::with_status_code(
            http::StatusCode::SERVICE_UNAVAILABLE,
            ANSWER_DEADLINE,
        ))
        .layer(GlobalConcurrencyLimitLayer::new(REQUESTS_AT_ONCE))
}

fn handler(endpoint: &Endpoint) -> MethodRouter<Arc<Api>> {
    match endpoint.method {
        Method::Get => reading(endpoint.operation),
        Method::Post => changing(endpoint.operation),
    }
}

fn reading(operation: Operation) -> MethodRouter<Arc<Api>> {
    match operation {
        Operation::Health => get(health::health),
        Operation::Metrics => get(health::metrics),
        Operation::OpenApi => get(health::openapi),
        Operation::WhoAmI => get(login::who_am_i),
        Operation::Sessions => get(sessions::list),
        Operation::Session => get(sessions::show),
        Operation::SessionEvents => get(sessions::events),
        Operation::SessionWatch => get(sessions::watch),
        Operation::Events => get(events::events),
        Operation::Chain => get(chains::events),
        Operation::Seals => get(events::seals),
        Operation::Policy => get(policy::now),
        Operation::PolicyRevisions => get(policy::revisions),
        Operation::PolicyRevision => get(policy::revision),
        Operation::PolicyByDigest => get(policy::by_digest),
        Operation::Approvals => get(approvals::list),
        Operation::ApprovalsWatch => get(approvals::watch),
        Operation::Approval => get(approvals::show),
        Operation::Locks => get(locks::list),
        Operation::People => get(lists::people),
        Operation::Targets => get(lists::targets),
        Operation::ClusterStatus => get(cluster::status),
        Operation::JournalStatus => get(lists::journal),
        Operation::ViewsStatus => get(views::status),
        // An entry of the table whose method is another has no handler: it is never found.
        _ => MethodRouter::new(),
    }
}

fn changing(operation: Operation) -> MethodRouter<Arc<Api>> {
    match operation {
        Operation::Challenge => post(login::challenge),
        Operation::SshLogin => post(login::ssh),
        Operation::PasswordLogin => post(login::password),
        Operation::Logout => post(login::logout),
        Operation::DatabaseCredential => post(credentials::database),
        Operation::SessionKill => post(sessions::kill),
        Operation::PolicyApply => post(policy::apply),
        Operation::PolicyRollback => post(policy::rollback),
        Operation::ApprovalRule => post(approvals::rule),
        Operation::ApprovalRevoke => post(approvals::revoke),
        Operation::LockSet => post(locks::set),
        Operation::LockLift => post(locks::lift),
        Operation::PeopleApply => post(lists::apply_people),
        Operation::PersonRemove => post(lists::remove_person),
        Operation::TargetsApply => post(lists::apply_targets),
        Operation::TargetRemove => post(lists::remove_target),
        Operation::JoinToken => post(cluster::join_token),
        Operation::NodeRemove => post(cluster::remove),
        Operation::Backup => post(cluster::backup),
        Operation::ViewsRebuild => post(views::rebuild),
        _ => MethodRouter::new(),
    }
}

/// Lets a request through, or not; a person who is not let through is recorded.
async fn guard(
    State((api, endpoint)): State<Guarded>,
    ConnectInfo(from): ConnectInfo<std::net::SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    metrics::counter!("sallyport_api_requests_total", "endpoint" => endpoint.path).increment(1);
    let shown = bearer(&request).map(Shown::new);
    let caller = match admit(&api, endpoint, shown, from).await {
        Ok(caller) => caller,
        Err(refused) => {
            let code = refused.0.code.to_string();
            metrics::counter!("sallyport_api_denied_total", "code" => code).increment(1);
            return refused.into_response();
        }
    };
    if let Some(acquaintance) = request.extensions().get::<Acquaintance>()
        && caller.principal.is_some()
    {
        acquaintance.known();
    }
    request.extensions_mut().insert(caller);
    next.run(request).await
}

/// Whether somebody may use an endpoint now.
async fn admit(
    api: &Api,
    endpoint: &Endpoint,
    shown: Option<Shown>,
    from: std::net::SocketAddr,
) -> Result<Caller, Refused> {
    let principal = shown.as_ref().and_then(|shown| api.principal(shown.text(), &api.view()));
    // Only for somebody who is known already: a stranger must not make a node ask the others.
    if endpoint.fresh && principal.is_some() {
        api.given.control.read().await.map_err(|error| failed(&error))?;
    }
    let view = api.view();
    let principal = shown.as_ref().and_then(|shown| api.principal(shown.text(), &view));
    let policy = view.policy.as_ref().map(|(policy, _)| &**policy);
    let checked = check(endpoint.access, principal.as_ref(), policy);
    let caller = Caller { principal, shown, access: endpoint.access, from };
    let (code, text, missing) = match (checked, locked(&view, &caller)) {
        (Err(denied), _) => (denied.code, denied.code.title().to_owned(), denied.missing),
        (Ok(()), Some(text)) if endpoint.access != Access::Public && !about_oneself(endpoint) => {
            (Code::Locked, text, "not being locked".to_owned())
        }
        (Ok(()), _) => {
            knows_enough(api, endpoint, &caller)?;
            return Ok(caller);
        }
    };
    if code != Code::NotAuthenticated {
        let denied = AdminDenied { endpoint: endpoint.name(), missing };
        note(api, caller.actor(), Kind::AdminDenied(denied)).await?;
    }
    Err(Refused::new(code, text))
}

/// What a person may do who is locked out: see who they are, and leave.
fn about_oneself(endpoint: &Endpoint) -> bool {
    matches!(endpoint.operation, Operation::WhoAmI | Operation::Logout)
}

/// Without contact for T a node does not know what a person's roles permit, so it shows them
/// nothing that needs one, but for how the cluster is. Changes need the majority in any case, and
/// what only ends something is let through.
fn knows_enough(api: &Api, endpoint: &Endpoint, caller: &Caller) -> Result<(), Refused> {
    let needs_a_role = matches!(endpoint.access, Access::May(_));
    let reads = endpoint.method == Method::Get && endpoint.operation != Operation::ClusterStatus;
    let (contact, age) = api.contact();
    if !(needs_a_role && reads && caller.person().is_some()) || age <= contact {
        return Ok(());
    }
    let text = format!(
        "this node has had no contact with the majority for {} s, so it does not know any more \
         what your roles permit; ask another node (`sallyport cluster status`)",
        age.as_secs()
    );
    Err(Refused::new(Code::ContactLost, text))
}

/// The bearer token of a request (RFC 6750, section 2.1).
pub(crate) fn bearer(request: &Request) -> Option<&str> {
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
