//! A command that is with its target: its maskers, its counters, and what the record keeps of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use node_enforce::decide::{self, Facts};
use node_enforce::mask::{Finding, MaskPlan, Masked, Masker, Raw, Window};
use node_enforce::policy::{Approval, Limits, Output as OutputRule, RecordRules};
use proto::event::{Counted, Kind, OutputReleased, Stream};
use proto::reading::{Durability, Verdict};
use proto::refusal::{Code, Told};
use proto::time::Moment;

use crate::command::CommandText;
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
    /// Rows as the record shows them; absent when they are only counted.
    pub(crate) results: Option<Flow>,
    /// What ends it.
    pub(crate) ends: Limits,
    pub(crate) input: Counted,
    // What was sent, so that it can be judged by a newer policy.
    text: CommandText,
    // What somebody else has approved of it.
    approved: Vec<Approval>,
    // What was let go into it and may be under way, with what was approved of that, by its number:
    // of a terminal the last line, of a file transfer open files and requests without an answer.
    within: BTreeMap<u64, Within>,
    /// Whether its output is the content of files: that passes as it is, or not at all.
    pub(crate) is_copy: bool,
    /// How many rows were let through; absent when no values were.
    pub(crate) rows: Option<u64>,
    recorded: u64,
    limit: u64,
    window: Durability,
}

/// What was let go into a terminal or a file transfer that runs.
#[derive(Debug)]
pub(crate) struct Within {
    /// When it was judged.
    pub(crate) at: Duration,
    pub(crate) text: CommandText,
    /// What somebody else has approved of it.
    pub(crate) approved: Vec<Approval>,
    /// How many bytes of a file that it opens may pass, either way.
    pub(crate) file_limit: Option<u64>,
}

/// One output of a command.
#[derive(Debug)]
pub(crate) struct Flow {
    stream: Stream,
    masks: Arc<MaskPlan>,
    /// Made when there is something to mask: most statements of a database have no output here.
    masker: Option<Box<Masker>>,
    pub(crate) counter: Counter,
    ended: bool,
}

impl Flow {
    fn feed(&mut self, raw: Raw<'_>) -> Window {
        let masks = &self.masks;
        self.masker.get_or_insert_with(|| Box::new(Masker::new(masks.clone()))).feed(raw)
    }
}

impl Running {
    pub(crate) fn new(
        facts: &SessionFacts,
        number: u64,
        obligations: &RecordRules,
        judged_at: Duration,
        text: CommandText,
        approved: Vec<Approval>,
    ) -> Self {
        let flow = |stream| Flow {
            stream,
            masks: facts.masks.clone(),
            masker: None,
            counter: Counter::new(),
            ended: false,
        };
        Self {
            number,
            judged_at,
            masked: BTreeMap::new(),
            output: flow(Stream::Output),
            errors: flow(Stream::Errors),
            results: obligations.rows.then(|| flow(Stream::Output)),
            ends: obligations.ends,
            input: Counted::default(),
            text,
            approved,
            within: BTreeMap::new(),
            is_copy: false,
            rows: None,
            recorded: 0,
            limit: obligations.limit,
            window: if obligations.output == OutputRule::Strict {
                obligations.durability.max(Durability::Local)
            } else {
                Durability::Queued
            },
        }
    }

    /// What to tell when the command would not be let run by what is known now. One that was
    /// approved goes on if nothing is asked of approvers now that was not asked then. The masks
    /// stay those of its verdict: a stream has one masker from its first byte to its last.
    pub(crate) fn ends(&self, facts: &SessionFacts, now: Moment) -> Option<Told> {
        let within = self.within.values().map(|within| (&within.text, &within.approved));
        let mut all = std::iter::once((&self.text, &self.approved)).chain(within);
        all.find_map(|(text, approved)| would_end(text, approved, facts, now))
    }

    /// A line was let go into this terminal. What the record keeps of output is so much for each.
    pub(crate) fn typed(&mut self, text: CommandText, approved: Vec<Approval>) {
        // When, matters for nothing: a line has no end.
        self.within =
            BTreeMap::from([(0, Within { at: self.judged_at, text, approved, file_limit: None })]);
        self.recorded = 0;
        self.output.counter.resume();
        self.errors.counter.resume();
    }

    /// A request was let go into this file transfer.
    pub(crate) fn asked(&mut self, number: u64, within: Within) {
        self.within.insert(number, within);
    }

    /// Whether a request was let go and is under way.
    pub(crate) fn has_asked(&self, number: u64) -> bool {
        self.within.contains_key(&number)
    }

    /// How many bytes of the file that a request opened may pass.
    pub(crate) fn file_limit(&self, number: u64) -> Option<u64> {
        self.within.get(&number)?.file_limit
    }

    /// Nothing of a request is under way any more, if it was.
    pub(crate) fn answered(&mut self, number: u64) -> Option<Within> {
        self.within.remove(&number)
    }

    /// Counts messages of a file transfer that are let through.
    pub(crate) fn count_messages(&mut self, bytes: u64, findings: &[Finding]) {
        record::count(&mut self.masked, findings.iter().map(|one| &*one.detector));
        self.output.counter.pass_unread(bytes);
    }

    /// Counts messages of a command that are let through, and of which the record keeps a digest.
    pub(crate) fn count_lines(&mut self, bytes: &[u8], findings: &[Finding]) {
        record::count(&mut self.masked, findings.iter().map(|one| &*one.detector));
        self.output.counter.pass_by(bytes);
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
        let window = flow.feed(raw);
        self.pass(facts, scribe, stream, window, now)
    }

