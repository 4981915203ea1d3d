//! One request for an approval: open, then approved, denied or over; approved, then spent once.

use std::collections::BTreeSet;

use super::Model;

/// Requests for approvals, each its own object.
#[derive(Clone, Copy, Debug)]
pub struct Approvals;

/// What is asked of a request. Expiry and withdrawal by the cluster itself are operations of the
/// environment, of unknown outcome from the moment on that they could happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A held command asks; so many people must approve.
    Request {
        /// How many.
        count: usize,
    },
    /// Somebody approves.
    Approve(String),
    /// Somebody denies.
    Deny(String),
    /// The held command takes it.
    Consume,
    /// It ends unused: withdrawn, expired or taken back.
    End,
    /// How does it stand?
    Read,
}

/// How a request stands, as a client can see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Seen {
    /// It waits for rulings.
    Open,
    /// It can be spent.
    Approved,
    /// Somebody said no.
    Denied,
    /// It was spent.
    Consumed,
    /// It ended unused.
    Ended,
}

/// What a request answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Told {
    /// It was done, or read: this is how it stands now.
    Stands(Seen),
    /// A ruling counted; how it stood then was not said.
    Ruled,
    /// This person has ruled on it already.
    AlreadyRuled,
    /// It is not open (or, when it is taken: not approved) any more.
    Over,
}

/// A request's state; none before it was asked.
pub(super) type State = Option<Request>;

/// What is known of a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    count: usize,
    ruled: BTreeSet<String>,
    stands: Seen,
}

impl Request {
    fn now(&self, stands: Seen) -> Self {
        Self { stands, ..self.clone() }
    }

    fn ruling(&self, person: &str, denies: bool) -> Self {
        let mut after = self.clone();
        after.ruled.insert(person.to_owned());
        if denies {
            after.stands = Seen::Denied;
        } else if after.ruled.len() >= after.count {
            after.stands = Seen::Approved;
        }
        after
    }

    /// What a call leads to and answers.
    fn perform(&self, call: &Asked) -> (Self, Told) {
        let same = |told| (self.clone(), told);
        let to = |after: Self| (after.clone(), Told::Stands(after.stands));
        match (call, self.stands) {
            // It is asked once; whoever retries gets the first answer.
            (Asked::Request { .. } | Asked::Read, stands) => same(Told::Stands(stands)),
            (Asked::Approve(person) | Asked::Deny(person), _) if self.ruled.contains(person) => {
                same(Told::AlreadyRuled)
            }
            (Asked::Approve(person), Seen::Open) => to(self.ruling(person, false)),
            // A no counts as long as nothing has run.
            (Asked::Deny(person), Seen::Open | Seen::Approved) => to(self.ruling(person, true)),
            (Asked::Consume, Seen::Approved) => to(self.now(Seen::Consumed)),
            (Asked::End, Seen::Open | Seen::Approved) => to(self.now(Seen::Ended)),
            (Asked::Approve(_) | Asked::Deny(_) | Asked::Consume | Asked::End, _) => {
                same(Told::Over)
            }
        }
    }
}

impl Model for Approvals {
    type State = State;
    type Call = Asked;
    type Reply = Told;

    fn step(&self, state: &State, call: &Asked, reply: Option<&Told>) -> Option<State> {
        let Some(request) = state else {
            let Asked::Request { count } = call else { return None };
            let request = Request { count: *count, ruled: BTreeSet::new(), stands: Seen::Open };
            let answers = reply.is_none_or(|reply| *reply == Told::Stands(Seen::Open));
            return answers.then_some(Some(request));
        };
        let (after, told) = request.perform(call);
        let fits = |reply: &Told| match (reply, told) {
            // A ruling of somebody who ruled before may also be told that it is all over.
            (Told::Over, Told::AlreadyRuled) => request.stands != Seen::Open,
            (Told::Ruled, Told::Stands(_)) => matches!(call, Asked::Approve(_) | Asked::Deny(_)),
            (reply, told) => *reply == told,
        };
        reply.is_none_or(fits).then_some(Some(after))
    }
}
