//! `people.yaml`: what is read, and each way to get it wrong.

use proto::ids::Name;
use zeroize::Zeroizing;

use super::{line, name, new_key};
use crate::document::Problems;
use crate::people::{Passwords, parse};
use crate::{password, scram};

const WORD: &str = "correct horse";

fn environment(variable: &str) -> Option<Zeroizing<String>> {
    match variable {
        "ALICE_PASSWORD" => Some(Zeroizing::new(WORD.to_owned())),
        "EMPTY" => Some(Zeroizing::new(String::new())),
        "LONG" => Some(Zeroizing::new("x".repeat(password::PASSWORD_BYTES + 1))),
        _ => None,
    }
}

fn read(text: &str) -> Result<Vec<proto::person::Person>, Problems> {
    read_with(text, &|_| None)
}

fn read_with(
    text: &str,
    current: &dyn Fn(&Name) -> Option<String>,
) -> Result<Vec<proto::person::Person>, Problems> {
    let passwords =
        Passwords { environment: &environment, salt: &|| [7; 16], current, verifiers: true };
    parse("people.yaml", text, &passwords)
}

#[test]
fn the_example_of_the_design() {
    let (alice, bob) = (line(&new_key()), line(&new_key()));
    let text = format!(
        "people:                # all of them\n\
         \x20 - {{ name: alice, groups: [engineering, dba], ssh_keys: [\"{alice} alice\"], \
         password: {{ env: ALICE_PASSWORD }} }}\n\
         \x20 - name: bob\n    ssh_keys:\n      - {bob} bob@laptop\n"
    );
    let people = read(&text).unwrap();
    let hash = people[0].argon2().unwrap().to_owned();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    let verifier = people[0].verifier().unwrap();
    assert!(verifier.starts_with("SCRAM-SHA-256$4096:"), "{verifier}");
    assert!(password::verify(WORD, &hash) && !password::verify("correct hors", &hash));
    assert_eq!(people[0].groups, [name("engineering"), name("dba")]);
    assert_eq!(people[0].ssh_keys, [alice]);
    assert_eq!((people[1].name.as_str(), &people[1].ssh_keys), ("bob", &vec![bob]));
    assert_eq!((&people[1].groups, &people[1].password_hash), (&vec![], &None));

    // Applied again with another salt, the hash that fits is kept; one that does not is replaced.
    let old = password::hash(WORD, [9; 16]).unwrap();
    let other_salt = format!("{old} {}", scram::verifier(WORD, [9; 16]));
    let again = read_with(&text, &|_| Some(other_salt.clone())).unwrap();
    assert_eq!(again[0].password_hash, Some(other_salt.clone()));
    let stale = other_salt.replace(&old, &password::hash("old", [9; 16]).unwrap());
    assert_eq!(read_with(&text, &|_| Some(stale.clone())).unwrap(), people);
    // One that was kept before databases were served gets what they are logged in to with.
    assert_eq!(read_with(&text, &|_| Some(old.clone())).unwrap(), people);
    assert_eq!(read("people: []\n").unwrap(), []);
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let problems = read(text).expect_err("this document is wrong");
    let said: Vec<_> = problems.all().iter().map(ToString::to_string).collect();
    assert_eq!(said, expected, "{text}");
}

#[test]
fn wrong_form() {
    let check = |text, expected: &str| check(text, &[&format!("people.yaml:{expected}")]);
    check("", "1:1: unexpected end of input");
    check("peeple: []\n", "1:1: unknown field `peeple`, expected one of people");
    check("people: {}\n", "1:9: expected a list");
    check("people: [\n", "1:9: unclosed bracket '['");
    check("people:\n  - groups: [a]\n", "2:5: missing field `name`");
    check("people:\n  - name: [a]\n", "2:11: expected text");
    check("people:\n  - name: a\n    name: b\n", "3:5: `name` is given twice, expected once");
    check("people:\n  - name: *a\n", "2:11: alias references unknown anchor");
    check("people: []\n---\npeople: []\n", "3:1: a second document begins, expected one");
    check(
        "people:\n  - name: a\n    keys: []\n",
        "3:5: unknown field `keys`, expected one of name, groups, ssh_keys, certificates, \
         password",
    );
    check(
        "people:\n  - name: a\n    password: hunter2\n",
        "3:15: expected a mapping such as { key: value }",
    );
    check(
        "people:\n  - name: a\n    password: { env: X, value: y }\n",
        "3:25: unknown field `value`, expected one of env",
    );
    let large = format!("# {}\npeople: []\n", "x".repeat(crate::document::DOCUMENT_BYTES));
    check(&large, "1:1: 4194318 bytes, expected at most 4194304");
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut text = String::from("people:\n  - name: a\n    groups: &g0 [x,x,x,x,x,x,x,x,x,x]\n");
    for level in 0..9 {
        let list = vec![format!("*g{level}"); 10].join(",");
        text += &format!("  - {{ name: b{level}, groups: &g{} [{list}] }}\n", level + 1);
    }
    assert!(read(&text).is_err());
}

