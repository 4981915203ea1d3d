//! What is held, how much, and how much work hostile input makes.

use super::*;

/// Fed byte by byte, all of `input` leaves at once.
#[track_caller]
fn leaves_at_once(input: &str) {
    let mut masker = Masker::new(by_default());
    for &byte in input.as_bytes() {
        let window = masker.feed(Raw::new(&[byte]));
        assert_eq!(text(window.client.bytes()), text(&[byte]));
        assert_eq!(masker.held(), 0);
    }
}

#[test]
fn prompts_are_not_held() {
    for prompt in [
        "Password: ",
        "Password:",
        "Enter token: ",
        "[y/n] ",
        "[sudo] password for ann: ",
        "ann@web-1:~$ ",
        "secret = ",
        "\"password\": \"",
        "Authorization: ",
        "mysql> ",
        ">>> ",
        "ghp_",
        "AKIA",
        "eyJ",
        "https://user",
        "glpat-",
        concat!("-----BEGIN ", "OPENSSH PRIVATE KEY-----"),
        "Continue? (yes/no/[fingerprint])? ",
        "10.0.0.1 ann@example.org 4111",
        "$ mysql --password ",
        "curl -u ann:",
        "Set-Cookie: sessionid=",
        "machine api.example.com login ann password ",
        "apiVersion: v1\ndata:\n  password: ",
    ] {
        leaves_at_once(prompt);
    }
}

#[test]
fn bodies_are_held_until_decided_and_masked_as_they_come() {
    let mut masker = Masker::new(by_default());
    let mut feed = |bytes: &str| {
        let window = masker.feed(Raw::new(bytes.as_bytes()));
        (text(window.client.bytes()), masker.held())
    };
    let body = alnum(60);
    assert_eq!(feed(&format!("a ghp_{}", &body[..1])), ("a ghp_".to_owned(), 1));
    assert_eq!(feed(&body[1..35]), (String::new(), 35));
    assert_eq!(feed(&body[35..36]), (stars(36), 0));
    assert_eq!(feed(&body[36..]), (stars(24), 0));
    assert_eq!(feed(concat!(" -----BEGIN ", "PRIVATE KEY-----\nab")).1, 0);
    assert_eq!(feed("c--"), ("*".to_owned(), 2));
    assert_eq!(feed("---E"), (String::new(), 6));
    assert_eq!(feed("ND PRI"), ("-----END PRI".to_owned(), 0));
    assert_eq!(feed("\npassword=hun"), ("\npassword=".to_owned(), 3));
    assert_eq!(feed("ter\n"), ("******\n".to_owned(), 0));
}

#[test]
fn what_passes_its_bound_is_masked() {
    for (prefix, rest) in [
        ("eyJ", "A".repeat(20_000)),
        ("https://u:", "p".repeat(20_000)),
        ("password=", "p".repeat(20_000)),
        ("token: \"", "p q ".repeat(5_000)),
    ] {
        for action in [Action::Redact, Action::Hash, Action::Null] {
            let plan = everything(&action);
            let input = format!("{prefix}{rest}");
            let whole = feed(&plan, [input.as_bytes()]);
            assert_eq!(text(&whole.0), format!("{prefix}{}", stars(rest.len())), "{action:?}");
            assert_eq!(feed(&plan, input.as_bytes().chunks(1)), whole);
            assert_eq!(feed(&plan, input.as_bytes().chunks(4099)), whole);
        }
    }
}

/// Counts work by bytes held and by the test's end: a quadratic masker would not finish.
#[test]
fn hostile_input_is_linear_and_held_within_the_limit() {
    for unit in [
        "A",
        "a@",
        "1",
        "eyJ",
        "=",
        "password=",
        "password=<",
        "token=token:",
        "auth=",
        "a@b.",
        "://a:",
        "-----BEGIN ",
        PEM_BEGIN,
        "ghp_",
        "1.",
        "4111 ",
        "EMP-1",
        "\\\"password\\\":",
        "token ",
        "eyJaaaaaaaaaaa.",
        "password=\"",
        "correct horse batter",
        "--",
        "--password ",
        "-u a:b ",
        "cookie: a=",
        "cookie: sid=abcd;",
        "kind: Secret\n",
        "apiVersion: v1\ndata:\n a: b\n",
        "data:",
        "stringData:\n a: |\n  b\n",
        "\"stringData\":{\"a\":\"",
        "machine a login b password c\n",
        "a:5432:b:c:d\n",
        "xoxb-",
        "W0Vjs5cAVRxkq2nVPzLu/",
        "MTk4NjIy.",
    ] {
        let input = unit.repeat(10_000 / unit.len());
        for action in [Action::Redact, Action::Hash] {
            let plan = everything(&action);
            let whole = feed(&plan, [input.as_bytes()]);
            assert_eq!(feed(&plan, input.as_bytes().chunks(1)), whole, "{unit}");
        }
    }
}

#[test]
fn sequences_within_a_token_are_bounded() {
    for sequence in ["\x1b[m", "\x1b[38;2;255;100;0m", "\x1b[?2004h\x1b(B"] {
        let mut masker = Masker::new(by_default());
        masker.feed(Raw::new(format!("ghp_{}", alnum(10)).as_bytes()));
        let (mut sent, mut left) = (0, 0);
        for _ in 0..1000 {
            sent += sequence.len();
            left += masker.feed(Raw::new(sequence.as_bytes())).client.bytes().len();
            assert!(masker.held() <= 512, "{} bytes are held", masker.held());
        }
        left += masker.finish().client.bytes().len();
        assert_eq!(left, sent + 10, "nothing is lost");
        // Few of them change nothing.
        let (one, two) = (alnum(10), alnum(26));
        let between = sequence.repeat(4);
        let expected = format!("ghp_{}{between}{}", stars(10), stars(26));
        check(&by_default(), &format!("ghp_{one}{between}{two}"), &expected);
    }
}

#[test]
fn a_long_line_takes_constant_memory() {
    let mut masker = Masker::new(everything(&Action::Hash));
    let chunk = "some words and numbers 12 34 ".repeat(1000);
    let mut length = 0;
    for _ in 0..100 {
        length += masker.feed(Raw::new(chunk.as_bytes())).client.bytes().len();
        assert!(masker.held() <= HOLD_LIMIT);
        assert!(masker.room() <= HOLD_LIMIT + 128, "{}", masker.room());
    }
    length += masker.finish().client.bytes().len();
    assert_eq!(length, chunk.len() * 100);
}

#[test]
fn after_its_end_a_stream_starts_anew() {
    let mut masker = Masker::new(by_default());
    let pem = concat!("-----BEGIN ", "PRIVATE KEY-----\nabc");
    assert!(masker.feed(Raw::new(pem.as_bytes())).findings.is_empty());
    assert_eq!(masker.finish().findings.len(), 1);
    let window = masker.feed(Raw::new(b"plain"));
    assert_eq!(text(window.client.bytes()), "plain");
}
