//! Tests of the masker: tables of lines, each at every split, and properties over any split.
//!
//! No line here may hold a whole token: they are put together at run time.

mod actions;
mod columns;
mod content;
mod detectors;
mod examples;
mod frames;
mod harm;
mod known;
mod limits;
mod patterns;
mod quiet;
mod rules;
mod splits;
mod suite;
mod terminals;
mod values;
mod words;

use std::sync::Arc;

use super::*;

/// The header of a private key, in two parts for the sake of scanners.
const PEM_BEGIN: &str = concat!("-----BEGIN ", "PRIVATE KEY-----");

/// `count` bytes that look random, the same at every run.
fn body(alphabet: &str, count: usize) -> String {
    let letters = alphabet.as_bytes();
    let mut state = 0x9E37_79B9_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(letters[(state >> 16) as usize % letters.len()])
    };
    (0..count).map(|_| next()).collect()
}

fn alnum(count: usize) -> String {
    body("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789", count)
}

fn upper(count: usize) -> String {
    body("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", count)
}

fn stars(count: usize) -> String {
    "*".repeat(count)
}

fn key() -> MaskKey {
    MaskKey::new([7; 32])
}

fn rule(name: &str, detect: Vec<Detect>, action: Action) -> MaskRule {
    MaskRule::new(name, detect, action)
}

fn known(label: &str, value: &[u8]) -> KnownValue {
    KnownValue { label: Arc::from(label), value: Arc::new(zeroize::Zeroizing::new(value.to_vec())) }
}

fn plan(rules: &[MaskRule], values: &[KnownValue]) -> Arc<MaskPlan> {
    Arc::new(MaskPlan::compile(rules, values, key()).expect("the plan compiles"))
}

fn by_default() -> Arc<MaskPlan> {
    plan(&[], &[])
}

/// Everything on, so that detectors meet each other.
fn everything(action: &Action) -> Arc<MaskPlan> {
    let named = detectors().iter().filter(|info| info.class.is_some());
    let detect = named.map(|info| Detect::Detector(info.name.to_owned())).collect();
    let pattern = Detect::Pattern(r"EMP-\d{6}\b".to_owned());
    let rules = [
        rule("all", detect, action.clone()),
        rule("staff", vec![pattern], Action::Constant("[staff]".to_owned())),
    ];
    plan(&rules, &[known("vault", b"correct horse battery")])
}

/// Feeds the chunks, then ends the stream.
#[track_caller]
fn feed<'a>(
    plan: &Arc<MaskPlan>,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<u8>, Vec<Finding>) {
    let mut masker = Masker::new(Arc::clone(plan));
    let mut client = Vec::new();
    let mut findings = Vec::new();
    let mut take = |window: Window, held: usize| {
        assert_eq!(window.client, window.record, "without timers both are equal");
        assert!(window.record_masked.is_empty());
        assert!(held <= HOLD_LIMIT, "{held} bytes held");
        client.extend_from_slice(window.client.bytes());
        findings.extend(window.findings.iter());
    };
    for chunk in chunks {
        let window = masker.feed(Raw::new(chunk));
        take(window, masker.held());
    }
    let window = masker.finish();
    take(window, masker.held());
    (client, findings)
}

/// What comes out of `input`: whole, cut in two anywhere, and byte by byte.
#[track_caller]
fn every_split(plan: &Arc<MaskPlan>, input: &[u8]) -> (String, Vec<Finding>) {
    let whole = feed(plan, [input]);
    for at in 0..=input.len() {
        let parts = feed(plan, [&input[..at], &input[at..]]);
        assert_eq!(text(&parts.0), text(&whole.0), "cut at {at}");
        assert_eq!(parts.1, whole.1, "cut at {at}");
    }
    let bytes = feed(plan, input.chunks(1));
    assert_eq!(text(&bytes.0), text(&whole.0), "byte by byte");
    assert_eq!(bytes.1, whole.1, "byte by byte");
    let (once, findings) = mask_text(plan, Raw::new(input));
    assert_eq!((&once.bytes()[..], &findings), (&whole.0[..], &whole.1));
    (text(&whole.0), whole.1)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Under `plan`, `input` becomes `expected`, at every split.
#[track_caller]
fn check(plan: &Arc<MaskPlan>, input: &str, expected: &str) {
    let (masked, findings) = every_split(plan, input.as_bytes());
    assert_eq!(masked, expected);
    assert_eq!(findings.is_empty(), input == expected, "{findings:?}");
}
