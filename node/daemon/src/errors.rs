//! Why a node does not start, each with its code.

use std::net::SocketAddr;

use std::path::PathBuf;

use consensus_raft::{FoundError, OpenError as ReplicaError, ProposeError};
use consensus_state::Denied;
use node_identity::Problems;
use node_peer::certificate::CertificateError;
use node_session::ControlError;
use proto::ids::Name;
use proto::refusal::{Code, Told};
use store_log::ReadError;

use crate::cluster_secrets::SecretsError;
use crate::directory::DirectoryError;
use crate::documents::DocumentError;
use crate::home::HomeError;

/// Why a node does not start, or stops.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A document is wrong.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The data directory.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// A certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// What the directory holds of its cluster.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// `node.yaml` is wrong.
    #[error("{0}")]
    Configuration(#[from] Problems),
    /// `node.yaml` cannot be read.
    #[error("{file:?}: {error}")]
    ConfigurationFile {
        /// The file.
        file: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The directory belongs to no cluster.
    #[error(
        "{0:?} belongs to no cluster yet: `sallyport cluster init` creates one, and --join-file \
         joins one"
    )]
    Uninitialized(PathBuf),
    /// The directory belongs to a cluster.
    #[error("the data directory is node {node} of cluster {cluster} already; name another")]
    Founded {
        /// Which cluster.
        cluster: Name,
        /// Which node of it.
        node: Name,
    },
    /// The directory belongs to another cluster.
    #[error("the data directory belongs to cluster {is}, not {wanted}")]
    WrongCluster {
        /// Which.
        is: Name,
        /// Which was expected.
        wanted: Name,
    },
    /// The directory is another node's.
    #[error("the data directory is that of node {is}, not {wanted}; a name is never changed")]
    WrongNode {
        /// Whose it is.
        is: Name,
        /// Whose was expected.
        wanted: Name,
    },
    /// The secrets of the cluster.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// TLS cannot be set up.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The disk of the replicated log.
    #[error(
        "the replicated log: {0}. If the disk is damaged, take this node out with `sallyport \
         cluster remove`, and let it join anew with an empty data directory"
    )]
    RaftDisk(#[from] store_disk::raft::OpenError),
    /// The replica does not open.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
    /// The cluster is not founded.
    #[error(transparent)]
    Found(#[from] FoundError),
    /// The cluster did not take an entry.
    #[error(transparent)]
    Propose(#[from] ProposeError),
    /// The cluster refused an entry.
    #[error("{0}")]
    Denied(Denied),
    /// The replica stopped.
    #[error(
        "the replica stopped, and with it the node: {0}. Start it again when its disk has room and \
         is sound"
    )]
    Stopped(String),
    /// Somebody said why not.
    #[error("{}", .0.text)]
    Told(Told),
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
    /// The audit views cannot be folded.
    #[error("the audit views: {0}")]
    Views(#[from] node_api::FollowError),
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
            Self::Directory(error) | Self::Home(HomeError::Directory(error)) => of_directory(error),
            Self::Journal { error: store_disk::OpenError::Busy { .. }, .. } => {
                Code::DataDirectoryBusy
            }
            Self::Certificate(_) | Self::Home(_) | Self::WrongNode { .. } => {
                Code::DataDirectoryWrong
            }
            Self::Configuration(_) | Self::ConfigurationFile { .. } => Code::ConfigurationWrong,
            Self::Uninitialized(_) => Code::ClusterUninitialized,
            Self::Founded { .. } | Self::Found(FoundError::Founded) => Code::AlreadyInitialized,
            Self::WrongCluster { .. } => Code::WrongCluster,
            Self::Secrets(_) => Code::DataDirectoryWrong,
            Self::Journal { error: store_disk::OpenError::Damaged { .. }, .. }
            | Self::Read(ReadError::Damaged { .. }) => Code::RecordDamaged,
            Self::RaftDisk(_) | Self::Replica(_) | Self::Stopped(_) => Code::LogDamaged,
            Self::Denied(Denied::StaleDisk { .. }) => Code::StaleDisk,
            Self::Denied(Denied::NotAMember(_)) => Code::NotAMember,
            Self::Denied(_) => Code::ConfigurationWrong,
            Self::Journal { .. }
            | Self::Read(_)
            | Self::Record(_)
            | Self::Control(_)
            | Self::Found(_)
            | Self::Propose(_) => Code::RecordUnavailable,
            Self::Views(error) => error.told().code,
            Self::Told(told) => told.code,
            Self::Listen { .. } => Code::ListenFailed,
            Self::System { .. } | Self::Tls(_) => Code::Internal,
        }
    }
}

fn of_directory(error: &DirectoryError) -> Code {
    match error {
        DirectoryError::Busy { .. } => Code::DataDirectoryBusy,
        _ => Code::DataDirectoryWrong,
    }
}
