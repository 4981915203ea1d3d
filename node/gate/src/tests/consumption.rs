//! Only the reply that says so proves that an approval was spent.

use consensus_state::{Denied, Reply, Status};
use proto::entry::{ApprovalConsumption, ApprovalId, CommandRef};
use proto::ids::{Digest, Epoch, SessionId};
use proto::time::Utc;

use crate::Consumption;

fn asked() -> ApprovalConsumption {
    let node = "gw-1".parse().expect("a name");
    let session = SessionId::new(&node, Epoch(1), 1);
    let digest = Digest([7; 32]);
    let command = CommandRef { node, epoch: Epoch(1), session, command: 3, digest };
    let rules = vec!["second-pair-of-eyes".to_owned()];
    ApprovalConsumption { approval: ApprovalId(7), command, policy_revision: 2, rules }
}

#[test]
fn a_reply_that_says_anything_else_proves_nothing() {
    for reply in [
        Reply::Done,
        Reply::Approval(ApprovalId(7)),
        Reply::Ruled { status: Status::Approved },
        Reply::Ruled { status: Status::Consumed { until: None } },
        Reply::SessionOpened,
        Reply::Lock(ApprovalId(7)),
        Reply::Refused(Denied::NotApproved),
        Reply::Refused(Denied::ApprovalOver(Status::Consumed { until: None })),
    ] {
        assert!(Consumption::of_reply(asked(), &reply, 9).is_none(), "{reply:?}");
    }
    for until in [None, Some(Utc(1))] {
        let spent = Consumption::of_reply(asked(), &Reply::Consumed { until }, 9);
        let spent = spent.expect("it says so");
        assert_eq!((spent.approval(), spent.policy_revision()), (ApprovalId(7), 2));
        assert_eq!(*spent.command(), asked().command);
    }
}
