//! Refusals as HTTP answers: a status and a body `{code, text}`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use consensus_state::Denied;
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

impl From<Denied> for Refused {
    /// A change that the control plane refused.
    fn from(denied: Denied) -> Self {
        let code = denied.code();
        let todo = match denied {
            Denied::StaleRevision { actual, .. } => format!(
                ": look at it again, then say which one you saw (`--expect-revision {actual}`)"
            ),
            Denied::ApprovalOver(_) => "; it is not open any more".to_owned(),
            _ => String::new(),
        };
        Self::new(code, format!("{denied}{todo}"))
    }
}

/// The status that goes with a code.
#[must_use]
pub(crate) fn status(code: Code) -> StatusCode {
    match code {
        Code::NotAuthenticated | Code::LoginRefused => StatusCode::UNAUTHORIZED,
        Code::NotPermitted
        | Code::PermissionDenied
        | Code::Locked
        | Code::SelfApproval
        | Code::NotAnApprover
        | Code::AdministratorNeverApproves
        | Code::SecondPersonNeeded => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::BadRequest | Code::PolicyWrong | Code::PeopleWrong | Code::TargetsWrong => {
            StatusCode::BAD_REQUEST
        }
        Code::StaleRevision
        | Code::AlreadyRuled
        | Code::ApprovalOver
        | Code::LastVoter
        | Code::VersionMismatch => StatusCode::CONFLICT,
        Code::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        Code::PeerUnreachable => StatusCode::BAD_GATEWAY,
        Code::OutcomeUnknown => StatusCode::GATEWAY_TIMEOUT,
        Code::RecordUnavailable
        | Code::RecordFull
        | Code::RecordUnconfirmed
        | Code::RecordDamaged
        | Code::NoQuorum
        | Code::ContactLost
        | Code::ClusterUninitialized
        | Code::Draining => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (status(self.0.code), Json(self.0)).into_response()
    }
}
