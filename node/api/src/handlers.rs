//! What each endpoint does once its guard has let the caller through.

pub(crate) mod approvals;
pub(crate) mod chains;
pub(crate) mod cluster;
pub(crate) mod credentials;
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
use proto::api::{FIRST_POSITION_HEADER, LAST_POSITION_HEADER};
use store_log::Position;

/// An answer of lines of JSON, and between which positions of the log.
fn lines(body: Body, (first, last): (Position, Position)) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    let mut said = |name, value| headers.insert(HeaderName::from_static(name), value);
    said(FIRST_POSITION_HEADER, HeaderValue::from(first.0));
    said(LAST_POSITION_HEADER, HeaderValue::from(last.0));
    response
}
