//! What may begin where: each way to look for it finds the same.

use proptest::prelude::*;

use super::literals::LONGEST;
use super::scanner::is_token;
use super::*;
use crate::mask::detector::{KEY_WORDS, WRITTEN, ipv6};
use crate::mask::scan::{Found, Then};
use crate::mask::text::Text;

fn all() -> Marks {
    Marks::compile(&|_| Some(0))
}

/// Pieces that are literals, are parts of them, and stand beside them.
fn text() -> impl Strategy<Value = String> {
    let mut pieces: Vec<String> =
        ["A", "K", "AK", "SIA", "+", "/", "-", "_", "x", "0", " ", "."].map(String::from).to_vec();
    let prefixes = FAMILIES.iter().copied().flatten().flat_map(|tokens| tokens.starts);
    pieces.extend(prefixes.map(|(prefix, _)| (*prefix).to_owned()));
    let last = pieces.len();
    proptest::collection::vec(0..last, 0..400)
        .prop_map(move |indices| indices.into_iter().map(|i| pieces[i].as_str()).collect())
}

/// Literals by looking at each place.
fn slowly(literals: &Literals, bytes: &[u8], from: usize) -> Vec<(usize, usize)> {
    let mut hits = Vec::new();
    for at in from..bytes.len() {
        literals.at(&bytes[at..], |length, start| {
            let literal = literals.starts.iter().position(|other| other.kind == start.kind);
            hits.push((at + length, literal.expect("it is one of them")));
        });
    }
    hits
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn literals_by_vectors_by_automaton_and_one_by_one(text in text(), from in 0..LONGEST) {
        let marks = all();
        let literals = marks.literals.as_ref().expect("there are some");
        let bytes = text.as_bytes();
        let from = from.min(bytes.len());
        let mut hits = Vec::new();
        literals.find(bytes, from, bytes.len(), &mut hits);
        hits.sort_unstable();
        let mut expected = slowly(literals, bytes, from);
        expected.sort_unstable();
        prop_assert_eq!(hits, expected);
    }

    #[test]
    fn numbers_by_their_shapes_and_one_by_one(text in "([0-9]{1,5}[ .()+x-]{0,2}){0,80}") {
        let on = |name: &str| ["card", "us-ssn", "phone", "ipv4"].contains(&name).then_some(0);
        let found = by_shapes(&text, &on);
        let numbers = all().numbers;
        let (mut expected, mut buffer) = (Vec::new(), Text::new());
        buffer.push(text.as_bytes());
        for at in 0..buffer.end() {
            let digit = |at: u64| buffer.get(at).is_some_and(|byte| byte.is_ascii_digit());
            if digit(at) && !at.checked_sub(1).is_some_and(digit) {
                numbers.read_card(&buffer, at, &mut expected);
                numbers.read_ssn(&buffer, at, &mut expected);
                numbers.read_phone(&buffer, at, &mut expected);
                numbers.read_address(&buffer, at, &mut expected);
            }
        }
        prop_assert_eq!(found, sorted(expected), "{}", text);
    }

    #[test]
    fn words_by_their_forms_and_one_by_one(pieces in proptest::collection::vec(piece(), 0..80)) {
        let text = pieces.concat();
        let written = || WRITTEN.iter().copied().flatten();
        let on = |name: &str| {
            (name == "ipv6" || written().any(|one| one.name == name)).then_some(0)
        };
        let (mut expected, mut buffer) = (Vec::new(), Text::new());
        buffer.push(text.as_bytes());
        for start in 0..buffer.end() {
            let behind = |back: u64| start.checked_sub(back).and_then(|at| buffer.get(at));
            let escaped = behind(2) == Some(b'\\') && matches!(behind(1), Some(b'n' | b'r' | b't'));
            let is_word = buffer.get(start).is_some_and(is_token);
            if is_word && (escaped || !behind(1).is_some_and(is_token)) {
                let ends = written().filter_map(|one| one.ends(&buffer, start));
                expected.extend(ends.map(|end| Found { start, end, treatment: 0 }));
            }
            if buffer.get(start) == Some(b':')
                && let Some((start, end)) = ipv6(&buffer, start)
            {
                expected.push(Found { start, end, treatment: 0 });
            }
        }
        prop_assert_eq!(by_shapes(&text, &on), sorted(expected), "{}", text);
    }
}

