//! Commands, what they were let do, and what was found in them.

use proto::event::{
    CommandFinished, CommandJudged, CommandReleased, CommandStarted, Event, FileTransferred,
    MaskedPlace, Outcome, OutputReleased,
};
use proto::reading::{Terminal, Verdict};
use proto::refusal::Told;

use super::{TEXT_LIMIT, WORDS_LIMIT, count, event_id, text, word, words};
use crate::tables::{Command, Finding, Session};
use crate::working::Working;

/// What a command adds to the counts of its session.
#[derive(Clone, Copy, Default)]
struct Counted {
    commands: i64,
    blocked: i64,
    held: i64,
    unfinished: i64,
}

impl Counted {
    fn of(command: &Command) -> Self {
        let flag = i64::from;
        Self {
            commands: 1,
            blocked: flag(command.verdict == Verdict::Block.as_str()),
            held: flag(command.verdict == Verdict::Hold.as_str()),
            unfinished: flag(command.may_run() && command.finished_at.is_none()),
        }
    }
}

impl Command {
    /// Whether it was let run, as far as its chain says.
    #[must_use]
    pub fn may_run(&self) -> bool {
        self.verdict == Verdict::Allow.as_str() || self.approval.is_some()
    }
}

/// The session and the command's name.
fn named(event: &Event, command: u64) -> Option<(String, String)> {
    let session = word(event.about.session.as_ref()?.as_str());
    let id = format!("{session}/{command}");
    Some((session, id))
}

/// What makes no command of one that is not there.
const NONE: Option<fn() -> Command> = None;

/// Changes a command, and the counts of its session by what that changes.
fn change(
    rows: &mut Working,
    (session, id): &(String, String),
    make: Option<impl FnOnce() -> Command>,
    change: impl FnOnce(&mut Command),
) {
    let (mut before, mut after) = (Counted::default(), Counted::default());
    let changes = |command: &mut Command| {
        change(command);
        after = Counted::of(command);
    };
    if let Some(counted) = rows.see(id, Counted::of) {
        before = counted;
        rows.change(id, changes);
    } else if let Some(make) = make {
        rows.change_or(id, make, changes);
    } else {
        return;
    }
    rows.change::<Session>(session, |session| {
        session.commands += after.commands - before.commands;
        session.blocked += after.blocked - before.blocked;
        session.held += after.held - before.held;
        session.unfinished += after.unfinished - before.unfinished;
    });
}

pub(super) fn judged(rows: &mut Working, event: &Event, judged: &CommandJudged) {
    let about = &event.about;
    let (Some(names), Some(actor), Some(target)) =
        (named(event, judged.command), &about.actor, &about.target)
    else {
        return;
    };
    rows.want::<Session>(&names.0);
    let limit = judged.text.floor_char_boundary(TEXT_LIMIT);
    let make = || Command {
        chain: event.id.chain.to_string(),
        id: names.1.clone(),
        session: names.0.clone(),
        number: count(judged.command),
        person: actor.person.to_string(),
        target: target.name.to_string(),
        login: word(&target.login),
        judged_at: event.time,
        text: text(&judged.text, TEXT_LIMIT),
        cut: limit < judged.text.len() || judged.parts > 0,
        verdict: judged.verdict.to_string(),
        rules: Vec::new(),
        told_code: None,
        told_text: None,
        programs: words(judged.reading.programs.iter().map(|program| program.name.as_str())),
        detected: words(judged.reading.detected.iter().map(String::as_str)),
        unreadable: judged.reading.unreadable.as_deref().map(|why| text(why, TEXT_LIMIT)),
        policy_revision: None,
        durability: String::new(),
        approval: None,
        released_at: None,
        started_at: None,
        finished_at: None,
        outcome: None,
        duration_ms: None,
        masked: Default::default(),
        input_bytes: 0,
        output_bytes: 0,
        errors_bytes: 0,
        truncated: false,
        event: String::new(),
    };
    change(rows, &names, Some(make), |command| {
        // It may be judged again: the later verdict counts, what it did so far stays.
        command.verdict = judged.verdict.to_string();
        command.rules = words(judged.rules.iter().map(String::as_str));
        command.told_code = judged.told.as_ref().map(|told| told.code.to_string());
        command.told_text = judged.told.as_ref().map(|told| text(&told.text, TEXT_LIMIT));
        command.policy_revision = about.policy.map(|policy| count(policy.revision));
        command.durability = format!("{:?}", judged.durability).to_lowercase();
        command.event = event_id(event);
        if judged.reading.terminal.is_some_and(|seen| seen != Terminal::Opening) {
            // What became of a line that was typed, nothing says: nobody waits for its end.
            command.finished_at = Some(event.time);
        }
    });
    for detector in judged.reading.detected.iter().take(WORDS_LIMIT) {
        found(rows, event, &names, ("text", detector), None, |finding| finding.count = 1);
    }
}

