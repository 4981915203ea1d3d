//! A policy against the recorded past: what would change, by rule, person and target.

use node_enforce::mask::is_detector;
use node_enforce::policy::Policy;
use proto::event::{CommandJudged, Draft, Event, Glanced, Head, JudgedGlance, Kind, stamp};
use proto::target::TargetKind;

use super::rederive::{policy, recorded, recorded_on};
use crate::backtest::{Backtest, Counts};

const STRICTER: &str = "version: 1
grants:
  - { name: staging, who: { groups: [engineering] }, targets: { labels: { env: staging } }, as: [deploy], channels: [exec, query], commands: any }
rules:
  - { name: no-delete, when: { sql: { statements: delete } }, then: block }
  - { name: no-env, when: { shell: { programs: [env] } }, then: block }
  - { name: no-uname, when: { shell: { programs: [uname] } }, then: block }
  - { name: no-secret, when: { regex: 'hunter2' }, then: block }
";

/// The event as it is recorded, byte for byte.
fn line(event: &Event, judged: &CommandJudged) -> Vec<u8> {
    let Event { time, applied, about, .. } = event.clone();
    let draft = Draft { time, applied, about, kind: Kind::CommandJudged(judged.clone()) };
    let head = Head { seq: event.id.seq - 1, hash: Some(event.prev) };
    stamp(&event.cluster, event.id.clone(), head, &draft).expect("an event").bytes
}

fn at_a_glance(line: &[u8]) -> JudgedGlance<'_> {
    JudgedGlance::read(line, &mut Glanced::default()).expect("an event").expect("a judged command")
}

fn backtest(commands: &[&str], change: impl Fn(&str) -> (String, bool)) -> Backtest {
    let (old, new) = (policy(), Policy::parse("new", STRICTER, &is_detector).expect("a policy").0);
    let mut result = Backtest::default();
    for command in commands {
        let (event, mut judged) = recorded(&old, command);
        let (masked, is_masked) = change(command);
        if is_masked {
            judged.reading.detected = vec!["key-value".to_owned()];
        }
        let line = line(&event, &judged);
        result.command(&new, &at_a_glance(&line), None, &masked);
    }
    result
}

fn as_it_is(command: &str) -> (String, bool) {
    (command.to_owned(), false)
}

#[test]
fn what_would_change_is_counted_by_rule_person_and_target() {
    let result = backtest(&["ls", "uname -a", "env", "echo 'DROP TABLE x'", "uname"], as_it_is);
    let all = Counts { commands: 5, changed: 3, stricter: 2, looser: 1, inexact: 0 };
    assert_eq!(result.all, all);
    assert_eq!((result.people["alice"].changed, result.targets["web-1"].changed), (3, 3));
    assert_eq!(result.rules["no-uname"].stricter, 2);
    assert_eq!(result.rules["no-drop"].looser, 1, "the rule that is no more");
    assert_eq!((result.rules["no-env"].commands, result.rules["no-env"].changed), (1, 0));
    let examples: Vec<_> =
        result.examples.iter().map(|one| (one.text.as_str(), one.would_be.as_str())).collect();
    let expected = [
        ("uname -a", "block by no-uname"),
        ("echo 'DROP TABLE x'", "allow"),
        ("uname", "block by no-uname"),
    ];
    assert_eq!(examples, expected);
}

#[test]
fn what_was_masked_is_inexact() {
    let mask = |command: &str| {
        let masked = command.replace("hunter2", "*******");
        let is_masked = masked != command;
        (masked, is_masked)
    };
    let result = backtest(&["uname password=hunter2", "ls"], mask);
    assert_eq!((result.inexact, result.all.inexact, result.all.changed), (1, 1, 1));
    // With the raw text the new expression finds it.
    let (old, new) = (policy(), Policy::parse("new", STRICTER, &is_detector).expect("a policy").0);
    let (event, judged) = recorded(&old, "ls hunter2");
    let mut opened = Backtest::default();
    let line = line(&event, &judged);
    opened.command(&new, &at_a_glance(&line), Some(b"ls hunter2"), "ls *******");
    assert_eq!((opened.rules["no-secret"].stricter, opened.inexact), (1, 0));
}

/// The record shows parameters on lines of their own; what is read again is the SQL above them.
#[test]
fn sql_is_read_again_without_its_parameters() {
    let (old, new) = (policy(), Policy::parse("new", STRICTER, &is_detector).expect("a policy").0);
    let mut result = Backtest::default();
    let raw = b"DELETE FROM a WHERE b = $1\0\0\0\0\0\0\x01\0\0\0\x017\0\0";
    let (event, judged) = recorded_on(&old, TargetKind::Postgres, raw);
    let (line, masked) = (line(&event, &judged), "DELETE FROM a WHERE b = $1\n$1 = '7'");
    result.command(&new, &at_a_glance(&line), None, masked);
    result.command(&new, &at_a_glance(&line), Some(raw), masked);
    assert_eq!((result.rules["no-delete"].stricter, result.inexact), (2, 1));
    assert_eq!(result.examples[0].would_be, "block by no-delete");
}

#[test]
fn examples_are_few() {
    let result = backtest(&["uname"; 20], as_it_is);
    assert_eq!((result.all.changed, result.examples.len()), (20, 5));
}
