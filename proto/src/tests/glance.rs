//! A glance at a judged command says what the whole event says, and is as strict about what it gives.

use super::samples::{bytes, every_kind, full};
use crate::event::{Event, Glanced, JudgedGlance, Kind};

#[test]
fn a_glance_says_what_the_event_says() {
    let (mut judged, mut known) = (0, Glanced::default());
    // Twice: what was read before is the same again.
    for kind in every_kind().into_iter().chain(every_kind()) {
        let text = String::from_utf8(bytes(&full(kind))).unwrap();
        let event = Event::read(text.as_bytes()).unwrap();
        let glance = JudgedGlance::read(text.as_bytes(), &mut known).unwrap();
        let Some(Kind::CommandJudged(whole)) = &event.kind else {
            assert!(glance.is_none(), "{} is no judged command", event.name);
            continue;
        };
        let glance = glance.unwrap();
        judged += 1;
        let about = &event.about;
        assert_eq!((glance.event(), glance.time), (event.id.to_string(), event.time));
        assert_eq!(glance.session.as_deref(), about.session.as_ref().map(|id| id.as_str()));
        let actor = about.actor.as_ref().unwrap();
        assert_eq!(glance.person.as_deref(), Some(actor.person.as_str()));
        assert_eq!(*glance.groups, actor.groups);
        let (target, was) = (glance.target.as_ref().unwrap(), about.target.as_ref().unwrap());
        assert_eq!((&*target.name, target.kind), (was.name.as_str(), was.kind));
        assert_eq!((&*target.labels, &*target.login), (&was.labels, was.login.as_str()));
        assert_eq!((glance.command, glance.length), (whole.command, whole.length));
        assert_eq!((&*glance.text, &*glance.sealed), (&*whole.text, &*whole.sealed));
        assert_eq!((&*glance.digest, glance.verdict), (&*whole.digest.to_string(), whole.verdict));
        assert_eq!(glance.reader, whole.reading.reader);
        assert_eq!(glance.detected, !whole.reading.detected.is_empty());
        assert_eq!(glance.rules, whole.rules);
        assert_eq!(glance.channel, whole.channel);
        assert_eq!(glance.offset_minutes, whole.offset_minutes);
    }
    assert_eq!(judged, 2);
}

/// A judged command with `old` replaced by `new`.
fn with(old: &str, new: &str) -> String {
    let judged = every_kind().into_iter().find(|kind| kind.name() == "command.judged").unwrap();
    let text = String::from_utf8(bytes(&full(judged))).unwrap();
    assert!(text.contains(old), "{old} is not in {text}");
    text.replace(old, new)
}

#[test]
fn what_a_glance_makes_of_other_lines() {
    #[track_caller]
    fn check(text: &str, expected: Option<bool>) {
        let glance = JudgedGlance::read(text.as_bytes(), &mut Glanced::default());
        let found = glance.ok().map(|glance| glance.is_some());
        assert_eq!(found, expected, "{text}");
    }
    check(&with("judged.v1", "judged.v1"), Some(true));
    // Another version, with the same fields and with others, is not looked at.
    check(&with("judged.v1", "judged.v2"), Some(false));
    let newer = with("judged.v1", "judged.v2").replace(r#""verdict":"#, r#""decision":"#);
    check(&newer, Some(false));
    // Of this version, a field that is missing, of another type or given twice is an error.
    check(&with(r#""verdict":"#, r#""decision":"#), None);
    check(&with(r#""length":"#, r#""length":"x","len":"#), None);
    check(&with(r#""verdict":"#, r#""verdict":"allow","verdict":"#), None);
    // So are groups and labels that are none.
    check(&with(r#""groups":["#, r#""groups":[1,"#), None);
    check(&with(r#""groups":["#, r#""groups":null,"others":["#), None);
    check(&with(r#""labels":{"#, r#""labels":{"x":1,"#), None);
    check("{}", None);
    check("", None);
    let whole = with("judged.v1", "judged.v1");
    check(&whole[..whole.len() - 1], None);
}
