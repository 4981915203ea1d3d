//! Runs the conversations in `scripts/`: a command, and under it, behind `>`, what it answers.
//! `UPDATE=1` writes what was answered; read it before you keep it.
//!
//! `[CLIENT[.LANE]/REQUEST] [@SECONDS] [let LETTER] COMMAND`. Without a client it is `gw-1` with its
//! next number; without seconds no time passes; a capital letter stands for the approval or lock
//! that the command makes. What the commands are is in `script/words.rs`. Three apply nothing: `given cluster` (only first: a cluster of gw-1 with people, targets and a policy),
//! `pass` (time passes), and `show PART …`.

mod said;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;

use super::{Cluster, name, proposal};
use crate::{Denied, Reply, State};

#[test]
fn scripts() {
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for file in files() {
        let script = std::fs::read_to_string(&file).unwrap();
        let said = Runner::run(&script, &mut seen);
        if std::env::var("UPDATE").is_ok_and(|value| value == "1") {
            std::fs::write(&file, &said).unwrap();
        } else if said != script {
            wrong.push(format!("{}: it went\n{said}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // What scripts do not show is shown in `exact.rs`, which is about limits and damage.
    let elsewhere = ["ChangeTooLarge", "DigestDiffers", "NotYet"];
    seen.extend(elsewhere.map(str::to_owned));
    let all = every_refusal();
    assert!(all.len() > 40, "refusals are found in the source");
    assert_eq!(seen, all, "shown on the left, all refusals on the right");
}

fn files() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "no scripts were found");
    files
}

struct Runner {
    state: State,
    request: u64,
    seconds: i64,
    letters: BTreeMap<String, String>,
}

impl Runner {
    /// The script again, with what was answered in the place of what was expected.
    fn run(script: &str, seen: &mut BTreeSet<String>) -> String {
        let state = State::new(name("test"));
        let mut runner = Self { state, request: 0, seconds: 0, letters: BTreeMap::new() };
        let mut said = String::new();
        for line in script.lines().filter(|line| !line.starts_with('>')) {
            writeln!(said, "{line}").unwrap();
            if !line.is_empty() && !line.starts_with('#') {
                runner.command(line, &mut said, seen);
            }
        }
        said
    }

    fn command(&mut self, line: &str, said: &mut String, seen: &mut BTreeSet<String>) {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        let asker = words[0].split_once('/').map(|(client, request)| {
            let (node, lane) = client.split_once('.').unwrap_or((client, "0"));
            (node, lane.parse().unwrap(), request.parse().unwrap())
        });
        if asker.is_some() {
            words.remove(0);
        }
        if let Some(seconds) = words[0].strip_prefix('@') {
            self.seconds = seconds.parse().unwrap();
            words.remove(0);
        }
        let letter = if let ["let", letter, ..] = words[..] {
            words.drain(..2);
            Some(letter)
        } else {
            None
        };
        let letters = self.letters.clone();
        let known = |word| letters.get(word).map_or(word, String::as_str);
        let words: Vec<&str> = words.into_iter().map(known).collect();
        let at = super::seconds(self.seconds);
        match &words[..] {
            ["given", "cluster"] => {
                let given = Cluster::new();
                (self.state, self.request) = (given.state, given.request);
            }
            ["pass"] => said::effects(&self.state.advance(at), said),
            ["show", parts @ ..] => said::show(&self.state, parts, said),
            words => {
                let (node, lane, request) = asker.unwrap_or_else(|| {
                    self.request += 1;
                    ("gw-1", 0, self.request)
                });
                let proposal = proposal(node, lane, request, words::entry(words));
                let (reply, effects) = self.state.apply(at, &proposal);
                if let Reply::Refused(denied) = &reply {
                    seen.insert(variant(denied));
                }
                if let (Some(letter), Reply::Approval(id) | Reply::Lock(id)) = (letter, &reply) {
                    self.letters.insert(letter.to_owned(), id.to_string());
                }
                said::answer(&reply, &effects, said);
            }
        }
    }
}

fn variant(denied: &Denied) -> String {
    let text = format!("{denied:?}");
    text.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

/// Every refusal there is, as the source lists them: each stands below what it says.
fn every_refusal() -> BTreeSet<String> {
    let source = include_str!("../denied.rs");
    let below = source.split("#[error").skip(1).filter_map(|rest| rest.split_once(")]\n"));
    let name = |(_, below): (&str, &str)| {
        let letters = below.trim_start().chars().take_while(|letter| letter.is_alphanumeric());
        letters.collect::<String>()
    };
    // The first is the derive's own word for how texts are written.
    below.map(name).filter(|name| !name.is_empty()).collect()
}
