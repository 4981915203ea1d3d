//! Replays: commands, frames, and where they are not in one piece.

use proto::event::{Event, Kind, Outcome, Stream};
use proto::reading::{Channel, Verdict};

use super::world::*;
use crate::{FrameBytes, REPLAY_LIMIT, verify_continuity};

const OUT: Stream = Stream::Output;
const ERR: Stream = Stream::Errors;

#[test]
fn files_and_what_passed_of_them() {
    let replay = replay(&[
        event(0, "a", opened()),
        event(1, "a", asked(1, Channel::Sftp, "write /x")),
        event(7, "a", transferred(1, 0, 9)),
    ]);
    let command = &replay.commands[0];
    assert_eq!((command.file, command.statement, command.ended_ms), (true, true, Some(7)));
    assert_eq!(command.transferred.as_ref().map(|passed| passed.written.bytes), Some(9));
}

#[test]
fn forwards_and_what_passed_through_them() {
    let replay = replay(&[
        event(0, "a", opened()),
        event(1, "a", asked(1, Channel::Forward, "# forwards")),
        event(2, "a", asked(2, Channel::Forward, "listen localhost:0")),
        event(7, "a", forwarded(2, 9, 1)),
        event(8, "a", forwarded(2, 9, 2)),
        event(9, "a", forwarded(3, 9, 3)),
    ]);
    let passed = |at: usize| -> Vec<_> {
        let forwarded = replay.commands[at].forwarded.iter();
        forwarded.map(|closed| closed.to_client.bytes).collect()
    };
    assert_eq!((passed(0), passed(1)), (vec![], vec![1, 2]));
    let command = &replay.commands[1];
    assert_eq!((command.forward, command.file, command.statement), (true, false, true));
    let json = serde_json::to_value(&replay).unwrap();
    assert_eq!(serde_json::from_value::<crate::Replay>(json).unwrap(), replay);
}

#[test]
fn commands_and_frames() {
    let mut long = judgement(1, Verdict::Allow, "one ");
    long.parts = 2;
    let replay = replay(&[
        event(0, "a", opened()),
        event(1, "a", part(1, 1, "two ")),
        event(1, "a", part(1, 2, "three")),
        event(5, "a", Kind::CommandJudged(long)),
        event(6, "b", judged(9, Verdict::Allow, "of another session")),
        event(7, "a", window(1, OUT, 8, 0, b"text")),
        event(7, "a", window(1, ERR, 7, 0, b"\xff\x00")),
        event(9, "a", finished(1, Outcome::Exited(3), 4, 2)),
        event(9, "a", judged(2, Verdict::Block, "env")),
    ]);
    let who = (replay.session.clone(), replay.person.clone(), replay.target.clone());
    assert_eq!(who, (Some(id("a")), Some(name("alice")), Some(name("web-1"))));
    assert_eq!((replay.login.as_deref(), replay.opened.0), (Some("deploy"), START));
    let texts: Vec<_> =
        replay.commands.iter().map(|each| (each.at_ms, each.text.as_str())).collect();
    assert_eq!(texts, [(5, "one two three"), (9, "env")]);
    assert_eq!(replay.commands[0].outcome, Some(Outcome::Exited(3)));
    assert_eq!(replay.commands[0].ended_ms, Some(9));
    assert!(replay.commands[1].told.is_some());
    // In order of time.
    let frames: Vec<_> =
        replay.frames.iter().map(|each| (each.at_ms, each.bytes.clone())).collect();
    let expected =
        [(7, FrameBytes::Base64("/wA=".to_owned())), (8, FrameBytes::Text("text".to_owned()))];
    assert_eq!(frames, expected);
    assert_eq!(replay.frames[0].shown(), b"\xff\x00");
    let json = serde_json::to_value(&replay).unwrap();
    assert_eq!(json["frames"][1]["bytes"], serde_json::json!({ "text": "text" }));
    assert_eq!(serde_json::from_value::<crate::Replay>(json).unwrap(), replay);
}

#[test]
fn a_stream_keeps_its_order_whatever_the_times_say() {
    let replay = replay(&[
        event(0, "a", window(1, OUT, 50, 0, b"a")),
        event(0, "a", window(1, OUT, 40, 1, b"b")),
        event(0, "a", window(1, ERR, 45, 0, b"e")),
        event(0, "a", window(1, OUT, 60, 2, b"c")),
    ]);
    let frames: Vec<_> = replay.frames.iter().map(|each| (each.at_ms, each.shown())).collect();
    let expected =
        [(45, b"e".to_vec()), (50, b"a".to_vec()), (50, b"b".to_vec()), (60, b"c".to_vec())];
    assert_eq!(frames, expected);
    assert_eq!(verify_continuity(&replay), []);
}

#[test]
fn what_only_the_record_masks_is_stars() {
    #[track_caller]
    fn check(spans: &[[u64; 2]], expected: &str) {
        let mut kind = window(1, OUT, 0, 0, b"password");
        if let Kind::OutputReleased(released) = &mut kind {
            released.record_masked = spans.to_vec();
        }
        let replay = replay(&[event(0, "a", kind)]);
        assert_eq!(String::from_utf8(replay.frames[0].shown()).unwrap(), expected);
    }
    check(&[], "password");
    check(&[[0, 4]], "****word");
    check(&[[1, 1], [6, 2]], "p*sswo**");
    check(&[[6, 100]], "passwo**");
    check(&[[8, 1], [u64::MAX, u64::MAX], [100, 1]], "password");
}

