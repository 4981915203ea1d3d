//! Approvals: asked for, ruled on, spent once or never.
//!
//! A request pins who may rule and how many must, the policy revision, and the exact command by its
//! digest. Nothing here may make a request satisfied that its own pinned rules do not satisfy.

#![allow(missing_docs, reason = "rkyv derives a resolver whose fields it does not document")]

mod ending;
mod kept;
mod request;
mod ruling;
mod spending;

pub(crate) use kept::Approvals;

use std::collections::BTreeSet;
use std::fmt;

use proto::entry::{ApprovalId, ApprovalRequest, PolicyProposal, Ruling, Withdrawn};
use proto::ids::Name;
use proto::time::Utc;
use rkyv::{Archive, Deserialize, Serialize};

use crate::planted::{Bug, planted};

/// What stands for the rule's name when a policy asks.
const POLICY_RULE: &str = "second_person";

/// What an approval is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub enum Asked {
    /// A command that is held.
    Command(ApprovalRequest),
    /// A policy that a second person must agree to; its text is dropped when that has ended.
    Policy(PolicyProposal),
}

/// One person's word.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Ruled {
    /// Who.
    pub person: Name,
    /// What.
    pub ruling: Ruling,
    /// Why.
    pub reason: String,
    /// When, in the state's time.
    pub at: Utc,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub enum Status {
    /// It waits for rulings.
    Open,
    /// Every rule is satisfied, and it can be spent.
    Approved,
    /// Spent; an approval that covers a session holds until then.
    Consumed {
        /// Until when more commands of the session may take it.
        until: Option<Utc>,
    },
    /// Somebody said no.
    Denied,
    /// Whoever asked asks no more.
    Withdrawn(Withdrawn),
    /// Its time passed.
    Expired,
    /// It was taken back.
    Revoked,
}

/// A request for an approval, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// What for.
    pub asked: Asked,
    /// When it was asked, in the state's time.
    pub at: Utc,
    /// When it ends, consumption included.
    pub expires: Utc,
    /// What people said, in order.
    pub rulings: Vec<Ruled>,
    /// What became of it.
    pub status: Status,
}

impl Asked {
    /// Who asks, when it is a person: they never rule on it.
    #[must_use]
    pub fn person(&self) -> Option<&Name> {
        match self {
            Self::Command(request) => Some(&request.person),
            Self::Policy(proposal) => proposal.setting.by.person(),
        }
    }

    /// How many names its sets of approvers have.
    fn names(&self) -> usize {
        match self {
            Self::Command(request) => request.rules.iter().map(|rule| rule.approvers.len()).sum(),
            Self::Policy(proposal) => proposal.approvers.len(),
        }
    }
}

impl Approval {
    /// Whether this person may rule on it, by the sets that were pinned.
    #[must_use]
    pub fn may_rule(&self, person: &Name) -> bool {
        let listed = match &self.asked {
            Asked::Command(request) => {
                request.rules.iter().any(|rule| rule.approvers.contains(person))
            }
            Asked::Policy(proposal) => proposal.approvers.contains(person),
        };
        listed && (self.asked.person() != Some(person) || planted(Bug::SelfApproval))
    }

    /// How many approvals a rule of the request still lacks, given those who have approved. One
    /// person may count for several rules, and counts once for each.
    #[must_use]
    pub fn missing(&self) -> Vec<(&str, u32)> {
        let lacks = |count: u32, approvers: &[Name]| {
            let approved = |ruled: &&Ruled| {
                ruled.ruling == Ruling::Approve && approvers.contains(&ruled.person)
            };
            let given: BTreeSet<_> =
                self.rulings.iter().filter(approved).map(|ruled| &ruled.person).collect();
            let given = if planted(Bug::CountedTwice) { self.rulings.len() } else { given.len() };
            count.saturating_sub(u32::try_from(given).unwrap_or(u32::MAX))
        };
        let all = match &self.asked {
            Asked::Command(request) => {
                let rules = request.rules.iter();
                rules.map(|asked| (&*asked.rule, lacks(asked.count, &asked.approvers))).collect()
            }
            Asked::Policy(proposal) => vec![(POLICY_RULE, lacks(1, &proposal.approvers))],
        };
        all.into_iter().filter(|(_, lacking)| *lacking > 0).collect()
    }

    /// Whether it was used, covers its session, and still holds for what these rules hold under
    /// this policy at this time.
    pub(crate) fn holds_for(&self, rules: &[String], policy: u64, now: Utc) -> bool {
        let Asked::Command(request) = &self.asked else { return false };
        let Status::Consumed { until: Some(until) } = self.status else { return false };
        now < until && request.policy_revision == policy && not_asked(request, rules).is_none()
    }
}

/// The first of these rules that a request does not ask.
fn not_asked<'a>(request: &ApprovalRequest, rules: &'a [String]) -> Option<&'a String> {
    let asked = |rule: &String| request.rules.iter().any(|asked| asked.rule == *rule);
    rules.iter().find(|rule| !asked(rule))
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("open"),
            Self::Approved => f.write_str("approved"),
            Self::Consumed { until: None } => f.write_str("used up"),
            Self::Consumed { until: Some(until) } => {
                write!(f, "used, for its session until {until}")
            }
            Self::Denied => f.write_str("denied"),
            Self::Withdrawn(because) => write!(f, "withdrawn ({because})"),
            Self::Expired => f.write_str("expired"),
            Self::Revoked => f.write_str("revoked"),
        }
    }
}
