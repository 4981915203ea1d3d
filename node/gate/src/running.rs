//! A command that is with its target: its maskers, its counters, and what the record keeps of it.

use std::collections::BTreeMap;
use std::time::Duration;

use node_enforce::mask::{Masker, Raw, Window};
use node_enforce::policy::{Output as OutputRule, RecordRules};
use proto::event::{Kind, OutputReleased, Stream};
use proto::reading::Durability;
use proto::time::Moment;

use crate::count::Counter;
use crate::facts::SessionFacts;
use crate::output::{Append, Output};
use crate::proof::{Release, Unreleased};
use crate::record::{self, Scribe};
use store_log::{Share, Urgency};

/// One command between its permit and its end.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) number: u64,
    pub(crate) judged_at: Duration,
    pub(crate) masked: BTreeMap<String, u64>,
    pub(crate) output: Flow,
    pub(crate) errors: Flow,
    recorded: u64,
    limit: u64,
    window: Durability,
}

/// One output of a command.
#[derive(Debug)]
pub(crate) struct Flow {
    stream: Stream,
    masker: Masker,
    pub(crate) counter: Counter,
    ended: bool,
}

impl Running {
    pub(crate) fn new(
        facts: &SessionFacts,
        number: u64,
        obligations: &RecordRules,
        judged_at: Duration,
    ) -> Self {
        let flow = |stream| Flow {
            stream,
            masker: Masker::new(facts.masks.clone()),
            counter: Counter::new(),
            ended: false,
        };
        Self {
            number,
            judged_at,
            masked: BTreeMap::new(),
            output: flow(Stream::Output),
            errors: flow(Stream::Errors),
            recorded: 0,
            limit: obligations.limit,
            window: if obligations.output == OutputRule::Strict {
                obligations.durability.max(Durability::Local)
            } else {
                Durability::Queued
            },
        }
    }

    /// Takes bytes of the target and gives what may be let through of them.
    pub(crate) fn feed(
        &mut self,
        facts: &SessionFacts,
        scribe: &mut Scribe,
        stream: Stream,
        raw: Raw<'_>,
        now: Moment,
    ) -> Option<Output> {
        let flow = self.flow(stream);
        if flow.ended {
            return None;
        }
        let window = flow.masker.feed(raw);
        self.pass(facts, scribe, stream, window, now)
    }

    /// Ends one output: what was held back is decided now.
    pub(crate) fn end(
        &mut self,
        facts: &SessionFacts,
        scribe: &mut Scribe,
        stream: Stream,
        now: Moment,
    ) -> Option<Output> {
        let flow = self.flow(stream);
        if std::mem::replace(&mut flow.ended, true) {
            return None;
        }
        let window = flow.masker.finish();
        self.pass(facts, scribe, stream, window, now)
    }

    fn flow(&mut self, stream: Stream) -> &mut Flow {
        match stream {
            Stream::Output => &mut self.output,
            Stream::Errors => &mut self.errors,
        }
    }

    fn pass(
        &mut self,
        facts: &SessionFacts,
        scribe: &mut Scribe,
        stream: Stream,
        window: Window,
        now: Moment,
    ) -> Option<Output> {
        record::count(&mut self.masked, &window.findings);
        let length = window.client.bytes().len() as u64;
        if length == 0 {
            return None;
        }
        let (number, required) = (self.number, self.window);
        let fits = self.recorded + length <= self.limit;
        let flow = self.flow(stream);
        let offset = flow.counter.bytes();
        flow.counter.pass(window.client.bytes());
        if !fits || flow.counter.truncated() {
            flow.counter.truncate();
            return Release::beyond_limit(flow.stream, window.client, &flow.counter)
                .map(Output::Release);
        }
        self.recorded += length;
        let event: OutputReleased =
            record::released(number, stream, offset, scribe.age_ms(now), &window);
        let draft = scribe.short(facts, now, Kind::OutputReleased(event));
        let unreleased = Unreleased::new(draft.key(), required, stream, window.client);
        let append = Append {
            draft,
            share: Share::of_person(facts.actor.person.as_str()),
            urgency: Urgency::Ordinary,
            answer: Some(required),
        };
        Some(Output::Keep(append, unreleased))
    }
}
