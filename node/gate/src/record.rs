//! Builds every event of a session; alone in building events that carry output or command text,
//! and only from what the masker gave.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use node_enforce::decide::{self, Decision};
use node_enforce::mask::{Finding, Masked, Raw, Window, mask_text};
use node_enforce::reader::{self, Cut, Reader, mask_words};
use node_enforce::sql;
use proto::event::{
    About, CommandJudged, CommandPart, Draft, Kind, MaskedPlace, OutputReleased, Stream,
    TEXT_PART_BYTES,
};
use proto::reading::{Channel, Durability, Program, Reading, Statement};
use proto::time::Moment;

use crate::ask::ASK_TEXT_BYTES;
use crate::command::{Command, CommandText};
use crate::facts::SessionFacts;
use crate::memory::{Known, Memory};

/// How many bytes of words a recorded reading keeps; over it, only the programs' names are kept.
const READING_WORDS_LIMIT: usize = 48 * 1024;

/// How many masked places one event names: with more, a window of output that is masked all over
/// would be larger than an event may be.
const PLACES_LIMIT: usize = 256;

/// What stands for a word that is not shown.
const HIDDEN: &str = "***";

/// Numbers and dates the events of one session.
#[derive(Debug)]
pub(crate) struct Scribe {
    seq: u64,
    opened: Duration,
}

impl Scribe {
    pub(crate) fn new(now: Moment) -> Self {
        Self { seq: 0, opened: now.elapsed }
    }

    /// Milliseconds since the session was opened.
    pub(crate) fn age_ms(&self, now: Moment) -> u64 {
        let age = now.elapsed.saturating_sub(self.opened);
        u64::try_from(age.as_millis()).unwrap_or(u64::MAX)
    }

    /// An event about a session, with all that was known of it.
    pub(crate) fn draft(&mut self, facts: &SessionFacts, now: Moment, kind: Kind) -> Box<Draft> {
        let mut draft = self.short(facts, now, kind);
        draft.about.actor = Some(facts.actor.clone());
        draft.about.target = Some(facts.target.clone());
        draft.about.policy = Some(facts.policy_ref);
        draft
    }

    /// An event that names its session and leaves the rest to the event that opened it: output
    /// comes thousands of times a session.
    pub(crate) fn short(&mut self, facts: &SessionFacts, now: Moment, kind: Kind) -> Box<Draft> {
        self.seq += 1;
        let about = About {
            session: Some(facts.session.clone()),
            session_seq: Some(self.seq),
            ..About::default()
        };
        Box::new(Draft { time: now.utc, applied: facts.applied, about, kind })
    }
}

/// A command as the record shows it: text and reading, masked.
pub(crate) struct Shown {
    text: String,
    masked: bool,
    /// Whether all that is known of it is that it reads.
    only_reads: bool,
    pub(crate) reading: Reading,
}

impl Shown {
    fn of(shown: reader::Shown, mut reading: Reading, only_reads: bool) -> Self {
        let reader::Shown { text, findings, exact } = shown;
        let mut detected: Vec<_> = findings.iter().map(|one| one.detector.to_string()).collect();
        detected.sort_unstable();
        detected.dedup();
        reading.detected = detected;
        // What is not UTF-8 is shown by another sign, so approvers do not see it as it is.
        Self { text, masked: !exact, only_reads, reading }
    }

    /// The text cut to what approvers are shown, and whether it is not the whole raw text.
    pub(crate) fn cut(&self) -> (String, bool) {
        let end = self.text.floor_char_boundary(ASK_TEXT_BYTES);
        (self.text[..end].to_owned(), self.masked || end < self.text.len())
    }
}

/// Reads a command and masks what was read, the text and each word. What is decided is decided on
/// this reading, so that the same comes out when it is read from the record.
pub(crate) fn shown(facts: &SessionFacts, text: &CommandText, now: Moment) -> Shown {
    let reader = Reader::of(facts.target.kind, facts.channel);
    let raw = text.bytes();
    match reader.cut(raw) {
        Some(cut) => together(facts, &cut, &apart(facts, &cut, now)),
        None => {
            let shown = reader.shown(&facts.masks, raw);
            let (reading, only_reads) = read(facts, raw, now);
            Shown::of(shown, reading, only_reads)
        }
    }
}

