//! How long a node may act on what it knows: T of the design's promise 7, counted from its last
//! contact with the majority.

use std::time::Duration;

/// The last contact, and how far it reaches. All times are on the clock that counts suspend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leash {
    /// When the last read that a majority confirmed was sent.
    pub contact: Duration,
    /// T: how long after that a decision may be acted on.
    pub within: Duration,
}

/// What a node may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tie {
    /// It may open sessions, let commands go and pass bytes on.
    Fresh,
    /// No contact for T: nothing is opened, nothing is let go, no byte passes.
    Frozen,
    /// No contact for 2T: sessions end.
    Over,
}

impl Leash {
    /// What may be done now.
    #[must_use]
    pub fn tie(&self, now: Duration) -> Tie {
        if now <= self.frozen_after() {
            Tie::Fresh
        } else if now <= self.over_after() {
            Tie::Frozen
        } else {
            Tie::Over
        }
    }

    /// The last moment at which a decision made at `judged_at` may be acted on. A decision is worth
    /// no more than the contact that it was made under.
    #[must_use]
    pub fn good_until(&self, judged_at: Duration) -> Duration {
        judged_at.min(self.contact).saturating_add(self.within)
    }

    /// The last moment that is fresh.
    #[must_use]
    pub fn frozen_after(&self) -> Duration {
        self.contact.saturating_add(self.within)
    }

    /// The last moment that is not over.
    #[must_use]
    pub fn over_after(&self) -> Duration {
        self.frozen_after().saturating_add(self.within)
    }
}
