//! Plays a conversation with a gate and compares what it does.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use node_enforce::mask::Raw;
use proto::event::{Counted, Kind, Outcome, Stream};
use proto::reading::Durability;
use proto::refusal::{Code, Told};
use proto::time::Moment;
use store_log::memory::Memory;
use store_log::{Log, Pending, Receipt};

use super::values;
use crate::{Append, Command, CommandText, Ending, Gate, Input, Output};

struct Stage {
    gate: Gate,
    log: Log<Memory>,
    now: Moment,
    awaited: VecDeque<Pending>,
    weak: VecDeque<Receipt>,
    done: Vec<String>,
}

#[track_caller]
pub(super) fn check(file: &Path) {
    let text = std::fs::read_to_string(file).expect("a readable script");
    let (head, talk) = text.split_once("\n---\n").expect("a policy, ---, and a conversation");
    let mut stage = Stage::new(head);
    let mut said = String::new();
    let lines = talk.lines().chain(["> end"]);
    let mut expected: Vec<String> = Vec::new();
    for (number, line) in lines.enumerate() {
        if let Some(told) = line.strip_prefix("> ") {
            let done = std::mem::take(&mut stage.done);
            assert_eq!(done, expected, "{}: after {said:?}", file.display());
            expected.clear();
            said = told.to_owned();
            stage.tell(told, number);
        } else if let Some(does) = line.strip_prefix("< ") {
            expected.push(does.to_owned());
        }
    }
}

impl Stage {
    fn new(policy: &str) -> Self {
        let now = values::moment();
        let (gate, outputs) = Gate::open(values::facts(policy), now);
        let log = values::log();
        let (awaited, weak, done) = (VecDeque::new(), VecDeque::new(), Vec::new());
        let mut stage = Self { gate, log, now, awaited, weak, done };
        stage.perform(outputs);
        stage.done.clear();
        stage
    }

    fn tell(&mut self, line: &str, number: usize) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let text = values::text(rest);
        let raw = Raw::new(text.as_bytes());
        let input = match (word, rest) {
            ("end", _) => return,
            ("waits", seconds) => {
                let seconds = seconds.parse().expect("seconds");
                self.now.elapsed += Duration::from_secs(seconds);
                Input::Tick
            }
            ("command", _) => Input::Command(Command {
                text: CommandText::new(text.into_bytes()).expect("a short command"),
                digest: proto::ids::Digest::ZERO,
                sealed: vec!["c2VhbGVk".to_owned()],
            }),
            ("recorded", "") => Input::Recorded(self.receipt()),
            ("recorded", "weakly") => {
                Input::Recorded(self.weak.pop_back().expect("an event was appended"))
            }
            ("recorded", "otherwise") => {
                Input::Recorded(self.weak.pop_front().expect("an event was appended"))
            }
            ("not", "recorded") => Input::NotRecorded(Told::plain(Code::RecordUnconfirmed)),
            ("started", _) => Input::Started,
            ("input", _) => Input::InputPassed,
            ("output", "ends") => Input::OutputEnded(Stream::Output),
            ("output", _) => Input::Output { stream: Stream::Output, raw },
            ("errors", _) => Input::Output { stream: Stream::Errors, raw },
            ("exits", status) => {
                let ending = Ending::Exited(status.parse().expect("a status"));
                Input::Ended { ending, input: Counted::default() }
            }
            ("client", "leaves") => {
                Input::Ended { ending: Ending::ClientLeft, input: Counted::default() }
            }
            ("closes", _) => Input::Close("finished".to_owned()),
            _ => panic!("line {number} of the conversation says {line:?}"),
        };
        match self.gate.on(input, self.now) {
            Ok(outputs) => self.perform(outputs),
            Err(out_of_turn) => self.done.push(format!("out of turn: {out_of_turn}")),
        }
    }

    fn receipt(&mut self) -> Receipt {
        values::ready(self.awaited.pop_front().expect("the gate waits for a receipt"))
    }

    fn perform(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Append(append) => {
                    self.done.push(said(&append));
                    let (queued, pending) = self.append(&append);
                    self.weak.push_back(queued);
                    if append.answer.is_some() {
                        self.awaited.push_back(pending);
                    }
                }
                Output::Keep(append, unreleased) => {
                    self.done.push(said(&append));
                    let (queued, pending) = self.append(&append);
                    let receipt = if unreleased.required() == Durability::Queued {
                        queued
                    } else {
                        values::ready(pending)
                    };
                    let release = unreleased.settle(receipt).expect("its own receipt");
                    self.released(release);
                }
                Output::Release(release) => self.released(release),
                Output::Forward(permit) => {
                    let line = match permit.redeem(self.now.elapsed) {
                        Ok(text) => String::from_utf8_lossy(text.bytes()).into_owned(),
                        Err(expired) => expired.to_string(),
                    };
                    self.done.push(format!("forwards {line}"));
                }
                Output::Refuse(refusal) => self.done.push(format!("refuses {}", refusal.told())),
                Output::End(told) => self.done.push(format!("ends {told}")),
            }
        }
    }

    fn released(&mut self, release: crate::Release) {
        let stream = format!("{:?}", release.stream()).to_lowercase();
        let bytes = release.into_bytes();
        let text = String::from_utf8_lossy(&bytes).replace('\n', "\\n");
        let long = bytes.len() > 1_000;
        let text = if long { format!("{} bytes", bytes.len()) } else { text };
        self.done.push(format!("releases {stream} {text}"));
    }

    fn append(&self, append: &Append) -> (Receipt, Pending) {
        let appending = self.log.append(&append.draft, append.share, append.urgency);
        let appending = appending.expect("the memory log takes it");
        (appending.queued, appending.pending)
    }
}

/// One line for an event: its kind, what matters of it, and whether its receipt is waited for.
fn said(append: &Append) -> String {
    let what = match &append.draft.kind {
        Kind::CommandJudged(event) if event.parts > 0 => {
            format!("{} {} bytes and {} part", event.verdict, event.text.len(), event.parts)
        }
        Kind::CommandJudged(event) => format!("{} {}", event.verdict, event.text),
        Kind::CommandPart(event) => format!("{} of {} bytes", event.part, event.text.len()),
        Kind::OutputReleased(event) if event.masked_more > 0 => {
            let bytes = event.text.as_ref().map_or(0, String::len);
            format!("at {} {bytes} bytes and {} more places", event.offset, event.masked_more)
        }
        Kind::OutputReleased(event) => {
            let text = event.text.clone().unwrap_or_default().replace('\n', "\\n");
            format!("at {} {text}", event.offset)
        }
        Kind::CommandFinished(event) => match &event.outcome {
            Outcome::Exited(status) => format!(
                "exited {status} after {} bytes{}{}",
                event.output.bytes,
                if event.output.truncated { ", truncated" } else { "" },
                event.masked.iter().map(|(name, n)| format!(", {name} {n}")).collect::<String>(),
            ),
            Outcome::Refused(told) => format!("refused {}", told.code),
            other => format!("{other:?}"),
        },
        Kind::SessionClosed(event) => format!("{} after {}", event.reason, event.commands),
        _ => String::new(),
    };
    let wait = match append.answer {
        Some(durability) => format!(" [{durability:?}]").to_lowercase(),
        None => String::new(),
    };
    format!("{} {what}{wait}", append.draft.kind.name()).replace("  ", " ").trim_end().to_owned()
}
