//! The session machine: one input at a time in, what to do out.
//!
//! `Idle` → a command → `Judging` → its receipt → `Running` or idle again → its end → `Idle`, and
//! from anywhere to `Closed`. What exists only in a state lives only in that state.

use std::time::Duration;

use node_enforce::decide::{self, Decision, Facts};
use node_enforce::policy::RecordRules;
use proto::event::{CommandFinished, CommandStarted, Counted, Kind, Outcome};
use proto::event::{SessionClosed, SessionOpened, Stream};
use proto::reading::{Durability, Verdict};
use proto::refusal::{Code, Told};
use proto::time::Moment;
use store_log::{Receipt, Share, Urgency};

use crate::command::Command;
use crate::facts::SessionFacts;
use crate::input::{Ending, Input};
use crate::output::{Append, Output};
use crate::proof::{Judged, Refusal, Settled};
use crate::record::{self, Scribe};
use crate::running::Running;

/// How long a verdict may be acted on: T of the design's promise 7.
const PERMIT_VALID: Duration = Duration::from_secs(15);

/// The machine of one session.
#[derive(Debug)]
pub struct Gate {
    facts: SessionFacts,
    scribe: Scribe,
    opened: Duration,
    busy: Duration,
    commands: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Idle,
    Judging(Judging),
    Running(Box<Running>),
    Closed,
}

#[derive(Debug)]
struct Judging {
    judged: Judged,
    number: u64,
    at: Duration,
    obligations: RecordRules,
}

/// An input that the gate's state does not expect: a bug in whoever drives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{came} came while the session was {state}")]
pub struct OutOfTurn {
    /// What came.
    pub came: &'static str,
    /// What the gate was doing.
    pub state: &'static str,
}

type Outputs = Result<Vec<Output>, OutOfTurn>;

impl Gate {
    /// Opens a session that a grant allows, and says so to the record.
    #[must_use]
    pub fn open(facts: SessionFacts, now: Moment) -> (Self, Vec<Output>) {
        let kind = Kind::SessionOpened(SessionOpened {
            channel: facts.channel,
            grant: facts.grant.clone(),
            connection: facts.connection,
        });
        let scribe = Scribe::new(now);
        let (opened, busy) = (now.elapsed, now.elapsed);
        let mut gate = Self { facts, scribe, opened, busy, commands: 0, state: State::Idle };
        let append = gate.full(kind, Urgency::Ordinary, None, now);
        (gate, vec![Output::Append(append)])
    }

    /// The number that the next command will have.
    #[must_use]
    pub fn next_command(&self) -> u64 {
        self.commands + 1
    }

    /// Takes one input and says what to do, in order.
    ///
    /// # Errors
    /// [`OutOfTurn`] when the state does not expect it; nothing has changed then.
    pub fn on(&mut self, input: Input<'_>, now: Moment) -> Outputs {
        match input {
            Input::Command(command) => self.command(command, now),
            Input::Recorded(receipt) => self.recorded(receipt, now),
            Input::NotRecorded(told) => self.not_recorded(told, now),
            Input::Started => self.started(now),
            Input::Output { stream, raw } => {
                self.busy = now.elapsed;
                let State::Running(running) = &mut self.state else {
                    return Err(self.out_of_turn("output"));
                };
                let output = running.feed(&self.facts, &mut self.scribe, stream, raw, now);
                Ok(output.into_iter().collect())
            }
            Input::InputPassed => {
                self.busy = now.elapsed;
                Ok(Vec::new())
            }
            Input::OutputEnded(stream) => {
                let State::Running(running) = &mut self.state else {
                    return Err(self.out_of_turn("an output's end"));
                };
                let output = running.end(&self.facts, &mut self.scribe, stream, now);
                Ok(output.into_iter().collect())
            }
            Input::Ended { ending, input } => self.ended(ending, input, now),
            Input::Tick => Ok(self.tick(now)),
            Input::Close(reason) => Ok(self.close(reason, now)),
        }
    }

