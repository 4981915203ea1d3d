//! The central property: whatever the cuts, the output is that of the whole.

use proptest::prelude::*;

use super::*;

/// Pieces that make secrets, nearly make them, and stand beside them.
const PIECES: &[&str] = &[
    " ",
    "\n",
    "\r\n",
    "\"",
    "'",
    "\\",
    ",",
    ";",
    "&",
    ".",
    ":",
    "=",
    "@",
    "/",
    "-",
    "*",
    "a",
    "ä",
    "€",
    "0",
    "4",
    "12",
    "://",
    "https://u:",
    "p@h ",
    "password",
    "Password: ",
    "token=",
    "\"secret\": \"",
    "api_key",
    "auth: ",
    "Authorization: Bearer ",
    "PWD=",
    "eyJ",
    ".eyJ",
    "ghp_",
    "AKIA",
    "glpat-",
    "sk_live_",
    "-----",
    "BEGIN ",
    "END ",
    "PRIVATE KEY",
    "EMP-",
    "123456",
    "ann@example.org",
    "10.0.0.1",
    "4111 1111 ",
    "1111 1111",
    "correct horse ",
    "battery",
    "words of a log line ",
    "null",
    "${X}",
    "<x>",
    "Y29ycmVjdCBob3JzZSBiYXR0ZXJ5",
    "+44 20 7946 ",
    "(212) 555-",
    "212-555-0123",
    "536-22-1234",
    "GB82 WEST 1234 ",
    "5698 7654 32",
    "GB82WEST12345698765432",
    "SG.",
    "sk-proj-",
    "xoxb-",
    "$6$",
    "hvs.",
    "AQ.Ab8RN6",
    " cio",
    " SK",
    "hooks.slack.com/services/",
    "123456789:A",
    "1//",
    "_",
    "+",
    "~",
    "sha256~",
    "T3BlbkFJ",
    " --password ",
    "--token '",
    "curl -u ann:",
    "Set-Cookie: ",
    "sessionid=",
    "; Path=/",
    "machine a ",
    "login b ",
    "password c",
    "db:5432:",
    "*:*:*:",
    "apiVersion: v1\n",
    "kind: Secret\n",
    "data:\n",
    "stringData:\n",
    "  a: ",
    "YWRtaW4=",
    "{\"kind\":\"Secret\",",
    "\"data\":{\"a\":\"",
    "\\\"data\\\":{\\\"a\\\":\\\"",
    "}",
    "W0Vjs5cAVRxkq2nVPzLuGbD7XwTg1Yh8M",
    "+ASbB4nKxQ=",
    "MTk4NjIyNDgzNDcxOTI1MjQ4.",
    "Cl2FMQ.",
    "AxSvM7Pq9Zn",
    "P<UTOERIKSSON<<",
    "L898902C36UTO7408122F",
    "1204159ZE184226B<<<<<10",
    "I<UTO",
    "D231458907",
    "<<<<<<<<<<<<<<<",
    "fe80::",
    "2001:db8:",
    ":1",
    "00:1a:2b:",
    "3c:4d:5e",
    "001A.2B3C.",
    "AB 12 34 56 C",
    "AB1234",
    "56C",
    "529.982.247",
    "11.222.333/0001",
    "-81",
    "-25",
    "943 476 5919",
    "1 84 12 76 451 089 46",
    "131052A308T",
    "1A1zP1eP5QGefi2DMPTf",
    "TL5SLmv7DivfNa",
    "bc1qw508d6qejxtdg4y5r3za",
    "rvary0c5xw7kv8f3t4",
    "0x",
    "\x1b[m",
    "\x1b[1;31m",
    "\x1b[2;1H",
    "\x1b]0;",
    "\x1b",
    " \r",
    "\x08",
];

/// Those, and such as are made up.
fn pieces() -> Vec<String> {
    let mut pieces: Vec<String> = PIECES.iter().map(ToString::to_string).collect();
    let hex = body("0123456789abcdef", 32);
    pieces.extend([
        alnum(36),
        alnum(12),
        upper(16),
        hex,
        alnum(300),
        "y".repeat(80),
        "x".repeat(5000),
    ]);
    pieces
}

fn stream() -> impl Strategy<Value = String> {
    let pieces = pieces();
    let last = pieces.len() - 1;
    // The longest piece is rare, or it would be all that is tested.
    let index = prop_oneof![30 => 0..last, 1 => last..=last];
    proptest::collection::vec(index, 0..40)
        .prop_map(move |indices| indices.into_iter().map(|i| pieces[i].as_str()).collect())
}

