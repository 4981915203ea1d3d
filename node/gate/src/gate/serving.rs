//! A command that is with its target, from its start to its end.

use node_enforce::mask::Raw;
use proto::event::{CommandFinished, CommandStarted, Counted, Kind, Outcome, Stream};
use proto::time::Moment;
use store_log::Urgency;

use super::{Gate, Outputs, State, millis};
use crate::input::Ending;
use crate::output::Output;
use crate::running::Running;

impl Gate {
    pub(super) fn started(&mut self, now: Moment) -> Outputs {
        let State::Running(running) = &self.state else {
            return Err(self.out_of_turn("a start"));
        };
        let kind = Kind::CommandStarted(CommandStarted { command: running.number });
        let append = self.full(kind, Urgency::Ordinary, None, now);
        Ok(vec![Output::Append(append)])
    }

    pub(super) fn output(&mut self, stream: Stream, raw: Raw<'_>, now: Moment) -> Outputs {
        self.busy = now.elapsed;
        let State::Running(running) = &mut self.state else {
            return Err(self.out_of_turn("output"));
        };
        let output = running.feed(&self.facts, &mut self.scribe, stream, raw, now);
        Ok(output.into_iter().collect())
    }

    pub(super) fn output_ended(&mut self, stream: Stream, now: Moment) -> Outputs {
        let State::Running(running) = &mut self.state else {
            return Err(self.out_of_turn("an output's end"));
        };
        let output = running.end(&self.facts, &mut self.scribe, stream, now);
        Ok(output.into_iter().collect())
    }

    pub(super) fn ended(&mut self, ending: Ending, input: Counted, now: Moment) -> Outputs {
        let mut running = match std::mem::replace(&mut self.state, State::Idle) {
            State::Running(running) => running,
            other => {
                self.state = other;
                return Err(self.out_of_turn("a command's end"));
            }
        };
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
