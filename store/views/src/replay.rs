//! A session as it was seen: frames of masked output in time, and the commands between them.
//!
//! The bytes are those that the client got, except where only the record masks.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use proto::event::{
    CommandFinished, CommandJudged, CommandPart, Event, FileTransferred, ForwardClosed, Kind,
    MaskedPlace, Outcome, OutputReleased, Stream,
};
use proto::ids::{Name, SessionId};
use proto::reading::{Channel, Verdict};
use proto::refusal::Told;
use proto::time::Utc;
use serde::{Deserialize, Serialize};

/// How many bytes of output and command text a replay holds; the rest is left out and said.
pub const REPLAY_LIMIT: usize = 64 * 1024 * 1024;

/// Bytes of a frame: text when they are UTF-8, else base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FrameBytes {
    /// UTF-8.
    Text(String),
    /// Anything else, in base64.
    Base64(String),
}

impl FrameBytes {
    /// The bytes themselves; base64 that is damaged gives none.
    #[must_use]
    pub fn decode(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.clone().into_bytes(),
            Self::Base64(text) => BASE64.decode(text).unwrap_or_default(),
        }
    }

    /// How many bytes they are.
    #[must_use]
    pub fn count(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Base64(_) => self.decode().len() as u64,
        }
    }
}

/// One window of output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// The command that it is from.
    pub command: u64,
    /// Milliseconds since the session was opened; never less than those of the frame before.
    pub at_ms: u64,
    /// Which output.
    pub stream: Stream,
    /// Where it starts in the client's stream, in bytes.
    pub offset: u64,
    /// The bytes.
    pub bytes: FrameBytes,
    /// What was masked in the client's bytes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub masked: Vec<MaskedPlace>,
    /// Spans `[start, length]` in these bytes that only the record masks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub record_masked: Vec<[u64; 2]>,
}

impl Frame {
    /// The bytes with `*` where only the record masks.
    #[must_use]
    pub fn shown(&self) -> Vec<u8> {
        let mut bytes = self.bytes.decode();
        let length = bytes.len();
        for &[start, count] in &self.record_masked {
            let start = usize::try_from(start).map_or(length, |start| start.min(length));
            let count = usize::try_from(count).unwrap_or(length);
            let end = start.saturating_add(count).min(length);
            bytes[start..end].fill(b'*');
        }
        bytes
    }
}

/// One command of a replay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayCommand {
    /// Its number within the session.
    pub command: u64,
    /// When it was judged, in milliseconds since the session was opened.
    pub at_ms: u64,
    /// Its whole masked text.
    pub text: String,
    /// What was decided.
    pub verdict: Verdict,
    /// What the client was told, when it was not allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
    /// How it ended; absent when the record does not show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// When it ended, in milliseconds since the session was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<u64>,
    /// How many bytes of standard output passed.
    pub output_bytes: u64,
    /// How many bytes of standard error passed.
    pub errors_bytes: u64,
    /// Whether the record holds fewer bytes than passed, because of its limit.
    pub truncated: bool,
    /// Whether it is a statement for a database, a request for a file or a forward: values and
    /// content are counted and not recorded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub statement: bool,
    /// How many rows of a database passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Whether it is a file transfer, a request within one, or what a push to a repository asks.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub file: bool,
    /// What passed of the file that it opened, once that was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transferred: Option<FileTransferred>,
    /// Whether it is a forward, or opened what forwards run in.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forward: bool,
    /// What passed of the connections that were forwarded by it and are over, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forwarded: Vec<ForwardClosed>,
}

/// A session as it was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// Which session.
    pub session: Option<SessionId>,
    /// Who.
    pub person: Option<Name>,
    /// With what.
    pub target: Option<Name>,
    /// As whom there.
    pub login: Option<String>,
    /// When it was opened.
    pub opened: Utc,
    /// Its commands in order.
    pub commands: Vec<ReplayCommand>,
    /// Its output in order of time.
    pub frames: Vec<Frame>,
    /// Whether output or text over [`REPLAY_LIMIT`] was left out.
    pub left_out: bool,
    /// Whether the session's first events are not among those that this was made of.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub start_missing: bool,
    /// How many of its events are not among them, as far as later ones show it.
    #[serde(default, skip_serializing_if = "is_none")]
    pub events_missing: u64,
}

fn is_none(count: &u64) -> bool {
    *count == 0
}

impl Replay {
    /// What has to be said before it is shown: nobody must take it for the whole session.
    #[must_use]
    pub fn lacks(&self) -> Option<String> {
        let missing = self.events_missing;
        match (self.start_missing, missing) {
            (true, _) => Some(format!(
                "the start of this session is not here: {missing} of its events are in no record \
                 that this node can read"
            )),
            (false, 0) => None,
            (false, _) => Some(format!(
                "{missing} events of this session are in no record that this node can read"
            )),
        }
    }
}

