//! What the benchmark and its node processes say to each other, as lines of JSON.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// What a node is told before it starts, in a file of its folder.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Setup {
    /// Which of the members it is.
    pub(crate) me: u64,
    /// All members, by Raft id from 1.
    pub(crate) members: Vec<Seat>,
}

/// One member.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Seat {
    pub(crate) raft_id: u64,
    pub(crate) node: String,
    pub(crate) address: String,
    /// SHA-256 of its public key.
    pub(crate) key: String,
}

/// What clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Work {
    /// Opens a session and closes it, and waits for each; both are counted.
    Changes,
    /// Opens sessions, which are closed after the measurement.
    Opens,
    /// Opens sessions; each is closed at once in the background, and only opens are counted.
    OpensThatClose,
}

/// So many clients, for so long.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Load {
    pub(crate) work: Work,
    pub(crate) clients: usize,
    /// What happens first in this time is not counted.
    pub(crate) warm_ms: u64,
    pub(crate) measured_ms: u64,
}

/// What a node is asked.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    Load(Load),
    /// Who leads.
    Leader,
    /// One change, whenever it is accepted.
    Change,
}

/// What a node answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Said {
    /// It takes part.
    Ready,
    /// How long each operation took that was begun and done while it was measured, in microseconds.
    Loaded(Vec<u32>),
    Leader(Option<u64>),
    Changed,
    Failed(String),
}

/// Reads a file of JSON.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    Ok(serde_json::from_slice(&bytes)?)
}
