//! A program may wait for an answer to what is held: what only may begin something is let go when
//! nothing came for a while, and what goes on from there is masked all the same.

use super::*;

/// Under `plan`, what comes out of pieces with a quiet while behind each.
fn with_pauses(plan: &Arc<MaskPlan>, pieces: &[&str]) -> String {
    let mut masker = Masker::new(Arc::clone(plan));
    let mut client = Vec::new();
    for piece in pieces {
        client.extend_from_slice(masker.feed(Raw::new(piece.as_bytes())).client.bytes());
        if let Some(window) = masker.quiet() {
            client.extend_from_slice(window.client.bytes());
        }
        client.push(b'|');
    }
    client.extend_from_slice(masker.finish().client.bytes());
    text(&client)
}

#[test]
fn what_leaves_while_nothing_comes() {
    #[track_caller]
    fn check(pieces: &[&str], expected: &str) {
        let personal = rule("all", vec![Detect::Class(Class::Personal)], Action::Redact);
        let plan = plan(&[personal], &[known("vault", b"correct horse battery")]);
        assert_eq!(with_pauses(&plan, pieces), expected, "{pieces:?}");
    }
    // The beginning of a known value, as one byte or three; four are none by chance.
    check(&["c"], "c|");
    check(&["> cor"], "> cor|");
    check(&["> corr"], "> |corr");
    check(&["cor", "rect horse battery!"], "cor|******************!|");
    check(&["c", "o", "r", "r", "ect horse battery"], "c|o|r|||******************");
    check(&["c", "omputer"], "c|omputer|");
    // Digits and words that may be somebody's; the rest of what turns out to be one is masked.
    check(&["123-45"], "123-45|");
    check(&["123-45", "-6789 "], "123-45|***** |");
    check(&["123-45-6789"], "***********|");
    check(&["123-45-6789", "0 "], "***********|0 |");
    check(&["anna"], "anna|");
    check(&["anna", "@example.com "], "anna|************ |");
    // A secret is held for as long as it may be one.
    check(&["password=hunter2"], "password=|*******");
    // What may be a wrap of a terminal.
    let edge = format!("{}x ", " ".repeat(78));
    check(&[&edge, "y"], &format!("{edge}|y|"));
}

#[test]
fn nothing_leaves_twice_or_is_lost() {
    let plan = everything(&Action::Redact);
    let input = "c correct horse batteryx anna@example.com 4111 1111 1111 1111 password=x y";
    let whole = text(&feed(&plan, [input.as_bytes()]).0);
    let pieces: Vec<_> = input.split_inclusive("").collect();
    let paused = with_pauses(&plan, &pieces).replace('|', "");
    assert_eq!(paused.len(), whole.len(), "{paused}");
    let differs = |(paused, whole): (char, char)| paused != whole && whole != '*';
    assert!(!paused.chars().zip(whole.chars()).any(differs), "{paused}\n{whole}");
}

#[test]
fn nothing_is_held_so_nothing_leaves() {
    let mut masker = Masker::new(by_default());
    assert!(masker.quiet().is_none());
    drop(masker.feed(Raw::new(b"a line\n")));
    assert!(masker.quiet().is_none());
}
