//! Every detector that knows a prefix or a check digit, in all that people put secrets into, as
//! terminals and files show it, however it is cut.

use super::super::detector::{FAMILIES, Shape};
use super::*;

/// Where a secret stands.
const WRAPPERS: &[&str] = &[
    "{}",
    "\"{}\"",
    "'{}'",
    "`{}`",
    "({})",
    "[{}]",
    "<{}>",
    "a {} b",
    "\t{}\t",
    "x\n{}\ny",
    "\r\n{}\r\n",
    "value={}",
    "value: {}",
    "export VALUE={}",
    "value='{}'",
    "\"value\": \"{}\"",
    "value => '{}',",
    "<value>{}</value>",
    "--value {} --next",
    "--value={}",
    "curl -H 'X-Value: {}' https://x",
    "GET /path?value={}&next=1 HTTP/1.1",
    "# {}",
    "- {};",
    "+    value := \"{}\" // comment",
    "{}, {}",
];

/// How it is shown.
#[derive(Clone, Copy, Debug)]
enum Look {
    Plain,
    Coloured,
    Wrapped,
    Json,
    Csv,
    Table,
}

const LOOKS: &[Look] =
    &[Look::Plain, Look::Coloured, Look::Wrapped, Look::Json, Look::Csv, Look::Table];

const RED: &str = "\x1b[01;31m\x1b[K";
const END: &str = "\x1b[m\x1b[K";

impl Look {
    fn of(self, wrapper: &str, secret: &str) -> String {
        let text = wrapper.replace("{}", secret);
        match self {
            Self::Plain => text,
            Self::Coloured => {
                let (one, two) = secret.split_at(secret.len() / 2);
                wrapper.replace("{}", &format!("{RED}{one}{END}{RED}{two}{END}"))
            }
            Self::Wrapped => wrapped(wrapper, secret),
            Self::Json => {
                let quoted = serde_json::to_string(&text).expect("a text is JSON");
                format!("{{\"id\":1,\"text\":{quoted},\"more\":null}}")
            }
            Self::Csv => format!("1,\"{}\",2\r\n", text.replace('"', "\"\"")),
            Self::Table => format!("| 17 | {text} | done |\n+----+"),
        }
    }
}

/// The secret crosses the eightieth column, and is broken there.
fn wrapped(wrapper: &str, secret: &str) -> String {
    let text = wrapper.replace("{}", secret);
    let begins = text.find(secret).expect("it is in there");
    let line = text[..begins].rfind(['\n', '\r']).map_or(0, |at| at + 1);
    let inside = begins - line + secret.len() / 2;
    let pad = (80 - inside % 80) % 80;
    let mut out = text[..line].to_owned();
    let (mut column, mut token) = (pad, false);
    // A blank pad would be a word of its own.
    out.push_str(&". ".repeat(pad / 2 + 1)[..pad]);
    for letter in text[line..].chars() {
        let ends = letter == '\n' || letter == '\r';
        if column == 80 && !ends && token && letter.is_ascii_alphanumeric() {
            out.push_str("\r\n");
            column = 0;
        }
        column = if ends { 0 } else { column + 1 };
        token = letter.is_ascii_alphanumeric();
        out.push(letter);
    }
    out
}

/// A body of the shape, the same at every run.
fn body_of(shape: &Shape, seed: usize) -> String {
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let letters: String = letters.chars().filter(|one| shape.alphabet.has(*one as u8)).collect();
    let length = usize::try_from(shape.min).expect("it is short");
    let long = body(&letters, length + seed % 97);
    long[seed % 97..].to_owned()
}

/// True if no six bytes in a row of the secret are left.
fn is_hidden(masked: &str, secret: &str) -> bool {
    let shown: String = masked.replace(RED, "").replace(END, "").replace("\r\n", "");
    (0..secret.len().saturating_sub(5)).all(|at| !shown.contains(&secret[at..at + 6]))
}

/// What is left to see of a text, the same however it is cut.
fn masked_in_any_chunks(plan: &Arc<MaskPlan>, input: &str, seed: usize) -> String {
    let whole = feed(plan, [input.as_bytes()]);
    let size = if seed.is_multiple_of(16) { 1 + seed / 16 % 7 } else { 11 + seed % 53 };
    assert_eq!(feed(plan, input.as_bytes().chunks(size)), whole, "chunks of {size}: {input}");
    text(&whole.0)
}

#[test]
fn every_prefix_in_everything() {
    let plan = by_default();
    let (mut seed, mut all, mut missed) = (0, 0, Vec::new());
    for tokens in FAMILIES.iter().copied().flatten() {
        for (prefix, shape) in tokens.starts {
            for wrapper in WRAPPERS {
                for look in LOOKS {
                    seed += 1;
                    let body = body_of(shape, seed);
                    let input = look.of(wrapper, &format!("{prefix}{body}"));
                    let masked = masked_in_any_chunks(&plan, &input, seed);
                    all += 1;
                    if !is_hidden(&masked, &body) {
                        missed.push(format!("{} {look:?} {wrapper:?}: {masked}", tokens.name));
                    }
                }
            }
        }
    }
    assert!(missed.is_empty(), "{} of {all}:\n{}", missed.len(), missed.join("\n"));
}

