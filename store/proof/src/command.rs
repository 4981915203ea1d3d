//! The commands of one session: none runs unjudged, and each begins and ends once.

use std::collections::BTreeMap;

use proto::event::{CommandFinished, CommandJudged, CommandReleased, Kind, Outcome};
use proto::ids::{Digest, SessionId};
use proto::reading::Verdict;
use proto::refusal::Code;

use crate::fault::Fault;
use crate::finding::At;

/// How many commands without an end a session may have; the oldest is forgotten when it has more.
const COMMANDS_LIMIT: usize = 4096;

/// Codes of an event that could not be written.
pub(crate) const RECORD_CODES: [Code; 5] = [
    Code::RecordUnavailable,
    Code::RecordFull,
    Code::RecordUnconfirmed,
    Code::RecordDamaged,
    Code::CommandTooLong,
];

/// Whether an event says that one before it could not be recorded.
pub(crate) fn says_that_the_record_failed(kind: &Kind) -> bool {
    let Kind::CommandFinished(CommandFinished { outcome, .. }) = kind else {
        return false;
    };
    match outcome {
        Outcome::Refused(told) | Outcome::Failed(told) => RECORD_CODES.contains(&told.code),
        _ => false,
    }
}

#[derive(Debug, Default)]
pub(crate) struct Commands {
    known: BTreeMap<u64, Command>,
    /// The highest number that was used.
    highest: u64,
    /// Commands up to this number may have been forgotten.
    forgotten: u64,
}

#[derive(Debug)]
struct Command {
    judged: At,
    allowed: bool,
    /// Whether its last verdict holds it, and over which bytes.
    held: Option<Digest>,
    started: bool,
}

impl Commands {
    /// Allowed commands that did not end, and where they were judged.
    pub(crate) fn unfinished(&self) -> impl Iterator<Item = (u64, &At)> {
        let allowed = self.known.iter().filter(|(_, known)| known.allowed);
        allowed.map(|(number, known)| (*number, &known.judged))
    }

    pub(crate) fn on(&mut self, id: &SessionId, kind: &Kind, at: &At) -> Option<Fault> {
        match kind {
            Kind::CommandJudged(judged) => self.judged(id, judged, at),
            Kind::CommandReleased(released) => self.released(id, released),
            Kind::CommandStarted(started) => self.runs(id, started.command, true),
            Kind::OutputReleased(released) => self.runs(id, released.command, false),
            Kind::CommandFinished(finished) => self.finished(id, finished),
            _ => None,
        }
    }

    fn judged(&mut self, id: &SessionId, judged: &CommandJudged, at: &At) -> Option<Fault> {
        let (command, allowed) = (judged.command, judged.verdict == Verdict::Allow);
        let held = (judged.verdict == Verdict::Hold).then_some(judged.digest);
        if let Some(known) = self.known.get_mut(&command) {
            // It was judged again while it waited or ran.
            known.allowed |= allowed;
            known.held = held;
            return None;
        }
        let fault = (command <= self.highest)
            .then(|| Fault::CommandReused { session: id.clone(), command });
        self.highest = self.highest.max(command);
        if self.known.len() == COMMANDS_LIMIT
            && let Some((oldest, _)) = self.known.pop_first()
        {
            self.forgotten = self.forgotten.max(oldest);
        }
        let known = Command { judged: at.clone(), allowed, held, started: false };
        self.known.insert(command, known);
        fault
    }

    /// A held command goes; whether its approval was spent is in the control chain.
    fn released(&mut self, id: &SessionId, released: &CommandReleased) -> Option<Fault> {
        let CommandReleased { command, digest, .. } = *released;
        match self.known.get_mut(&command) {
            Some(known) if known.held == Some(digest) => {
                (known.held, known.allowed) = (None, true);
                None
            }
            None if command <= self.forgotten => None,
            _ => Some(Fault::ReleasedUnheld { session: id.clone(), command }),
        }
    }

    fn runs(&mut self, id: &SessionId, command: u64, starts: bool) -> Option<Fault> {
        let session = id.clone();
        let Some(known) = self.known.get_mut(&command) else {
            return match command {
                known if known <= self.forgotten => None,
                ended if ended <= self.highest => {
                    Some(Fault::CommandAfterFinish { session, command })
                }
                _ => Some(Fault::OutputBeyondJudgement { session, command }),
            };
        };
        if !known.allowed {
            return Some(Fault::OutputBeyondJudgement { session, command });
        }
        let twice = starts && known.started;
        known.started |= starts;
        twice.then_some(Fault::CommandStartedTwice { session, command })
    }

    fn finished(&mut self, id: &SessionId, finished: &CommandFinished) -> Option<Fault> {
        let CommandFinished { command, outcome, output, errors, .. } = finished;
        let (session, command) = (id.clone(), *command);
        let ran = matches!(outcome, Outcome::Exited(_) | Outcome::Signalled(_))
            || output.bytes.saturating_add(errors.bytes) > 0;
        match self.known.remove(&command) {
            Some(known) if known.allowed || !ran => None,
            None if command <= self.forgotten => None,
            None if command <= self.highest => {
                Some(Fault::CommandFinishedTwice { session, command })
            }
            // A verdict that could not be recorded is followed by a refusal, which is fine.
            None if !ran => {
                self.highest = command;
                None
            }
            Some(_) | None => {
                self.highest = self.highest.max(command);
                Some(Fault::OutputBeyondJudgement { session, command })
            }
        }
    }
}
