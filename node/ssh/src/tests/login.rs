//! Who is let in, and what strangers are told.

use std::collections::BTreeMap;
use std::sync::Arc;

use node_enforce::policy::Policy;
use node_identity::Directory;
use node_session::View;
use proto::event::PolicyRef;
use proto::ids::{Digest, Name};
use proto::person::Person;
use proto::target::{CredentialSource, HostKeys, Target, TargetKind};
use russh::keys::{Algorithm, HashAlg, PublicKey};

use crate::login::{decide, still, user_part};

const POLICY: &str = "
version: 1
grants:
  - name: eng
    who: { groups: [engineering] }
    targets: { labels: { env: staging } }
    as: [deploy, ops@corp]
    channels: [exec]
  - { name: sftp-only, who: { groups: [support] }, targets: {}, as: [deploy], channels: [sftp] }
";
const ALICE: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID4GIXZl3f9B94Py2me9UQUFQ7yRQu4YJTmkxn4GJfOs";
const BOB: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMJ5a1TltcPAUs5ZMgw92Up7W4g2+IBV6MChhGErAOyq";
const NOBODY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIVN0SMpmkSYoAGbEWvOPhfSCB3+Rf/RlTZQ+oxicZcZ";

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn key(line: &str) -> PublicKey {
    PublicKey::from_openssh(line).expect("a key")
}

fn person(who: &str, group: &str, key: &str) -> Person {
    let (groups, ssh_keys) = (vec![name(group)], vec![key.to_owned()]);
    Person { name: name(who), groups, ssh_keys, password_hash: None }
}

fn target(called: &str, kind: TargetKind, env: &str) -> (Name, Arc<Target>) {
    let target = Target {
        name: name(called),
        kind,
        address: "127.0.0.1:22".to_owned(),
        labels: BTreeMap::from([("env".to_owned(), env.to_owned())]),
        host_keys: HostKeys::TrustOnFirstUse,
        credential: CredentialSource::File("key".to_owned()),
        logins: vec!["root".to_owned(), "deploy".to_owned(), "ops@corp".to_owned()],
    };
    (name(called), Arc::new(target))
}

fn view(people: &[Person], policy: Option<&str>) -> View {
    let parse = |text: &str| {
        let (policy, _) = Policy::parse("policy.yaml", text, &|_| true).expect("a policy");
        (Arc::new(policy), PolicyRef { revision: 1, digest: Digest::ZERO })
    };
    View {
        applied: 1,
        contact: std::time::Duration::from_secs(15),
        policy: policy.map(parse),
        people: Arc::new(Directory::new(people)),
        targets: Arc::new(BTreeMap::from([
            target("web-1", TargetKind::Ssh, "staging"),
            target("db-1", TargetKind::Ssh, "prod"),
            target("orders", TargetKind::Postgres, "staging"),
        ])),
        locks: Arc::default(),
        approvals: 0,
        nodes: 0,
    }
}

fn people() -> Vec<Person> {
    vec![person("alice", "engineering", ALICE), person("bob", "support", BOB)]
}

#[test]
fn the_user_part_names_a_target_and_perhaps_a_login() {
    #[track_caller]
    fn check(user: &str, expected: Option<(Option<&str>, &str)>) {
        let part = user_part(user);
        let part = part.as_ref().map(|part| (part.login.as_deref(), part.target.as_str()));
        assert_eq!(part, expected, "{user:?}");
    }
    check("web-1", Some((None, "web-1")));
    check("deploy@web-1", Some((Some("deploy"), "web-1")));
    check("ops@corp@web-1", Some((Some("ops@corp"), "web-1")));
    check("a b@web-1", Some((Some("a b"), "web-1")));
    check("@web-1", None);
    check("deploy@", None);
    check("", None);
    check("@", None);
    check("deploy@web 1", None);
    check("deploy@../web", None);
    check("de\nploy@web-1", None);
    check("de\0ploy@web-1", None);
    check(&format!("{}@web-1", "a".repeat(256)), Some((Some(&"a".repeat(256)), "web-1")));
    check(&format!("{}@web-1", "a".repeat(257)), None);
    check(&"a".repeat(65), None);
}

#[test]
fn who_is_let_in() {
    #[track_caller]
    fn check(user: &str, shown: &str, expected: Result<&str, &str>) {
        let view = view(&people(), Some(POLICY));
        let decided = decide(user, &key(shown), &Algorithm::Ed25519, &view);
        let said = match &decided {
            Ok(login) => {
                Ok(format!("{} as {} on {}", login.subject.person, login.login, login.target))
            }
            Err(not) => {
                let known = shown != NOBODY;
                assert_eq!(not.subject.is_some(), known, "whose key it is, is for the record");
                Err(not.reason.clone())
            }
        };
        match (said, expected) {
            (Ok(said), Ok(expected)) => assert_eq!(said, expected),
            (Err(said), Err(expected)) => assert!(said.contains(expected), "{said}"),
            (said, expected) => panic!("{user}: {said:?}, expected {expected:?}"),
        }
    }
    check("web-1", ALICE, Ok("alice as deploy on web-1"));
    check("deploy@web-1", ALICE, Ok("alice as deploy on web-1"));
    check("ops@corp@web-1", ALICE, Ok("alice as ops@corp on web-1"));
    check("root@web-1", ALICE, Err("no grant lets alice reach web-1 as that login"));
    check("a secret@web-1", ALICE, Err("web-1 does not have that login"));
    check("db-1", ALICE, Err(""));
    check("nosuch", ALICE, Err("no such target"));
    check("orders", ALICE, Err("kind postgres"));
    check("deploy@", ALICE, Err("not of the form"));
    check("web-1", BOB, Ok("bob as deploy on web-1"));
    check("ops@corp@web-1", BOB, Err("no grant lets bob reach web-1 as that login"));
    check("web-1", NOBODY, Err("nobody's"));
    check("nosuch", NOBODY, Err("nobody's"));
}

#[test]
fn nobody_is_let_in_without_a_policy_or_with_sha1() {
    #[track_caller]
    fn check(algorithm: Algorithm, policy: Option<&str>, expected: Option<&str>) {
        let decided = decide("web-1", &key(ALICE), &algorithm, &view(&people(), policy));
        let reason = decided.err().map(|not| not.reason);
        assert_eq!(reason.as_deref(), expected);
    }
    check(Algorithm::Ed25519, Some(POLICY), None);
    check(Algorithm::Ed25519, None, Some("there is no policy"));
    check(Algorithm::Rsa { hash: None }, Some(POLICY), Some("the signature is made with SHA-1"));
    check(Algorithm::Rsa { hash: Some(HashAlg::Sha256) }, Some(POLICY), None);
}

#[test]
fn a_connection_may_outlive_its_person() {
    let before = view(&people(), Some(POLICY));
    let login = decide("web-1", &key(ALICE), &Algorithm::Ed25519, &before).expect("let in");
    let today = |people: &[Person]| {
        let actor = still(&login, &Directory::new(people), "192.0.2.1:22");
        actor.map(|actor| (actor.groups, actor.from))
    };
    let from = Some("192.0.2.1:22".to_owned());
    assert_eq!(today(&people()), Some((vec![name("engineering")], from.clone())));
    let moved = [person("alice", "support", ALICE)];
    assert_eq!(today(&moved), Some((vec![name("support")], from)), "groups are today's");
    assert_eq!(today(&[person("alice", "engineering", NOBODY)]), None, "the key is withdrawn");
    assert_eq!(today(&[person("bob", "support", BOB)]), None, "the person is gone");
    assert_eq!(today(&[person("carol", "engineering", ALICE)]), None, "the key is another's");
}
