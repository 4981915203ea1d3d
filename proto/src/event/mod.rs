//! The event: what is recorded, for ever.
//!
//! CloudEvents 1.0 structured JSON. A [`Draft`] is what somebody wants recorded; [`stamp`] gives it
//! its place in a chain and its exact bytes, over which all hashes are taken; [`Event::read`]
//! reads those bytes back and ignores fields that it does not know.

mod cluster;
mod envelope;
mod glance;
mod kinds;
mod passing;
mod read;
mod schema;
mod stamp;

pub use cluster::*;
pub use glance::{Glanced, JudgedGlance, TargetGlance};
pub use kinds::*;
pub use passing::*;
pub use read::{Event, Unreadable};
pub use schema::schemas;
pub use stamp::{Head, Stamped, TooLarge, stamp};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{Digest, Name, SessionId};
use crate::target::TargetKind;
use crate::time::Utc;

/// The largest event, in bytes of JSON.
pub const EVENT_LIMIT: usize = 512 * 1024;

/// How much of a command's text one event holds, masked or sealed, in bytes.
pub const TEXT_PART_BYTES: usize = 64 * 1024;

/// What somebody wants recorded, before it has a place in a chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// When it happened, on the node's clock.
    pub time: Utc,
    /// The control index that the node had applied when it happened.
    pub applied: u64,
    /// Whom and what it is about.
    pub about: About,
    /// What happened.
    pub kind: Kind,
}

/// Whom and what an event is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct About {
    /// The session, when it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The place within the session, from 1; absent outside sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_seq: Option<u64>,
    /// Who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
    /// To what it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetAsWas>,
    /// The policy that was in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyRef>,
}

/// Names a draft before it has an id: a gate numbers what it says within its session.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DraftKey {
    /// The session, when it is about one.
    pub session: Option<SessionId>,
    /// The place within the session.
    pub session_seq: u64,
}

impl Draft {
    /// The draft's own name.
    #[must_use]
    pub fn key(&self) -> DraftKey {
        DraftKey {
            session: self.about.session.clone(),
            session_seq: self.about.session_seq.unwrap_or(0),
        }
    }
}

/// Who did something, as they were when they did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Actor {
    /// The person's name.
    pub person: Name,
    /// Who vouches for the identity: `file`, or an identity provider's issuer.
    pub issuer: String,
    /// Groups at that time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Name>,
    /// The address the person came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// SHA-256 fingerprint of the key or certificate shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// A target as it was when something was done to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TargetAsWas {
    /// Its name.
    pub name: Name,
    /// Its protocol.
    pub kind: TargetKind,
    /// Its labels at that time.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub labels: std::collections::BTreeMap<String, String>,
    /// The login on it.
    pub login: String,
}

/// A policy by revision and digest of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyRef {
    /// The revision, from 1.
    pub revision: u64,
    /// SHA-256 of the document.
    pub digest: Digest,
}
