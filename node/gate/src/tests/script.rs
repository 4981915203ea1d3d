//! Plays a conversation with a gate and compares what it does.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use consensus_state::Reply;
use node_enforce::mask::{Piece, Raw};
use node_enforce::terminal::Seen;
use node_enforce::{files, forward};
use proto::entry::{ApprovalConsumption, ApprovalId, Covered, Withdrawn};
use proto::event::{Counted, FileTransferred, ForwardClosed, Kind, Outcome, Passed, Stream};
use proto::ids::{Digest, Name};
use proto::reading::{Channel, Durability};
use proto::refusal::{Code, Told};
use proto::time::Moment;
use store_log::memory::Memory;
use store_log::{Log, Pending, Receipt};

use super::values;
use crate::{
    Append, Ask, Carried, Command, CommandText, Consumption, Ending, Gate, Input, Leash, Output,
};

struct Stage {
    policies: Vec<String>,
    groups: Option<Vec<Name>>,
    policy: usize,
    gate: Gate,
    contact: Duration,
    spending: Option<ApprovalConsumption>,
    log: Log<Memory>,
    now: Moment,
    awaited: VecDeque<Pending>,
    weak: VecDeque<Receipt>,
    done: Vec<String>,
    /// Whether the next permit is asked for what a forward may carry.
    carries: bool,
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
    fn new(head: &str) -> Self {
        let now = values::moment();
        let policies: Vec<_> = head.split("\n+++\n").map(str::to_owned).collect();
        let (gate, outputs) = Gate::open(values::facts(&policies[0], 1), now);
        let (awaited, weak, done) = (VecDeque::new(), VecDeque::new(), Vec::new());
        let mut stage = Self {
            policies,
            groups: None,
            policy: 1,
            gate,
            contact: now.elapsed,
            spending: None,
            log: values::log(),
            now,
            awaited,
            weak,
            done,
            carries: false,
        };
        stage.perform(outputs);
        stage.done.clear();
        stage
    }

