//! The session machine: one input at a time in, what to do out.
//!
//! `Idle` → a command → `Judging` → its receipt → `Running`, `Holding` or idle again; `Holding` →
//! an approval that was spent → `Releasing` → its receipt → `Running`; `Running` → its end →
//! `Idle`; and from anywhere to `Closed`. What exists only in a state lives only in that state.
//!
//! A terminal is the exception: it runs beside what is typed into it, line by line, so it is no
//! state of the machine. Its lines go from `Idle` by the same way back to `Idle`. So do the
//! requests of a file transfer, what a push to a git repository asks, and forwards.

mod files;
mod holding;
mod judging;
mod serving;
mod values;

use std::time::Duration;

use node_enforce::mask::ValueMasker;
use node_enforce::policy::{Limits, RecordRules, StreamDown};
use proto::event::{Kind, Outcome, SessionClosed, SessionOpened};
use proto::reading::Durability;
use proto::refusal::{Code, Told};
use proto::time::Moment;
use store_log::{Share, Urgency};

use crate::facts::SessionFacts;
use crate::input::Input;
use crate::memory::Memory;
use crate::output::{Append, Output};
use crate::proof::Refusal;
use crate::record::Scribe;
use crate::running::Running;
use holding::{Holding, Releasing};
use judging::Judging;

/// The machine of one session.
#[derive(Debug)]
pub struct Gate {
    facts: SessionFacts,
    scribe: Scribe,
    opened: Duration,
    busy: Duration,
    commands: u64,
    /// Whether the replicated stream took events when this was last said.
    stream_up: bool,
    /// What was made of texts that came before.
    memory: Memory,
    /// What masks values, once there were any.
    values: Option<Box<ValueMasker>>,
    /// The terminal, file transfer, push or session of forwards, once it may be opened, in a
    /// session that is one.
    beside: Option<Box<Running>>,
    state: State,
}

#[derive(Debug)]
enum State {
    Idle,
    Judging(Box<Judging>),
    Holding(Box<Holding>),
    Releasing(Box<Releasing>),
    Running(Box<Running>),
    Closed,
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
        let mut gate = Self {
            facts,
            scribe,
            opened,
            busy,
            commands: 0,
            stream_up: false,
            memory: Memory::default(),
            values: None,
            beside: None,
            state: State::Idle,
        };
        let append = gate.full(kind, Urgency::Ordinary, None, now);
        (gate, vec![Output::Append(append)])
    }

    /// The number that the next command will have.
    #[must_use]
    pub fn next_command(&self) -> u64 {
        self.commands + 1
    }

    /// The number of the last command.
    #[must_use]
    pub fn last_command(&self) -> u64 {
        self.commands
    }

    /// What is known of the session.
    #[must_use]
    pub fn facts(&self) -> &SessionFacts {
        &self.facts
    }

    /// What ends the running command; nothing when none runs.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.running().map_or_else(Limits::default, |running| running.ends)
    }

    /// Whether the rows of the running command are to be recorded.
    #[must_use]
    pub fn records_rows(&self) -> bool {
        self.running().is_some_and(|running| running.results.is_some())
    }

    /// What is with the target: a command, a terminal, or a file transfer.
    fn running(&self) -> Option<&Running> {
        match &self.state {
            State::Running(running) => Some(running),
            _ => self.beside.as_deref(),
        }
    }

    /// Takes one input and says what to do, in order.
    ///
    /// # Errors
    /// [`OutOfTurn`] when the state does not expect it; nothing has changed then.
    pub fn on(&mut self, input: Input<'_>, now: Moment) -> Outputs {
        match input {
            Input::StreamUp(up) => {
                self.stream_up = up;
                Ok(Vec::new())
            }
            Input::Command(command, leash) => self.command(command, leash, now),
            Input::Facts(facts, leash) => Ok(self.learn(*facts, leash, now)),
            Input::Recorded(receipt) => self.recorded(receipt, now),
            Input::NotRecorded(told) => self.not_recorded(told, now),
            Input::Approved(approval) => self.approved(approval, now),
            Input::Consumed(consumption, leash) => self.consumed(consumption, leash, now),
            Input::NotApproved(told) => self.not_approved(told, now),
            Input::Withdrawn(because) => self.withdrawn(because, now),
            Input::Started => self.started(now),
            Input::Output { stream, raw } => self.output(stream, raw, now),
            Input::Values { batch, places, rows } => self.pass_values(batch, places, rows, now),
            Input::Results(raw) => self.results(raw, now),
            Input::Answered { command, outcome, passed } => {
                self.answered(command, outcome, passed, now)
            }
            Input::Forwarded(closed) => self.forwarded(*closed, now),
            Input::InputPassed => {
                self.busy = now.elapsed;
                Ok(Vec::new())
            }
            Input::OutputQuiet => self.output_quiet(now),
            Input::OutputEnded(stream) => self.output_ended(stream, now),
            Input::Ended { ending, input } => self.ended(ending, input, now),
            Input::Tick => Ok(self.tick(now)),
            Input::Close(reason) => Ok(self.close(reason, now)),
        }
    }

    fn tick(&mut self, now: Moment) -> Vec<Output> {
        // Who waits for somebody else is not idle: their request has an end of its own.
        if let State::Holding(_) | State::Releasing(_) = self.state {
            self.busy = now.elapsed;
        }
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
        let event = SessionClosed { reason, duration_ms, commands: self.commands, sealed: None };
        let kind = Kind::SessionClosed(event);
        // The last word of a session is waited for, so that an orderly end is never lost.
        let append = self.full(kind, Urgency::LastWords, Some(Durability::Local), now);
        outputs.push(Output::Append(append));
        outputs
    }

    /// Ends what is under way, when the session closes before it ended. What a masker holds back
    /// goes nowhere: nobody is there to get it.
    fn abandon(&mut self, now: Moment) -> Vec<Output> {
        let refused = match std::mem::replace(&mut self.state, State::Closed) {
            State::Running(running) => {
                return vec![self.finished(*running, Outcome::ClientLeft, now)];
            }
            State::Judging(judging) => Some((judging.at, Code::SessionEnded)),
            State::Holding(holding) => Some((holding.at, Code::ApprovalWithdrawn)),
            State::Releasing(releasing) => Some((releasing.at, Code::SessionEnded)),
            State::Idle | State::Closed => None,
        };
        let mut outputs = Vec::new();
        if let Some((at, code)) = refused {
            outputs = self.refuse(at, Refusal::because(Told::plain(code)), now);
            outputs.truncate(1);
        }
        if let Some(beside) = self.beside.take() {
            outputs.push(self.finished(*beside, Outcome::ClientLeft, now));
        }
        outputs
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

    /// What policy asks of the record, as long as the stream is as it is: where policy says so, a
    /// stream that is down is done without. Says whether it is.
    fn obliged(&self, rules: RecordRules) -> (RecordRules, bool) {
        let needed = rules.durability == Durability::Replicated;
        let without = needed && !self.stream_up && rules.when_stream_down == StreamDown::Local;
        let durability = if without { Durability::Local } else { rules.durability };
        (RecordRules { durability, ..rules }, without)
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
            State::Holding(_) => "holding a command",
            State::Releasing(_) => "letting a held command go",
            State::Running(_) => "running a command",
            State::Closed => "closed",
        };
        OutOfTurn { came, state }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
