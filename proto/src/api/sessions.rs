//! Sessions of all nodes, and what one sees over a session's shoulder.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::Stream;
use crate::ids::{Epoch, Name, SessionId};
use crate::reading::Channel;
use crate::time::Utc;

/// A session, as a list shows it. Of an open session on another node a part may be unknown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionListed {
    /// Its id.
    pub id: SessionId,
    /// `open`, `closed`, `outcome unknown` or `lost`.
    pub state: String,
    /// Who opened it.
    pub person: Name,
    /// To what.
    pub target: Name,
    /// As whom there.
    pub login: String,
    /// What it can do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// The grant that lets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// The address that the person came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// When it was opened.
    pub opened: Utc,
    /// When it ended; for a lost one, when that became known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Utc>,
    /// Why it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The node that serves it.
    pub node: Name,
    /// That node's epoch.
    pub epoch: Epoch,
    /// How many commands it judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commands_judged: Option<u64>,
    /// What goes on in it now: `idle`, `running command 3`, `waiting for approval 57`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doing: Option<String>,
}

/// One line of a watched session: a piece of output, or a gap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Watched {
    /// Masked bytes that were let through to the client.
    Seen {
        /// Which output they belong to.
        stream: Stream,
        /// The bytes, when they are UTF-8.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        /// The bytes in base64, when they are not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base64: Option<String>,
    },
    /// Whoever watches was too slow: so many bytes are missing here. The record has them.
    Missed {
        /// How many.
        bytes: u64,
    },
    /// The session is over.
    Over,
    /// Watching broke off, and the session may go on.
    Broken {
        /// Why.
        told: crate::refusal::Told,
    },
}

/// A session is to be ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KillAsked {
    /// Why; it is recorded.
    pub reason: String,
}
