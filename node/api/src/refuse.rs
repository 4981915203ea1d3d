//! Refusals as HTTP answers: a status and a body `{code, text}`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use proto::refusal::{Code, Told};

/// A request that is not done, and what the caller is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub(crate) struct Refused(#[from] pub(crate) Told);

impl Refused {
    /// A refusal with a text of its own.
    pub(crate) fn new(code: Code, text: impl Into<String>) -> Self {
        Self(Told::new(code, text))
    }

    /// A refusal with the code's title.
    #[must_use]
    pub(crate) fn plain(code: Code) -> Self {
        Self(Told::plain(code))
    }
}

/// The status that goes with a code.
#[must_use]
pub(crate) fn status(code: Code) -> StatusCode {
    match code {
        Code::NotAuthenticated | Code::LoginRefused => StatusCode::UNAUTHORIZED,
        Code::NotPermitted | Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::BadRequest => StatusCode::BAD_REQUEST,
        Code::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        Code::RecordUnavailable
        | Code::RecordFull
        | Code::RecordUnconfirmed
        | Code::RecordDamaged
        | Code::Draining => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (status(self.0.code), Json(self.0)).into_response()
    }
}