#[test]
fn check_digits_are_told_apart_in_everything() {
    let detect = [Class::Personal, Class::Financial].map(Detect::Class).to_vec();
    let plan = plan(&[rule("people", detect, Action::Redact)], &[]);
    let mut seed = 0;
    for (right, wrong) in [
        (concat!("411111", "1111111111"), concat!("411111", "1111111112")),
        (concat!("4111 1111 ", "1111 1111"), concat!("4111 1111 ", "1111 1121")),
        (concat!("3782-822463", "-10005"), concat!("3782-822463", "-10006")),
        ("GB82WEST12345698765432", "GB83WEST12345698765432"),
        ("GB82 WEST 1234 5698 7654 32", "GB82 WEST 1234 5698 7654 33"),
        ("DE89370400440532013000", "DE89370400440532013001"),
        ("536-22-1234", "666-22-1234"),
    ] {
        for wrapper in WRAPPERS {
            for look in [Look::Plain, Look::Json, Look::Csv, Look::Table] {
                seed += 1;
                let masked = masked_in_any_chunks(&plan, &look.of(wrapper, right), seed);
                assert!(is_hidden(&masked, right), "{look:?} {wrapper:?}: {masked}");
                let masked = masked_in_any_chunks(&plan, &look.of(wrapper, wrong), seed);
                assert!(masked.contains(wrong), "{look:?} {wrapper:?}: {masked}");
            }
        }
    }
}

/// The first example of a detector: its prefix, and the body that is masked.
fn example_of(name: &str) -> (String, String) {
    let info = detectors().iter().find(|info| info.name == name).expect("there is one");
    let example = info.examples().next().expect("each has one");
    let at = example.masked.find('*').expect("something is masked");
    let (prefix, body) = example.text.split_at(at);
    (prefix.to_owned(), body.to_owned())
}

/// A token is masked with wrong check digits too, since new forms have others; the finding says
/// so. One that only stands for a token stays.
#[test]
fn check_digits_of_tokens_are_told_apart_in_everything() {
    let plan = by_default();
    let mut seed = 0;
    for name in ["github-token", "npm-token", "grafana-token", "age-key"] {
        let (prefix, right) = example_of(name);
        let (front, last) = right.split_at(right.len() - 1);
        let wrong = format!("{front}{}", if last == "0" { "2" } else { "0" });
        let stands_in = format!("{prefix}{}", "X".repeat(right.len()));
        for wrapper in WRAPPERS {
            for look in LOOKS {
                for (body, confidence) in [(&right, Confidence::High), (&wrong, Confidence::Low)] {
                    seed += 1;
                    let input = look.of(wrapper, &format!("{prefix}{body}"));
                    let masked = masked_in_any_chunks(&plan, &input, seed);
                    assert!(is_hidden(&masked, body), "{look:?} {wrapper:?}: {masked}");
                    let (_, findings) = feed(&plan, [input.as_bytes()]);
                    let own = findings.iter().find(|found| &*found.detector == name);
                    let sure = own.map(|found| found.confidence);
                    assert_eq!(sure, Some(confidence), "{look:?} {wrapper:?}: {masked}");
                }
                let input = look.of(wrapper, &stands_in);
                assert_eq!(masked_in_any_chunks(&plan, &input, seed), input, "{look:?}");
            }
        }
    }
}

/// What no prefix of a table begins, in everything: signed keys, and tokens of several parts.
#[test]
fn tokens_of_several_parts_in_everything() {
    let plan = by_default();
    let (mut seed, mut missed) = (0, Vec::new());
    for name in ["azure-key", "discord-token", "telegram-token", "jwt"] {
        let (prefix, body) = example_of(name);
        let prefix = prefix.rsplit(' ').next().expect("a text has a last word");
        for wrapper in WRAPPERS {
            for look in LOOKS {
                seed += 1;
                let input = look.of(wrapper, &format!("{prefix}{body}"));
                let masked = masked_in_any_chunks(&plan, &input, seed);
                if !is_hidden(&masked, &body) {
                    missed.push(format!("{name} {look:?} {wrapper:?}: {masked}"));
                }
            }
        }
    }
    assert!(missed.is_empty(), "{}:\n{}", missed.len(), missed.join("\n"));
}

/// What is found in a text, and is none of it.
fn secret_of(example: &Example) -> &str {
    let first = example.masked.find('*').expect("something is masked");
    let last = example.masked.rfind('*').expect("something is masked");
    &example.text[first..=last]
}

/// Numbers, addresses and names of all kinds: found where they are right, left where they are not.
#[test]
fn numbers_of_all_kinds_in_everything() {
    let told = [Class::Personal, Class::Financial, Class::Network];
    let (mut seed, mut wrong) = (0, Vec::new());
    for info in detectors().iter().filter(|info| info.class.is_some_and(|it| told.contains(&it))) {
        let detect = vec![Detect::Detector(info.name.to_owned())];
        let plan = plan(&[rule("named", detect, Action::Redact)], &[]);
        for wrapper in WRAPPERS {
            for look in [Look::Plain, Look::Json, Look::Csv, Look::Table] {
                for example in info.examples() {
                    seed += 1;
                    let input = look.of(wrapper, &example.text);
                    let masked = masked_in_any_chunks(&plan, &input, seed);
                    if !is_hidden(&masked, secret_of(&example)) {
                        wrong.push(format!("{} {look:?}: {masked}", info.name));
                    }
                }
                for other in info.counter_examples() {
                    let input = look.of(wrapper, &other);
                    let (_, findings) = feed(&plan, [input.as_bytes()]);
                    if findings.iter().any(|found| &*found.detector == info.name) {
                        wrong.push(format!("{} {look:?} leaves: {input}", info.name));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}
