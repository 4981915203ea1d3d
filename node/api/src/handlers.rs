//! What each endpoint does once its guard has let the caller through.

pub(crate) mod approvals;
pub(crate) mod cluster;
pub(crate) mod events;
pub(crate) mod health;
pub(crate) mod lists;
pub(crate) mod locks;
pub(crate) mod login;
pub(crate) mod policy;
pub(crate) mod sessions;
pub(crate) mod views;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use proto::api::LAST_POSITION_HEADER;
use store_log::Position;

/// An answer of lines of JSON.
fn lines(body: Body, last: Position) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    headers.insert(HeaderName::from_static(LAST_POSITION_HEADER), HeaderValue::from(last.0));
    response
}