/// Examples of what is written in fixed forms, whole and cut, and what may stand beside them.
fn piece() -> impl Strategy<Value = String> {
    let examples = WRITTEN.iter().copied().flatten().flat_map(|one| one.examples);
    let examples: Vec<_> = examples.map(|text| text.replace(['«', '»'], "")).collect();
    let around = ["", " ", "\n", "\\n", ":", ".", "-", "/", "x", "7"].map(String::from);
    let addresses = ["2001:db8::1", "::1", "fe80::", "1:2:3:4:5:6:7:8", "a:b::c", "12:30:45"];
    prop_oneof![
        3 => proptest::sample::select(examples.clone()),
        1 => (proptest::sample::select(examples), 0..24_usize)
            .prop_map(|(text, length)| text.chars().take(length).collect()),
        2 => proptest::sample::select(addresses.map(String::from).to_vec()),
        1 => "([0-9a-f]{0,4}:){0,9}",
        6 => proptest::sample::select(around.to_vec()),
    ]
}

fn sorted(mut all: Vec<Found>) -> Vec<Found> {
    all.sort_unstable_by_key(|found| (found.start, found.end));
    all.dedup();
    all
}

/// What the sweep finds; all detectors have the same treatment.
fn by_shapes(text: &str, on: &dyn Fn(&str) -> Option<u16>) -> Vec<Found> {
    use crate::mask::scan::Scanner as _;
    let mut scanner = MarkScanner::new(std::sync::Arc::new(Marks::compile(on)));
    let (mut found, mut buffer) = (Vec::new(), Text::new());
    buffer.push(text.as_bytes());
    scanner.scan(&buffer, Then::Ended, &mut found);
    sorted(found)
}

#[test]
fn tables_have_what_is_relied_on() {
    let mut prefixes: Vec<&str> = Vec::new();
    for tokens in FAMILIES.iter().copied().flatten() {
        for (prefix, shape) in tokens.starts {
            // The sweep looks for so many token bytes behind a joint.
            assert!(shape.min >= 16, "{prefix}");
            assert!((2..=LONGEST).contains(&prefix.len()), "{prefix}");
            assert!(!prefixes.contains(prefix), "{prefix} twice");
            prefixes.push(prefix);
        }
    }
    let marks = all();
    let literals = marks.literals.expect("there are some");
    let each = |start: &Start| std::str::from_utf8(start.prefix).expect("it is text");
    for start in &literals.runs {
        assert!(crate::mask::blocks::BEGINS.contains(&start[0]), "{start:?}");
    }
    // A search by vectors gives one literal for each place, so none may begin with another.
    for one in &literals.starts {
        let begins = |other: &&Start| each(other).starts_with(each(one));
        assert_eq!(literals.starts.iter().filter(begins).count(), 1, "{}", each(one));
    }
}

#[test]
fn slashes_that_end_a_prefix_stand_behind_few_bytes() {
    let prefixes = FAMILIES.iter().copied().flatten().flat_map(|tokens| tokens.starts);
    let slashed = prefixes.filter_map(|(prefix, _)| prefix.strip_suffix('/'));
    let before: Vec<_> = slashed.map(|rest| *rest.as_bytes().last().expect("a byte")).collect();
    assert!(!before.is_empty());
    assert!(
        before.iter().all(|byte| crate::mask::blocks::BEFORE_SLASH.contains(byte)),
        "{before:?}"
    );
}

/// Each word, in either case, behind anything, and cut short, as it is found and by one comparison.
#[test]
fn keys_are_found_as_by_comparing_each_word() {
    let detectors: Vec<_> = KEY_WORDS.iter().map(|(detector, ..)| *detector).collect();
    let number = |name: &str| detectors.iter().position(|own| *own == name).map(|at| at as u16);
    let keys = Keys::new(&number);
    let check = |before: &[u8]| {
        let (mut buffer, mut found) = (Text::new(), Vec::new());
        buffer.push(&[before, b"="].concat());
        let at = before.len() as u64;
        keys.before(&buffer, at, |key| found.push((key.treatment, key.begin)));
        let mut expected: Vec<(u16, u64)> = Vec::new();
        let mut words = KEY_WORDS.to_vec();
        words.sort_by_key(|(_, word, _)| usize::MAX - word.len());
        for (detector, word, kind) in words {
            let Some(begin) = before.len().checked_sub(word.len()) else { continue };
            let treatment = number(detector).expect("it is one of them");
            if before[begin..].eq_ignore_ascii_case(word.as_bytes())
                && kind.begins_at(&buffer, begin as u64)
                && !expected.iter().any(|(had, _)| *had == treatment)
            {
                expected.push((treatment, begin as u64));
            }
        }
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{}", String::from_utf8_lossy(before));
        found.len()
    };
    let mut found = 0;
    for (_, word, _) in KEY_WORDS {
        assert!(!word.bytes().any(|byte| byte.is_ascii_uppercase()), "{word}");
        for word in [word.as_bytes(), &word.to_uppercase().into_bytes(), &word.as_bytes()[1..]] {
            found += check(word);
            for before in 0..=u8::MAX {
                found += check(&[&[before], word].concat());
                found += check(&[&b"a sentence before "[..], &[before], word].concat());
            }
        }
    }
    assert!(found > 10_000, "{found}");
}
