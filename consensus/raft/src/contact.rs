//! Contact with the quorum (promise 7): the last successful quorum read, counted from when it was
//! sent.

use std::time::Duration;

use consensus_state::planted::{Bug, planted};
use openraft::AsyncRuntime;

use crate::config::READ_DEADLINE;
use crate::replica::Replica;

/// Contact with a quorum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contact {
    /// When the last successful read was sent, on the clock that counts suspend.
    pub sent_at: Duration,
}

/// A contact is tried so many times in T.
const TRIES: u32 = 5;
/// Before there is a cluster it is looked for this often.
const WITHOUT_CLUSTER: Duration = Duration::from_millis(200);

impl<R: AsyncRuntime> Replica<R> {
    /// How often contact is made.
    pub(crate) fn contact_interval(&self) -> Duration {
        let contact = self.with_state(consensus_state::State::contact);
        if contact.is_zero() { WITHOUT_CLUSTER } else { contact / TRIES }
    }

    /// Makes contact once.
    pub(crate) async fn make_contact(&self) {
        // Whatever a quorum forbade before the read was sent is applied here when it returns; what
        // was forbidden later is not known. So contact counts from the sending: of the attempt that
        // was answered, since those before it may be as old as the last leader.
        let deadline = READ_DEADLINE.max(self.contact_interval());
        let read = self.read_by(deadline).await;
        let lonely = planted(Bug::LonelyContact).then(|| self.now());
        if let Some(sent_at) = read.ok().map(|read| read.sent_at).or(lonely) {
            self.contact.send_replace(Some(Contact { sent_at }));
        }
    }
}
