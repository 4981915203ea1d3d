//! This repository keeps its own rules.

use crate::tidy::sources::{Source, read_all, root};
use crate::tidy::{Finding, calls, coverage, edges, engines, files, packages, sizes};

fn sources() -> Vec<Source> {
    let sources = read_all(&root()).unwrap();
    // A walk that finds nothing would let everything pass.
    assert!(sources.iter().any(|source| source.path == "proto/src/lib.rs"));
    assert!(sources.iter().any(|source| source.path == "chaos-tests/src/tidy/mod.rs"));
    sources
}

#[track_caller]
fn none(findings: Vec<Finding>) {
    let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} findings\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn crates_are_named_after_their_path_and_arrows_point_one_way() {
    let packages = packages::read().unwrap();
    assert!(packages.iter().any(|package| package.name == "proto"));
    none(packages::misnamed(&packages));
    none(packages::outside_the_house(&packages));
    none(packages::wrong_arrows(&packages));
}

#[test]
fn engines_have_few_owners() {
    none(engines::wrong_owners(&packages::read().unwrap()));
    none(engines::awaiting_outside_drivers(&sources()));
}

#[test]
fn clock_and_randomness_are_read_at_the_edge() {
    none(edges::unlisted(&sources()));
}

#[test]
fn proof_values_are_made_where_they_are_checked() {
    none(calls::foreign_makers(&sources()));
}

#[test]
fn no_crate_of_the_product_carries_planted_bugs() {
    none(calls::planted_bugs(&sources()));
}

#[test]
fn every_file_says_why_it_exists() {
    none(files::without_purpose(&sources()));
}

#[test]
fn files_and_functions_are_small() {
    none(sizes::long_files(&sources()));
    none(sizes::long_functions(&sources()));
}

#[test]
fn lines_fit() {
    none(sizes::wide_lines(&sources()));
}

#[test]
fn lints_are_not_switched_off() {
    none(files::switched_off_lints(&sources()));
}

#[test]
fn top_folders_have_a_readme_of_one_screen() {
    none(files::readmes(&sources()));
}

#[test]
fn no_file_names_a_path_of_a_machine() {
    none(files::machine_paths(&sources()));
}

#[test]
fn each_refusal_has_a_page_and_a_test() {
    let (codes, sources) = (coverage::codes(), sources());
    none(coverage::codes_without_page(&codes, &sources));
    none(coverage::untested_codes(&codes, &sources));
}

#[test]
fn each_kind_of_event_occurs_in_a_test() {
    none(coverage::untested_kinds(proto::event::Kind::NAMES, &sources()));
}
