//! The scripts in `cases/decide`: a policy, and what becomes of commands under it.
//!
//! `== what it shows`, the policy, `--`, one line for each command:
//! `person[groups] login@target{labels} at instant $ command => verdict by rules: code text`.
//! A target `pg:name` is a database, and `sh:name` is reached by a terminal: what is typed there,
//! or `<opening>`, `<echo off>`, `<full screen>`, `<unclear>` before a line. To `sf:name` files are
//! transferred: a request in words, or `<opening>`. `<push REF…>` is what a push to `/srv/x.git` asks.
//! Every line is also decided again from a masked reading that went through JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proto::ids::Name;
use proto::reading::{Channel, Durability, Reading};
use proto::target::TargetKind;
use proto::time::{Moment, Utc};

use super::{Decision, Facts, decide, read_command};
use crate::mask::{Action, Class, Detect};
use crate::policy::{Output, Policy, RecordRules, StreamDown, TargetFacts, Uploads, Who, cases};
use crate::reader::mask_words;
use crate::terminal::{Doubt, Seen};
use crate::{files, forward};

#[track_caller]
fn policy(text: &str) -> Policy {
    match Policy::parse("policy", text, &|_| false) {
        Ok((policy, _)) => policy,
        Err(errors) => panic!("{errors}\n{text}"),
    }
}

/// What stands before the `$` of a line.
struct Asked {
    person: String,
    groups: Vec<Name>,
    login: String,
    target: String,
    kind: TargetKind,
    channel: Channel,
    labels: BTreeMap<String, String>,
    moment: Moment,
}

impl Asked {
    fn read(text: &str) -> Self {
        let mut words = text.split_whitespace();
        let person = words.next().expect("a person");
        let (login, target) = words.next().and_then(|word| word.split_once('@')).expect("a target");
        let at = words.nth(1).unwrap_or("2026-01-07T12:00:00Z");
        let ahead = match at.split_once('+') {
            Some((_, zone)) => zone[..2].parse::<i16>().expect("an offset") * 60,
            None => 0,
        };
        let utc: Utc = at.parse().expect("an instant");
        let (person, groups) = split(person, '[');
        let (target, labels) = split(target, '{');
        let (target, kind, channel) = match target.split_once(':') {
            Some(("pg", name)) => (name.to_owned(), TargetKind::Postgres, Channel::Query),
            Some(("sh", name)) => (name.to_owned(), TargetKind::Ssh, Channel::Shell),
            Some(("sf", name)) => (name.to_owned(), TargetKind::Ssh, Channel::Sftp),
            Some(("fw", name)) => (name.to_owned(), TargetKind::Ssh, Channel::Forward),
            Some(("ag", name)) => (name.to_owned(), TargetKind::Ssh, Channel::Agent),
            _ => (target, TargetKind::Ssh, Channel::Exec),
        };
        Self {
            person,
            groups: groups.iter().map(|group| group.parse().expect("a group")).collect(),
            login: login.to_owned(),
            target,
            kind,
            channel,
            labels: labels
                .iter()
                .filter_map(|label| label.split_once('='))
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
            moment: Moment { utc, offset_minutes: ahead, elapsed: Duration::ZERO },
        }
    }

    fn facts<'a>(&'a self, reading: Option<&'a Reading>) -> Facts<'a> {
        Facts {
            who: Who::new(&self.person, &self.groups),
            target: TargetFacts { name: &self.target, kind: self.kind, labels: &self.labels },
            login: &self.login,
            channel: self.channel,
            moment: &self.moment,
            reading,
        }
    }
}

fn split(text: &str, open: char) -> (String, Vec<String>) {
    match text.split_once(open) {
        Some((name, list)) => {
            let list = list[..list.len() - 1].split(',').map(ToOwned::to_owned).collect();
            (name.to_owned(), list)
        }
        None => (text.to_owned(), Vec::new()),
    }
}