/// As [`shown`], out of what is remembered of the text where there is any.
pub(crate) fn shown_again(
    facts: &SessionFacts,
    memory: &mut Memory,
    text: &CommandText,
    now: Moment,
) -> Shown {
    let reader = Reader::of(facts.target.kind, facts.channel);
    match reader.cut(text.bytes()) {
        Some(cut) => {
            let known = memory.of(facts, &cut, || apart(facts, &cut, now));
            together(facts, &cut, &known)
        }
        None => shown(facts, text, now),
    }
}

/// What is made of a command but for what is bound to it.
fn apart(facts: &SessionFacts, cut: &Cut<'_>, now: Moment) -> Known {
    let (above, below) = cut.around(&facts.masks);
    let (reading, only_reads) = read(facts, cut.before(), now);
    Known { above, below, reading, only_reads }
}

fn together(facts: &SessionFacts, cut: &Cut<'_>, known: &Known) -> Shown {
    let shown = cut.shown(&facts.masks, (&known.above, &known.below));
    let mut reading = known.reading.clone();
    decide::match_bound(&facts.policy, &cut.bound(), &mut reading);
    Shown::of(shown, reading, known.only_reads)
}

/// The masked reading of what is not bound, and whether all that is known of it is that it reads.
fn read(facts: &SessionFacts, raw: &[u8], now: Moment) -> (Reading, bool) {
    let mut reading = decide::read_unbound(&facts.policy, &facts.judged(&now), raw);
    let only_reads = sql::only_reads(&reading);
    mask_reading(facts, &mut reading);
    (reading, only_reads)
}

fn mask_reading(facts: &SessionFacts, reading: &mut Reading) {
    let mut mask = |word: &str| {
        let (masked, _) = mask_text(&facts.masks, Raw::new(word.as_bytes()));
        String::from_utf8_lossy(masked.bytes()).into_owned()
    };
    if let Some(why) = &mut reading.unreadable {
        *why = mask(why);
    }
    let joined: Vec<_> = reading.programs.iter().map(|program| mask(&line(program))).collect();
    mask_words(reading, &mut mask);
    for (program, joined) in reading.programs.iter_mut().zip(joined) {
        // A secret that only its neighbour gives away (`password: x` as two words) is masked in
        // the line and not in the word: then the words are not shown at all.
        if line(program) != joined {
            hide_words(program);
        }
    }
    let words: usize = reading.programs.iter().map(|program| line(program).len()).sum();
    if words > READING_WORDS_LIMIT {
        reading.programs.iter_mut().for_each(hide_words);
    }
    let paths: usize = reading.files.iter().map(|file| file.path.len()).sum();
    if paths > READING_WORDS_LIMIT {
        reading.files.iter_mut().for_each(|file| file.path = HIDDEN.to_owned());
    }
    let names: usize = reading.statements.iter().map(name_bytes).sum();
    if names > READING_WORDS_LIMIT {
        reading.statements.iter_mut().for_each(hide_names);
    }
}

fn name_bytes(statement: &Statement) -> usize {
    let Statement { tables, columns, functions, .. } = statement;
    tables.iter().chain(columns).chain(functions).map(|name| name.len() + 3).sum()
}

/// Leaves of a statement what is short: its tag and its effects.
fn hide_names(statement: &mut Statement) {
    statement.tables.clear();
    statement.columns.clear();
    statement.functions.clear();
}

/// Leaves of a program what a decision may look at: its name, and that it writes to a file.
fn hide_words(program: &mut Program) {
    program.arguments.clear();
    for redirect in &mut program.redirects {
        if redirect.to != "/dev/null" {
            redirect.to = HIDDEN.to_owned();
        }
    }
}