    fn tell(&mut self, line: &str, number: usize) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let text = values::text(rest);
        let raw = Raw::new(text.as_bytes());
        let channel = self.gate.facts().channel;
        let input = match (word, rest) {
            ("end", _) => return,
            ("waits", seconds) => {
                let seconds = seconds.parse().expect("seconds");
                self.now.elapsed += Duration::from_secs(seconds);
                Input::Tick
            }
            ("carries", _) => return self.carries = true,
            ("contact", _) => return self.contact = self.now.elapsed,
            ("command", _) => self.command(text.into_bytes()),
            ("opens", _) if channel == Channel::Shell => self.command(Seen::Opening.encode()),
            ("line", _) => self.command(Seen::Line(text.as_bytes()).encode()),
            ("password", _) => self.command(Seen::EchoOff.encode()),
            ("policy", number) => {
                self.policy = number.parse().expect("a policy's number");
                self.facts()
            }
            ("groups", names) => {
                self.groups = Some(names.split_whitespace().map(values::name).collect());
                self.facts()
            }
            ("approved", id) => Input::Approved(ApprovalId(id.parse().expect("an id"))),
            ("consumed", how) => Input::Consumed(self.consumed(how), self.leash()),
            ("not", approved) if approved.starts_with("approved ") => {
                let code = approved["approved ".len()..].to_owned();
                Input::NotApproved(Told::plain(Code::try_from(code).expect("a code")))
            }
            ("withdrawn", _) => Input::Withdrawn(Withdrawn::ClientLeft),
            ("recorded", "") => Input::Recorded(self.receipt()),
            ("recorded", "replicated") => Input::Recorded(self.replicated()),
            ("stream", up) => Input::StreamUp(up == "up"),
            ("recorded", "weakly") => {
                Input::Recorded(self.weak.pop_back().expect("an event was appended"))
            }
            ("recorded", "otherwise") => {
                Input::Recorded(self.weak.pop_front().expect("an event was appended"))
            }
            ("not", "recorded") => Input::NotRecorded(Told::plain(Code::RecordUnconfirmed)),
            ("started", _) => Input::Started,
            ("input", _) => Input::InputPassed,
            ("output", "waits") => Input::OutputQuiet,
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
            _ if channel == Channel::Forward => self.of_forwards(word, &text),
            _ if channel == Channel::Sftp => match self.of_files(word, &text) {
                Some(input) => input,
                None => return,
            },
            _ => panic!("line {number} of the conversation says {line:?}"),
        };
        match self.gate.on(input, self.now) {
            Ok(outputs) => self.perform(outputs),
            Err(out_of_turn) => self.done.push(format!("out of turn: {out_of_turn}")),
        }
    }

    /// What is said of forwards.
    fn of_forwards(&mut self, word: &str, text: &str) -> Input<'static> {
        let number = || text.parse().expect("a number");
        match word {
            "opens" => self.command(forward::Seen::Opening.encode()),
            "connects" => self.command(format!("connect {text}").into_bytes()),
            "listens" => self.command(format!("listen {text}").into_bytes()),
            "carried" => {
                let passed = Some(Carried::Forward(Box::new(closed(number()))));
                Input::Answered { command: number(), outcome: Outcome::Exited(0), passed }
            }
            "came" => Input::Forwarded(Box::new(closed(number()))),
            _ => panic!("of forwards it is said: {word} {text}"),
        }
    }

    /// What is said of files; content is no input.
    fn of_files(&mut self, word: &str, text: &str) -> Option<Input<'static>> {
        let number = || text.parse().expect("a number");
        Some(match word {
            "opens" => self.command(files::Seen::Opening.encode()),
            "asks" => {
                let seen = files::Seen::decode(text.as_bytes()).expect("a request in words");
                self.command(seen.encode())
            }
            "answered" => {
                let (command, outcome) = (number(), Outcome::Exited(4));
                Input::Answered { command, outcome, passed: None }
            }
            "transferred" => Input::Answered {
                command: number(),
                outcome: Outcome::Exited(0),
                passed: Some(Carried::File(Box::new(FileTransferred {
                    command: number(),
                    read: Passed { bytes: 7, sha256: None },
                    written: Passed { bytes: 3, sha256: None },
                    closed: true,
                    found: BTreeMap::new(),
                    told: None,
                }))),
            },
            "content" => {
                self.content(text);
                return None;
            }
            _ => panic!("of files it is said: {word} {text}"),
        })
    }

    /// A piece of a file's content, with nothing around it.
    fn content(&mut self, text: &str) {
        let message = Bytes::from(text.to_owned());
        let piece = Piece { message, from: 0, before: b"", after: b"" };
        match self.gate.content(&piece, self.now) {
            Ok(release) => self.released(release),
            Err(found) => self.done.push(format!("withholds {}", found.join(" "))),
        }
    }

    fn command(&self, bytes: Vec<u8>) -> Input<'static> {
        let command = Command {
            text: CommandText::new(bytes).expect("a short command"),
            digest: Digest::ZERO,
            sealed: vec!["c2VhbGVk".to_owned()],
        };
        Input::Command(command, self.leash())
    }

    fn leash(&self) -> Leash {
        Leash { contact: self.contact, within: Duration::from_secs(15) }
    }

    fn facts(&self) -> Input<'static> {
        let revision = self.policy as u64;
        let mut facts = values::facts(&self.policies[self.policy - 1], revision);
        if let Some(groups) = &self.groups {
            facts.actor.groups.clone_from(groups);
        }
        Input::Facts(Box::new(facts), self.leash())
    }

    /// What was to be spent is spent, or something like it.
    fn consumed(&self, how: &str) -> Consumption {
        let mut asked = self.spending.clone().expect("the gate spends something");
        match how.split_once(' ') {
            None if how.is_empty() => {}
            None => asked.approval = ApprovalId(how.parse().expect("an id")),
            Some(("under", policy)) => {
                let revision = policy.strip_prefix("policy ").expect("a policy");
                asked.policy_revision = revision.parse().expect("a revision");
            }
            Some(_) => asked.command.digest = Digest([1; 32]),
        }
        let reply = Reply::Consumed { until: None };
        Consumption::of_reply(asked, &reply, 9).expect("the reply says so")
    }

    fn receipt(&mut self) -> Receipt {
        // Earlier ones may be left over: the gate was given something else instead.
        let last = self.awaited.pop_back().expect("the gate waits for a receipt");
        self.awaited.clear();
        values::ready(last)
    }

    fn replicated(&mut self) -> Receipt {
        let kept = self.receipt();
        values::ready(self.log.replicate(kept).expect("a stream that is up"))
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
                    let now = self.now.elapsed;
                    let (word, redeemed) = if std::mem::take(&mut self.carries) {
                        ("carries", permit.redeem_forward(now).map(|(text, _)| text))
                    } else {
                        ("forwards", permit.redeem(now))
                    };
                    let line = match redeemed {
                        Ok(text) => without_controls(&String::from_utf8_lossy(text.bytes())),
                        Err(expired) => expired.to_string(),
                    };
                    self.done.push(format!("{word} {line}"));
                }
                Output::Ask(ask) => self.done.push(asks(&ask)),
                Output::Spend(asked) => {
                    self.done.push(format!(
                        "spends {} on command {} for {} under policy {}",
                        asked.approval,
                        asked.command.command,
                        asked.rules.join(" "),
                        asked.policy_revision
                    ));
                    self.spending = Some(*asked);
                }
                Output::Withdraw(because) => self.done.push(format!("withdraws: {because}")),
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