#[test]
fn wrong_content_is_named_all_at_once() {
    let name_rule = "1 to 64 letters, digits, '.', '_' or '-', first a letter or digit";
    let (one, two) = (line(&new_key()), line(&new_key()));
    let text = format!(
        "people:
  - name: alice smith
    groups: [ok, -bad, ok]
  - name: bob
    ssh_keys:
      - {one} first
      - nonsense
      - {two}
      - {one} again
  - name: bob
    ssh_keys: [\"no-pty {one}\"]
  - name: carol
    ssh_keys: [\"{two} stolen\"]
    password: {{ env: CAROL_PASSWORD }}
  - name: dave
    password: {{ env: EMPTY }}
  - name: erin
    password: {{ env: hunter2 }}
  - name: frank
    password: {{ env: LONG }}
"
    );
    let key_form = "expected \"ssh-ed25519 AAAA…\"";
    check(
        &text,
        &[
            &format!("people.yaml:2:11: \"alice smith\" is not a name: {name_rule}"),
            &format!("people.yaml:3:18: \"-bad\" is not a name: {name_rule}"),
            "people.yaml:3:24: group ok is listed twice, expected once",
            &format!("people.yaml:7:9: not a public key in OpenSSH's one-line form, {key_form}"),
            "people.yaml:9:9: bob has this key already, expected each key once",
            "people.yaml:10:11: bob is named in line 4 too, expected once",
            "people.yaml:11:16: options stand in front of the key, expected the key alone: \
             \"ssh-ed25519 AAAA…\"",
            "people.yaml:13:16: bob and carol have the same key, expected one person for each key",
            "people.yaml:14:22: environment variable CAROL_PASSWORD is not set, expected the \
             password of carol",
            "people.yaml:16:22: the password is empty",
            "people.yaml:18:22: environment variable that is named here is not set, expected the \
             password of erin",
            "people.yaml:20:22: the password is longer than 1024 bytes",
        ],
    );
}

#[test]
fn certificates() {
    #[track_caller]
    fn check_one(written: &str, kept: Option<&str>) {
        let text = format!("people:\n  - {{ name: a, certificates: [{written:?}] }}\n");
        let people = read(&text).ok();
        let lines = people.map(|people| people[0].ssh_keys.clone());
        assert_eq!(lines, kept.map(|kept| vec![kept.to_owned()]), "{written}");
    }
    check_one("cn:alice", Some("x509:cn:alice"));
    check_one("cn:Alice Smith", Some("x509:cn:Alice Smith"));
    check_one("email:a@example.com", Some("x509:email:a@example.com"));
    check_one("uri:spiffe://acme/a", Some("x509:uri:spiffe://acme/a"));
    check_one("dns:a.internal", Some("x509:dns:a.internal"));
    let digest = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
    check_one(&format!("sha256:{digest}="), Some(&format!("x509:sha256:{digest}")));
    for wrong in [
        "alice",
        "cn:",
        "cn: alice",
        "CN:alice",
        "ip:127.0.0.1",
        "cn:a\nb",
        "sha256:abc",
        "x509:cn:alice",
        "sha256:",
        "email:",
    ] {
        check_one(wrong, None);
    }
    let twice = "people:\n  - { name: a, certificates: [\"cn:a\", \"cn:a\"] }\n  \
                 - { name: b, certificates: [\"dns:a\", \"cn:a\"] }\n";
    check(
        twice,
        &[
            "people.yaml:2:39: a has this certificate already, expected each certificate once",
            "people.yaml:3:40: a and b have the same certificate, expected one person for each \
             certificate",
        ],
    );
}

#[test]
fn too_many() {
    let groups: Vec<_> = (0..=crate::people::GROUPS).map(|n| format!("g{n}")).collect();
    let text = format!("people:\n  - name: a\n    groups: [{}]\n", groups.join(","));
    check(&text, &["people.yaml:2:11: a has 257 groups, expected at most 256"]);
}

#[test]
fn the_schema_is_of_the_document() {
    let schema = crate::people::schema().to_value().to_string();
    for part in ["\"title\":\"people.yaml\"", "\"ssh_keys\"", "\"additionalProperties\":false"] {
        assert!(schema.contains(part), "{part} is not in {schema}");
    }
}
