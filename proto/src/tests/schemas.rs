//! The published JSON Schemas are what the types say, and the golden events keep to them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::files::{names, path, updating};
use super::samples::{bare, bytes, every_kind, full, sparse_kinds};
use super::validator::Validator;
use crate::event::{Draft, Kind, schemas};

fn schema_of(kind: &Kind) -> Value {
    let file = path(&format!("schemas/{}.v1.json", kind.name()));
    let text = std::fs::read_to_string(&file).expect("each kind has a published schema");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn published_schemas_are_those_of_the_types() {
    let mut expected = BTreeSet::new();
    for (name, schema) in schemas() {
        let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
        let file = path(&format!("schemas/{name}.json"));
        if updating() {
            std::fs::write(&file, &text).unwrap();
        }
        let published = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            published == text,
            "schemas/{name}.json is not what the types say; UPDATE=1 writes it anew"
        );
        expected.insert(name);
    }
    assert_eq!(names("schemas", ".json"), expected, "files on the left, kinds on the right");
}

#[test]
fn golden_events_keep_to_their_schemas() {
    for kind in every_kind() {
        let file = path(&format!("golden/events/{}.v1.json", kind.name()));
        let event: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        check(&schema_of(&kind), &event, &[]);
    }
}

#[test]
fn events_without_optional_fields_keep_to_their_schemas() {
    for kind in sparse_kinds() {
        check(&schema_of(&kind), &value(&bare(kind)), &[]);
    }
}

/// The validator itself: an event that is wrong in one way is found wrong there.
#[test]
fn events_that_break_their_schema_are_found() {
    fn broken(kind: &str, pointer: &str, new: Option<Value>, expected: &str) {
        let kind = every_kind().into_iter().find(|each| each.name() == kind).unwrap();
        let mut event = value(&full(kind.clone()));
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        let parent = event.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match new {
            Some(new) => parent.insert(field.to_owned(), new),
            None => parent.remove(field),
        };
        check(&schema_of(&kind), &event, &[expected]);
    }
    broken("node.stopped", "/time", None, ": `time` is missing");
    broken("node.stopped", "/data/prev", None, "/data: `prev` is missing");
    broken("node.stopped", "/data/reason", Some(7.into()), "/data/reason: not of type \"string\"");
    broken("node.stopped", "/data/extra", Some(7.into()), "/data: `extra` is not in the schema");
    broken("node.stopped", "/id", Some("2".into()), "/id: does not match ^[0-9]+-[0-9]+$");
    broken("node.stopped", "/specversion", Some("0.3".into()), "/specversion: not \"1.0\"");
    broken("node.stopped", "/data/seq", Some((-1).into()), "/data/seq: less than 0");
    broken("command.judged", "/data/verdict", Some("maybe".into()), "/data/verdict: fits none");
    broken("command.judged", "/data/told", Some(7.into()), "/data/told: fits none");
    broken("command.finished", "/data/outcome", Some("x".into()), "/data/outcome: fits none");
    broken(
        "command.finished",
        "/data/masked",
        Some(serde_json::json!({"email": "x"})),
        "/data/masked/email: not of type \"integer\"",
    );
    broken(
        "output.released",
        "/data/record_masked",
        Some(serde_json::json!([[1]])),
        "/data/record_masked/0: fewer than 2 items",
    );
}

fn value(draft: &Draft) -> Value {
    serde_json::from_slice(&bytes(draft)).unwrap()
}

#[track_caller]
fn check(schema: &Value, event: &Value, expected: &[&str]) {
    let wrong = Validator::new(schema).check(event);
    assert_eq!(wrong, expected, "{event:#}\n{schema:#}");
}
