//! What every file and folder must have, and must not.

use super::Finding;
use super::exceptions::{ALLOWED_LINTS, Exception, MACHINE_PATHS, judge};
use super::rust::{blank, line_of};
use super::sources::Source;

/// Lines of a README: one screen.
pub const README_LIMIT: usize = 60;

/// Folders of the top that a reader meets first.
const TOP: &[&str] = &["proto", "store", "consensus", "node", "deploy", "chaos-tests", "bench"];

/// Rust files that do not begin by saying why they exist.
#[must_use]
pub fn without_purpose(sources: &[Source]) -> Vec<Finding> {
    let mute = sources.iter().filter(|source| source.is_rust() && !source.text.starts_with("//!"));
    mute.map(|source| Finding::whole(&source.path, "begins without `//!`: say why it exists"))
        .collect()
}

/// Top folders without a README, and READMEs that do not fit one screen.
#[must_use]
pub fn readmes(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for folder in TOP {
        let path = format!("{folder}/README.md");
        match sources.iter().find(|source| source.path == path) {
            None => findings.push(Finding::whole(&path, "is missing: what lives here, and why")),
            Some(readme) => {
                let lines = readme.text.lines().count();
                if lines > README_LIMIT {
                    let what = format!("{lines} lines; one screen is {README_LIMIT}");
                    findings.push(Finding::whole(&path, what));
                }
            }
        }
    }
    findings
}

/// Lints that were switched off in a file and are not on the list.
#[must_use]
pub fn switched_off_lints(sources: &[Source]) -> Vec<Finding> {
    switched_off_lints_but(sources, ALLOWED_LINTS)
}

pub(super) fn switched_off_lints_but(sources: &[Source], listed: &[Exception]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.is_rust()) {
        let blanked = blank(&source.text);
        for (at, _) in blanked.match_indices("#[").chain(blanked.match_indices("#![")) {
            let attribute = &blanked[at..];
            let end = attribute.find(']').unwrap_or(attribute.len());
            let squeezed: String = attribute[..end].split_whitespace().collect();
            if squeezed.contains("[allow(") || squeezed.contains("[expect(") {
                let what = format!("switches a lint off: {squeezed}]");
                findings.push(Finding::at(&source.path, line_of(&blanked, at), what));
            }
        }
    }
    judge(findings, listed)
}

/// Paths of somebody's machine in any file; commands in `cases/` are about made-up targets.
#[must_use]
pub fn machine_paths(sources: &[Source]) -> Vec<Finding> {
    machine_paths_but(sources, MACHINE_PATHS)
}

pub(super) fn machine_paths_but(sources: &[Source], listed: &[Exception]) -> Vec<Finding> {
    let folders = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| !source.path.contains("/cases/")) {
        for (index, line) in source.text.lines().enumerate() {
            for folder in folders {
                // `.work/x` or `a/home/b` is somewhere within something else.
                let starts = line.match_indices(folder).any(|(at, _)| {
                    !line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '.')
                });
                if starts {
                    let what = format!("names {folder}, a path of one machine");
                    findings.push(Finding::at(&source.path, index + 1, what));
                }
            }
        }
    }
    judge(findings, listed)
}
