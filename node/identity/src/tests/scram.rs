//! SCRAM-SHA-256: the conversation of RFC 7677, and what is wrong with others.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::sync::OnceLock;

use proto::ids::Name;
use proto::person::Person;
use proto::time::Utc;
use zeroize::Zeroizing;

use crate::directory::Directory;
use crate::issued::IssuingKey;
use crate::scram::{Beginning, Exchange, MECHANISM, MECHANISM_PLUS, ScramError, verifier};

const SALT: &str = "W22ZaJ0SNY7soEsUEjb6gQ==";
const NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const SECOND: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                      s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const LAST: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                    p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const PROOF: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn directory() -> Directory {
    let salt = BASE64.decode(SALT).expect("base64").try_into().expect("16 bytes");
    let person = |called: &str, password_hash: Option<String>| Person {
        name: name(called),
        groups: Vec::new(),
        ssh_keys: Vec::new(),
        password_hash,
    };
    Directory::new(&[
        person("user", Some(format!("$argon2id$x {}", verifier("pencil", salt)))),
        person("old", Some("$argon2id$x".to_owned())),
        person("none", None),
        person("broken", Some("$argon2id$x SCRAM-SHA-256$0:x$y:z".to_owned())),
    ])
}

fn begin<'a>(directory: &'a Directory, claimed: &'a str) -> Beginning<'a> {
    let mock_key = &[7; 32];
    let issuing = issuing();
    Beginning {
        directory,
        claimed,
        mechanism: MECHANISM,
        certificate: None,
        nonce: NONCE,
        mock_key,
        issuing,
        now: NOW,
    }
}

const NOW: Utc = Utc(1_764_403_200_000_000);

fn issuing() -> &'static IssuingKey {
    static KEY: OnceLock<IssuingKey> = OnceLock::new();
    KEY.get_or_init(|| IssuingKey::new(&Zeroizing::new([3; 32])))
}

#[test]
fn the_conversation_of_rfc_7677() {
    let directory = directory();
    let begun = Exchange::begin(&begin(&directory, "user"), FIRST.as_bytes());
    let (exchange, second) = begun.expect("a first message");
    assert_eq!(second, SECOND);
    let (subject, proof) = exchange.finish(LAST.as_bytes()).expect("the right password");
    assert_eq!((subject.person, proof.as_str()), (name("user"), PROOF));
}

#[test]
fn first_messages_that_are_refused() {
    let directory = directory();
    #[track_caller]
    fn check(begun: &Beginning<'_>, first: &str, expected: Option<&ScramError>) {
        let found = Exchange::begin(begun, first.as_bytes()).err();
        match expected {
            Some(ScramError::Message(_)) => {
                assert!(matches!(found, Some(ScramError::Message(_))), "{first}: {found:?}");
            }
            other => assert_eq!(found.as_ref(), other, "{first}"),
        }
    }
    let plain = begin(&directory, "user");
    let tls = Beginning { certificate: Some(b"digest"), ..plain };
    let plus = Beginning { mechanism: MECHANISM_PLUS, ..tls };
    let (wrong, binding) = (Some(&ScramError::Message("")), Some(&ScramError::Binding));
    check(&plain, FIRST, None);
    check(&plain, "y,,n=,r=abc", None);
    check(&plain, "n,,n=,r=", wrong);
    check(&plain, "n,,n=", wrong);
    check(&plain, "n,a=eve,n=,r=abc", wrong);
    check(&plain, "n,,m=x,r=abc", wrong);
    check(&plain, "p=tls-server-end-point,,n=,r=abc", wrong);
    check(&plain, "", wrong);
    check(&tls, FIRST, None);
    check(&tls, "y,,n=,r=abc", binding);
    check(&plus, "p=tls-server-end-point,,n=,r=abc", None);
    check(&plus, "p=tls-unique,,n=,r=abc", wrong);
    check(&plus, FIRST, wrong);
    check(&Beginning { certificate: None, ..plus }, "p=tls-server-end-point,,n=,r=abc", wrong);
    check(&Beginning { mechanism: "PLAIN", ..plain }, FIRST, wrong);
}

#[test]
fn last_messages_that_are_refused() {
    let directory = directory();
    #[track_caller]
    fn check(directory: &Directory, claimed: &str, last: &str, expected: &str) {
        let begun = Exchange::begin(&begin(directory, claimed), FIRST.as_bytes());
        let (exchange, _) = begun.expect("a first message");
        let error = exchange.finish(last.as_bytes()).expect_err("it is refused");
        assert_eq!(error.to_string(), expected, "{claimed} {last}");
    }
    let other = LAST.replace("p=dHzb", "p=eHzb");
    check(&directory, "user", &other, "the password of user is another");
    check(&directory, "nobody", LAST, "there is no person of that name");
    check(&directory, "no name", LAST, "there is no person of that name");
    let unset = |who: &str| format!("{who} has no password for databases: apply the people again");
    check(&directory, "old", LAST, &unset("old"));
    check(&directory, "none", LAST, &unset("none"));
    check(&directory, "broken", LAST, &unset("broken"));
    let elsewhere = LAST.replace("c=biws", "c=eSws");
    check(&directory, "user", &elsewhere, "the login is bound to another connection");
    let replayed = LAST.replace("r=rOpr", "r=xOpr");
    let wrong = |what: &str| format!("the client does not speak SCRAM as RFC 5802 has it: {what}");
    check(&directory, "user", &replayed, &wrong("its nonce is another"));
    check(&directory, "user", "c=biws", &wrong("its last message has no proof"));
    let short = LAST.replace("dHzbZapWIk4j", "");
    check(&directory, "user", &short, &wrong("the length of its proof"));
}

/// Nobody's salt looks like anybody's: as long, and the same each time.
#[test]
fn nobody_cannot_be_told_from_somebody() {
    let directory = directory();
    let said = |claimed: &str| {
        let begun = Exchange::begin(&begin(&directory, claimed), FIRST.as_bytes());
        begun.map(|(_, said)| said).expect("a first message")
    };
    assert_eq!(said("nobody"), said("nobody"));
    assert_ne!(said("nobody"), said("anybody"));
    for claimed in ["nobody", "old", "none", "broken"] {
        assert_eq!(said(claimed).len(), said("user").len(), "{claimed}");
    }
}
