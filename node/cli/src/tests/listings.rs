//! Lists and single things, as a person reads them.

use proto::api::PolicyRevisionRow;
use proto::entry::ApprovalId;
use proto::ids::Digest;
use proto::time::Utc;
use serde_json::{Value, json};

use crate::commands::detectors;
use crate::commands::policy::remote;
use crate::commands::sessions::shown;
use crate::output::{Column, Format, render};

#[track_caller]
fn check(columns: &[Column], rows: &[Value], expected: &str) {
    assert_eq!(render(Format::Table, columns, rows).expect("rows"), expected);
}

#[test]
fn the_history_of_a_policy_says_by_which_approval_it_was_let_in() {
    let row = |id: u64, by: &str, approval: Option<u64>| {
        let row = PolicyRevisionRow {
            id,
            digest: Digest([0xab; 32]),
            at: Utc(0),
            by: by.to_owned(),
            approval: approval.map(ApprovalId),
            in_force: id == 2,
        };
        serde_json::to_value(row).expect("JSON")
    };
    let digest = "ab".repeat(32);
    let rows = [row(1, "administrator", None), row(2, "ed", Some(57))];
    let expected = format!(
        "ID  AT                           BY             APPROVAL  IN FORCE  DIGEST\n\
         1   1970-01-01T00:00:00.000000Z  administrator            false     {digest}\n\
         2   1970-01-01T00:00:00.000000Z  ed             57        true      {digest}\n"
    );
    check(remote::COLUMNS, &rows, &expected);
}

#[test]
fn a_session_of_another_node_is_not_shown_as_one_without_commands() {
    let mut session = json!({ "id": "gw-2-1-7", "node": "gw-2", "state": "open" });
    let of_another = shown(Format::Table, &session).expect("a table");
    assert_eq!(
        of_another,
        "id     gw-2-1-7\nnode   gw-2\nstate  open\n\n\
         its commands are in the record of gw-2: ask there\n"
    );
    session["commands"] = json!([]);
    let of_this = shown(Format::Table, &session).expect("a table");
    let header = "\n#  STATE  VERDICT  RULES  OUTCOME  MS  OUT  ERR  MASKED  TEXT\n";
    assert!(of_this.ends_with(header), "{of_this}");
    let exact = shown(Format::Jsonl, &session).expect("a line");
    assert_eq!(exact, format!("{session}\n"));
}

#[test]
fn a_detector_is_shown_with_what_it_finds_and_leaves() {
    let info = node_enforce::mask::detectors().iter().find(|info| info.name == "url-password");
    let info = info.expect("it is there");
    let text = detectors::shown(Format::Table, info).expect("a text");
    assert!(text.contains("\nmasked  redis://:*******@cache\n"), "{text}");
    assert!(text.ends_with("\nleaves  postgres://app:${PASSWORD}@db\n"), "{text}");
    let line = detectors::shown(Format::Jsonl, info).expect("a line");
    let value: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(value["on_by"], "default");
    assert_eq!(value["examples"][1]["masked"], "redis://:*******@cache");
}
