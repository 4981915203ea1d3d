//! This node among its peers: what it does for them, and what it asks of them.

mod cancelling;
mod fleet;
mod handler;
mod members;
mod renewal;

pub(crate) use cancelling::OtherNodes;
pub(crate) use fleet::Others;
pub(crate) use handler::ForPeers;
pub(crate) use members::Members;
pub(crate) use renewal::keep_certified;

use std::time::Duration;

/// How long a question to another node may take.
pub(crate) const ASK_DEADLINE: Duration = Duration::from_secs(5);
