//! Lists in every form.

use std::time::Duration;

use serde_json::{Value, json};

use crate::output::{Column, Format, render};
use crate::replay::{Pace, pause};

const COLUMNS: &[Column] = &[("ID", "/id"), ("LABELS", "/labels"), ("LOGINS", "/as"), ("N", "/n")];

fn rows() -> Vec<Value> {
    vec![
        json!({ "id": "web-1", "labels": { "env": "prod" }, "as": ["deploy", "root"], "n": 7 }),
        json!({ "id": "evil\u{1b}[2J", "labels": {}, "as": [], "n": null }),
    ]
}

#[track_caller]
fn check(format: Format, expected: &str) {
    let rendered = render(format, COLUMNS, &rows()).expect("rows");
    assert_eq!(rendered, expected);
}

#[test]
fn a_table_is_safe_and_has_no_trailing_space() {
    check(
        Format::Table,
        "ID             LABELS    LOGINS        N\n\
         web-1          env=prod  deploy, root  7\n\
         evil\\u{1b}[2J\n",
    );
}

#[test]
fn the_other_forms_are_exact() {
    check(
        Format::Jsonl,
        "{\"as\":[\"deploy\",\"root\"],\"id\":\"web-1\",\"labels\":{\"env\":\"prod\"},\"n\":7}\n\
         {\"as\":[],\"id\":\"evil\\u001b[2J\",\"labels\":{},\"n\":null}\n",
    );
    let json = render(Format::Json, COLUMNS, &rows()).expect("rows");
    assert_eq!(serde_json::from_str::<Value>(&json).expect("one array"), Value::Array(rows()));
    let yaml = render(Format::Yaml, COLUMNS, &rows()).expect("rows");
    assert_eq!(serde_saphyr::from_str::<Value>(&yaml).expect("YAML"), Value::Array(rows()));
    assert_eq!(render(Format::Json, COLUMNS, &[]).expect("no rows"), "[]\n");
}

#[test]
fn replays_keep_their_time() {
    let pace = |speed| Pace { speed, output_only: false };
    assert_eq!(pause(pace(Some(1.0)), 100, 350), Duration::from_millis(250));
    assert_eq!(pause(pace(Some(2.0)), 100, 350), Duration::from_millis(125));
    assert_eq!(pause(pace(Some(1.0)), 350, 100), Duration::ZERO);
    assert_eq!(pause(pace(None), 0, 100_000), Duration::ZERO);
}
