//! From a command to its verdict's receipt.

use std::time::Duration;

use node_enforce::decide::{self, Facts};
use node_enforce::forward;
use node_enforce::policy::RecordRules;
use proto::event::{CommandFinished, Counted, Kind, Outcome};
use proto::ids::Digest;
use proto::reading::Verdict;
use proto::refusal::{Code, Told};
use proto::time::Moment;
use store_log::{Receipt, Urgency};

use super::holding::Holding;
use super::{Gate, Outputs, State, millis};
use crate::ask::Ask;
use crate::command::{Command, CommandText};
use crate::leash::Leash;
use crate::output::Output;
use crate::proof::{Judged, Refusal, Settled};
use crate::record;

/// A command whose verdict is not durable yet.
#[derive(Debug)]
pub(super) struct Judging {
    judged: Judged,
    pub(super) at: Duration,
    obligations: RecordRules,
    // Beside what `judged` lets out: the text is read again when policy changes.
    text: CommandText,
    ask: Option<(Box<Ask>, Sealed)>,
}

/// What stands for the raw text in the record.
#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) digest: Digest,
    pub(super) sealed: Vec<String>,
}

impl Gate {
    pub(super) fn command(&mut self, command: Command, leash: Leash, now: Moment) -> Outputs {
        if !matches!(self.state, State::Idle) {
            return Err(self.out_of_turn("a command"));
        }
        self.commands += 1;
        Ok(self.judge(command, leash, now))
    }

    /// Judges the last command by what is known now; again, when it was held and that changed.
    pub(super) fn judge(&mut self, command: Command, leash: Leash, now: Moment) -> Vec<Output> {
        self.busy = now.elapsed;
        let shown = record::shown_again(&self.facts, &mut self.memory, &command.text, now);
        let cut = shown.cut();
        let facts = Facts { reading: Some(&shown.reading), ..self.facts.judged(&now) };
        let mut decision = decide::decide(&self.facts.policy, &facts);
        let (obligations, without_stream) = self.obliged(decision.obligations);
        decision.obligations = obligations;
        let (parts, mut event) =
            record::judged(&self.facts, self.commands, &command, shown, &decision, now);
        event.without_stream = without_stream;
        let mut outputs = Vec::with_capacity(parts.len() + 1);
        for part in parts {
            let draft = self.scribe.short(&self.facts, now, Kind::CommandPart(part));
            outputs.push(Output::Append(self.append(draft, Urgency::Ordinary, None)));
        }
        let required = event.durability;
        let kind = Kind::CommandJudged(event);
        let append = self.full(kind, Urgency::Ordinary, Some(required), now);
        let key = append.draft.key();
        let Command { text, digest, sealed } = command;
        let told = decision.told;
        let told = |code| told.unwrap_or_else(|| Told::plain(code));
        let (again, mut ask) = (text.share(), None);
        let judged = match decision.verdict {
            Verdict::Allow => {
                let until = leash.good_until(now.elapsed);
                let allowed = Judged::allowed(key, required, text, until);
                let forwards = forward::is_forwarded(self.facts.channel);
                if forwards { allowed.forwarding() } else { allowed }
            }
            Verdict::Block => Judged::blocked(key, required, told(Code::BlockedByRule)),
            Verdict::Hold => {
                let command = self.facts.command(self.commands, digest);
                let rules = decision.hold.unwrap_or_default();
                let why = told(Code::Held).text;
                let asked = Ask::new(&self.facts, command.clone(), cut, rules, why);
                ask = Some((Box::new(asked), Sealed { digest, sealed }));
                let revision = self.facts.policy_ref.revision;
                Judged::held(key, required, text, command, revision)
            }
        };
        let (at, obligations) = (now.elapsed, decision.obligations);
        let judging = Judging { judged, at, obligations, text: again, ask };
        self.state = State::Judging(Box::new(judging));
        outputs.push(Output::Append(append));
        outputs
    }

    pub(super) fn recorded(&mut self, receipt: Receipt, now: Moment) -> Outputs {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Judging(judging) => Ok(self.settle(*judging, receipt, now)),
            State::Releasing(releasing) => Ok(self.let_go(*releasing, receipt, now)),
            other => {
                self.state = other;
                Err(self.out_of_turn("a receipt"))
            }
        }
    }

    fn settle(&mut self, judging: Judging, receipt: Receipt, now: Moment) -> Vec<Output> {
        let Judging { judged, at, obligations, text, ask } = judging;
        match (judged.settle(receipt), ask) {
            (Ok(Settled::Permit(permit)), _) => {
                self.begin(&obligations, at, text, Vec::new());
                vec![Output::Forward(permit)]
            }
            (Ok(Settled::Refusal(refusal)), _) => self.refuse(at, refusal, now),
            (Ok(Settled::Held(held)), Some((ask, sealed))) => {
                let holding = Holding::new(held, at, obligations, sealed, text, &ask);
                self.state = State::Holding(Box::new(holding));
                vec![Output::Ask(ask)]
            }
            (Ok(Settled::Held(held)), None) => {
                self.refuse(at, held.refuse(Told::plain(Code::HeldWithoutApprovals)), now)
            }
            (Err(unproven), _) => {
                let told = Told::new(Code::RecordUnavailable, unproven.to_string());
                self.refuse(at, Refusal::because(told), now)
            }
        }
    }

    pub(super) fn not_recorded(&mut self, told: Told, now: Moment) -> Outputs {
        let at = match &self.state {
            State::Judging(judging) => judging.at,
            State::Releasing(releasing) => releasing.at,
            _ => return Err(self.out_of_turn("a failure of the record")),
        };
        self.state = State::Idle;
        Ok(self.refuse(at, Refusal::because(told), now))
    }

    /// The last command does not run.
    pub(super) fn refuse(
        &mut self,
        judged_at: Duration,
        refusal: Refusal,
        now: Moment,
    ) -> Vec<Output> {
        let event = CommandFinished {
            command: self.commands,
            outcome: Outcome::Refused(refusal.told().clone()),
            duration_ms: millis(now.elapsed.saturating_sub(judged_at)),
            input: Counted::default(),
            output: Counted::default(),
            errors: Counted::default(),
            masked: std::collections::BTreeMap::new(),
            rows: None,
        };
        let append = self.full(Kind::CommandFinished(event), Urgency::LastWords, None, now);
        vec![Output::Append(append), Output::Refuse(refusal)]
    }
}
