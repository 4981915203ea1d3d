//! `dev`, as it is written and as it is meant.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::{RawDev, check};

#[test]
fn what_is_not_said_has_a_default() {
    let config = check(RawDev::default()).expect("defaults are right");
    assert_eq!(config.data, PathBuf::from("./.sallyport"));
    assert_eq!(config.listen.ssh.to_string(), "127.0.0.1:2222");
    assert_eq!(config.listen.api.to_string(), "127.0.0.1:8443");
    assert_eq!(config.node.as_str(), "gw-1");
    assert_eq!(config.cluster.as_ref().map(|name| name.as_str()), Some("dev"));
    assert_eq!(config.contact, Duration::from_secs(15));
    assert_eq!(config.drain, Duration::from_secs(20));
}

#[track_caller]
fn wrong(raw: RawDev, expected: &str) {
    let said = check(raw).expect_err(expected).to_string();
    assert!(said.starts_with(expected), "{said:?} does not start with {expected:?}");
}

#[test]
fn what_has_no_meaning_is_named() {
    let text = |text: &str| Some(text.to_owned());
    let raw = RawDev::default;
    wrong(RawDev { ssh: text("nonsense"), ..raw() }, "--ssh: \"nonsense\" is not an address");
    wrong(RawDev { api: text("127.0.0.1"), ..raw() }, "--api: \"127.0.0.1\" is not an address");
    wrong(RawDev { api: text("127.0.0.1:99999"), ..raw() }, "--api: ");
    wrong(RawDev { name: text("a/b"), ..raw() }, "--name: \"a/b\" is not a name");
    wrong(RawDev { name: text(""), ..raw() }, "--name: \"\" is not a name");
    wrong(RawDev { name: text("control"), ..raw() }, "--name: expected a name other than");
    wrong(RawDev { cluster: text("-x"), ..raw() }, "--cluster: \"-x\" is not a name");
    wrong(RawDev { journal_quota: Some(1024), ..raw() }, "--journal-quota: expected at least");
    wrong(RawDev { drain: Some(1_000_000), ..raw() }, "--drain: expected at most 86400 seconds");
}

#[test]
fn the_smallest_quota_gives_a_journal_that_opens() {
    let directory = super::temporary();
    let options = crate::open::record_options(32 * 1024 * 1024);
    let opened = store_disk::Journal::open(&directory.path().join("events"), options);
    assert!(opened.is_ok(), "{:?}", opened.err());
}
