//! The proof that an event is kept.
//!
//! A receipt has no public constructor and no `Clone`: only [`crate::Log`] makes one, once for each
//! durability an event reaches. Nothing else may share this file.

use proto::event::DraftKey;
use proto::ids::EventId;
use proto::reading::Durability;

use crate::backend::Position;

/// An event that is kept, and how safely.
///
/// ```
/// fn look(receipt: &store_log::Receipt) -> proto::reading::Durability { receipt.durability() }
/// ```
///
/// It cannot be made elsewhere:
///
/// ```compile_fail
/// fn forge(event: proto::ids::EventId, key: proto::event::DraftKey) -> store_log::Receipt {
///     store_log::Receipt {
///         event,
///         key,
///         position: store_log::Position(1),
///         durability: proto::reading::Durability::Local,
///     }
/// }
/// ```
///
/// and it cannot be spent twice:
///
/// ```
/// fn spend(_: store_log::Receipt) {}
/// fn once(receipt: store_log::Receipt) { spend(receipt); }
/// ```
///
/// ```compile_fail
/// fn spend(_: store_log::Receipt) {}
/// fn twice(receipt: store_log::Receipt) { spend(receipt); spend(receipt); }
/// ```
#[derive(Debug)]
#[must_use = "an event that nobody waits for proves nothing"]
pub struct Receipt {
    event: EventId,
    key: DraftKey,
    position: Position,
    durability: Durability,
}

impl Receipt {
    pub(crate) fn mint(
        event: EventId,
        key: DraftKey,
        position: Position,
        durability: Durability,
    ) -> Self {
        Self { event, key, position, durability }
    }

    /// The same event, acknowledged by the replicated stream too.
    pub(crate) fn replicated(self) -> Self {
        Self { durability: Durability::Replicated, ..self }
    }

    /// Which event.
    #[must_use]
    pub fn event(&self) -> &EventId {
        &self.event
    }

    /// The draft it was made of: what a gate compares with what it asked for.
    #[must_use]
    pub fn key(&self) -> &DraftKey {
        &self.key
    }

    /// Where the log keeps it.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// How safely it is kept.
    #[must_use]
    pub fn durability(&self) -> Durability {
        self.durability
    }
}