fn shown(decision: &Decision) -> String {
    let mut text = decision.verdict.to_string();
    if !decision.rules.is_empty() {
        text.push_str(&format!(" by {}", decision.rules.join(" ")));
    }
    if let Some(hold) = &decision.hold {
        let each = hold.each.iter().map(|one| format!("{} x{}", one.rule(), one.count));
        text.push_str(&format!(" (approval: {})", each.collect::<Vec<_>>().join(", ")));
    }
    if let Some(told) = &decision.told {
        text.push_str(&format!(": {} {}", told.code, told.text));
    }
    text
}

/// Decides, and decides again from what an event keeps.
#[track_caller]
/// What a push to `/srv/x.git` asks that moves these refs.
fn push(refs: &str) -> Vec<u8> {
    let line =
        |name| format!("{:04x}{} {} {name}", 86 + str::len(name), "1".repeat(40), "2".repeat(40));
    let lines: String = refs.split(' ').map(line).collect::<String>() + "0000";
    files::Push { repository: "/srv/x.git", lines: lines.as_bytes() }.encode()
}

fn decided(policy: &Policy, asked: &Asked, command: &str) -> Decision {
    let bytes = match asked.channel {
        Channel::Shell => typed(command).encode(),
        Channel::Agent => forward::Seen::Agent.encode(),
        Channel::Forward if command == "<opening>" => forward::Seen::Opening.encode(),
        Channel::Sftp if command == "<opening>" => files::Seen::Opening.encode(),
        Channel::Sftp => {
            files::Seen::decode(command.as_bytes()).expect("a request in words").encode()
        }
        _ => match command.strip_prefix("<push ").and_then(|refs| refs.strip_suffix('>')) {
            Some(refs) => push(refs),
            None => command.as_bytes().to_vec(),
        },
    };
    let mut reading = read_command(policy, &asked.facts(None), &bytes);
    let decision = decide(policy, &asked.facts(Some(&reading)));
    mask_words(&mut reading, &mut |_| "****".to_owned());
    let kept = serde_json::to_string(&reading).expect("a reading is JSON");
    let kept: Reading = serde_json::from_str(&kept).expect("a reading is JSON");
    assert_eq!(decide(policy, &asked.facts(Some(&kept))), decision, "again: {command}");
    decision
}

fn typed(command: &str) -> Seen<'_> {
    match command {
        "<opening>" => Seen::Opening,
        "<echo off>" => Seen::EchoOff,
        "<full screen>" => Seen::FullScreen,
        _ => match command.strip_prefix("<unclear> ") {
            Some(line) => Seen::Unclear(line.as_bytes(), Doubt::Differs),
            None => Seen::Line(command.as_bytes()),
        },
    }
}

