//! What a node has said to others it must remember: its vote never goes back, and entries that it
//! said it keeps are there when it starts again under the same leader. And at one place of the log
//! there is one entry, whoever hands it on.
//!
//! In openraft a leader is (term, node): that there is one of each needs no oracle.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use parking_lot::Mutex;
use proto::peer::raft::{AppendAnswer, Ask, LogId, Payload, Tell, Vote};
use store_disk::raft::Heads;

use crate::world::network::Id;

/// What all nodes have said.
#[derive(Default)]
pub(crate) struct Promises(Mutex<Said>);

#[derive(Default)]
struct Said {
    votes: BTreeMap<Id, Vote>,
    /// The last entry that a node said it keeps, and which leader it said so to.
    kept: BTreeMap<Id, (Vote, LogId)>,
    entries: BTreeMap<LogId, u64>,
    violations: Vec<String>,
}

impl Promises {
    /// A node asks.
    pub(crate) fn asked(&self, who: Id, ask: &Ask) {
        let mut said = self.0.lock();
        match ask {
            Ask::Vote(ask) => said.vote(who, ask.vote),
            Ask::Append(ask) => {
                said.vote(who, ask.vote);
                for entry in &ask.entries {
                    said.entry(entry.at, &entry.payload);
                }
            }
            _ => {}
        }
    }

    /// A node answers.
    pub(crate) fn answered(&self, who: Id, asked: &Ask, tell: &Tell) {
        let mut said = self.0.lock();
        match (asked, tell) {
            (Ask::Vote(ask), Tell::Vote(answer)) if answer.granted => said.vote(who, ask.vote),
            (Ask::Append(ask), Tell::Append(AppendAnswer::Kept)) => {
                said.vote(who, ask.vote);
                let last = ask.entries.last().map(|entry| entry.at).or(ask.previous);
                let before = said.kept.get(&who).copied();
                let last = last.map(|last| match before {
                    Some((vote, kept)) if vote == ask.vote => last.max(kept),
                    _ => last,
                });
                if let Some(last) = last.filter(|_| before.is_none_or(|(vote, _)| vote <= ask.vote))
                {
                    said.kept.insert(who, (ask.vote, last));
                }
            }
            _ => {}
        }
    }

    /// A node starts, and finds this on its disk.
    pub(crate) fn found(&self, who: Id, heads: &Heads) {
        let mut said = self.0.lock();
        let vote = heads.vote.map(|vote| (vote.term, vote.node));
        if let Some(given) = said.votes.get(&who).copied()
            && vote < Some((given.term, given.node))
        {
            let what = format!("gw-{who} voted {given:?}, and remembers {:?}", heads.vote);
            said.violations.push(what);
        }
        if let Some((leader, kept)) = said.kept.get(&who).copied()
            && vote == Some((leader.term, leader.node))
            && heads.last < Some(kept)
        {
            let what = format!("gw-{who} kept {kept:?}, and its log ends at {:?}", heads.last);
            said.violations.push(what);
        }
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.0.lock().violations.clone()
    }
}

impl Said {
    fn vote(&mut self, who: Id, vote: Vote) {
        let said = self.votes.entry(who).or_default();
        *said = vote.max(*said);
    }

    fn entry(&mut self, at: LogId, payload: &Payload) {
        let mut hasher = DefaultHasher::new();
        match payload {
            Payload::Blank => 0_u8.hash(&mut hasher),
            Payload::Batch(bytes) => bytes.hash(&mut hasher),
            Payload::Membership(membership) => format!("{membership:?}").hash(&mut hasher),
        }
        let hash = hasher.finish();
        if *self.entries.entry(at).or_insert(hash) != hash {
            self.violations.push(format!("two entries at {at:?}"));
        }
    }
}