    fn command(&mut self, command: Command, now: Moment) -> Outputs {
        if !matches!(self.state, State::Idle) {
            return Err(self.out_of_turn("a command"));
        }
        self.busy = now.elapsed;
        self.commands += 1;
        let shown = record::shown(&self.facts, &command, now);
        let facts = Facts { reading: Some(&shown.reading), ..self.facts.judged(&now) };
        let decision = decide::decide(&self.facts.policy, &facts);
        let (parts, event) =
            record::judged(&self.facts, self.commands, &command, shown, &decision, now);
        let mut outputs = Vec::with_capacity(parts.len() + 1);
        for part in parts {
            let draft = self.scribe.short(&self.facts, now, Kind::CommandPart(part));
            outputs.push(Output::Append(self.append(draft, Urgency::Ordinary, None)));
        }
        let required = event.durability;
        let kind = Kind::CommandJudged(event);
        let append = self.full(kind, Urgency::Ordinary, Some(required), now);
        let key = append.draft.key();
        let told = |decision: &Decision| {
            decision.told.clone().unwrap_or_else(|| Told::plain(Code::BlockedByRule))
        };
        let judged = match decision.verdict {
            Verdict::Allow => {
                Judged::allowed(key, required, command.text, now.elapsed + PERMIT_VALID)
            }
            Verdict::Block => Judged::blocked(key, required, told(&decision)),
            Verdict::Hold => Judged::held(key, required, told(&decision)),
        };
        let obligations = decision.obligations;
        let number = self.commands;
        self.state = State::Judging(Judging { judged, number, at: now.elapsed, obligations });
        outputs.push(Output::Append(append));
        Ok(outputs)
    }

    fn recorded(&mut self, receipt: Receipt, now: Moment) -> Outputs {
        let State::Judging(_) = &self.state else {
            return Err(self.out_of_turn("a receipt"));
        };
        let State::Judging(judging) = std::mem::replace(&mut self.state, State::Idle) else {
            return Ok(Vec::new());
        };
        let Judging { judged, number, at, obligations } = judging;
        match judged.settle(receipt) {
            Ok(Settled::Permit(permit)) => {
                let running = Running::new(&self.facts, number, &obligations, at);
                self.state = State::Running(Box::new(running));
                Ok(vec![Output::Forward(permit)])
            }
            Ok(Settled::Refusal(refusal)) => Ok(self.refuse(number, at, refusal, now)),
            Ok(Settled::Held(held)) => Ok(self.refuse(number, at, held.refuse(), now)),
            Err(unproven) => {
                let told = Told::new(Code::RecordUnavailable, unproven.to_string());
                Ok(self.refuse(number, at, Refusal::because(told), now))
            }
        }
    }

    fn not_recorded(&mut self, told: Told, now: Moment) -> Outputs {
        let State::Judging(judging) = &self.state else {
            return Err(self.out_of_turn("a failure of the record"));
        };
        let (number, at) = (judging.number, judging.at);
        self.state = State::Idle;
        Ok(self.refuse(number, at, Refusal::because(told), now))
    }

    fn refuse(
        &mut self,
        number: u64,
        judged_at: Duration,
        refusal: Refusal,
        now: Moment,
    ) -> Vec<Output> {
        let event = CommandFinished {
            command: number,
            outcome: Outcome::Refused(refusal.told().clone()),
            duration_ms: millis(now.elapsed.saturating_sub(judged_at)),
            input: Counted::default(),
            output: Counted::default(),
            errors: Counted::default(),
            masked: std::collections::BTreeMap::new(),
        };
        let append = self.full(Kind::CommandFinished(event), Urgency::LastWords, None, now);
        vec![Output::Append(append), Output::Refuse(refusal)]
    }

    fn started(&mut self, now: Moment) -> Outputs {
        let State::Running(running) = &self.state else {
            return Err(self.out_of_turn("a start"));
        };
        let kind = Kind::CommandStarted(CommandStarted { command: running.number });
        let append = self.full(kind, Urgency::Ordinary, None, now);
        Ok(vec![Output::Append(append)])
    }