/// Bytes that the record does not hold, or holds twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The command.
    pub command: u64,
    /// Which output.
    pub stream: Stream,
    /// The frame before which it is; absent when it is after the last of the command.
    pub frame: Option<usize>,
    /// Where the bytes should go on.
    pub expected: u64,
    /// Where they go on; before `expected` when bytes are there twice.
    pub found: u64,
    /// Whether the record's limit is the reason.
    pub truncated: bool,
}

/// Says where the output of a command is not in one piece.
#[must_use]
pub fn verify_continuity(replay: &Replay) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut reached: BTreeMap<(u64, Stream), u64> = BTreeMap::new();
    // A terminal's record goes on behind its limit, with the next line.
    let cut = |number: u64| {
        let mut commands = replay.commands.iter();
        commands.any(|command| command.command == number && command.truncated)
    };
    for (index, frame) in replay.frames.iter().enumerate() {
        let (command, stream, found) = (frame.command, frame.stream, frame.offset);
        let expected = reached.entry((command, stream)).or_default();
        if *expected != found {
            let (expected, frame) = (*expected, Some(index));
            let truncated = found > expected && cut(command);
            gaps.push(Gap { command, stream, frame, expected, found, truncated });
        }
        *expected = found.saturating_add(frame.bytes.count());
    }
    if replay.left_out {
        // The end is not here because nobody asked for more of it.
        return gaps;
    }
    for command in replay.commands.iter().filter(|command| command.outcome.is_some()) {
        let passed =
            [(Stream::Output, command.output_bytes), (Stream::Errors, command.errors_bytes)];
        for (stream, found) in passed {
            let expected = reached.get(&(command.command, stream)).copied().unwrap_or_default();
            if command.statement && command.truncated && stream == Stream::Output {
                // Values and files are counted; that they are not here is no gap.
                continue;
            }
            if expected != found {
                let (command, truncated) = (command.command, command.truncated);
                gaps.push(Gap { command, stream, frame: None, expected, found, truncated });
            }
        }
    }
    gaps
}

/// Builds a replay from the ordered events of one session.
#[derive(Debug, Default)]
pub struct ReplayBuilder {
    replay: Replay,
    begun: bool,
    /// The place within the session of the event that came last.
    reached: u64,
    /// Whether it is known when the session was opened.
    anchored: bool,
    parts: BTreeMap<u64, Vec<CommandPart>>,
    held: usize,
}

impl ReplayBuilder {
    /// A replay of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next event; those of other sessions than the first one's are passed over.
    pub fn feed(&mut self, event: &Event) {
        let Some(session) = &event.about.session else {
            return;
        };
        if !self.begun {
            self.begun = true;
            self.replay.session = Some(session.clone());
            self.replay.opened = event.time;
            self.replay.start_missing = event.about.session_seq.is_some_and(|seq| seq > 1);
            self.anchored = !self.replay.start_missing;
        }
        if self.replay.session.as_ref() != Some(session) {
            return;
        }
        // Without its start it is a later event that says whose it is.
        if let (None, Some(actor)) = (&self.replay.person, &event.about.actor) {
            self.replay.person = Some(actor.person.clone());
        }
        if let (None, Some(target)) = (&self.replay.target, &event.about.target) {
            self.replay.target = Some(target.name.clone());
            self.replay.login = Some(target.login.clone());
        }
        if let Some(seq) = event.about.session_seq {
            self.replay.events_missing += seq.saturating_sub(self.reached.saturating_add(1));
            self.reached = self.reached.max(seq);
        }
        match &event.kind {
            Some(Kind::CommandPart(part)) => self.part(part),
            Some(Kind::CommandJudged(judged)) => self.judged(judged, event.time),
            Some(Kind::OutputReleased(released)) => {
                self.anchor(event.time, released.at_ms);
                self.released(released);
            }
            Some(Kind::CommandFinished(finished)) => self.finished(finished, event.time),
            Some(Kind::FileTransferred(passed)) => self.transferred(passed, event.time),
            Some(Kind::ForwardClosed(closed)) => self.forwarded(closed),
            _ => {}
        }
    }

    /// The replay, its frames in order of time.
    #[must_use]
    pub fn finish(mut self) -> Replay {
        // Within a stream bytes keep their order whatever the times say.
        let mut latest: BTreeMap<(u64, Stream), u64> = BTreeMap::new();
        for frame in &mut self.replay.frames {
            let latest = latest.entry((frame.command, frame.stream)).or_default();
            *latest = frame.at_ms.max(*latest);
            frame.at_ms = *latest;
        }
        self.replay.frames.sort_by_key(|frame| frame.at_ms);
        self.replay
    }

