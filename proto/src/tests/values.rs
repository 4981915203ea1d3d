//! Names, ids, digests, times and codes as text.

use crate::event::{About, Draft, DraftKey};
use crate::ids::{Chain, Digest, Epoch, EventId, Name, SessionId};
use crate::refusal::{Code, Told};
use crate::time::Utc;

#[test]
fn names() {
    #[track_caller]
    fn check(text: &str, expected: bool) {
        assert_eq!(text.parse::<Name>().is_ok(), expected, "{text:?}");
        let json = serde_json::to_string(text).unwrap();
        assert_eq!(serde_json::from_str::<Name>(&json).is_ok(), expected, "{text:?} in JSON");
        if let Ok(name) = text.parse::<Name>() {
            assert_eq!((name.to_string().as_str(), name.as_str()), (text, text));
            assert_eq!(serde_json::to_string(&name).unwrap(), json);
        }
    }
    check("a", true);
    check("7", true);
    check("gw-1.eu_west", true);
    check("A..b--c__", true);
    check(&"x".repeat(64), true);
    check(&"x".repeat(65), false);
    check("", false);
    check(".", false);
    check("..", false);
    check("-a", false);
    check("_a", false);
    check("a b", false);
    check("a/b", false);
    check("a\n", false);
    check("a\0", false);
    check("\u{1b}[2J", false);
    check("ü", false);
    check("ａ", false);
    check("a@b", false);
}

#[test]
fn what_is_not_a_name_is_safe_to_print() {
    let wrong = format!("\u{1b}[2J{}", "ü".repeat(100)).parse::<Name>().unwrap_err();
    assert_eq!(wrong.name.chars().count(), 64);
    assert!(wrong.to_string().chars().all(|character| !character.is_control()));
}

#[test]
fn digests() {
    #[track_caller]
    fn check(text: &str, expected: bool) {
        let parsed = text.parse::<Digest>();
        assert_eq!(parsed.is_ok(), expected, "{text:?}");
        if let Ok(digest) = parsed {
            assert_eq!(
                (digest.to_string(), format!("{digest:?}")),
                (text.to_owned(), text.to_owned())
            );
        }
    }
    check(&"0".repeat(64), true);
    check(&"0123456789abcdef".repeat(4), true);
    check(&"f".repeat(64), true);
    check(&"F".repeat(64), false);
    check(&"g".repeat(64), false);
    check(&"0".repeat(63), false);
    check(&"0".repeat(65), false);
    check(&"ü".repeat(32), false);
    check(&format!("{} ", "0".repeat(63)), false);
    check("", false);
    assert_eq!("0".repeat(64).parse(), Ok(Digest::ZERO));
    let counting = Digest(std::array::from_fn(|index| index as u8 * 8 + 1));
    assert_eq!(counting.to_string().parse(), Ok(counting));
    assert!(counting.to_string().starts_with("010911192129"));
}

#[test]
fn instants() {
    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let parsed = text.parse::<Utc>().map(|instant| instant.to_string());
        assert_eq!(parsed.ok().as_deref(), expected, "{text:?}");
        if let Some(expected) = expected {
            assert_eq!(expected.parse::<Utc>(), text.parse(), "{text:?} there and back");
        }
    }
    check("1970-01-01T00:00:00Z", Some("1970-01-01T00:00:00.000000Z"));
    check("2026-01-31T09:30:00.5Z", Some("2026-01-31T09:30:00.500000Z"));
    check("2026-01-31T09:30:00.123456Z", Some("2026-01-31T09:30:00.123456Z"));
    check("2026-01-31T09:30:00.123456789Z", Some("2026-01-31T09:30:00.123456Z"));
    check("2026-01-31T10:30:00+01:00", Some("2026-01-31T09:30:00.000000Z"));
    check("2024-02-29T23:59:59Z", Some("2024-02-29T23:59:59.000000Z"));
    check("1969-12-31T23:59:59.999999Z", Some("1969-12-31T23:59:59.999999Z"));
    check("2026-02-29T00:00:00Z", None);
    check("2026-01-31T24:30:00Z", None);
    check("2026-01-31T09:30:00", None);
    check("2026-01-31", None);
    check("1769851800", None);
    check("", None);
    assert_eq!("1970-01-01T00:00:00.000001Z".parse(), Ok(Utc(1)));
}

#[test]
fn ids() {
    let node: Name = "gw-1".parse().unwrap();
    let chain = Chain::Node(node.clone());
    assert_eq!(EventId { chain, epoch: Epoch(2), seq: 7 }.to_string(), "gw-1/2-7");
    let control = EventId { chain: Chain::Control, epoch: Epoch(0), seq: 7 };
    assert_eq!(control.to_string(), "control/0-7");
    assert_eq!(SessionId::new(&node, Epoch(2), 3).to_string(), "gw-1-2-3");
    assert_eq!(SessionId::from_text("gw-1-2-3"), SessionId::new(&node, Epoch(2), 3));
    let session = Some(SessionId::new(&node, Epoch(2), 3));
    let about = About { session: session.clone(), session_seq: Some(4), ..About::default() };
    let kind = super::samples::every_kind().remove(0);
    let draft = Draft { time: Utc(0), applied: 0, about, kind };
    assert_eq!(draft.key(), DraftKey { session, session_seq: 4 });
}

#[test]
fn codes() {
    #[track_caller]
    fn check(text: &str, expected: Option<Code>) {
        assert_eq!(Code::try_from(text.to_owned()).ok(), expected, "{text:?}");
        let json = serde_json::to_string(text).unwrap();
        assert_eq!(serde_json::from_str::<Code>(&json).ok(), expected, "{text:?} in JSON");
    }
    for &code in Code::ALL {
        check(&code.to_string(), Some(code));
        assert_eq!(serde_json::to_string(&code).unwrap(), format!("\"{code}\""));
    }
    check("SP-1201", Some(Code::BlockedByRule));
    check("SP-0000", None);
    check("sp-1201", None);
    check("SP-1201 ", None);
    check("1201", None);
    check("", None);
    let told = Told::new(Code::BlockedByRule, "Ask.");
    assert_eq!(told.to_string(), "SP-1201: Ask.");
    assert_eq!(serde_json::to_string(&told).unwrap(), r#"{"code":"SP-1201","text":"Ask."}"#);
    assert_eq!(Told::plain(Code::RecordFull).text, Code::RecordFull.title());
}