    fn ended(&mut self, ending: Ending, input: Counted, now: Moment) -> Outputs {
        let State::Running(_) = &self.state else {
            return Err(self.out_of_turn("a command's end"));
        };
        let State::Running(mut running) = std::mem::replace(&mut self.state, State::Idle) else {
            return Ok(Vec::new());
        };
        self.busy = now.elapsed;
        let mut outputs = Vec::with_capacity(3);
        for stream in [Stream::Output, Stream::Errors] {
            outputs.extend(running.end(&self.facts, &mut self.scribe, stream, now));
        }
        outputs.push(self.finished(*running, outcome(ending), input, now));
        Ok(outputs)
    }

    fn finished(
        &mut self,
        running: Running,
        outcome: Outcome,
        input: Counted,
        now: Moment,
    ) -> Output {
        let event = CommandFinished {
            command: running.number,
            outcome,
            duration_ms: millis(now.elapsed.saturating_sub(running.judged_at)),
            input,
            output: running.output.counter.total(),
            errors: running.errors.counter.total(),
            masked: running.masked,
        };
        Output::Append(self.full(Kind::CommandFinished(event), Urgency::LastWords, None, now))
    }

    fn tick(&mut self, now: Moment) -> Vec<Output> {
        let limits = self.facts.policy.sessions();
        let reason = if now.elapsed.saturating_sub(self.opened) >= limits.max {
            "it was open for as long as policy lets a session be"
        } else if now.elapsed.saturating_sub(self.busy) >= limits.idle {
            "nothing happened in it for as long as policy lets a session be idle"
        } else {
            return Vec::new();
        };
        vec![Output::End(Told::new(Code::SessionEnded, format!("The session ended: {reason}.")))]
    }

    fn close(&mut self, reason: String, now: Moment) -> Vec<Output> {
        if matches!(self.state, State::Closed) {
            return Vec::new();
        }
        let mut outputs = self.abandon(now);
        let duration_ms = millis(now.elapsed.saturating_sub(self.opened));
        let event = SessionClosed { reason, duration_ms, commands: self.commands };
        let kind = Kind::SessionClosed(event);
        // The last word of a session is waited for, so that an orderly end is never lost.
        let append = self.full(kind, Urgency::LastWords, Some(Durability::Local), now);
        outputs.push(Output::Append(append));
        outputs
    }

    /// Ends what is under way, when the session closes before it ended. What a masker holds back
    /// goes nowhere: nobody is there to get it.
    fn abandon(&mut self, now: Moment) -> Vec<Output> {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Running(running) => {
                vec![self.finished(*running, Outcome::ClientLeft, Counted::default(), now)]
            }
            State::Judging(judging) => {
                let refusal = Refusal::because(Told::plain(Code::SessionEnded));
                let mut outputs = self.refuse(judging.number, judging.at, refusal, now);
                outputs.truncate(1);
                outputs
            }
            State::Idle | State::Closed => Vec::new(),
        }
    }

    fn full(
        &mut self,
        kind: Kind,
        urgency: Urgency,
        answer: Option<Durability>,
        now: Moment,
    ) -> Append {
        let draft = self.scribe.draft(&self.facts, now, kind);
        self.append(draft, urgency, answer)
    }

    fn append(
        &self,
        draft: Box<proto::event::Draft>,
        urgency: Urgency,
        answer: Option<Durability>,
    ) -> Append {
        let share = Share::of_person(self.facts.actor.person.as_str());
        Append { draft, share, urgency, answer }
    }

    fn out_of_turn(&self, came: &'static str) -> OutOfTurn {
        let state = match self.state {
            State::Idle => "idle",
            State::Judging(_) => "judging a command",
            State::Running(_) => "running a command",
            State::Closed => "closed",
        };
        OutOfTurn { came, state }
    }
}

fn outcome(ending: Ending) -> Outcome {
    match ending {
        Ending::Exited(status) => Outcome::Exited(status),
        Ending::Signalled(signal) => Outcome::Signalled(signal),
        Ending::ClientLeft => Outcome::ClientLeft,
        Ending::Failed(told) => Outcome::Failed(told),
        Ending::Refused(told) => Outcome::Refused(told),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
