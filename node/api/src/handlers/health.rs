//! Health, metrics and the OpenAPI document.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use proto::api::Health;

use crate::openapi::document;
use crate::state::Api;

/// The content type of Prometheus' text format.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether commands run: 200 when they do, 503 with the reasons when not.
pub(crate) async fn health(State(api): State<Arc<Api>>) -> Response {
    let reasons = api.given.myself.troubles();
    let healthy = reasons.is_empty();
    let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = Health {
        healthy,
        reasons,
        cluster: api.given.cluster.clone(),
        node: api.given.node.clone(),
        version: api.given.version.to_owned(),
    };
    (status, Json(body)).into_response()
}

/// Metrics in Prometheus' text format.
pub(crate) async fn metrics(State(api): State<Arc<Api>>) -> Response {
    ([(CONTENT_TYPE, PROMETHEUS)], api.given.myself.metrics()).into_response()
}

/// The OpenAPI document.
pub(crate) async fn openapi(State(api): State<Arc<Api>>) -> Response {
    Json(document(api.given.version)).into_response()
}