pub(super) fn released(rows: &mut Working, event: &Event, released: &CommandReleased) {
    let Some(names) = named(event, released.command) else { return };
    rows.want::<Session>(&names.0);
    change(rows, &names, NONE, |command| {
        command.approval = Some(count(released.approval.0));
        command.released_at = Some(event.time);
    });
}

pub(super) fn started(rows: &mut Working, event: &Event, started: &CommandStarted) {
    let Some(names) = named(event, started.command) else { return };
    rows.change::<Command>(&names.1, |command| command.started_at = Some(event.time));
}

pub(super) fn finished(rows: &mut Working, event: &Event, finished: &CommandFinished) {
    let Some(names) = named(event, finished.command) else { return };
    rows.want::<Session>(&names.0);
    let masked = || finished.masked.iter().take(WORDS_LIMIT);
    change(rows, &names, NONE, |command| {
        command.finished_at = Some(event.time);
        command.outcome = Some(outcome(&finished.outcome));
        command.duration_ms = Some(count(finished.duration_ms));
        command.masked = masked().map(|(name, times)| (word(name), count(*times))).collect();
        command.input_bytes = count(finished.input.bytes);
        command.output_bytes = count(finished.output.bytes);
        command.errors_bytes = count(finished.errors.bytes);
        command.truncated = finished.output.truncated || finished.errors.truncated;
    });
    for (detector, times) in masked() {
        // What passed was counted as it passed; this is the whole of it.
        let times = count(*times);
        found(rows, event, &names, ("output", detector), None, |finding| finding.count = times);
    }
}

pub(super) fn transferred(rows: &mut Working, event: &Event, passed: &FileTransferred) {
    let Some(names) = named(event, passed.command) else { return };
    for (detector, times) in passed.found.iter().take(WORDS_LIMIT) {
        let times = count(*times);
        found(rows, event, &names, ("file", detector), None, |finding| finding.count = times);
    }
}

pub(super) fn output(rows: &mut Working, event: &Event, released: &OutputReleased) {
    let Some(names) = named(event, released.command) else { return };
    for place in &released.masked {
        let kind = ("output", place.detector.as_str());
        found(rows, event, &names, kind, Some(place), |finding| {
            finding.count = finding.count.saturating_add(1);
        });
    }
}

/// Something was found in a command that is known.
fn found(
    rows: &mut Working,
    event: &Event,
    (session, command_id): &(String, String),
    (place, detector): (&str, &str),
    masked: Option<&MaskedPlace>,
    change: impl FnOnce(&mut Finding),
) {
    let detector = word(detector);
    let id = format!("{command_id}/{place}/{detector}");
    rows.want::<Finding>(&id);
    let of = |command: &Command| (command.number, command.person.clone(), command.target.clone());
    let Some((number, person, target)) = rows.see(command_id, of) else { return };
    let make = || Finding {
        chain: event.id.chain.to_string(),
        id: id.clone(),
        session: session.clone(),
        command: number,
        person,
        target,
        found_in: place.to_owned(),
        detector,
        rule: masked.map(|place| word(&place.rule)),
        action: masked.map(|place| word(&place.action)),
        count: 0,
        first_at: event.time,
        last_at: event.time,
    };
    rows.change_or(&id, make, |finding| {
        change(finding);
        finding.last_at = event.time;
    });
}

/// An outcome whose texts every home can keep.
fn outcome(outcome: &Outcome) -> Outcome {
    let told = |told: &Told| Told { code: told.code, text: text(&told.text, TEXT_LIMIT) };
    match outcome {
        Outcome::Signalled(signal) => Outcome::Signalled(word(signal)),
        Outcome::Refused(refused) => Outcome::Refused(told(refused)),
        Outcome::Failed(failed) => Outcome::Failed(told(failed)),
        Outcome::Exited(status) => Outcome::Exited(*status),
        Outcome::ClientLeft => Outcome::ClientLeft,
    }
}
