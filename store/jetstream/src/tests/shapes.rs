//! What differs from a stream as it must be.

use serde_json::{Value, json};

use super::world::name;
use crate::shape::Wanted;

#[track_caller]
fn check(field: &str, value: Value, differs: bool) {
    let wanted = Wanted::record(&name("test"), 3);
    let mut config = wanted.request(-1);
    assert_eq!(wanted.differences(&config), vec![], "what is asked for is what is wanted");
    config[field] = value;
    let found: Vec<_> = wanted.differences(&config).into_iter().map(|one| one.field).collect();
    let expected = if differs { vec![field.to_owned()] } else { vec![] };
    assert_eq!(found, expected);
}

#[test]
fn every_field_that_could_lose_an_event_is_compared() {
    for (field, value) in [
        ("discard", json!("old")),
        ("retention", json!("interest")),
        ("storage", json!("memory")),
        ("max_age", json!(3_600_000_000_000_u64)),
        ("max_msgs", json!(1000)),
        ("max_msgs_per_subject", json!(1)),
        ("max_msg_size", json!(1024)),
        ("subjects", json!(["sallyport.record.>"])),
        ("duplicate_window", json!(0)),
        ("deny_delete", json!(false)),
        ("deny_purge", Value::Null),
        ("allow_rollup_hdrs", json!(true)),
        ("allow_msg_ttl", json!(true)),
        ("allow_msg_counter", json!(true)),
        ("allow_atomic", json!(false)),
        ("allow_direct", json!(false)),
        ("no_ack", json!(true)),
        ("sealed", json!(true)),
        ("num_replicas", json!(1)),
        ("persist_mode", json!("async")),
        ("mirror", json!({ "name": "OTHER" })),
        ("sources", json!([{ "name": "OTHER" }])),
        ("republish", json!({ "src": ">", "dest": "x" })),
        ("subject_transform", json!({ "src": ">", "dest": "x" })),
        ("name", json!("OTHER")),
        ("discard_new_per_subject", json!(true)),
        ("mirror_direct", json!(true)),
        ("allow_msg_schedules", json!(true)),
        ("subject_delete_marker_ttl", json!(1_000_000_000)),
    ] {
        check(field, value, true);
    }
    for (field, value) in [
        ("max_bytes", json!(1_000_000)),
        ("num_replicas", json!(5)),
        ("sealed", json!(false)),
        ("sources", json!([])),
        ("persist_mode", json!("default")),
        ("metadata", json!({ "_nats.ver": "2.15.1" })),
        ("compression", json!("none")),
    ] {
        check(field, value, false);
    }
}
