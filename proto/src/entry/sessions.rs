//! Entries that open and close sessions.

use rkyv::{Archive, Deserialize as RkyvDeserialize, Serialize as RkyvSerialize};

use super::nodes::entry_structs;
use crate::ids::{Epoch, Name, SessionId};

entry_structs! {
    /// What must be known to open a session; checked in order against all that came before.
    struct SessionOpening {
        /// The node that serves it.
        node: Name,
        /// That node's epoch.
        epoch: Epoch,
        /// The session.
        session: SessionId,
        /// Who opens it.
        person: Name,
        /// To what.
        target: Name,
        /// As whom there.
        login: String,
        /// The policy revision that it was judged by.
        policy_revision: u64,
        /// How many sessions a person may have open by that policy.
        per_person: u32,
    }
    /// A session is closed; its held commands are withdrawn.
    struct SessionClosing {
        /// Which session.
        session: SessionId,
    }
}
