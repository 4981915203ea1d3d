//! Decisions derived again: equal when nothing was changed, and named for what was.

use node_enforce::decide::{Facts, decide, read_command};
use node_enforce::mask::is_detector;
use node_enforce::policy::{Policy, TargetFacts, Who};
use proto::event::{About, Actor, CommandJudged, Event, Kind, TargetAsWas};
use proto::ids::{Chain, Digest, Epoch, EventId, Name};
use proto::reading::{Channel, Durability, Verdict};
use proto::target::TargetKind;
use proto::time::Moment;

use crate::rederive::{Derived, ReadAgain, decision, reading};

const POLICY: &str = "version: 1
grants:
  - { name: staging, who: { groups: [engineering] }, targets: { labels: { env: staging } }, as: [deploy], channels: [exec, query], commands: any }
rules:
  - { name: all-rows, when: { sql: { unbounded: true, tables: [orders] } }, then: block }
  - { name: no-env, when: { shell: { programs: [env] } }, then: block }
  - { name: no-drop, when: { regex: 'DROP\\s+TABLE' }, then: block }
  - { name: listing, when: { shell: { programs: [ls] } }, then: allow }
";

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

pub(super) fn policy() -> Policy {
    Policy::parse("policy", POLICY, &is_detector).expect("a policy").0
}

/// A command as a node records it.
pub(super) fn recorded(policy: &Policy, command: &str) -> (Event, CommandJudged) {
    recorded_on(policy, TargetKind::Ssh, command.as_bytes())
}

/// A command of a target of some kind.
pub(super) fn recorded_on(
    policy: &Policy,
    kind: TargetKind,
    command: &[u8],
) -> (Event, CommandJudged) {
    let channel = if kind == TargetKind::Ssh { Channel::Exec } else { Channel::Query };
    let actor = Actor {
        person: name("alice"),
        issuer: "file".to_owned(),
        groups: vec![name("engineering")],
        from: None,
        credential: None,
    };
    let target = TargetAsWas {
        name: name("web-1"),
        kind,
        labels: [("env".to_owned(), "staging".to_owned())].into(),
        login: "deploy".to_owned(),
    };
    let time = "2026-01-31T09:30:00Z".parse().expect("an instant");
    let moment = Moment { utc: time, offset_minutes: 60, elapsed: std::time::Duration::ZERO };
    let facts = Facts {
        who: Who::new(actor.person.as_str(), &actor.groups),
        target: TargetFacts {
            name: target.name.as_str(),
            kind: target.kind,
            labels: &target.labels,
        },
        login: &target.login,
        channel,
        moment: &moment,
        reading: None,
    };
    let reading = read_command(policy, &facts, command);
    let decided = decide(policy, &Facts { reading: Some(&reading), ..facts });
    let judged = CommandJudged {
        command: 1,
        text: String::from_utf8_lossy(command).into_owned(),
        parts: 0,
        length: command.len() as u64,
        reading,
        verdict: decided.verdict,
        rules: decided.rules.iter().map(ToString::to_string).collect(),
        grant: "staging".to_owned(),
        channel,
        told: None,
        digest: Digest::ZERO,
        sealed: String::new(),
        offset_minutes: 60,
        durability: Durability::Local,
        without_stream: false,
    };
    let about = About { actor: Some(actor), target: Some(target), ..About::default() };
    let event = Event {
        id: EventId { chain: Chain::Node(name("gw-1")), epoch: Epoch(1), seq: 7 },
        cluster: name("dev"),
        time,
        prev: Digest::ZERO,
        applied: 1,
        name: "command.judged".to_owned(),
        about,
        kind: Some(Kind::CommandJudged(judged.clone())),
    };
    (event, judged)
}

/// A command, what is changed in its record, and what comes out.
#[track_caller]
fn check(command: &str, change: impl Fn(&mut Event, &mut CommandJudged), expected: &str) {
    let policy = policy();
    let (mut event, mut judged) = recorded(&policy, command);
    change(&mut event, &mut judged);
    let found = match decision(&policy, &event, &judged) {
        Derived::Same => "same".to_owned(),
        Derived::Differs { recorded, derived } => format!("{recorded} -> {derived}"),
        Derived::Impossible(why) => format!("impossible: {why}"),
    };
    assert_eq!(found, expected, "{command}");
}

#[test]
fn what_was_not_changed_comes_out_equal() {
    for command in ["ls -l", "env", "psql -c 'DROP TABLE x'", "$(cat x) y", "ls; env", "", "uptime"]
    {
        check(command, |_, _| {}, "same");
    }
}

#[test]
fn what_was_changed_is_named() {
    check("env", |_, judged| judged.verdict = Verdict::Allow, "allow by no-env -> block by no-env");
    check(
        "ls",
        |_, judged| judged.verdict = Verdict::Block,
        "block by listing -> allow by listing",
    );
    check("env", |_, judged| judged.rules.clear(), "block -> block by no-env");
    check(
        "env",
        |_, judged| judged.rules[0] = "other".to_owned(),
        "block by other -> block by no-env",
    );
    check(
        "psql -c 'DROP TABLE x'",
        |_, judged| judged.reading.matched.clear(),
        "block by no-drop -> allow",
    );
    check(
        "ls",
        |event, _| {
            let actor = event.about.actor.as_mut().expect("an actor");
            actor.groups.clear();
        },
        "allow by listing -> block",
    );
    check("ls", |event, _| event.about.actor = None, "impossible: it does not say who");
    check("ls", |event, _| event.about.target = None, "impossible: it does not say on what target");
}

#[test]
fn masked_words_do_not_change_a_decision() {
    check(
        "ls /srv/secret",
        |_, judged| judged.reading.programs[0].arguments = vec!["****".to_owned()],
        "same",
    );
}

#[test]
fn sql_comes_out_equal_and_is_read_again() {
    let policy = policy();
    let bound = b"DELETE FROM orders WHERE id = $1\0\0\0\0\0\0\x01\0\0\0\x017\0\0";
    for command in [&b"SELECT 1"[..], b"DELETE FROM orders", b"SELECT 1; DO 'x'", b"SELEC", bound] {
        let (event, mut judged) = recorded_on(&policy, TargetKind::Postgres, command);
        for statement in &mut judged.reading.statements {
            statement.tables.iter_mut().for_each(|table| *table = "****".to_owned());
        }
        assert_eq!(decision(&policy, &event, &judged), Derived::Same);
        assert_eq!(reading(&policy, &event, &judged, command), Ok(ReadAgain::Same));
        let other = reading(&policy, &event, &judged, b"SELECT 1; SELECT 2").expect("readable");
        assert!(matches!(other, ReadAgain::Changed { .. }), "{other:?}");
        judged.verdict = Verdict::Hold;
        let differs = decision(&policy, &event, &judged);
        assert!(matches!(differs, Derived::Differs { .. }), "{differs:?}");
    }
}

#[test]
fn a_reading_is_compared_with_the_text() {
    let policy = policy();
    let (event, judged) = recorded(&policy, "env");
    assert_eq!(reading(&policy, &event, &judged, b"env"), Ok(ReadAgain::Same));
    let other = reading(&policy, &event, &judged, b"ls").expect("readable");
    assert!(matches!(other, ReadAgain::Changed { .. }), "{other:?}");
}
