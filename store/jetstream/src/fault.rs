//! Why the stream does not do what it should, by name.

use proto::ids::{Chain, Digest};

use crate::link::LEAST_VERSION;

/// A field of a stream's configuration that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its name, as the server's API has it.
    pub field: String,
    /// What the server says; `nothing` when it dropped the field.
    pub is: String,
    /// What it must be.
    pub wanted: String,
}

/// What is wrong with the stream, or with the way to it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No server answers.
    #[error("no server of the stream can be reached: {0}")]
    Unreachable(String),
    /// A server does not let this node in.
    #[error("the stream's server refused this node's credentials: {0}")]
    Unauthorized(String),
    /// The credentials are not readable as such.
    #[error("the credentials for the stream are not right: {0}")]
    Credentials(String),
    /// The server is too old to keep what it is asked to.
    #[error(
        "the stream's server is nats-server {is}, which drops settings without a word: {} or \
         newer is needed",
        LEAST_VERSION
    )]
    TooOld {
        /// Its version.
        is: String,
    },
    /// There is no such stream.
    #[error("there is no stream {0}: `sallyport events provision` makes it")]
    Missing(String),
    /// The stream is not as it must be.
    #[error("stream {stream} is not as it must be: {}", listed(.differences))]
    Misconfigured {
        /// Which stream.
        stream: String,
        /// Every field that differs.
        differences: Vec<Difference>,
    },
    /// The stream takes nothing more.
    #[error("the stream is full: {0}")]
    Full(String),
    /// No answer in time: what was sent may be kept or not.
    #[error("the stream did not answer in time")]
    Silent,
    /// The server refuses, and says why.
    #[error("the stream refuses: {0}")]
    Refused(String),
    /// Somebody else wrote at a place of this chain.
    #[error("the stream holds another event than this node at {chain}/{seq}: {theirs}, not {ours}")]
    Forked {
        /// The chain.
        chain: Chain,
        /// The place.
        seq: u64,
        /// SHA-256 of what this node has there.
        ours: Digest,
        /// SHA-256 of what the stream has.
        theirs: Digest,
    },
    /// The stream has more of the chain than this node.
    #[error(
        "the stream holds {chain} up to {theirs}, and this node only up to {ours}: another \
         process has this node's name, or the disk is an old copy"
    )]
    Ahead {
        /// The chain.
        chain: Chain,
        /// The last place here.
        ours: u64,
        /// The last place there.
        theirs: u64,
    },
    /// Something is on the chain's subject that is no event of it.
    #[error("message {sequence} of the stream is on the subject of {chain}, and no event of it")]
    Foreign {
        /// The chain.
        chain: Chain,
        /// Where in the stream.
        sequence: u64,
    },
    /// Events that the stream lacks are no longer here.
    #[error("the stream lacks {chain}/{from} to {to}, and this node no longer has them")]
    Gone {
        /// The chain.
        chain: Chain,
        /// The first of them.
        from: u64,
        /// The last of them.
        to: u64,
    },
    /// The stream lacks an event and has later ones of the same chain.
    #[error("the stream lacks {chain}/{seq}, and holds later events of that chain")]
    Hole {
        /// The chain.
        chain: Chain,
        /// The first place that is missing.
        seq: u64,
    },
    /// The journal cannot be read.
    #[error("{0}")]
    Journal(String),
}

impl Fault {
    /// Whether it is about one chain: the others go on.
    #[must_use]
    pub fn is_of_a_chain(&self) -> bool {
        matches!(
            self,
            Self::Forked { .. }
                | Self::Ahead { .. }
                | Self::Foreign { .. }
                | Self::Gone { .. }
                | Self::Hole { .. }
                | Self::Journal(_)
                | Self::Full(_)
        )
    }

    /// Whether a node must not start with it: waiting does not mend it.
    #[must_use]
    pub fn forbids_start(&self) -> bool {
        matches!(
            self,
            Self::TooOld { .. }
                | Self::Missing(_)
                | Self::Misconfigured { .. }
                | Self::Unauthorized(_)
                | Self::Credentials(_)
        )
    }
}

fn listed(differences: &[Difference]) -> String {
    let each = differences
        .iter()
        .map(|one| format!("{} is {}, expected {}", one.field, one.is, one.wanted));
    each.collect::<Vec<_>>().join("; ")
}