#[track_caller]
fn check(file: &str, at_least: usize) {
    let path = format!("{}/cases/decide/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("a table of cases");
    let (mut count, mut wrong) = (0, Vec::new());
    for case in text.split("== ").skip(1) {
        let (_, rest) = case.split_once('\n').expect("a case has a name");
        let (document, lines) = rest.split_once("--\n").expect("a case has a --");
        let policy = policy(document);
        for line in lines.lines().filter(|line| !line.is_empty()) {
            let (asked, expected) = line.rsplit_once(" =>").expect("a line is `… => verdict`");
            let (asked, command) = asked.split_once(" $").expect("a line has a $");
            let found = shown(&decided(&policy, &Asked::read(asked), command.trim_start()));
            count += 1;
            if found != expected.trim() {
                wrong.push(format!("{line}\n found {found}"));
            }
        }
    }
    assert!(count >= at_least, "{file} has only {count} lines");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rules() {
    check("rules.txt", 90);
}

#[test]
fn sql() {
    check("sql.txt", 100);
}

#[test]
fn terminals() {
    check("terminal.txt", 25);
}

#[test]
fn file_requests() {
    check("files.txt", 40);
}

#[test]
fn forwards() {
    check("forward.txt", 45);
}

#[test]
fn time() {
    check("time.txt", 20);
}

#[test]
fn masks_and_records() {
    let policy = policy(
        r#"
version: 1
masks:
  - { name: a, when: {}, detect: [personal, { regex: "x+" }], with: { keep_last: 4 }, uploads: block }
  - { name: b, when: { targets: { labels: { env: prod } } }, detect: [secrets], with: none }
  - { name: c, when: { targets: { kind: postgres } }, detect: [network], with: { hash: {} } }
  - { name: d, when: {}, columns: [public.t.c], with: null }
records:
  - { name: prod, when: { targets: { labels: { env: prod } } }, durability: replicated,
      output: strict, limit: 1MiB }
  - { name: all, when: { who: { users: [b] } }, durability: queued, when_stream_down: local,
      limit: 2MiB }
  - { name: dump, when: { shell: { programs: [pg_dump] } }, output: strict }
"#,
    );
    let masks = |asked: &str| -> Vec<String> {
        let asked = Asked::read(asked);
        policy.masks(&asked.facts(None)).iter().map(|mask| mask.name.to_string()).collect()
    };
    assert_eq!(masks("a x@t"), ["a"]);
    let asked = Asked::read("a x@t");
    let columns = policy.columns(&asked.facts(None));
    assert_eq!(columns.iter().map(|mask| &*mask.name).collect::<Vec<_>>(), ["d"]);
    assert_eq!(columns[0].columns, ["public.t.c"]);
    assert_eq!(masks("a x@t{env=prod}"), ["a", "b"]);
    let asked = Asked::read("a x@t");
    let mask = &policy.masks(&asked.facts(None))[0];
    let detect = [Detect::Class(Class::Personal), Detect::Pattern("x+".to_owned())];
    assert_eq!((&mask.detect[..], &mask.action), (&detect[..], &Action::KeepLast(4)));
    assert_eq!(mask.uploads, Uploads::Block);
    let asked = Asked::read("a x@t{env=prod}");
    assert_eq!(policy.masks(&asked.facts(None))[1].uploads, Uploads::Allow);

    let record = |asked: &str, command: &str| {
        let asked = Asked::read(asked);
        let reading = read_command(&policy, &asked.facts(None), command.as_bytes());
        policy.record(&asked.facts(Some(&reading)))
    };
    let plain = RecordRules::default();
    assert_eq!(record("a x@t", "ls"), plain);
    assert_eq!(record("a x@t", "pg_dump"), RecordRules { output: Output::Strict, ..plain });
    assert_eq!(record("a x@t", "$x"), RecordRules { output: Output::Strict, ..plain });
    let weaker = RecordRules {
        durability: Durability::Queued,
        when_stream_down: StreamDown::Local,
        limit: 2 << 20,
        ..plain
    };
    assert_eq!(record("b x@t", "ls"), weaker);
    let strictest = RecordRules {
        durability: Durability::Replicated,
        output: Output::Strict,
        when_stream_down: StreamDown::Local,
        limit: 2 << 20,
        ..plain
    };
    assert_eq!(record("b x@t{env=prod}", "ls"), strictest);
}

/// A reading keeps a condition's outcome in its own words, with the programs that satisfy it.
#[test]
fn what_a_reading_keeps() {
    let policy = policy(
        r#"
version: 1
rules:
  - { name: a, when: { shell: { programs: [b, a] } }, then: allow }
  - { name: b, when: { not: { regex: "[xy]" } }, then: allow }
  - { name: c, when: { shell: { arguments: "-f" } }, then: allow }
"#,
    );
    let asked = Asked::read("a x@t");
    let check = |command: &str, expected: &[&str]| {
        let reading = read_command(&policy, &asked.facts(None), command.as_bytes());
        assert_eq!(reading.matched, expected, "{command}");
    };
    let named = r#"shell:{"arguments":[],"programs":["a","b"],"redirects":[]}"#;
    let forced = r#"shell:{"arguments":["-f"],"programs":[],"redirects":[]}"#;
    check("c", &[]);
    check("a", &[named]);
    check("c x", &["regex:[xy]"]);
    check("a; c; b; a; b -f", &[&format!("{forced}@4"), &format!("{named}@0,2-4")]);
    check("a $z", &[named, &format!("unknown:{forced}")]);
}

const CASES: &str = r#"
cases:
  - who: { name: alice, groups: [eng] }
    target: { name: web-1, labels: { env: staging } }
    as: deploy
    command: env
    expect: { verdict: block, rule: no-env }
  - { who: { name: alice }, target: { name: web-1 }, as: deploy, command: ls,
      expect: { verdict: allow } }
  - { who: { name: alice, groups: [eng] }, target: { name: web-1, labels: { env: staging } },
      as: deploy, command: ls,
      at: "2026-01-10T09:00:00+01:00", expect: { verdict: allow, rule: no-env } }
"#;

#[test]
fn cases_beside_a_policy() {
    let policy = policy(
        r#"
version: 1
grants:
  - { name: eng, who: { groups: [eng] }, targets: { labels: { env: staging } }, as: [deploy],
      channels: [exec] }
rules:
  - { name: no-env, when: { shell: { programs: [env] } }, then: block }
"#,
    );
    let parsed = cases::Cases::parse("cases", CASES).expect("cases");
    let outcomes = cases::run(&policy, &parsed);
    assert_eq!(parsed.count(), 3);
    let shown: Vec<String> = outcomes
        .iter()
        .map(|one| {
            let place = one.place;
            let mark = if one.passed { "passed" } else { "failed" };
            format!(
                "{}:{} {mark} {} | {} | {}",
                place.line, place.column, one.case, one.expected, one.found
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "3:5 passed alice deploy@web-1: env | block by no-env | block by no-env",
            "8:5 failed alice deploy@web-1: ls | allow | block",
            "10:5 failed alice deploy@web-1: ls | allow by no-env | allow",
        ]
    );
    let check = |text: &str, expected: &str| {
        let errors = cases::Cases::parse("cases", text).map(|_| ()).expect_err("wrong cases");
        assert_eq!(errors.to_string(), expected);
    };
    check(
        "cases:\n  - { wo: {} }\n",
        "cases:2:7: there is no key `wo` here, did you mean `who`? \
         expected one of: who, target, as, channel, command, at, expect",
    );
    check(
        &CASES.replace("+01:00", ""),
        "cases:12:11: expected a time such as 2026-01-31T09:30:00+01:00",
    );
    check(
        &CASES.replace("verdict: block", "verdict: blok"),
        "cases:7:24: `blok` is not known here, did you mean `block`? \
         expected one of: allow, hold, block",
    );
}

proptest! {
    /// The same facts always give the same decision, and the masked reading gives it too.
    #[test]
    fn deciding_is_a_function(
        parts in proptest::collection::vec(prop::sample::select(PARTS), 0..12),
    ) {
        let asked = Asked::read("ann[ops] x@t{env=prod}");
        let policy = policy(PROPERTY_POLICY);
        let command = parts.concat();
        let first = decided(&policy, &asked, &command);
        prop_assert_eq!(&first, &decided(&policy, &asked, &command));
        prop_assert_eq!(first.told.is_some(), first.verdict != proto::reading::Verdict::Allow);
        prop_assert!(first.deciding <= first.rules.len());
    }
}

const PARTS: &[&str] = &[
    "env",
    "ls",
    "rm ",
    "cat ",
    " /etc/shadow",
    " > ",
    "f",
    "; ",
    " | ",
    "$x",
    "$(",
    ")",
    "'",
    "\"",
    " -f",
    "sudo ",
    "eval ",
    "*",
    "/dev/null",
];

const PROPERTY_POLICY: &str = r#"
version: 1
defaults: { unmatched: hold, unreadable: hold, approval: { by: {} } }
grants:
  - { name: all, who: {}, targets: {}, as: [x], channels: [exec] }
rules:
  - { name: a, when: { shell: { programs: [ls, cat] } }, then: allow }
  - { name: b, when: { shell: { programs: [cat], arguments: ["/etc/*"] } }, then: block }
  - { name: c, when: { not: { shell: { programs: [rm], arguments: ["-f"] } }, regex: "rm" },
      then: block }
  - { name: d, when: { shell: { redirects: ">*" } }, then: hold, approval: { by: {} } }
"#;
