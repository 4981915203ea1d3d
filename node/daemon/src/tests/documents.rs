//! Documents that are wrong are refused with their place, before anything is opened.

use std::fs;

use proto::refusal::Code;

use super::temporary;
use crate::config::{Config, Documents, RawDev};
use crate::documents::check;

/// Which document a case is about.
enum What {
    People,
    Targets,
    Policy,
}

#[track_caller]
fn wrong(what: What, text: &str, code: Code, expected: &str) {
    let directory = temporary();
    let path = directory.path().join("file.yaml");
    fs::write(&path, text).expect("a file");
    let found = check(&config(&what, path.clone())).expect_err(expected);
    let said = found.text.replace(&path.display().to_string(), "F");
    assert_eq!(found.code, code, "{said}");
    assert!(said.starts_with(expected), "{said:?} does not start with {expected:?}");
}

fn config(what: &What, path: std::path::PathBuf) -> Config {
    let mut config = crate::config::check(RawDev::default()).expect("defaults are right");
    config.documents = match what {
        What::People => Documents { people: Some(path), ..Documents::default() },
        What::Targets => Documents { targets: Some(path), ..Documents::default() },
        What::Policy => Documents { policy: Some(path), ..Documents::default() },
    };
    config
}

#[test]
fn each_is_refused_with_its_code_and_place() {
    wrong(What::People, "peopel: []", Code::PeopleWrong, "F:1:");
    wrong(What::People, "people:\n  - { name: a/b }\n", Code::PeopleWrong, "F:2:");
    wrong(What::Targets, "targets:\n  - { name: x, kind: ssh }\n", Code::TargetsWrong, "F:2:");
    wrong(What::Targets, "targets: {", Code::TargetsWrong, "F:1:");
    wrong(What::Policy, "version: 1\nrulez: []\n", Code::PolicyWrong, "F:2:1: ");
    wrong(What::Policy, "", Code::PolicyWrong, "F:1:1: ");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    for (what, code) in [
        (What::People, Code::PeopleWrong),
        (What::Targets, Code::TargetsWrong),
        (What::Policy, Code::PolicyWrong),
    ] {
        let directory = temporary();
        let path = directory.path().join("none.yaml");
        let found = check(&config(&what, path)).expect_err("no file");
        assert_eq!(found.code, code);
        assert!(found.text.contains("none.yaml:1:1: the file cannot be read"), "{}", found.text);
    }
}

#[test]
fn nothing_is_said_of_what_is_right() {
    let directory = temporary();
    let path = directory.path().join("file.yaml");
    fs::write(&path, "version: 1\n").expect("a file");
    let checked = check(&config(&What::Policy, path)).expect("a policy");
    assert!(checked.warnings.is_empty(), "{:?}", checked.warnings);
}