    fn fits(&mut self, length: usize) -> bool {
        let fits = !self.replay.left_out && self.held + length <= REPLAY_LIMIT;
        self.replay.left_out |= !fits;
        self.held += if fits { length } else { 0 };
        fits
    }

    fn age_ms(&self, at: Utc) -> u64 {
        u64::try_from(at.0.saturating_sub(self.replay.opened.0) / 1000).unwrap_or(0)
    }

    /// Output says how long after the opening it is: without the event that opened the session,
    /// that says when it was.
    fn anchor(&mut self, at: Utc, at_ms: u64) {
        if std::mem::replace(&mut self.anchored, true) {
            return;
        }
        let later = at_ms.saturating_sub(self.age_ms(at));
        let micros = i64::try_from(later.saturating_mul(1000)).unwrap_or(0);
        self.replay.opened = Utc(self.replay.opened.0.saturating_sub(micros));
        for command in &mut self.replay.commands {
            command.at_ms += later;
            command.ended_ms = command.ended_ms.map(|ended| ended + later);
        }
    }

    fn part(&mut self, part: &CommandPart) {
        if self.fits(part.text.len()) {
            self.parts.entry(part.command).or_default().push(part.clone());
        }
    }

    fn judged(&mut self, judged: &CommandJudged, at: Utc) {
        // The text's first piece is in this event; the others came before it.
        let mut parts = self.parts.remove(&judged.command).unwrap_or_default();
        parts.sort_by_key(|part| part.part);
        let mut text = judged.text.clone();
        text.extend(parts.iter().map(|part| part.text.as_str()));
        if !self.fits(judged.text.len()) {
            text.clear();
        }
        let known = self.replay.commands.iter_mut().rev();
        if let Some(known) = known.into_iter().find(|known| known.command == judged.command) {
            known.verdict = judged.verdict;
            known.told.clone_from(&judged.told);
            return;
        }
        let at_ms = self.age_ms(at);
        let forwards = matches!(judged.channel, Channel::Forward | Channel::Agent | Channel::X11);
        // What a push asks stands within the command that serves it.
        let pushes = judged.reading.reader.starts_with("push/");
        let file = pushes || judged.channel == Channel::Sftp;
        self.replay.commands.push(ReplayCommand {
            command: judged.command,
            at_ms,
            text,
            verdict: judged.verdict,
            told: judged.told.clone(),
            outcome: None,
            ended_ms: None,
            output_bytes: 0,
            errors_bytes: 0,
            truncated: false,
            statement: forwards || file || judged.channel == Channel::Query,
            rows: None,
            file,
            transferred: None,
            forward: forwards,
            forwarded: Vec::new(),
        });
    }

    fn released(&mut self, released: &OutputReleased) {
        let bytes = match (&released.text, &released.base64) {
            (Some(text), _) => FrameBytes::Text(text.clone()),
            (None, Some(text)) => FrameBytes::Base64(text.clone()),
            (None, None) => return,
        };
        let held = match &bytes {
            FrameBytes::Text(text) | FrameBytes::Base64(text) => text.len(),
        };
        if !self.fits(held) {
            return;
        }
        self.replay.frames.push(Frame {
            command: released.command,
            at_ms: released.at_ms,
            stream: released.stream,
            offset: released.offset,
            bytes,
            masked: released.masked.clone(),
            record_masked: released.record_masked.clone(),
        });
    }

    fn transferred(&mut self, passed: &FileTransferred, at: Utc) {
        let ended_ms = self.age_ms(at);
        let mut commands = self.replay.commands.iter_mut().rev();
        if let Some(command) = commands.find(|command| command.command == passed.command) {
            command.ended_ms = Some(ended_ms);
            command.transferred = Some(passed.clone());
        }
    }

    fn forwarded(&mut self, closed: &ForwardClosed) {
        let fits = self.fits(size_of::<ForwardClosed>());
        let mut commands = self.replay.commands.iter_mut().rev();
        if let Some(command) = commands.find(|command| command.command == closed.command)
            && fits
        {
            command.forwarded.push(closed.clone());
        }
    }

    fn finished(&mut self, finished: &CommandFinished, at: Utc) {
        let ended_ms = self.age_ms(at);
        let mut commands = self.replay.commands.iter_mut().rev();
        if let Some(command) = commands.find(|command| command.command == finished.command) {
            command.outcome = Some(finished.outcome.clone());
            command.ended_ms = Some(ended_ms);
            command.output_bytes = finished.output.bytes;
            command.errors_bytes = finished.errors.bytes;
            command.truncated = finished.output.truncated || finished.errors.truncated;
            command.rows = finished.rows;
        }
    }
}
