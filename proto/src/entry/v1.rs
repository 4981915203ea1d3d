//! Entries of version 1, as nodes without a cluster wrote them: read for ever, written no more.
//!
//! Nothing here may change: the bytes are on disks.

use rkyv::{Archive, Deserialize as RkyvDeserialize, Serialize as RkyvSerialize};

use super::{BadProposal, By, Client};
use crate::entry;
use crate::ids::{Digest, Epoch, Name, SessionId};
use crate::person::Person;
use crate::target::Target;
use crate::time::Utc;

/// The version in front of these bytes.
pub(super) const VERSION: u8 = 1;

/// An entry with who asked for it and when: what the log of the control plane holds.
#[derive(Clone, Debug, PartialEq, Eq, Archive, RkyvSerialize, RkyvDeserialize)]
struct Proposal {
    /// Who asked; with `request` it names one effect, however often it is retried.
    client: Name,
    /// The asker's own number of the request.
    request: u64,
    /// The stamp of whoever put it into the log.
    at: Utc,
    /// What is asked for.
    entry: Entry,
}

/// One change of the control plane.
#[derive(Clone, Debug, PartialEq, Eq, Archive, RkyvSerialize, RkyvDeserialize)]
enum Entry {
    /// A node starts: it gets its next epoch, and its open sessions are lost.
    NodeStarted {
        /// Which node.
        node: Name,
    },
    /// A policy comes into force as a whole.
    PolicySet {
        /// The document's exact text.
        document: String,
        /// SHA-256 of the text.
        digest: Digest,
        /// The revision it must follow, when the editor said which one they saw.
        expected_revision: Option<u64>,
        /// Who sets it.
        by: String,
    },
    /// The people of the cluster, as a whole.
    PeopleSet {
        /// All of them.
        people: Vec<Person>,
        /// Who sets them.
        by: String,
    },
    /// The targets of the cluster, as a whole.
    TargetsSet {
        /// All of them.
        targets: Vec<Target>,
        /// Who sets them.
        by: String,
    },
    /// A session is to be opened; checked in order against all that came before.
    SessionOpen(SessionOpening),
    /// A session is closed.
    SessionClose {
        /// Which session.
        session: SessionId,
    },
    /// Time passes.
    Tick,
}

/// What must be known to open a session.
#[derive(Clone, Debug, PartialEq, Eq, Archive, RkyvSerialize, RkyvDeserialize)]
struct SessionOpening {
    /// The node that serves it.
    node: Name,
    /// That node's epoch.
    epoch: Epoch,
    /// The session.
    session: SessionId,
    /// Who opens it.
    person: Name,
    /// To what.
    target: Name,
    /// As whom there.
    login: String,
    /// The policy revision that it was judged by.
    policy_revision: u64,
    /// How many sessions a person may have open by that policy.
    per_person: u32,
}

/// Reads bytes of version 1 as what they mean now.
pub(super) fn read(body: &[u8]) -> Result<entry::Proposal, BadProposal> {
    let Proposal { client, request, at: _, entry } = super::bytes::read::<Proposal>(body)?;
    let entry = now(&client, entry);
    Ok(entry::Proposal { client: Client { node: client, lane: 0 }, request, entry })
}

fn now(client: &Name, entry: Entry) -> entry::Entry {
    match entry {
        // A start of version 1 says less than a node must say now: it is no member's.
        Entry::NodeStarted { node } => entry::Entry::NodeStarted(entry::NodeStart {
            node,
            raft_id: 0,
            last_epoch: Epoch(0),
            nonce: 0,
            supports: 0,
            version: String::new(),
            addresses: entry::NodeAddresses { cluster: String::new(), api: String::new() },
        }),
        Entry::PolicySet { document, digest, expected_revision, by } => {
            let by = author(by);
            entry::Entry::PolicySet(entry::PolicySetting {
                document,
                digest,
                expected_revision,
                by,
            })
        }
        Entry::PeopleSet { people, by } => entry::Entry::PeopleSet(entry::PeopleSetting {
            people,
            expected_revision: None,
            by: author(by),
        }),
        Entry::TargetsSet { targets, by } => entry::Entry::TargetsSet(entry::TargetsSetting {
            targets,
            expected_revision: None,
            by: author(by),
        }),
        Entry::SessionOpen(opening) => entry::Entry::SessionOpen(entry::SessionOpening {
            node: opening.node,
            epoch: opening.epoch,
            session: opening.session,
            person: opening.person,
            target: opening.target,
            login: opening.login,
            policy_revision: opening.policy_revision,
            per_person: opening.per_person,
        }),
        Entry::SessionClose { session } => {
            entry::Entry::SessionClose(entry::SessionClosing { session })
        }
        Entry::Tick => entry::Entry::Tick(entry::Passing { node: client.clone() }),
    }
}

/// Version 1 had a text; only files of a node's start changed anything then.
pub(crate) fn author(by: String) -> By {
    by.parse().map_or(By::Administrator, By::Person)
}
