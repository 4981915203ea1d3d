//! Who waits for a held command: a protocol's client, as a session reaches it.

use proto::entry::Withdrawn;
use proto::refusal::Told;

use crate::ports::Boxed;

/// The client whose command is held.
pub trait Waiting: Send {
    /// Tells it something. It may be lost when the client does not listen; it is never waited for.
    fn tell(&mut self, told: Told);

    /// Completes when the client waits no more. It may be dropped and asked again.
    fn leaves(&mut self) -> Boxed<'_, Withdrawn>;
}

/// A client that cannot be told anything and never leaves: for protocols without a way, and tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Patient;

impl Waiting for Patient {
    fn tell(&mut self, _: Told) {}

    fn leaves(&mut self) -> Boxed<'_, Withdrawn> {
        Box::pin(std::future::pending())
    }
}
