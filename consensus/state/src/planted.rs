//! Bugs that tests plant, to see that somebody notices.
//!
//! Without the feature `seeded-bugs` each place that asks is `false` before the program is built,
//! and there is nothing to switch on. No crate of the product turns the feature on.

#[cfg(feature = "seeded-bugs")]
use std::cell::Cell;

/// A bug that can be planted, here or in the crate that replicates the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// An approval is spent again.
    SpentTwice,
    /// Other bytes are let through than were approved.
    OtherBytes,
    /// Who asks may approve.
    SelfApproval,
    /// One person counts as often as they speak.
    CountedTwice,
    /// Nothing runs out.
    NeverExpires,
    /// What was approved under another policy may be spent.
    OldPolicy,
    /// What was denied can be approved.
    Overruled,
    /// A retry is performed again.
    ForgottenReplies,
    /// A lock does not keep a session from opening.
    IgnoredLock,
    /// A snapshot has no locks in it.
    SnapshotWithoutLocks,
    /// A snapshot has no kept replies in it.
    SnapshotWithoutReplies,
    /// A new leader's clock counts, also when it is behind.
    TimeGoesBack,
    /// Entries are answered before they are on the disk.
    AnsweredBeforeSync,
    /// Votes are not written.
    ForgottenVotes,
    /// A node reads what it has, and asks nobody.
    StaleReads,
    /// Contact counts although nobody answered.
    LonelyContact,
    /// Each member applies entries at a time of its own.
    OwnTime,
}

#[cfg(feature = "seeded-bugs")]
impl Bug {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::SpentTwice,
        Self::OtherBytes,
        Self::SelfApproval,
        Self::CountedTwice,
        Self::NeverExpires,
        Self::OldPolicy,
        Self::Overruled,
        Self::ForgottenReplies,
        Self::IgnoredLock,
        Self::SnapshotWithoutLocks,
        Self::SnapshotWithoutReplies,
        Self::TimeGoesBack,
        Self::AnsweredBeforeSync,
        Self::ForgottenVotes,
        Self::StaleReads,
        Self::LonelyContact,
        Self::OwnTime,
    ];
}

#[cfg(feature = "seeded-bugs")]
thread_local! {
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Plants a bug in whatever runs on this thread, or takes it out.
#[cfg(feature = "seeded-bugs")]
pub fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
}

/// Whether a bug is planted here.
#[cfg(feature = "seeded-bugs")]
#[must_use]
pub fn planted(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

/// Whether a bug is planted: never.
#[cfg(not(feature = "seeded-bugs"))]
#[must_use]
#[inline]
pub const fn planted(_: Bug) -> bool {
    false
}
