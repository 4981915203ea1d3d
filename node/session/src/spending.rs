//! Spending an approval: the one place where the control plane's word becomes a [`Consumption`].

use consensus_state::{Denied, Reply};
use node_gate::Consumption;
use proto::entry::{ApprovalConsumption, Entry};

use crate::ports::{Control, ControlError, ControlExt as _};

/// Why an approval was not spent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unspent {
    /// The control plane says no: nothing was spent.
    Denied(Denied),
    /// There is no reply.
    NoReply(ControlError),
}

/// Spends an approval on the command that is held.
pub(crate) async fn spend(
    control: &dyn Control,
    asked: ApprovalConsumption,
) -> Result<Consumption, Unspent> {
    let reply = control.propose(Entry::ApprovalConsumed(asked.clone())).await;
    match reply.map_err(Unspent::NoReply)? {
        Reply::Refused(denied) => Err(Unspent::Denied(denied)),
        reply => {
            // What is answered is applied here.
            let applied = control.look(consensus_state::State::applied);
            Consumption::of_reply(asked, &reply, applied).ok_or_else(|| {
                tracing::error!(?reply, "a spending was answered by something else");
                Unspent::NoReply(ControlError::Unknown)
            })
        }
    }
}
