//! `ready.json`, as other programs read it.

use std::fs;

use serde_json::{Value, json};

use super::{mode, temporary};
use crate::ready::{Ready, remove, write};

fn ready() -> Ready {
    Ready {
        pid: 42,
        cluster: "dev".to_owned(),
        node: "gw-1".to_owned(),
        ssh: Some("127.0.0.1:2222".to_owned()),
        postgres: None,
        api: "https://127.0.0.1:8443".to_owned(),
        ca: "/data/ca.pem".into(),
        host_key: "ssh-ed25519 AAAA".to_owned(),
        admin_token: Some("/data/admin.token".into()),
        listens_to_nodes: Some("127.0.0.1:7400".to_owned()),
        warnings: Vec::new(),
    }
}

#[test]
fn its_fields() {
    let directory = temporary();
    let path = directory.path().join("ready.json");
    write(&path, &ready()).expect("room");
    let text = fs::read_to_string(&path).expect("it is there");
    let found: Value = serde_json::from_str(&text).expect("JSON");
    let expected = json!({
        "pid": 42,
        "cluster": "dev",
        "node": "gw-1",
        "ssh": "127.0.0.1:2222",
        "api": "https://127.0.0.1:8443",
        "cluster_address": "127.0.0.1:7400",
        "ca": "/data/ca.pem",
        "host_key": "ssh-ed25519 AAAA",
        "admin_token": "/data/admin.token",
    });
    assert_eq!(found, expected);
    assert_eq!(mode(&path), 0o600);
    let names: Vec<_> = fs::read_dir(directory.path()).expect("a directory").collect();
    assert_eq!(names.len(), 1, "nothing unfinished is left");
}

#[test]
fn absent_listeners_are_left_out_and_warnings_are_said() {
    let directory = temporary();
    let path = directory.path().join("ready.json");
    let warnings = vec!["target web-1 cannot be reached".to_owned()];
    write(&path, &Ready { ssh: None, warnings: warnings.clone(), ..ready() }).expect("room");
    let text = fs::read_to_string(&path).expect("it is there");
    let found: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(found.get("ssh"), None);
    assert_eq!(found["warnings"], json!(warnings));
}

#[test]
fn removing_what_is_not_there_is_fine() {
    let directory = temporary();
    let path = directory.path().join("ready.json");
    remove(&path).expect("nothing to remove");
    write(&path, &ready()).expect("room");
    write(&path, &ready()).expect("it is replaced");
    remove(&path).expect("removed");
    assert!(!path.exists());
}
