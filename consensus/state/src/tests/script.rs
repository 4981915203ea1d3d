//! Runs the conversations in `scripts/`: a command, and under it, behind `>`, what it answers.
//!
//! `[CLIENT/REQUEST] [@SECONDS] COMMAND`. Without a client it is `c` with its next number; without
//! seconds no time passes. Commands:
//!   start NODE · tick · close SESSION
//!   policy TEXT [expect REVISION] by WHO
//!   people NAME[:GROUP+GROUP] … by WHO
//!   targets NAME[:LOGIN] … by WHO
//!   open SESSION as PERSON to TARGET policy REVISION limit COUNT [from NODE EPOCH]
//!   show (prints the state; applies nothing)

use std::fmt::Write;
use std::path::PathBuf;

use proto::entry::Entry;
use proto::event::{Event, Kind};
use proto::ids::{Epoch, SessionId};

use super::{name, new_state, opening, person, policy, proposal, target};
use crate::{Effects, Reply, State};

#[test]
fn scripts() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "no scripts were found");
    for file in files {
        let script = std::fs::read_to_string(&file).unwrap();
        let said = Runner::run(&script);
        assert!(said == script, "{}: it went\n{said}", file.display());
    }
}

struct Runner {
    state: State,
    index: u64,
    request: u64,
    seconds: i64,
}

impl Runner {
    /// The script again, with what was answered in the place of what was expected.
    fn run(script: &str) -> String {
        let mut runner = Self { state: new_state(), index: 0, request: 0, seconds: 0 };
        let mut said = String::new();
        for line in script.lines().filter(|line| !line.starts_with('>')) {
            writeln!(said, "{line}").unwrap();
            if !line.is_empty() && !line.starts_with('#') {
                runner.command(line, &mut said);
            }
        }
        said
    }

    fn command(&mut self, line: &str, said: &mut String) {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        let (client, request) = match words[0].split_once('/') {
            Some((client, request)) => {
                words.remove(0);
                (client, request.parse().unwrap())
            }
            None => {
                self.request += 1;
                ("c", self.request)
            }
        };
        if let Some(seconds) = words[0].strip_prefix('@') {
            self.seconds = seconds.parse().unwrap();
            words.remove(0);
        }
        if words == ["show"] {
            return show(&self.state, said);
        }
        self.index += 1;
        let proposal = proposal(client, request, self.seconds, entry(&words));
        let (reply, effects) = self.state.apply(self.index, &proposal);
        answer(&reply, &effects, said);
    }
}

fn entry(words: &[&str]) -> Entry {
    match words {
        ["start", node] => Entry::NodeStarted { node: name(node) },
        ["tick"] => Entry::Tick,
        ["close", session] => Entry::SessionClose { session: SessionId::from_text(session) },
        ["policy", text, "expect", seen, "by", _] => policy(text, Some(seen.parse().unwrap())),
        ["policy", text, "by", _] => policy(text, None),
        ["people", people @ .., "by", by] => {
            let split = |text: &str| {
                let (text, groups) = text.split_once(':').unwrap_or((text, ""));
                let groups: Vec<_> = groups.split('+').filter(|text| !text.is_empty()).collect();
                person(text, &groups)
            };
            Entry::PeopleSet {
                people: people.iter().map(|text| split(text)).collect(),
                by: (*by).to_owned(),
            }
        }
        ["targets", targets @ .., "by", by] => {
            let split = |text: &str| {
                let (text, login) = text.split_once(':').unwrap_or((text, "deploy"));
                target(text, login)
            };
            Entry::TargetsSet {
                targets: targets.iter().map(|text| split(text)).collect(),
                by: (*by).to_owned(),
            }
        }
        [
            "open",
            session,
            "as",
            person,
            "to",
            target,
            "policy",
            revision,
            "limit",
            limit,
            from @ ..,
        ] => {
            let (rest, _) = session.rsplit_once('-').unwrap();
            let (node, epoch) = rest.rsplit_once('-').unwrap();
            let (node, epoch) =
                if let ["from", node, epoch] = from { (*node, *epoch) } else { (node, epoch) };
            let mut opening = opening(node, 0, 0, person, target);
            opening.epoch = Epoch(epoch.parse().unwrap());
            opening.session = SessionId::from_text(session);
            opening.policy_revision = revision.parse().unwrap();
            opening.per_person = limit.parse().unwrap();
            Entry::SessionOpen(opening)
        }
        other => panic!("not a command: {other:?}"),
    }
}

fn answer(reply: &Reply, effects: &Effects, said: &mut String) {
    match reply {
        Reply::Epoch(epoch) => writeln!(said, "> epoch {}", epoch.0),
        Reply::Policy(revision) => writeln!(said, "> policy {revision}"),
        Reply::Done => writeln!(said, "> done"),
        Reply::SessionOpened => writeln!(said, "> opened"),
        Reply::Refused(denied) => writeln!(said, "> refused: {denied}"),
    }
    .unwrap();
    for session in &effects.lost_sessions {
        writeln!(said, "> lost {session}").unwrap();
    }
    if let Some(event) = &effects.event {
        let event = Event::read(&event.bytes).unwrap();
        let data = match event.kind.unwrap() {
            Kind::PolicyChanged(data) => format!("revision {} by {}", data.revision, data.by),
            Kind::PeopleChanged(data) => listed(&data.set, &data.removed, &data.by),
            Kind::TargetsChanged(data) => listed(&data.set, &data.removed, &data.by),
            other => panic!("not an event of the control chain: {other:?}"),
        };
        let second = event.time.0 / 1_000_000;
        writeln!(said, "> event {} @{second} {}: {data}", event.id.seq, event.name).unwrap();
    }
    let changed = effects.changed;
    let parts =
        [(changed.policy, "policy"), (changed.people, "people"), (changed.targets, "targets")];
    for (_, part) in parts.iter().filter(|(changed, _)| *changed) {
        writeln!(said, "> changed {part}").unwrap();
    }
}

fn listed(set: &[proto::ids::Name], removed: &[proto::ids::Name], by: &str) -> String {
    let signed = |sign: char| move |name: &proto::ids::Name| format!("{sign}{name} ");
    let names: String =
        set.iter().map(signed('+')).chain(removed.iter().map(signed('-'))).collect();
    format!("{names}by {by}")
}

fn show(state: &State, said: &mut String) {
    let policies = state.policy_revisions().iter();
    let policies: Vec<_> =
        policies.map(|policy| format!("{}={}", policy.revision, policy.document)).collect();
    let people: Vec<_> = state.people().map(|person| person.name.to_string()).collect();
    let targets: Vec<_> = state.targets().map(|target| target.name.to_string()).collect();
    let sessions: Vec<_> =
        state.open_sessions().map(|session| session.opening.session.to_string()).collect();
    writeln!(said, "> applied {} @{}", state.applied(), state.time().0 / 1_000_000).unwrap();
    let parts =
        [("policies", policies), ("people", people), ("targets", targets), ("sessions", sessions)];
    for (part, names) in parts {
        let names = if names.is_empty() { "none".to_owned() } else { names.join(" ") };
        writeln!(said, "> {part}: {names}").unwrap();
    }
}