    /// Nothing came on one output for a while: what is held back and only may begin something is
    /// let go.
    pub(crate) fn quiet(
        &mut self,
        facts: &SessionFacts,
        scribe: &mut Scribe,
        stream: Stream,
        now: Moment,
    ) -> Option<Output> {
        let window = self.flow(stream).masker.as_mut()?.quiet()?;
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
        let window = flow.masker.take()?.finish();
        self.pass(facts, scribe, stream, window, now)
    }

    /// Takes rows as the record shows them; they were masked and counted before.
    pub(crate) fn feed_results(
        &mut self,
        facts: &SessionFacts,
        scribe: &mut Scribe,
        raw: Raw<'_>,
        now: Moment,
    ) -> Option<Output> {
        let mut results = self.results.take()?;
        let window = results.feed(raw);
        let output = self.keep(facts, scribe, &mut results, window, now);
        self.results = Some(results);
        output
    }

    /// Ends the rows.
    pub(crate) fn end_results(
        &mut self,
        facts: &SessionFacts,
        scribe: &mut Scribe,
        now: Moment,
    ) -> Option<Output> {
        let mut results = self.results.take()?;
        let window = results.masker.take()?.finish();
        self.keep(facts, scribe, &mut results, window, now)
    }

    /// Counts values that are let through.
    pub(crate) fn count_values(&mut self, bytes: u64, rows: u64, findings: &[Finding]) {
        record::count(&mut self.masked, findings.iter().map(|one| &*one.detector));
        self.rows = Some(self.rows.unwrap_or(0) + rows);
        self.output.counter.pass_unread(bytes);
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
        record::count(&mut self.masked, window.findings.detectors());
        if self.is_copy && stream == Stream::Output && !window.findings.is_empty() {
            self.flow(stream).ended = true;
            return Some(Output::End(withheld(window.findings.detectors())));
        }
        let length = window.client.bytes().len() as u64;
        if length == 0 {
            return None;
        }
        let (fits, number, required) = (self.fits(length), self.number, self.window);
        let flow = self.flow(stream);
        let offset = flow.counter.bytes();
        flow.counter.pass(window.client.bytes());
        if !fits || flow.counter.cuts() {
            flow.counter.truncate();
            return Release::beyond_limit(flow.stream, window.client, &flow.counter)
                .map(Output::Release);
        }
        self.recorded += length;
        let event: OutputReleased =
            record::released(number, stream, offset, scribe.age_ms(now), &window);
        Some(kept(facts, scribe, event, required, window.client, now))
    }

    fn fits(&self, length: u64) -> bool {
        self.recorded + length <= self.limit
    }

    /// Records what was let through already, as it is shown; beyond the limit nothing of it.
    fn keep(
        &mut self,
        facts: &SessionFacts,
        scribe: &mut Scribe,
        results: &mut Flow,
        window: Window,
        now: Moment,
    ) -> Option<Output> {
        let length = window.client.bytes().len() as u64;
        if length == 0 || results.counter.cuts() {
            return None;
        }
        if !self.fits(length) {
            results.counter.truncate();
            return None;
        }
        self.recorded += length;
        let offset = results.counter.bytes();
        results.counter.pass(window.client.bytes());
        let at_ms = scribe.age_ms(now);
        let event = record::released(self.number, Stream::Output, offset, at_ms, &window);
        Some(kept(facts, scribe, event, self.window, window.client, now))
    }
}

/// What to tell when a file that is copied holds what is masked.
fn withheld<'a>(detectors: impl Iterator<Item = &'a str>) -> Told {
    let mut found: Vec<_> = detectors.collect();
    found.sort_unstable();
    found.dedup();
    let found = found.join(", ");
    let text =
        format!("A file holds something ({found}) which is masked here, so it is not given out.");
    Told::new(Code::ContentWithheld, text)
}

/// What to tell when what was let run would not be now.
fn would_end(
    text: &CommandText,
    approved: &[Approval],
    facts: &SessionFacts,
    now: Moment,
) -> Option<Told> {
    let shown = record::shown(facts, text, now);
    let judged = Facts { reading: Some(&shown.reading), ..facts.judged(&now) };
    let decision = decide::decide(&facts.policy, &judged);
    let stands = match decision.verdict {
        Verdict::Allow => true,
        Verdict::Block => false,
        Verdict::Hold => {
            let asked = decision.hold.unwrap_or_default().each;
            !asked.is_empty() && asked.iter().all(|rule| approved.contains(rule))
        }
    };
    if stands {
        return None;
    }
    let why = decision.told.map(|told| told.text).unwrap_or_default();
    let text = format!("The policy changed while the command ran. {why}");
    Some(Told::new(Code::SessionEnded, text.trim_end()))
}

fn kept(
    facts: &SessionFacts,
    scribe: &mut Scribe,
    event: OutputReleased,
    required: Durability,
    client: Masked,
    now: Moment,
) -> Output {
    let stream = event.stream;
    let draft = scribe.short(facts, now, Kind::OutputReleased(event));
    let unreleased = Unreleased::new(draft.key(), required, stream, client);
    let append = Append {
        draft,
        share: Share::of_person(facts.actor.person.as_str()),
        urgency: Urgency::Ordinary,
        answer: Some(required),
    };
    Output::Keep(append, unreleased)
}
