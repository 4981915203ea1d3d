//! Reading bytes that newer versions, strangers or damage left.

use super::samples::{bytes, every_kind, full};
use crate::event::{Event, Kind};

/// `node.stopped` as small as it can be, with `old` replaced by `new`.
fn with(old: &str, new: &str) -> String {
    let text = r#"{"specversion":"1.0","id":"2-7","source":"/sallyport/acme/gw-1","type":"io.sallyport.node.stopped.v1","time":"2026-01-31T09:30:00Z","data":{"chain":"gw-1","epoch":2,"seq":7,"prev":"0000000000000000000000000000000000000000000000000000000000000000","applied":0,"reason":"terminated"}}"#;
    assert!(text.contains(old), "{old} is not in the text");
    text.replace(old, new)
}

#[test]
fn what_is_newer_is_read() {
    #[track_caller]
    fn check(text: &str, name: &str, known: bool) {
        let event = Event::read(text.as_bytes()).unwrap();
        assert_eq!((event.name.as_str(), event.kind.is_some()), (name, known));
    }
    check(&with("2-7", "2-7"), "node.stopped", true);
    // Fields that this program does not know, in the envelope and in the data.
    check(&with(r#""id""#, r#""traceparent":"00-1","id""#), "node.stopped", true);
    check(&with(r#""reason""#, r#""exit":{"code":[1]},"reason""#), "node.stopped", true);
    check(
        &with(r#","data""#, r#","datacontenttype":"application/json","data""#),
        "node.stopped",
        true,
    );
    // Order and spaces are the writer's own affair.
    check(
        &with(r#""applied":0,"reason":"#, r#""reason": "x" , "applied":3,"r":"#),
        "node.stopped",
        true,
    );
    // Kinds and versions that this program does not know.
    check(&with("node.stopped.v1", "node.stopped.v2"), "node.stopped", false);
    check(&with("node.stopped.v1", "weather.changed.v1"), "weather.changed", false);
    check(&with("node.stopped.v1", "weather.changed.v12"), "weather.changed", false);
}

#[test]
fn what_is_not_an_event_is_said() {
    #[track_caller]
    fn check(bytes: impl AsRef<[u8]>, expected: &str) {
        match Event::read(bytes.as_ref()) {
            Ok(event) => panic!("read as {event:?}"),
            Err(error) => {
                // Where in the line it is, is the JSON parser's own affair.
                let text = error.to_string();
                let (text, _) = text.split_once(" at line ").unwrap_or((&text, ""));
                assert_eq!(text, format!("not an event: {expected}"));
            }
        }
    }
    check("", "EOF while parsing a value");
    check("7", "invalid type: integer `7`, expected struct Envelope");
    check("{}", "missing field `specversion`");
    // An array of the fields in order is none.
    check(with(r#"{"spec"#, r#"[{"spec"#), "invalid type: sequence, expected struct Envelope");
    check(&with("}}", "}")[..], "EOF while parsing an object");
    check(with("}}", "}} {}"), "trailing characters");
    check(with(r#""1.0""#, r#""0.3""#), "specversion is not 1.0");
    check(with("2-7", "2-8"), "id and data.epoch, data.seq differ");
    check(with("2-7", "02-7"), "id and data.epoch, data.seq differ");
    check(with(r#""seq":7"#, r#""seq":8"#), "id and data.epoch, data.seq differ");
    check(with(r#""chain":"gw-1""#, r#""chain":"gw-2""#), "source and data.chain differ");
    check(with("/sallyport/", "/else/"), "source is not /sallyport/<cluster>/<chain>");
    check(with("acme/gw-1", "gw-1"), "source is not /sallyport/<cluster>/<chain>");
    check(with("acme/gw-1", "ac me/gw-1"), "source holds what is not a name");
    check(with("acme/gw-1", "acme/a/gw-1"), "source holds what is not a name");
    check(with("io.sallyport.", "com.example."), "type does not start with io.sallyport.");
    check(
        with("2026-01-31T", "2026-02-31T"),
        r#""2026-02-31T09:30:00Z" is not an instant such as 2026-01-31T09:30:00Z"#,
    );
    check(with(r#""epoch":2"#, r#""epoch":-2"#), "invalid value: integer `-2`, expected u64");
    check(
        with(r#""reason":"terminated""#, r#""reason":7"#),
        "invalid type: integer `7`, expected a string",
    );
    check(with(r#","reason":"terminated""#, ""), "missing field `reason`");
    check(with(r#""applied":0"#, r#""applied":0,"applied":1"#), "duplicate field `applied`");
    check(with(r#""prev":"0"#, r#""prev":"A"#), "not a digest: 64 lower-case hexadecimal digits");
}

#[test]
fn bytes_that_are_not_utf8_are_not_an_event() {
    for kind in every_kind() {
        let mut bytes = bytes(&full(kind));
        let middle = bytes.len() - 3;
        bytes[middle] = 0xff;
        assert!(Event::read(&bytes).is_err(), "{}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn a_known_kind_with_data_of_another_is_not_an_event() {
    let judged = every_kind().into_iter().find(|kind| kind.name() == "command.judged").unwrap();
    let text = String::from_utf8(bytes(&full(judged))).unwrap();
    for name in
        Kind::NAMES.iter().filter(|name| !["command.judged", "command.started"].contains(*name))
    {
        let swapped = text.replace("command.judged", name);
        assert!(Event::read(swapped.as_bytes()).is_err(), "{name}");
    }
}

#[test]
fn no_cut_of_an_event_is_an_event() {
    for kind in every_kind() {
        let bytes = bytes(&full(kind));
        for length in 0..bytes.len() {
            assert!(Event::read(&bytes[..length]).is_err(), "cut to {length}");
        }
    }
}
