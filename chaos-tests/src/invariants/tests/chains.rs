//! The control chains of several nodes.

use ring::digest::{SHA256, digest};

use crate::invariants::chain::{Kept, violations};

/// A good chain: each event holds the digest of the one before.
fn chain(texts: &[&str]) -> Vec<String> {
    let mut prev = "0".repeat(64);
    let mut lines = Vec::new();
    for (text, seq) in texts.iter().zip(1..) {
        let data = format!(r#"{{"chain":"control","seq":{seq},"prev":"{prev}","x":"{text}"}}"#);
        let line = format!(r#"{{"data":{data}}}"#);
        let hash = digest(&SHA256, line.as_bytes());
        prev = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        lines.push(line);
    }
    lines
}

#[track_caller]
fn check(chains: &[Vec<String>], wanted: &[&str]) {
    let kept = |(lines, number): (&Vec<String>, usize)| Kept {
        node: format!("gw-{number}"),
        lines: lines.clone(),
    };
    let kept: Vec<_> = chains.iter().zip(1..).map(kept).collect();
    let found = violations(&kept);
    assert_eq!(found.len(), wanted.len(), "{found:?}");
    for (found, wanted) in found.iter().zip(wanted) {
        assert!(found.contains(wanted), "{found} does not say {wanted}");
    }
}

#[test]
fn control_chains_are_one() {
    let (long, short) = (chain(&["a", "b", "c"]), chain(&["a", "b"]));
    check(&[], &[]);
    check(&[long.clone(), short.clone(), Vec::new(), long.clone()], &[]);
    check(&[long.clone(), chain(&["a", "z"])], &["differ at 2"]);
    check(&[long.clone(), chain(&["z"])], &["differ at 1"]);
    let gap = vec![long[0].clone(), long[2].clone()];
    check(std::slice::from_ref(&gap), &["not number 2"]);
    check(&[long[1..].to_vec()], &["not number 1"]); // its beginning is lost
    let twice = vec![long[0].clone(), long[0].clone()];
    check(&[twice], &["not number 2"]);
    let changed = vec![long[0].replace("\"a\"", "\"z\""), long[1].clone()];
    check(std::slice::from_ref(&changed), &["number 2 does not follow"]);
    let foreign = vec![long[0].replace("\"control\"", "\"gw-1\"")];
    check(std::slice::from_ref(&foreign), &["not number 1"]);
    check(&[vec!["no JSON".to_owned()]], &["not number 1"]);
}