fn cut(input: &[u8], sizes: &[usize]) -> Vec<Vec<u8>> {
    let mut rest = input;
    let mut chunks = Vec::new();
    for &size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (chunk, tail) = rest.split_at(size.min(rest.len()));
        chunks.push(chunk.to_vec());
        rest = tail;
    }
    chunks
}

#[test]
fn a_sign_stays_with_its_number() {
    let plan = everything(&Action::Redact);
    for sign in ["+44 20 7946 ", "(212) 555-0123 ", "((212) 555-0123 "] {
        for count in 30..60 {
            let input = format!("{sign}{}  ", "GB82WEST ".repeat(8).get(..count).expect("text"));
            let whole = feed(&plan, [input.as_bytes()]);
            assert_eq!(feed(&plan, input.as_bytes().chunks(1)), whole, "{input}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 100,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_cut_gives_the_same(
        input in stream(),
        sizes in proptest::collection::vec(1_usize..60, 1..12),
        action in prop_oneof![
            Just(Action::Redact), Just(Action::Hash), Just(Action::Null),
            Just(Action::KeepLast(4)), Just(Action::KeepFirst(3)),
            Just(Action::Token("people".to_owned())), Just(Action::Constant("c".to_owned())),
        ],
    ) {
        for plan in [everything(&action), by_default()] {
            let whole = feed(&plan, [input.as_bytes()]);
            let chunks = cut(input.as_bytes(), &sizes);
            prop_assert_eq!(&feed(&plan, chunks.iter().map(Vec::as_slice)), &whole);
            prop_assert_eq!(&feed(&plan, input.as_bytes().chunks(1)), &whole);
            prop_assert!(String::from_utf8(whole.0).is_ok(), "UTF-8 is whole");
        }
    }

    #[test]
    fn redacting_again_reveals_nothing(input in stream()) {
        let (once, twice) = redacted_twice(&input);
        prop_assert_eq!(once.len(), input.len());
        prop_assert_eq!(twice.len(), once.len());
        let stays = |(again, before): (u8, u8)| again == before || again == b'*';
        prop_assert!(twice.bytes().zip(once.bytes()).all(stays), "{} and {}", twice, once);
    }

    #[test]
    fn planted_tokens_never_leave(
        before in stream(),
        after in stream(),
        sizes in proptest::collection::vec(1_usize..50, 1..8),
    ) {
        let secret = body("ABCDEFGHKMNPQRSTUVW", 36);
        let input = format!("{before} ghp_{secret} {after}");
        let chunks = cut(input.as_bytes(), &sizes);
        let (masked, _) = feed(&by_default(), chunks.iter().map(Vec::as_slice));
        prop_assert!(!text(&masked).contains(&secret[..8]));
    }
}

/// What redacting makes of a text, and what redacting that makes of it again.
fn redacted_twice(input: &str) -> (String, String) {
    let once = feed(&by_default(), [input.as_bytes()]).0;
    let twice = feed(&by_default(), [&once[..]]).0;
    (text(&once), text(&twice))
}

#[test]
fn redacting_again_changes_nothing_where_values_do_not_overlap() {
    for input in [
        "password=hunter2 and more",
        "Password: correct horse",
        "see https://u:p@h/path?q=1",
        "{\"secret\": \"0123456789abcdef\", \"name\": \"ann\"}",
        "Authorization: Bearer Y29ycmVjdCBob3JzZSBiYXR0ZXJ5",
        &format!("Password: https://u:{} rest", "x".repeat(5_000)),
        &format!("token=ghp_{} rest", alnum(36)),
    ] {
        let (once, twice) = redacted_twice(input);
        assert!(once.contains('*'), "{once}");
        assert_eq!(twice, once);
    }
}

/// A URL's password goes on where a key's value ends. Redacted, the two are one run without that
/// end, and the value that is seen in it the second time is longer: more is masked, never less.
#[test]
fn a_value_that_ends_within_another_is_longer_when_it_is_redacted_again() {
    let stars = |count: usize| "*".repeat(count);
    for (input, once, twice) in [
        ("Password: https://u:a;b@h/x y", stars(13) + "@h/x y", stars(17) + " y"),
        (
            &*format!("Password: https://u:{};/b y", "x".repeat(5_000)),
            stars(5_011) + "/b y",
            stars(5_013) + " y",
        ),
    ] {
        let expected = [once, twice].map(|masked| format!("Password: {masked}"));
        assert_eq!(<[String; 2]>::from(redacted_twice(input)), expected);
    }
}

/// Values in quotes, of every length that is of interest: whole they are found at once, and byte by
/// byte they are read on.
#[test]
fn values_in_quotes_are_found_at_once_as_they_are_byte_by_byte() {
    let plan = by_default();
    let lengths = [31, 32, 127, 128, 129, 130].map(|length| "aB3=".repeat(33)[..length].to_owned());
    let short = ["", "a", "abc", "abcd", "***", "null", "${X}", "<x>", "a b", "a\\\"b", "ü", "a,b"];
    let values: Vec<_> = short.map(str::to_owned).into_iter().chain(lengths).collect();
    let mut found = 0;
    for key in ["password", "token", "sig", "Authorization", "PWD", "MYSQL_PWD", "api_key"] {
        for between in ["=", ":", "= ", ": ", " = ", "=  ", "==", "=>"] {
            for (open, close) in [("\"", "\""), ("'", "'"), ("\"", "'"), ("\"", "")] {
                for value in &values {
                    let text = format!("{key}{between}{open}{value}{close}\nmore");
                    let bytes: Vec<_> = text.as_bytes().chunks(1).collect();
                    let whole = feed(&plan, [text.as_bytes()]);
                    assert_eq!(whole, feed(&plan, bytes), "{text}");
                    found += whole.1.len();
                }
            }
        }
    }
    assert!(found > 1000, "{found} of them are masked");
}

/// Text of token bytes alone is searched by vectors, when much of it comes at a time: what a cut
/// divides is found as anywhere.
#[test]
fn tokens_in_dense_text_are_found_at_any_cut() {
    let filler = "Zk9xV2b7Qm4TwHs+".repeat(80);
    let part = "Q2EGYBHD5ZJKW3XR";
    let jwt = format!("eyJ{part}.eyJ{part}.{part}{part}");
    let tokens = ["AKIAQ2EGYBHD5ZJKW3XR", "AIzaSyQ2EGYBHD5ZJKW3XRtu9bVn4mLp8cDe1fGh", &jwt];
    for token in tokens {
        let input = format!("{filler}/{token} {filler}");
        let whole = feed(&by_default(), [input.as_bytes()]);
        assert_eq!(whole.1.len(), 1, "{token}: {:?}", whole.1);
        for cut in filler.len() - 64..filler.len() + token.len() + 64 {
            let (one, other) = input.as_bytes().split_at(cut);
            assert_eq!(feed(&by_default(), [one, other]), whole, "{token} cut at {cut}");
        }
    }
}

/// Where a value of YAML is cut before its first byte, that byte is still the first to leave: `x`.
#[test]
fn a_value_of_yaml_begins_with_its_first_byte_that_leaves() {
    let plan = plan(&[], &[known("vault", b"correct horse battery")]);
    for value in ["correct horse battery ", "hunter2 hunter3", "hunter2hunter"] {
        let expected = format!("stringData:\n password: x{}\nx", stars(value.len() - 1));
        check(&plan, &format!("stringData:\n password: {value}\nx"), &expected);
    }
}

/// Behind an option more blanks than are looked at, and behind those more than is kept.
#[test]
fn an_option_before_many_blanks_waits_for_nothing() {
    for blanks in [16, 17, 40, 41, 42, 200] {
        let between = " ".repeat(blanks);
        let (value, masked) = if blanks == 16 { ("hunter22", "********") } else { ("it", "it") };
        let input = format!("--password{between}{value} a --token abcd1234 b");
        check(&by_default(), &input, &format!("--password{between}{masked} a --token ******** b"));
    }
}

/// Behind the scheme of a header more blanks than are looked at.
#[test]
fn a_scheme_before_many_blanks_has_no_value() {
    for (blanks, masked) in [(1, "********"), (60, "********"), (66, "abcd1234"), (300, "abcd1234")]
    {
        let between = " ".repeat(blanks);
        let input = format!("Authorization: Bearer{between}abcd1234 b");
        check(&by_default(), &input, &format!("Authorization: Bearer{between}{masked} b"));
    }
}

/// A run that ends where a cut was is none that reads on behind a sign it cannot hold.
#[test]
fn a_key_of_azure_has_no_padding_within() {
    let (one, other) = ("W0Vjs5cAVRxkq2n", "PzLuGbD7XwTg1Yh8M+ASbB4nKxQ= ");
    for before in ["", "a ", "LANG=C.UTF-8\nit is key "] {
        let input = format!("{before}{one}={other}");
        check(&by_default(), &input, &input);
    }
    let key = format!("{one}V{other}");
    check(&by_default(), &key, &format!("{}{} ", &key[..20], stars(24)));
}
