//! A command that is with its target, from its start to its end.

use std::time::Duration;

use node_enforce::mask::Raw;
use node_enforce::policy::{Approval, RecordRules};
use node_enforce::{files, forward};
use proto::event::{CommandFinished, CommandStarted, Counted, Kind, Outcome, Stream};
use proto::reading::Channel;
use proto::time::Moment;
use store_log::Urgency;

use super::{Gate, Outputs, State, millis};
use crate::command::CommandText;
use crate::facts::SessionFacts;
use crate::input::Ending;
use crate::output::Output;
use crate::record::Scribe;
use crate::running::{Running, Within};

impl Gate {
    /// The last command may go to its target: it runs from now on, or, when it is a line of the
    /// terminal or a request of the file transfer that runs, becomes what that does.
    pub(super) fn begin(
        &mut self,
        obligations: &RecordRules,
        at: Duration,
        text: CommandText,
        approved: Vec<Approval>,
    ) {
        let number = self.commands;
        if let Some(beside) = &mut self.beside {
            match self.facts.channel {
                Channel::Shell => beside.typed(text, approved),
                _ => {
                    let file_limit = obligations.ends.file;
                    beside.asked(number, Within { at, text, approved, file_limit });
                }
            }
            return;
        }
        // What is asked within it is judged in its turn: lines, requests, what a push changes.
        let is_asked = match self.facts.channel {
            Channel::Shell | Channel::Sftp => true,
            channel if forward::is_forwarded(channel) => true,
            Channel::Exec => files::pushes_to(text.bytes()).is_some(),
            _ => false,
        };
        let is_copy = self.facts.channel == Channel::Exec && files::gives_files(text.bytes());
        let mut running = Running::new(&self.facts, number, obligations, at, text, approved);
        running.is_copy = is_copy;
        if is_asked {
            self.beside = Some(Box::new(running));
        } else {
            self.state = State::Running(Box::new(running));
        }
    }

    pub(super) fn under_way(&mut self) -> Option<(&mut Running, &SessionFacts, &mut Scribe)> {
        let running = match &mut self.state {
            State::Running(running) => running,
            _ => self.beside.as_mut()?,
        };
        Some((running, &self.facts, &mut self.scribe))
    }

    pub(super) fn started(&mut self, now: Moment) -> Outputs {
        let Some(running) = self.running() else { return Err(self.out_of_turn("a start")) };
        let kind = Kind::CommandStarted(CommandStarted { command: running.number });
        let append = self.full(kind, Urgency::Ordinary, None, now);
        Ok(vec![Output::Append(append)])
    }

    pub(super) fn output(&mut self, stream: Stream, raw: Raw<'_>, now: Moment) -> Outputs {
        self.busy = now.elapsed;
        let Some((running, facts, scribe)) = self.under_way() else {
            return Err(self.out_of_turn("output"));
        };
        let output = running.feed(facts, scribe, stream, raw, now);
        Ok(output.into_iter().collect())
    }

    /// What is held back of a prompt, or of a message that waits for its answer, is let go. That
    /// nothing comes is no activity.
    pub(super) fn output_quiet(&mut self, now: Moment) -> Outputs {
        // Nothing was said, so there is nothing that could be out of turn.
        let Some((running, facts, scribe)) = self.under_way() else { return Ok(Vec::new()) };
        let streams = [Stream::Output, Stream::Errors];
        let held = streams.map(|stream| running.quiet(facts, scribe, stream, now));
        Ok(held.into_iter().flatten().collect())
    }

    pub(super) fn output_ended(&mut self, stream: Stream, now: Moment) -> Outputs {
        let Some((running, facts, scribe)) = self.under_way() else {
            return Err(self.out_of_turn("an output's end"));
        };
        let output = running.end(facts, scribe, stream, now);
        Ok(output.into_iter().collect())
    }

    pub(super) fn ended(&mut self, ending: Ending, input: Counted, now: Moment) -> Outputs {
        let running = match std::mem::replace(&mut self.state, State::Idle) {
            State::Running(running) => Some(running),
            other => {
                self.state = other;
                // What is judged in a terminal that ended goes to nobody: closing says so.
                self.beside.take()
            }
        };
        let Some(mut running) = running else { return Err(self.out_of_turn("a command's end")) };
        self.busy = now.elapsed;
        let mut outputs = Vec::with_capacity(3);
        for stream in [Stream::Output, Stream::Errors] {
            outputs.extend(running.end(&self.facts, &mut self.scribe, stream, now));
        }
        outputs.extend(running.end_results(&self.facts, &mut self.scribe, now));
        running.input = input;
        outputs.push(self.finished(*running, outcome(ending), now));
        Ok(outputs)
    }

    pub(super) fn finished(&mut self, running: Running, outcome: Outcome, now: Moment) -> Output {
        let event = CommandFinished {
            command: running.number,
            outcome,
            duration_ms: millis(now.elapsed.saturating_sub(running.judged_at)),
            input: running.input,
            output: running.output.counter.total(),
            errors: running.errors.counter.total(),
            masked: running.masked,
            rows: running.rows,
        };
        Output::Append(self.full(Kind::CommandFinished(event), Urgency::LastWords, None, now))
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
