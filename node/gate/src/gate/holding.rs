//! A held command, from its verdict's receipt to the approval that lets it go, or to its refusal.

use std::time::Duration;

use node_enforce::policy::{Approval, RecordRules};
use proto::entry::{ApprovalConsumption, ApprovalId, CommandRef, Withdrawn};
use proto::event::{CommandReleased, Kind};
use proto::reading::Durability;
use proto::refusal::{Code, Told};
use proto::time::Moment;
use store_log::{Receipt, Urgency};

use super::judging::Sealed;
use super::{Gate, Outputs, State};
use crate::ask::Ask;
use crate::command::{Command, CommandText};
use crate::consumption::Consumption;
use crate::facts::SessionFacts;
use crate::leash::Leash;
use crate::output::Output;
use crate::proof::{Held, Letting, Refusal, Spent};

/// A command that waits for an approval.
#[derive(Debug)]
pub(super) struct Holding {
    held: Held,
    pub(super) at: Duration,
    obligations: RecordRules,
    sealed: Sealed,
    text: CommandText,
    command: CommandRef,
    rules: Vec<Approval>,
    names: Vec<String>,
    policy_revision: u64,
    /// The approval that is being spent, and since when.
    spending: Option<(ApprovalId, Duration)>,
}

/// A command on which an approval was spent, until the record holds that.
#[derive(Debug)]
pub(super) struct Releasing {
    spent: Spent,
    pub(super) at: Duration,
    obligations: RecordRules,
    text: CommandText,
    rules: Vec<Approval>,
}

impl Holding {
    pub(super) fn new(
        held: Held,
        at: Duration,
        obligations: RecordRules,
        sealed: Sealed,
        text: CommandText,
        ask: &Ask,
    ) -> Self {
        Self {
            held,
            at,
            obligations,
            sealed,
            text,
            command: ask.command.clone(),
            rules: ask.rules.clone(),
            names: ask.rule_names(),
            policy_revision: ask.policy_revision,
            spending: None,
        }
    }

    /// Since when this approval is being spent.
    fn spending(&self, approval: ApprovalId) -> Option<Duration> {
        self.spending.filter(|(spending, _)| *spending == approval).map(|(_, since)| since)
    }
}

impl Gate {
    /// Everybody has approved: the approval is to be spent. Again, when it could not be.
    pub(super) fn approved(&mut self, approval: ApprovalId, now: Moment) -> Outputs {
        let State::Holding(holding) = &mut self.state else {
            return Err(self.out_of_turn("an approval"));
        };
        holding.spending = Some((approval, now.elapsed));
        let asked = ApprovalConsumption {
            approval,
            command: holding.command.clone(),
            policy_revision: holding.policy_revision,
            rules: holding.names.clone(),
        };
        Ok(vec![Output::Spend(Box::new(asked))])
    }

    pub(super) fn consumed(
        &mut self,
        consumption: Consumption,
        leash: Leash,
        now: Moment,
    ) -> Outputs {
        let asked_at = match &self.state {
            State::Holding(holding) => holding.spending(consumption.approval()),
            _ => None,
        };
        let Some(asked_at) = asked_at else { return Err(self.out_of_turn("a spent approval")) };
        let State::Holding(holding) = std::mem::replace(&mut self.state, State::Idle) else {
            return Ok(Vec::new());
        };
        let Holding { held, at, obligations, sealed, text, rules, .. } = *holding;
        let (obligations, without_stream) = self.obliged(obligations);
        let required = obligations.durability.max(Durability::Local);
        let event = CommandReleased {
            command: self.commands,
            approval: consumption.approval(),
            digest: sealed.digest,
            durability: required,
            without_stream,
        };
        // Whoever reads the record finds the spending before this event, in the control chain.
        self.facts.applied = self.facts.applied.max(consumption.applied());
        let kind = Kind::CommandReleased(event);
        let append = self.full(kind, Urgency::Ordinary, Some(required), now);
        // What was asked of the control plane long ago is worth no more than when it was asked.
        let letting = Letting::new(append.draft.key(), required, leash.good_until(asked_at));
        match held.spend(consumption, letting) {
            Ok(spent) => {
                let releasing = Releasing { spent, at, obligations, text, rules };
                self.state = State::Releasing(Box::new(releasing));
                Ok(vec![Output::Append(append)])
            }
            Err(not) => {
                let told = Told::new(Code::Internal, not.to_string());
                Ok(self.refuse(at, Refusal::because(told), now))
            }
        }
    }

    pub(super) fn let_go(
        &mut self,
        releasing: Releasing,
        receipt: Receipt,
        now: Moment,
    ) -> Vec<Output> {
        let Releasing { spent, at, obligations, text, rules } = releasing;
        match spent.settle(receipt) {
            Ok(permit) => {
                self.busy = now.elapsed;
                self.begin(&obligations, at, text, rules);
                vec![Output::Forward(permit)]
            }
            Err(unproven) => {
                let told = Told::new(Code::RecordUnavailable, unproven.to_string());
                self.refuse(at, Refusal::because(told), now)
            }
        }
    }

    pub(super) fn not_approved(&mut self, told: Told, now: Moment) -> Outputs {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Holding(holding) => Ok(self.refuse(holding.at, holding.held.refuse(told), now)),
            other => {
                self.state = other;
                Err(self.out_of_turn("a refusal"))
            }
        }
    }

    pub(super) fn withdrawn(&mut self, because: Withdrawn, now: Moment) -> Outputs {
        let text = format!("The request for an approval was withdrawn: {because}.");
        let told = Told::new(Code::ApprovalWithdrawn, text);
        let mut outputs = vec![Output::Withdraw(because)];
        outputs.extend(self.not_approved(told, now)?);
        Ok(outputs)
    }

    /// What is known of the session changed. A held command is judged again, from its text; a
    /// running one ends when it would not be let run now.
    pub(super) fn learn(&mut self, facts: SessionFacts, leash: Leash, now: Moment) -> Vec<Output> {
        let same = self.facts.decides_as(&facts);
        self.facts = facts;
        if same {
            return Vec::new();
        }
        if let Some(told) = self.running().and_then(|running| running.ends(&self.facts, now)) {
            return vec![Output::End(told)];
        }
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Holding(holding) => {
                let Holding { held, sealed, .. } = *holding;
                let Sealed { digest, sealed } = sealed;
                let command = Command { text: held.again(), digest, sealed };
                let mut outputs = vec![Output::Withdraw(Withdrawn::PolicyChanged)];
                outputs.extend(self.judge(command, leash, now));
                outputs
            }
            other => {
                self.state = other;
                Vec::new()
            }
        }
    }
}
