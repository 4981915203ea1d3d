//! What a git server says, line by line and cut anywhere.

use std::sync::Arc;

use bytes::Bytes;
use node_enforce::mask::{MaskKey, MaskPlan, ValueMasker};
use proptest::prelude::*;

use crate::fetch::{Fetch, Said};

fn plan() -> Arc<MaskPlan> {
    Arc::new(MaskPlan::compile(&[], &[], MaskKey::new([1; 32])).expect("defaults compile"))
}

fn line(text: &[u8]) -> Vec<u8> {
    [format!("{:04x}", text.len() + 4).as_bytes(), text].concat()
}

fn token() -> String {
    format!("{}_{}", concat!("gh", "p"), "a1B2c3D4e5F6".repeat(3))
}

/// What the client gets of what a server says, with what is output put between brackets.
fn passed(said: &[&[u8]]) -> Vec<u8> {
    let (plan, mut fetch, mut out) = (plan(), Fetch::new(), Vec::new());
    let mut masker = ValueMasker::new(plan);
    let mut take = |said: Said| match said {
        Said::Lines(lines, places) => {
            let (masked, _) = masker.mask(lines, &places).expect("places are right");
            out.extend_from_slice(masked.bytes());
        }
        Said::Output(bytes) => {
            out.extend_from_slice(b"[");
            out.extend_from_slice(&bytes);
            out.extend_from_slice(b"]");
        }
    };
    for bytes in said {
        fetch.push(bytes);
        while let Some(said) = fetch.next() {
            take(said);
        }
    }
    fetch.rest().into_iter().for_each(take);
    out
}

#[track_caller]
fn check(said: &[u8], expected: &[u8]) {
    let all = passed(&[said]);
    assert!(all == expected, "{:?}", String::from_utf8_lossy(&all));
}

#[test]
fn texts_are_masked_and_the_pack_is_not() {
    let token = token();
    let masked = format!("ghp_{}", "*".repeat(36));
    let with = |before: &str, after: &str| {
        [before.as_bytes(), token.as_bytes(), after.as_bytes()].concat()
    };
    let out = |before: &str, after: &str| [before, &masked, after].concat().into_bytes();
    // Refs, with a list's end; a version; an error.
    check(&line(b"0123 refs/heads/main\n"), &line(b"0123 refs/heads/main\n"));
    check(
        &[line(&with("0123 refs/heads/", "\n")), b"0000".to_vec()].concat(),
        &[line(&out("0123 refs/heads/", "\n")), b"0000".to_vec()].concat(),
    );
    check(&line(&with("ERR no ", "")), &line(&out("ERR no ", "")));
    // Bands: the pack, progress, a fatal error.
    check(&line(&with("\x01PACK", "")), &line(&with("\x01PACK", "")));
    check(&line(&with("\x02Counting ", "\r")), &line(&out("\x02Counting ", "\r")));
    check(&line(&with("\x03fatal: ", "")), &line(&out("\x03fatal: ", "")));
    // All marks, and an empty line.
    check(b"00000001000200040000", b"00000001000200040000");
    // Without bands: lines, then the pack itself.
    let bare = [&line(b"NAK\n")[..], b"PACK", token.as_bytes(), b"0000"].concat();
    check(&bare, &bare);
}

#[test]
fn what_is_no_line_is_output() {
    check(b"hello", b"[hello]");
    check(b"0003", b"[0003]");
    check(b"fff1xxxx", b"[fff1xxxx]");
    check(&[&line(b"NAK\n")[..], b"fatal"].concat(), &[&line(b"NAK\n")[..], b"[fatal]"].concat());
    // What is cut off is no line either.
    check(b"0009ab", b"[0009ab]");
    check(b"00", b"[00]");
}

/// Masks that need less room than there is, and more.
#[test]
fn lengths_are_set_anew() {
    use node_enforce::mask::{Action, Class, Detect, MaskRule};
    let rule = |text: &str| {
        MaskRule::new(
            "secrets",
            vec![Detect::Class(Class::Secrets)],
            Action::Constant(text.to_owned()),
        )
    };
    let masked = |text: &str, lines: &[u8]| {
        let plan = MaskPlan::compile(&[rule(text)], &[], MaskKey::new([1; 32])).expect("compiles");
        let mut fetch = Fetch::new();
        fetch.push(lines);
        let Some(Said::Lines(lines, places)) = fetch.next() else { panic!("no lines") };
        let mut masker = ValueMasker::new(Arc::new(plan));
        masker.mask(lines, &places).expect("places are right").0.bytes().to_vec()
    };
    let two = [line(format!("\x02{}\n", token()).as_bytes()), line(b"\x01PACK")].concat();
    assert_eq!(masked("gone", &two), [line(b"\x02ghp_gone\n"), line(b"\x01PACK")].concat());
    let long = "x".repeat(200);
    let expected = [line(format!("\x02ghp_{long}\n").as_bytes()), line(b"\x01PACK")].concat();
    assert_eq!(masked(&long, &two), expected);
    // As many as fit: a longer line is none.
    let full = line(format!("\x02{}", format!("{} ", token()).repeat(1590)).as_bytes());
    let cut = masked(&long, &full);
    assert_eq!((cut.len(), &cut[..4]), (65_520, &b"fff0"[..]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_split(cuts in prop::collection::vec(0..400_usize, 0..8)) {
        let said = [
            line(format!("0123 refs/heads/{}\n", token()).as_bytes()),
            b"0000".to_vec(),
            line(b"NAK\n"),
            line(b"\x02Counting objects: 3, done.\n"),
            line(&[&[1][..], &[b'x'; 200]].concat()),
            b"0000".to_vec(),
        ].concat();
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(said.len())).collect();
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in cuts.into_iter().chain([said.len()]) {
            pieces.push(&said[from..cut]);
            from = cut;
        }
        prop_assert_eq!(passed(&pieces), passed(&[&said]));
    }

    /// Nothing is lost or added where nothing is masked.
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (mut fetch, mut out) = (Fetch::new(), Vec::new());
        fetch.push(&bytes);
        while let Some(Said::Lines(bytes, _) | Said::Output(bytes)) = fetch.next() {
            out.extend_from_slice(&bytes);
        }
        if let Some(Said::Lines(bytes, _) | Said::Output(bytes)) = fetch.rest() {
            out.extend_from_slice(&bytes);
        }
        prop_assert_eq!(Bytes::from(out), Bytes::from(bytes));
    }
}
