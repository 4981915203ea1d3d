//! The router, built from the table of endpoints and nothing else: each route is behind its guard.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
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

use crate::caller::{Caller, check};
use crate::endpoint::{ENDPOINTS, Endpoint, Method, Operation};
use crate::handlers::{events, health, lists, login, policy, sessions};
use crate::note::note;
use crate::refuse::Refused;
use crate::state::Api;

/// The largest body of a request, in bytes.
pub(crate) const BODY_BYTES: usize = 64 * 1024;

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
        let route = handler(endpoint).with_state::<()>(api.clone()).layer(guard);
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
        .layer(RequestBodyLimitLayer::new(BODY_BYTES))
        .layer(TimeoutLayer::with_status_code(
            http::StatusCode::SERVICE_UNAVAILABLE,
            ANSWER_DEADLINE,
        ))
        .layer(GlobalConcurrencyLimitLayer::new(REQUESTS_AT_ONCE))
}

fn handler(endpoint: &Endpoint) -> MethodRouter<Arc<Api>> {
    match (endpoint.method, endpoint.operation) {
        (Method::Get, Operation::Health) => get(health::health),
        (Method::Get, Operation::Metrics) => get(health::metrics),
        (Method::Get, Operation::OpenApi) => get(health::openapi),
        (Method::Post, Operation::Challenge) => post(login::challenge),
        (Method::Post, Operation::SshLogin) => post(login::ssh),
        (Method::Post, Operation::PasswordLogin) => post(login::password),
        (Method::Post, Operation::Logout) => post(login::logout),
        (Method::Get, Operation::WhoAmI) => get(login::who_am_i),
        (Method::Get, Operation::Sessions) => get(sessions::list),
        (Method::Get, Operation::Session) => get(sessions::show),
        (Method::Get, Operation::SessionEvents) => get(sessions::events),
        (Method::Get, Operation::Events) => get(events::events),
        (Method::Get, Operation::Policy) => get(policy::now),
        (Method::Get, Operation::PolicyByDigest) => get(policy::by_digest),
        (Method::Get, Operation::People) => get(lists::people),
        (Method::Get, Operation::Targets) => get(lists::targets),
        (Method::Get, Operation::JournalStatus) => get(lists::journal),
        // An entry of the table whose method is another has no handler: it is never found.
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
    let view = api.view();
    let principal = bearer(&request).and_then(|token| {
        let (now, directory) = (api.given.clock.now(), &view.people);
        node_identity::tokens::authenticate(token, &api.given.admin, &api.tokens, directory, now)
    });
    let policy = view.policy.as_ref().map(|(policy, _)| &**policy);
    let checked = check(endpoint.access, principal.as_ref(), policy);
    let caller = Caller { principal, from };
    metrics::counter!("sallyport_api_requests_total", "endpoint" => endpoint.path).increment(1);
    if let Err(denied) = checked {
        metrics::counter!("sallyport_api_denied_total", "code" => denied.code.to_string())
            .increment(1);
        if denied.code == Code::NotPermitted {
            let (endpoint, missing) = (endpoint.name(), denied.missing);
            let kind = Kind::AdminDenied(AdminDenied { endpoint, missing });
            if let Err(refused) = note(&api, caller.actor(), kind).await {
                return refused.into_response();
            }
        }
        return Refused::plain(denied.code).into_response();
    }
    request.extensions_mut().insert(caller);
    next.run(request).await
}

/// The bearer token of a request (RFC 6750, section 2.1).
pub(crate) fn bearer(request: &Request) -> Option<&str> {
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
