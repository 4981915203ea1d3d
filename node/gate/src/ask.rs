//! What a held command asks for, before anybody has resolved who may give it.

use std::time::Duration;

use node_enforce::policy::{Approval, ApprovalRules, Covers, Unattended};
use proto::entry::{ApprovalRequest, AskedRule, CommandRef, Covered};
use proto::ids::Name;

use crate::facts::SessionFacts;

/// The longest text that a request shows, in bytes; the record has all of it.
pub const ASK_TEXT_BYTES: usize = 4 * 1024;

/// A request for an approval, but for the names of those who may give it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The command.
    pub command: CommandRef,
    /// Who asks.
    pub person: Name,
    /// Of which target.
    pub target: Name,
    /// As whom there.
    pub login: String,
    /// Its masked text, cut to [`ASK_TEXT_BYTES`].
    pub text: String,
    /// Whether something in the text was masked, or it was cut.
    pub incomplete: bool,
    /// The policy revision that it was judged by.
    pub policy_revision: u64,
    /// Every rule that holds it.
    pub rules: Vec<Approval>,
    /// What an approval covers: a session only if every rule says so.
    pub covered: Covered,
    /// How long the request stands: the shortest of the rules.
    pub expires: Duration,
    /// What a workload would get instead of waiting: the strictest of the rules.
    pub unattended: Unattended,
    /// Why it is held, as its client is told.
    pub why: String,
}

impl Ask {
    pub(crate) fn new(
        facts: &SessionFacts,
        command: CommandRef,
        (text, incomplete): (String, bool),
        rules: ApprovalRules,
        why: String,
    ) -> Self {
        let each = rules.each;
        let lasts = each.iter().map(|rule| match rule.covers {
            Covers::Command => None,
            Covers::Session => rule.lasts,
        });
        let shortest = lasts.reduce(|one, other| Some(one?.min(other?))).flatten();
        let covered = match shortest {
            None => Covered::Command,
            Some(lasts) => Covered::Session { for_ms: millis(lasts) },
        };
        let expires = each.iter().map(|rule| rule.expires).min().unwrap_or_default();
        let unattended = each.iter().map(|rule| rule.unattended).max();
        Self {
            command,
            person: facts.actor.person.clone(),
            target: facts.target.name.clone(),
            login: facts.target.login.clone(),
            text,
            incomplete,
            policy_revision: facts.policy_ref.revision,
            covered,
            expires,
            unattended: unattended.unwrap_or(Unattended::Block),
            rules: each,
            why,
        }
    }

    /// The names of the rules, in the order in which they are asked for and spent.
    #[must_use]
    pub fn rule_names(&self) -> Vec<String> {
        self.rules.iter().map(|rule| rule.rule().to_owned()).collect()
    }

    /// The request, with those who may give what each rule asks for, in the rules' order.
    #[must_use]
    pub fn request(&self, approvers: Vec<Vec<Name>>) -> ApprovalRequest {
        let rules = self.rules.iter().zip(approvers).map(|(rule, approvers)| AskedRule {
            rule: rule.rule().to_owned(),
            count: rule.count,
            approvers,
        });
        ApprovalRequest {
            command: self.command.clone(),
            person: self.person.clone(),
            target: self.target.clone(),
            login: self.login.clone(),
            text: self.text.clone(),
            incomplete: self.incomplete,
            policy_revision: self.policy_revision,
            rules: rules.collect(),
            covered: self.covered,
            expires_ms: millis(self.expires),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