#[test]
fn output_in_one_piece_has_no_gap_and_any_other_has() {
    /// Windows `(command, stream, offset, length)`, and what passed of command 1.
    #[track_caller]
    fn check(windows: &[(u64, Stream, u64, usize)], passed: Option<(u64, u64)>, expected: &[&str]) {
        let mut events: Vec<Event> = vec![event(0, "a", judged(1, Verdict::Allow, "x"))];
        events.extend(windows.iter().map(|&(command, stream, offset, length)| {
            event(1, "a", window(command, stream, 1, offset, "x".repeat(length).as_bytes()))
        }));
        events.extend(passed.map(|(output, errors)| {
            event(2, "a", finished(1, Outcome::Exited(0), output, errors))
        }));
        let gaps = verify_continuity(&replay(&events)).into_iter().map(|gap| {
            let at = gap.frame.map_or("end".to_owned(), |frame| frame.to_string());
            format!("{} {:?} at {at}: {} to {}", gap.command, gap.stream, gap.expected, gap.found)
        });
        assert_eq!(gaps.collect::<Vec<_>>(), expected);
    }
    check(&[], None, &[]);
    check(&[], Some((0, 0)), &[]);
    check(&[(1, OUT, 0, 5), (1, OUT, 5, 2)], Some((7, 0)), &[]);
    check(&[(1, OUT, 0, 5), (1, ERR, 0, 3), (1, OUT, 5, 2)], Some((7, 3)), &[]);
    check(&[(1, OUT, 0, 5), (2, OUT, 0, 3)], Some((5, 0)), &[]);
    check(&[(1, OUT, 0, 5), (1, OUT, 6, 2)], None, &["1 Output at 1: 5 to 6"]);
    check(&[(1, OUT, 3, 5)], None, &["1 Output at 0: 0 to 3"]);
    check(&[(1, OUT, 0, 5), (1, OUT, 4, 2)], None, &["1 Output at 1: 5 to 4"]);
    check(&[(1, OUT, 0, 5)], Some((9, 2)), &["1 Output at end: 5 to 9", "1 Errors at end: 0 to 2"]);
    // How much passed is not known before the command has ended.
    check(&[(1, OUT, 0, 5)], None, &[]);
}

#[test]
fn a_replay_is_bounded_and_says_so() {
    let megabyte = vec![b'x'; 1024 * 1024];
    let windows = (0..70)
        .map(|index| event(0, "a", window(1, OUT, 0, index * megabyte.len() as u64, &megabyte)));
    let replay = replay(&windows.collect::<Vec<_>>());
    assert_eq!((replay.frames.len(), replay.left_out), (REPLAY_LIMIT / megabyte.len(), true));
    assert_eq!(verify_continuity(&replay), []);
}

/// An event with its place within the session.
fn placed(seq: u64, mut event: Event) -> Event {
    event.about.session_seq = Some(seq);
    event
}

#[test]
fn what_lacks_events_says_so() {
    #[track_caller]
    fn check(places: &[u64], start_missing: bool, missing: u64, said: &str) {
        let events = places.iter().map(|seq| {
            let kind = window(1, OUT, 20 + seq, 0, b"");
            placed(*seq, event(1, "a", if *seq == 1 { opened() } else { kind }))
        });
        let replay = replay(&events.collect::<Vec<_>>());
        assert_eq!((replay.start_missing, replay.events_missing), (start_missing, missing));
        let lacks = replay.lacks().unwrap_or_default();
        assert!(lacks.starts_with(said) && lacks.is_empty() == said.is_empty(), "{lacks}");
        let json = serde_json::to_value(&replay).unwrap();
        assert_eq!(json["start_missing"].as_bool().unwrap_or_default(), start_missing);
        assert_eq!(json["events_missing"].as_u64().unwrap_or_default(), missing);
    }
    check(&[], false, 0, "");
    check(&[1, 2, 3], false, 0, "");
    check(&[2], true, 1, "the start of this session is not here: 1 of its events");
    check(&[7, 8, 9], true, 6, "the start of this session is not here: 6 of its events");
    check(&[1, 4, 5], false, 2, "2 events of this session are in no record");
    check(&[3, 6], true, 4, "the start of this session is not here: 4 of its events");
}

/// Output says how long after the opening it was: so what came before it is shown before it.
#[test]
fn without_its_start_times_are_those_of_the_session() {
    let replay = replay(&[
        placed(5, event(0, "a", judged(2, Verdict::Allow, "uptime"))),
        placed(6, event(3, "a", window(2, OUT, 9_003, 0, b"up"))),
        placed(7, event(4, "a", finished(2, Outcome::Exited(0), 2, 0))),
    ]);
    assert_eq!(replay.opened.0, START - 9_000_000);
    let [command] = &replay.commands[..] else { panic!("one command") };
    assert_eq!((command.at_ms, command.ended_ms), (9_000, Some(9_004)));
    assert_eq!(replay.person, Some(name("alice")));
}
