//! The policy in force: a register that is changed by comparing the revision that was expected.

use super::Model;

/// The one policy of a cluster.
#[derive(Clone, Copy, Debug)]
pub struct Policies;

/// What is asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyCall {
    /// Put a document in force.
    Set {
        /// Only if this revision is in force; 0 before the first.
        expected: Option<u64>,
        /// The document.
        document: String,
    },
    /// Which one is in force?
    Read,
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PolicyReply {
    /// This is in force, after a change or as it was read.
    InForce {
        /// Its revision; 0 before the first.
        revision: u64,
        /// The document.
        document: String,
    },
    /// Another revision than the expected one is in force.
    Stale,
}

impl Model for Policies {
    /// Revision and document.
    type State = (u64, String);
    type Call = PolicyCall;
    type Reply = PolicyReply;

    fn step(
        &self,
        state: &Self::State,
        call: &PolicyCall,
        reply: Option<&PolicyReply>,
    ) -> Option<Self::State> {
        let (revision, _) = state;
        let (after, answer) = match call {
            PolicyCall::Read => (state.clone(), in_force(state)),
            PolicyCall::Set { expected: Some(expected), .. } if expected != revision => {
                (state.clone(), PolicyReply::Stale)
            }
            PolicyCall::Set { document, .. } => {
                let after = (revision + 1, document.clone());
                (after.clone(), in_force(&after))
            }
        };
        reply.is_none_or(|reply| *reply == answer).then_some(after)
    }
}

fn in_force((revision, document): &(u64, String)) -> PolicyReply {
    PolicyReply::InForce { revision: *revision, document: document.clone() }
}
