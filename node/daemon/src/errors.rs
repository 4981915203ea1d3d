//! Why a node does not start, each with its code.

use std::net::SocketAddr;

use node_session::ControlError;
use node_session::control::StartError;
use proto::refusal::Code;
use store_log::ReadError;

use crate::certificates::CertificateError;
use crate::directory::DirectoryError;
use crate::documents::DocumentError;

/// Why a node does not start, or stops.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A document is wrong.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The data directory.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The API's certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A journal does not open.
    #[error("{directory}: {error}")]
    Journal {
        /// Its directory.
        directory: String,
        /// Why.
        error: store_disk::OpenError,
    },
    /// The record holds what it should not.
    #[error("the record: {0}")]
    Record(String),
    /// The record cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The control plane does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The control plane takes nothing.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// An address cannot be listened on.
    #[error("{service} cannot listen on {address}: {error}; name another with --{service}")]
    Listen {
        /// `ssh` or `api`.
        service: &'static str,
        /// Which address.
        address: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
    /// The system refuses something else.
    #[error("{what}: {error}")]
    System {
        /// What was wanted.
        what: &'static str,
        /// What the system said.
        error: std::io::Error,
    },
}

impl Error {
    /// Its stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Document(error) => error.code,
            Self::Directory(DirectoryError::Busy { .. })
            | Self::Journal { error: store_disk::OpenError::Busy { .. }, .. } => {
                Code::DataDirectoryBusy
            }
            Self::Directory(_) | Self::Certificate(_) => Code::DataDirectoryWrong,
            Self::Journal { error: store_disk::OpenError::Damaged { .. }, .. }
            | Self::Read(ReadError::Damaged { .. })
            | Self::Start(StartError::Entry { .. } | StartError::Read(_)) => Code::RecordDamaged,
            Self::Journal { .. } | Self::Read(_) | Self::Record(_) | Self::Control(_) => {
                Code::RecordUnavailable
            }
            Self::Start(StartError::Policy(_)) => Code::PolicyWrong,
            Self::Start(StartError::Control(_)) => Code::RecordUnavailable,
            Self::Listen { .. } => Code::ListenFailed,
            Self::System { .. } => Code::Internal,
        }
    }
}