/// A command's verdict as events: first the parts of a long text, last `command.judged`.
pub(crate) fn judged(
    facts: &SessionFacts,
    number: u64,
    command: &Command,
    shown: Shown,
    decision: &Decision,
    now: Moment,
) -> (Vec<CommandPart>, CommandJudged) {
    let durability = least(facts, &shown, decision.obligations.durability);
    let mut texts = pieces(&shown.text).into_iter();
    let mut seals = command.sealed.iter().cloned();
    let text = texts.next().unwrap_or_default();
    let sealed = seals.next().unwrap_or_default();
    let mut parts = Vec::new();
    loop {
        let (text, sealed) = (texts.next(), seals.next());
        if text.is_none() && sealed.is_none() {
            break;
        }
        let (text, sealed) = (text.unwrap_or_default(), sealed.unwrap_or_default());
        parts.push(CommandPart { command: number, part: parts.len() as u64 + 1, text, sealed });
    }
    let judged = CommandJudged {
        command: number,
        text,
        parts: parts.len() as u64,
        length: command.text.bytes().len() as u64,
        reading: shown.reading,
        verdict: decision.verdict,
        rules: decision.rules.iter().map(ToString::to_string).collect(),
        grant: facts.grant.clone(),
        channel: facts.channel,
        told: decision.told.clone(),
        digest: command.digest,
        sealed,
        offset_minutes: now.offset_minutes,
        durability,
        without_stream: false,
    };
    (parts, judged)
}

/// How safely a verdict must be kept before its command runs: at least on this node's disk, but
/// for statements that only read, where policy says that their place in line is enough.
pub(crate) fn least(facts: &SessionFacts, shown: &Shown, durability: Durability) -> Durability {
    let may_be_queued = facts.channel == Channel::Query && shown.only_reads;
    if may_be_queued { durability } else { durability.max(Durability::Local) }
}

fn line(program: &Program) -> String {
    let mut line = program.name.clone();
    let redirects = program.redirects.iter().map(|redirect| &redirect.to);
    for word in program.arguments.iter().chain(redirects) {
        line.push(' ');
        line.push_str(word);
    }
    line
}

/// Cuts text into pieces of at most [`TEXT_PART_BYTES`], never within a character.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while rest.len() > TEXT_PART_BYTES {
        let cut = rest.floor_char_boundary(TEXT_PART_BYTES);
        let (piece, tail) = rest.split_at(cut);
        pieces.push(piece.to_owned());
        rest = tail;
    }
    pieces.push(rest.to_owned());
    pieces
}

/// A window of masked output as an event.
pub(crate) fn released(
    command: u64,
    stream: Stream,
    offset: u64,
    at_ms: u64,
    window: &Window,
) -> OutputReleased {
    let (text, base64) = body(&window.record);
    OutputReleased {
        command,
        stream,
        offset,
        at_ms,
        text,
        base64,
        masked: window.findings.iter().take(PLACES_LIMIT).map(|one| place(&one)).collect(),
        masked_more: window.findings.len().saturating_sub(PLACES_LIMIT) as u64,
        record_masked: window.record_masked.iter().map(|span| [span.start, span.length]).collect(),
    }
}

fn body(masked: &Masked) -> (Option<String>, Option<String>) {
    match std::str::from_utf8(masked.bytes()) {
        Ok(text) => (Some(text.to_owned()), None),
        Err(_) => (None, Some(BASE64.encode(masked.bytes()))),
    }
}

fn place(finding: &Finding) -> MaskedPlace {
    MaskedPlace {
        detector: finding.detector.to_string(),
        rule: finding.rule.to_string(),
        action: finding.action.to_owned(),
        offset: finding.offset,
        length: finding.length,
    }
}

/// Adds what was masked to the counts by detector.
pub(crate) fn count<'a>(
    counts: &mut BTreeMap<String, u64>,
    detectors: impl Iterator<Item = &'a str>,
) {
    for detector in detectors {
        match counts.get_mut(detector) {
            Some(count) => *count += 1,
            None => {
                counts.insert(detector.to_owned(), 1);
            }
        }
    }
}
