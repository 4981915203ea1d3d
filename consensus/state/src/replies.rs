//! Kept replies: a retry of a request gets the reply that was given, and no second effect.
//!
//! One request of a lane is under way at a time and its numbers only rise, so the last reply is all
//! that can be asked for again. A number at or below the last one must never be performed.

use std::collections::BTreeMap;

use proto::entry::Client;
use proto::ids::Name;
use proto::time::Utc;
use rkyv::{Archive, Deserialize, Serialize};

use crate::denied::Denied;
use crate::limits::{self, LANES, REPLY_AGE};
use crate::planted::{Bug, planted};
use crate::reply::Reply;

/// The last request of each lane, by node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Replies(pub(crate) BTreeMap<Name, BTreeMap<u32, Last>>);

/// The last request of a lane, and what it was answered.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) struct Last {
    pub(crate) request: u64,
    pub(crate) at: Utc,
    pub(crate) reply: Reply,
}

/// What is known of a request.
pub(crate) enum Seen {
    /// It has had no effect.
    Never,
    /// It was answered so, or must not be performed.
    Answered(Reply),
}

impl Replies {
    /// Looks a request up before it is performed.
    pub(crate) fn look_up(&self, client: &Client, request: u64, now: Utc) -> Seen {
        let lanes = self.0.get(&client.node);
        let Some(last) = lanes.and_then(|lanes| lanes.get(&client.lane)) else {
            let count = lanes.map_or(0, BTreeMap::len) + 1;
            return match limits::check(count, "the number of a node's lanes", LANES) {
                Ok(()) => Seen::Never,
                Err(denied) => Seen::Answered(Reply::Refused(denied)),
            };
        };
        if request > last.request {
            return Seen::Never;
        }
        let kept = request == last.request && !older(last.at, now);
        let expired = || Reply::Refused(Denied::RequestExpired);
        Seen::Answered(if kept { last.reply.clone() } else { expired() })
    }

    /// Keeps the reply to a request that was performed now.
    pub(crate) fn keep(&mut self, client: &Client, request: u64, at: Utc, reply: Reply) {
        if planted(Bug::ForgottenReplies) {
            return;
        }
        let lanes = self.0.entry(client.node.clone()).or_default();
        lanes.insert(client.lane, Last { request, at, reply });
    }

    /// The highest number that a node has used in any lane.
    pub(crate) fn highest(&self, node: &Name) -> u64 {
        let lanes = self.0.get(node).into_iter().flat_map(BTreeMap::values);
        lanes.map(|last| last.request).max().unwrap_or(0)
    }

    /// Forgets a node's lanes: the next of its name is another node, and counts from its own start.
    pub(crate) fn forget(&mut self, node: &Name) {
        self.0.remove(node);
    }
}

/// Whether a reply is too old to be given again; the state's time never goes back.
fn older(then: Utc, now: Utc) -> bool {
    let passed = u128::from(now.0.abs_diff(then.0));
    now > then && passed > REPLY_AGE.as_micros()
}
