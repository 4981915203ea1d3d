//! Kept replies: a retry of a request gets the reply that was given, and no second effect.
//!
//! What is dropped leaves a mark behind, the highest number that was dropped. A request at or below
//! the mark may have had an effect, so it must never be performed.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::ids::Name;
use proto::time::Utc;

use crate::limits::{CLIENT_SILENCE, CLIENTS, REPLIES_PER_CLIENT, REPLY_AGE};
use crate::reply::{Denied, Reply};

/// Replies by client and request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Replies {
    clients: BTreeMap<Name, Client>,
    swept: Option<Utc>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Client {
    /// The highest request whose reply was dropped.
    dropped_up_to: Option<u64>,
    kept: BTreeMap<u64, Kept>,
    last: Utc,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Kept {
    at: Utc,
    reply: Reply,
}

/// What is known of a request.
pub(crate) enum Seen {
    /// It has had no effect.
    Never,
    /// It was answered so.
    Answered(Reply),
    /// It must not be performed.
    Refused(Denied),
}

impl Replies {
    /// Looks a request up before it is performed.
    pub(crate) fn look_up(&mut self, client: &Name, request: u64, now: Utc) -> Seen {
        self.sweep(now);
        let Some(client) = self.clients.get_mut(client) else {
            return self.room_for_one_more(now);
        };
        client.expire(now);
        if let Some(kept) = client.kept.get(&request) {
            return Seen::Answered(kept.reply.clone());
        }
        if client.dropped_up_to.is_some_and(|dropped| request <= dropped) {
            return Seen::Refused(Denied::RequestExpired);
        }
        Seen::Never
    }

    /// Keeps the reply to a request that was performed now.
    pub(crate) fn keep(&mut self, client: &Name, request: u64, now: Utc, reply: Reply) {
        let client = self.clients.entry(client.clone()).or_insert_with(|| Client {
            dropped_up_to: None,
            kept: BTreeMap::new(),
            last: now,
        });
        client.last = now;
        client.kept.insert(request, Kept { at: now, reply });
        if client.kept.len() > REPLIES_PER_CLIENT {
            let lowest = client.kept.pop_first().map(|(request, _)| request);
            client.dropped_up_to = client.dropped_up_to.max(lowest);
        }
    }

    /// Frees what clients that went silent left behind; once per reply age is enough.
    fn sweep(&mut self, now: Utc) {
        if self.swept.is_some_and(|swept| !older(swept, now, REPLY_AGE)) {
            return;
        }
        self.swept = Some(now);
        for client in self.clients.values_mut() {
            client.expire(now);
        }
    }

    fn room_for_one_more(&mut self, now: Utc) -> Seen {
        if self.clients.len() < CLIENTS {
            return Seen::Never;
        }
        self.clients.retain(|_, client| !older(client.last, now, CLIENT_SILENCE));
        if self.clients.len() < CLIENTS {
            return Seen::Never;
        }
        Seen::Refused(Denied::Limit { what: "the number of clients", limit: CLIENTS })
    }
}

impl Client {
    fn expire(&mut self, now: Utc) {
        let mut dropped = self.dropped_up_to;
        self.kept.retain(|request, kept| {
            let keep = !older(kept.at, now, REPLY_AGE);
            if !keep {
                dropped = dropped.max(Some(*request));
            }
            keep
        });
        self.dropped_up_to = dropped;
    }
}

/// Whether `then` is longer ago than `age`; the state's time never goes back.
fn older(then: Utc, now: Utc, age: Duration) -> bool {
    let passed = u128::from(now.0.abs_diff(then.0));
    now > then && passed > age.as_micros()
}