/// A text on one line: control characters by their numbers.
fn without_controls(text: &str) -> String {
    let one = |letter: char| match letter {
        letter if letter.is_ascii_control() => format!("\\{}", u32::from(letter)),
        letter => letter.to_string(),
    };
    text.chars().map(one).collect()
}

/// One line for a request.
fn asks(ask: &Ask) -> String {
    let each = ask.rules.iter().map(|rule| format!("{} x{}", rule.rule(), rule.count));
    let covered = match ask.covered {
        Covered::Command => "once".to_owned(),
        Covered::Session { for_ms } => format!("for {} s of the session", for_ms / 1_000),
    };
    let rules = each.collect::<Vec<_>>().join(", ");
    let seconds = ask.expires.as_secs();
    let unattended = ask.unattended.word();
    let text =
        if ask.text.len() > 1_000 { format!("{} bytes", ask.text.len()) } else { ask.text.clone() };
    let incomplete = if ask.incomplete { " (incomplete)" } else { "" };
    format!(
        "asks for {rules} within {seconds} s, {covered}, unattended {unattended}: {text}{incomplete}"
    )
}

/// One line for an event: its kind, what matters of it, and whether its receipt is waited for.
fn said(append: &Append) -> String {
    let what = match &append.draft.kind {
        Kind::CommandJudged(event) if event.parts > 0 => {
            format!("{} {} bytes and {} part", event.verdict, event.text.len(), event.parts)
        }
        Kind::CommandJudged(event) => {
            let without = if event.without_stream { " without the stream" } else { "" };
            format!("{} {}{without}", event.verdict, event.text)
        }
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
        Kind::CommandReleased(event) => {
            let without = if event.without_stream { " without the stream" } else { "" };
            format!("{} by approval {}{without}", event.command, event.approval)
        }
        Kind::FileTransferred(event) => {
            format!(
                "of {}: {} read, {} written",
                event.command, event.read.bytes, event.written.bytes
            )
        }
        Kind::ForwardClosed(event) => {
            let (sent, got) = (event.to_target.bytes, event.to_client.bytes);
            format!("of {}: {sent} to the target, {got} to the client", event.command)
        }
        Kind::SessionClosed(event) => format!("{} after {}", event.reason, event.commands),
        _ => String::new(),
    };
    let wait = match append.answer {
        Some(durability) => format!(" [{durability:?}]").to_lowercase(),
        None => String::new(),
    };
    format!("{} {what}{wait}", append.draft.kind.name()).replace("  ", " ").trim_end().to_owned()
}

/// A connection that was forwarded.
fn closed(command: u64) -> ForwardClosed {
    ForwardClosed {
        command,
        from: None,
        to_target: Passed { bytes: 3, sha256: None },
        to_client: Passed { bytes: 7, sha256: None },
        duration_ms: 0,
        told: None,
    }
}
