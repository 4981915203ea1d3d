//! Flipping any bit of any event is found; of the last event, exactly when it can be.

use proto::event::Event;
use proto::ids::Chain;

use super::world::*;
use crate::{Severity, Verifier};

/// Eight events; the last stands outside sessions.
fn record() -> Node {
    let mut node = Node::new("gw-1");
    node.started(1).whole_session(1).stopped();
    node
}

/// The bit to flip in the byte at an index: all eight over eight neighbours.
fn flip(index: usize) -> u8 {
    1 << (index % 8)
}

#[test]
fn a_flip_before_the_last_event_is_tampering() {
    let node = record();
    for line in 0..node.lines.len() - 1 {
        for index in 0..node.lines[line].len() {
            let flip = flip(index);
            let mut lines = node.lines.clone();
            lines[line][index] ^= flip;
            let report = verify(Verifier::new(), &lines);
            assert!(report.tampered, "line {line}, byte {index}, flip {flip:#x}");
            let named = report.findings.iter().any(|finding| {
                finding.severity() == Severity::Tampering && finding.place.is_some()
            });
            assert!(named, "{:?}", report.findings);
        }
    }
}

#[test]
fn a_flip_in_the_last_event_shows_against_a_known_head_or_when_it_breaks_the_event() {
    let node = record();
    let last = node.lines.len() - 1;
    let original = Event::read(&node.lines[last]).unwrap();
    let mut silent = 0;
    for index in 0..node.lines[last].len() {
        let flip = flip(index);
        let mut lines = node.lines.clone();
        lines[last][index] ^= flip;
        let expecting = Verifier::new().expect_head(Chain::Node(name("gw-1")), node.head);
        assert!(verify(expecting, &lines).tampered, "byte {index}, flip {flip:#x}");
        // Without a known head: when it is no event any more, or stands elsewhere.
        let shows = Event::read(&lines[last])
            .map_or(true, |event| event.prev != original.prev || event.cluster != original.cluster);
        assert_eq!(verify(Verifier::new(), &lines).tampered, shows, "byte {index}, {flip:#x}");
        silent += usize::from(!shows);
    }
    assert!(silent > 0, "a flip in a text is still an event");
}
