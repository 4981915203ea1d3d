//! The proof that an approval was spent. Nothing else may share this file: privacy ends at the
//! module.
//!
//! It is made where the control plane's reply to a spending arrives, and nowhere else:
//! `node/session/src/spending.rs`, as a house rule checks.

use consensus_state::Reply;
use proto::entry::{ApprovalConsumption, ApprovalId, CommandRef};

/// An approval that a majority has marked as spent, for one command, once.
///
/// ```
/// fn look(spent: &node_gate::Consumption) -> proto::entry::ApprovalId { spent.approval() }
/// ```
///
/// It cannot be made elsewhere:
///
/// ```
/// fn asked(asked: proto::entry::ApprovalConsumption) -> proto::entry::ApprovalConsumption {
///     asked
/// }
/// ```
///
/// ```compile_fail
/// fn forge(asked: proto::entry::ApprovalConsumption) -> node_gate::Consumption {
///     node_gate::Consumption { asked, applied: 0 }
/// }
/// ```
#[derive(Debug)]
#[must_use = "an approval that was spent and lets nothing go is lost"]
pub struct Consumption {
    asked: ApprovalConsumption,
    applied: u64,
}

impl Consumption {
    /// What was asked for, if the reply to asking it says that it is done; and a control index
    /// behind which it is done.
    #[must_use]
    pub fn of_reply(asked: ApprovalConsumption, reply: &Reply, applied: u64) -> Option<Self> {
        matches!(reply, Reply::Consumed { .. }).then_some(Self { asked, applied })
    }

    /// A control index behind which it was spent.
    pub(crate) fn applied(&self) -> u64 {
        self.applied
    }

    /// The approval.
    #[must_use]
    pub fn approval(&self) -> ApprovalId {
        self.asked.approval
    }

    /// The command that it was spent on.
    #[must_use]
    pub fn command(&self) -> &CommandRef {
        &self.asked.command
    }

    /// The policy revision under which it was spent.
    #[must_use]
    pub fn policy_revision(&self) -> u64 {
        self.asked.policy_revision
    }
}
