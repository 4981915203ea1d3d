//! A node that is behind may meet members that its own state does not have yet: they joined while
//! it was away, and one of them may lead by now. It asks those that it knows.
//!
//! What they say is believed only about Raft ids that its own state does not know at all: a node
//! that was removed stays removed.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::pool::{Pool, member_of};
use crate::local::Local;

/// How often it asks at most, however many strangers come.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// How long one of them may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// Asks whenever a stranger was met, until the pool is closed.
pub(super) async fn keep_acquainted(
    pool: Weak<Pool>,
    local: Arc<Local>,
    closing: CancellationToken,
) {
    let mut pace = tokio::time::interval(ASK_EVERY);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = closing.cancelled() => return,
            () = local.stranger_met() => {}
        }
        pace.tick().await;
        let Some(pool) = pool.upgrade() else { return };
        ask(&pool).await;
    }
}

async fn ask(pool: &Pool) {
    let local = &pool.local;
    let own = local.name().raft_id;
    let others = local.members().into_iter().filter(|record| record.raft_id != own);
    let mut newest = None;
    for record in others {
        let member = member_of(&record);
        match pool.roster(&member, ANSWER_WITHIN).await {
            Ok(roster) => {
                let is_newer = |best: &proto::peer::Roster| roster.applied > best.applied;
                if newest.as_ref().is_none_or(is_newer) {
                    newest = Some(roster);
                }
            }
            Err(why) => tracing::debug!(peer = %member.node, %why, "a peer was not asked"),
        }
    }
    if let Some(roster) = newest {
        local.learn(roster.members);
    }
}
