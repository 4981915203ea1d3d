//! Requests to cancel a statement, passed on to the node that the key names.

use std::sync::Arc;

use consensus_raft::Replica;
use node_peer::{Members as _, Pool};
use node_postgres::Elsewhere;
use node_session::Boxed;
use proto::ids::Name;
use proto::peer::raft::Member;
use proto::peer::{Cancel, MemberRecord, Secret};
use zeroize::Zeroizing;

use super::ASK_DEADLINE;
use crate::roster::Roster;

/// Since which version of a cluster all of its nodes know this question: one that does not would
/// close the connection that also carries Raft.
const SINCE: u32 = 3;

/// The other nodes.
pub(crate) struct OtherNodes {
    /// This node, which asks nobody else for its own keys.
    pub(crate) node: Name,
    pub(crate) pool: Arc<Pool>,
    pub(crate) roster: Arc<Roster>,
    pub(crate) replica: Arc<Replica>,
}

impl Elsewhere for OtherNodes {
    fn cancel(&self, tag: u32, process: u32, secret: Zeroizing<Vec<u8>>) -> Boxed<'static, ()> {
        let fits = |record: &MemberRecord| {
            record.node != self.node && node_postgres::tag(record.raft_id) == tag
        };
        let understood = self.replica.with_state(|state| state.cluster_version()) >= SINCE;
        let mut members = self.roster.all();
        members.retain(|record| understood && fits(record));
        let pool = self.pool.clone();
        Box::pin(async move {
            let mut bytes = [0; 32];
            let Some(place) = bytes.get_mut(..secret.len()) else { return };
            place.copy_from_slice(&secret);
            let Ok(length) = u8::try_from(secret.len()) else { return };
            let cancel = Cancel { process, secret: Secret::new(bytes), length };
            for MemberRecord { raft_id, node, address, .. } in members {
                let member = Member { raft_id, node, address };
                if let Err(error) = pool.cancel(&member, cancel.clone(), ASK_DEADLINE).await {
                    tracing::debug!(node = %member.node, %error, "a cancel request is lost");
                }
            }
        })
    }
}
