//! Who may make a proof value. The compiler keeps them from being made outside their crate; this
//! keeps them from being made carelessly inside.

use super::Finding;
use super::rust::{blank, line_of, words};
use super::sources::Source;

/// What makes a proof value, and the beginnings of the paths of the files that may write it.
const MAKERS: &[(&str, &[&str])] = &[
    ("Receipt::mint(", &["store/log/src/log.rs", "store/log/src/pending.rs"]),
    ("Judged::allowed(", &["node/gate/src/gate/judging.rs"]),
    ("Judged::blocked(", &["node/gate/src/gate/judging.rs"]),
    ("Judged::held(", &["node/gate/src/gate/judging.rs"]),
    ("Letting::new(", &["node/gate/src/gate/holding.rs"]),
    // Where the control plane's reply to a spending arrives.
    ("Consumption::of_reply(", &["node/session/src/spending.rs"]),
    // Nothing runs by it; and values and content that are looked through and not recorded.
    ("Preparation::checked(", &["node/gate/src/gate/values.rs"]),
    ("Release::of_values(", &["node/gate/src/gate/values.rs", "node/gate/src/gate/files.rs"]),
    ("Masked::new(", &["node/enforce/src/mask/"]),
    ("Passage(())", &["node/gate/src/proof.rs"]),
];

/// Values whose literals only some files may write, beside the file that defines the type.
const LITERALS: &[(&str, &[&str])] = &[
    ("Receipt", &["store/log/src/receipt.rs"]),
    ("Permit", &["node/gate/src/proof.rs"]),
    ("Preparation", &["node/gate/src/proof.rs"]),
    ("Refusal", &["node/gate/src/proof.rs"]),
    ("Held", &["node/gate/src/proof.rs"]),
    ("Letting", &["node/gate/src/proof.rs"]),
    ("Spent", &["node/gate/src/proof.rs"]),
    ("Consumption", &["node/gate/src/consumption.rs"]),
    ("Release", &["node/gate/src/proof.rs"]),
    ("Unreleased", &["node/gate/src/proof.rs"]),
    ("Masked", &["node/enforce/src/mask/masked.rs"]),
    ("OutputReleased", &["node/gate/src/record.rs", "proto/src/"]),
    ("CommandJudged", &["node/gate/src/record.rs", "proto/src/"]),
    ("CommandPart", &["node/gate/src/record.rs", "proto/src/"]),
];

/// Words before a name and a brace that make it no literal.
const NO_LITERAL: &[&str] = &["struct", "enum", "impl", "for", "->", "let", "trait", "mod"];

/// Places of the product that make a proof value and must not.
#[must_use]
pub fn foreign_makers(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.is_product()) {
        let blanked = blank(&source.text);
        for (call, files) in MAKERS {
            if may(source, files) {
                continue;
            }
            for at in words(&blanked, call) {
                let what = format!("{call}…) is called only in {files:?}");
                findings.push(Finding::at(&source.path, line_of(&blanked, at), what));
            }
        }
        for (name, files) in LITERALS {
            if may(source, files) {
                continue;
            }
            for at in literals(&blanked, name) {
                let what = format!("{name} {{…}} is written only in {files:?}");
                findings.push(Finding::at(&source.path, line_of(&blanked, at), what));
            }
        }
    }
    findings
}

/// The feature that lets tests plant bugs, and the manifests that may offer it: where it is,
/// and whoever tests with it.
const PLANTING: &str = "seeded-bugs";
const PLANTERS: &[&str] = &["consensus/state/Cargo.toml", "chaos-tests/Cargo.toml"];

/// Manifests that turn planted bugs on: it may only be asked for where the tests are run.
#[must_use]
pub fn planted_bugs(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.path.ends_with("Cargo.toml")) {
        for (line, text) in (1..).zip(source.text.lines()) {
            let named = text.contains(PLANTING) && !text.trim_start().starts_with('#');
            let offered = text.starts_with("seeded-bugs = [") && may(source, PLANTERS);
            if named && !offered {
                let what = format!("{PLANTING} is for tests: no crate of the product turns it on");
                findings.push(Finding::at(&source.path, line, what));
            }
        }
    }
    findings
}

fn may(source: &Source, files: &[&str]) -> bool {
    files.iter().any(|file| source.path.starts_with(file))
}

/// Where a struct of this name is made: a name and a brace which are no definition and no pattern.
fn literals<'a>(blanked: &'a str, name: &'a str) -> impl Iterator<Item = usize> + 'a {
    words(blanked, name).filter(move |at| {
        let after = blanked[at + name.len()..].trim_start();
        let before = blanked[..*at].trim_end();
        let named = before.split_whitespace().next_back().unwrap_or_default();
        after.starts_with('{') && !NO_LITERAL.contains(&named) && !is_pattern(after)
    })
}

/// Whether braces hold a pattern: it leaves fields out (`..` and nothing after it), or an arrow
/// or an equals sign follows.
fn is_pattern(after: &str) -> bool {
    let mut depth = 0_usize;
    let end = after.find(|letter| {
        depth += usize::from(letter == '{');
        depth -= usize::from(letter == '}');
        depth == 0
    });
    let Some(end) = end else { return false };
    let following = after[end + 1..].trim_start_matches([')', ' ', '\n']);
    let takes_apart = following.starts_with("=>") || following.starts_with("= ");
    after[..end].trim_end().ends_with("..") || takes_apart
}
