//! The tables in `cases/policy`: documents, and what is said of them.
//!
//! `== what it shows`, the document, `--`, one line for each error or warning: `line:column: what`.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::ids::Name;
use proto::reading::Channel;
use proto::target::TargetKind;

use super::{
    Commands, NoGrant, Permission, Policy, PolicyErrors, SessionLimits, TargetFacts, Who, words,
};

fn parse(text: &str) -> Result<(Policy, Vec<super::Warning>), PolicyErrors> {
    Policy::parse("p", text, &|name| name == "known-one")
}

#[track_caller]
fn policy(text: &str) -> Policy {
    parse(text).map(|(policy, _)| policy).expect("a policy")
}

#[track_caller]
fn check(file: &str, at_least: usize, said: impl Fn(&str) -> String) {
    let path = format!("{}/cases/policy/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("a table of cases");
    let cases: Vec<&str> = text.split("== ").skip(1).collect();
    assert!(cases.len() >= at_least, "{file} has only {} cases", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let (name, rest) = case.split_once('\n').expect("a case has a name");
        let (document, expected) = rest.split_once("--\n").expect("a case has a --");
        let found = said(document);
        if found.trim() != expected.trim() {
            wrong.push(format!("== {name}\n expected\n{}\n found\n{found}\n", expected.trim()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn without_file(text: &str) -> String {
    text.lines().map(|line| line.strip_prefix("p:").unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

#[test]
fn wrong_documents() {
    check("wrong.txt", 35, |document| match parse(document) {
        Ok(_) => "it was taken".to_owned(),
        Err(errors) => without_file(&errors.to_string()),
    });
}

#[test]
fn warnings() {
    check("warnings.txt", 2, |document| match parse(document) {
        Ok((_, warnings)) => {
            let lines: Vec<String> = warnings.iter().map(ToString::to_string).collect();
            without_file(&lines.join("\n"))
        }
        Err(errors) => errors.to_string(),
    });
}

const POLICY: &str = r#"
version: 1
sessions: { idle: 90s, per_person: 3 }
roles:
  - { name: auditors, who: { groups: [audit] }, may: [sessions, replay] }
  - { name: editors, who: { users: [eve], groups: [security] }, may: [policy], second_person: true }
  - { name: claimed, who: { claims: { team: [red, blue] } }, may: [kill] }
grants:
  - { name: listed, who: { groups: [eng] }, targets: { labels: { env: staging } }, as: [deploy,
      app], channels: [exec], commands: listed }
  - { name: any, who: { groups: [eng] }, targets: { labels: { env: staging }, kind: ssh },
      as: [app], channels: [exec] }
  - { name: prod, who: { users: alice }, targets: { names: [db-1], labels: { env: [prod, live],
      tier: db } }, as: [root], channels: [shell] }
"#;

fn labels(of: &[(&str, &str)]) -> BTreeMap<String, String> {
    of.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn names(of: &[&str]) -> Vec<Name> {
    of.iter().map(|name| name.parse().expect("a name")).collect()
}

#[test]
fn grants() {
    let policy = policy(POLICY);
    let staging = labels(&[("env", "staging")]);
    let live = labels(&[("env", "live"), ("tier", "db")]);
    let check = |who: (&str, &[&str]),
                 target: (&str, &BTreeMap<String, String>),
                 channel,
                 login,
                 of: &[&str],
                 expected: &str| {
        let groups = names(who.1);
        let target = TargetFacts { name: target.0, kind: TargetKind::Ssh, labels: target.1 };
        let logins: Vec<String> = of.iter().map(|login| (*login).to_owned()).collect();
        let found = match policy.grant(&Who::new(who.0, &groups), &target, channel, login, &logins)
        {
            Ok(granted) => {
                format!("{} {} {}", granted.grant, granted.login, granted.commands.word())
            }
            Err(why) => why.to_string(),
        };
        assert_eq!(found, expected);
    };
    let (eng, alice) = (("bob", &["x", "eng"][..]), ("alice", &["eng"][..]));
    let web = ("web-1", &staging);
    check(eng, web, Channel::Exec, None, &["deploy", "app"], "listed deploy listed");
    check(eng, web, Channel::Exec, None, &["root", "app", "deploy"], "any app any");
    check(eng, web, Channel::Exec, Some("app"), &["deploy", "app"], "any app any");
    check(eng, web, Channel::Exec, Some("deploy"), &["deploy", "app"], "listed deploy listed");
    check(
        eng,
        web,
        Channel::Exec,
        Some("root"),
        &["root"],
        "no grant lets bob reach web-1 as that login",
    );
    check(eng, web, Channel::Exec, Some("x"), &["app"], "web-1 does not have that login");
    check(
        eng,
        web,
        Channel::Exec,
        None,
        &["root"],
        "no grant lets bob reach web-1 as any of its logins",
    );
    check(eng, web, Channel::Shell, None, &["app"], "no grant lets bob open Shell on web-1 as app");
    check(("mallory", &["audit"]), web, Channel::Exec, None, &["app"], "no grant is about mallory");
    check(eng, ("db-1", &live), Channel::Shell, None, &["root"], "no grant lets bob reach db-1");
    check(alice, ("db-1", &live), Channel::Shell, None, &["root"], "prod root any");
    check(
        alice,
        ("db-2", &live),
        Channel::Shell,
        None,
        &["root"],
        "no grant lets alice reach db-2",
    );
    check(
        alice,
        ("db-1", &live),
        Channel::Exec,
        None,
        &["root"],
        "no grant lets alice open Exec on db-1 as root",
    );
    assert_eq!(Commands::Listed.word(), "listed");
    assert!(matches!(
        policy.grant(
            &Who::new("x", &[]),
            &TargetFacts { name: "y", kind: TargetKind::Ssh, labels: &live },
            Channel::Exec,
            None,
            &[]
        ),
        Err(NoGrant::Person { .. })
    ));
}

#[test]
fn roles() {
    let policy = policy(POLICY);
    let check = |name: &str, groups: &[&str], expected: &[Permission]| {
        let groups = names(groups);
        for (word, permission) in Permission::ALL {
            let allowed = policy.allows(&Who::new(name, &groups), *permission);
            assert_eq!(allowed, expected.contains(permission), "{name} {word}");
        }
    };
    check("ann", &["audit"], &[Permission::Sessions, Permission::Replay]);
    check(
        "eve",
        &["audit", "security"],
        &[Permission::Sessions, Permission::Replay, Permission::Policy],
    );
    check("eve", &[], &[]);
    check("bob", &["security"], &[]);
    let claims = BTreeMap::from([("team".to_owned(), vec!["green".to_owned(), "blue".to_owned()])]);
    let who = Who { name: "x", groups: &[], claims: &claims };
    assert!(policy.allows(&who, Permission::Kill) && !policy.allows(&who, Permission::Lock));
    let groups = names(&["security"]);
    assert!(policy.needs_second_person(&Who::new("eve", &groups), Permission::Policy));
    assert!(!policy.needs_second_person(&Who::new("eve", &groups), Permission::Kill));
}

#[test]
fn what_a_policy_says_of_itself() {
    let policy = policy(POLICY);
    let limits =
        SessionLimits { idle: Duration::from_secs(90), per_person: 3, ..SessionLimits::default() };
    assert_eq!(policy.sessions(), limits);
    assert_eq!(policy.text(), POLICY);
    let empty = self::policy("version: 1\n");
    assert_eq!(
        empty.digest().to_string(),
        "09bfcc6a14b83e2192b8673677725c84883ee9cd0c70e45c9ec09daa8f2b2847"
    );
    assert_ne!(policy.digest(), empty.digest());
}

#[test]
fn small_forms() {
    let minute = |text: &str| words::time_of_day(text);
    assert_eq!(
        [minute("00:00"), minute("24:00"), minute("09:05")],
        [Some(0), Some(1440), Some(545)]
    );
    for wrong in ["24:01", "9:05", "09:60", "-1:00", "+9:00", "0900", ""] {
        assert_eq!(minute(wrong), None, "{wrong}");
    }
    let offset = |text: &str| words::offset(text);
    assert_eq!([offset("Z"), offset("+02:00"), offset("-05:30")], [Some(0), Some(120), Some(-330)]);
    assert_eq!([offset("02:00"), offset("+15:00"), offset("é1:00")], [None; 3]);
    let days = |text: &str| words::days(text);
    assert_eq!([days("mon"), days("mon-fri"), days("sat-mon")], [Some(1), Some(0x1f), Some(0x61)]);
    assert_eq!([days("day"), days("mon-"), days("")], [None; 3]);
    let seconds = |text: &str| words::duration(text).map(|time| time.as_secs());
    assert_eq!(
        [seconds("1s"), seconds("8h"), seconds("7d")],
        [Some(1), Some(28_800), Some(604_800)]
    );
    for wrong in ["", "s", "0s", "1", "1w", "-1s", "1.5h", "99999999999999999999s", "366d"] {
        assert_eq!(seconds(wrong), None, "{wrong}");
    }
    assert_eq!([words::size("10"), words::size("16MiB")], [Some(10), Some(16 << 20)]);
    assert_eq!([words::size("MiB"), words::size("1MB"), words::size("9999999GiB")], [None; 3]);
}

#[test]
fn the_schema_names_every_key() {
    let schema = Policy::schema();
    let text = schema.to_string();
    for key in [
        "unmatched",
        "second_person",
        "as",
        "channels",
        "arguments",
        "when_stream_down",
        "keep_last",
        "for",
    ] {
        assert!(text.contains(&format!("\"{key}\"")), "{key}");
    }
    assert_eq!(schema["required"], serde_json::json!(["version"]));
    assert_eq!(schema["additionalProperties"], serde_json::json!(false));
}

/// Documents that are too large in one way or another.
#[test]
fn limits() {
    let rules = |count: usize| {
        let rule = |at| format!("  - {{ name: r{at}, when: {{}}, then: allow }}\n");
        format!("version: 1\nrules:\n{}", (0..count).map(rule).collect::<String>())
    };
    assert!(parse(&rules(1000)).is_ok());
    let error = parse(&rules(1001)).map(|_| ()).expect_err("too many rules").to_string();
    assert_eq!(error, "p:1003:13: more than 1000 entries in one section");
    let long = format!("version: 1\n#{}", "x".repeat(1024 * 1024));
    let error = parse(&long).map(|_| ()).expect_err("too long").to_string();
    assert_eq!(error, "p:1:1: the document has 1048588 bytes, expected at most 1 MiB");
    let deep = format!("version: 1\nrules: {}", "[".repeat(100_000));
    assert!(parse(&deep).is_err());
}
