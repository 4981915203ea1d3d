//! Golden bytes: what was written once is written again byte for byte, and read back.

use std::collections::BTreeSet;

use super::files::{check_golden, names, path};
use super::samples::{bare, bytes, cluster, every_kind, full, place, sparse_kinds};
use crate::event::{Draft, EVENT_LIMIT, Event, Kind, TooLarge, stamp};
use crate::ids::Digest;

#[test]
fn each_kind_is_written_as_its_golden_bytes() {
    for kind in every_kind() {
        let file = format!("golden/events/{}.v1.json", kind.name());
        check_golden(&file, &bytes(&full(kind)));
    }
}

#[test]
fn golden_bytes_are_read_as_what_was_written() {
    for kind in every_kind() {
        let file = path(&format!("golden/events/{}.v1.json", kind.name()));
        let golden = std::fs::read(&file).expect("each kind has a golden file");
        check_read(&golden, &full(kind));
    }
}

#[test]
fn each_kind_has_one_golden_file_and_each_golden_file_a_kind() {
    let kinds: BTreeSet<_> = Kind::NAMES.iter().map(|kind| format!("{kind}.v1")).collect();
    assert_eq!(names("golden/events", ".json"), kinds, "files on the left, kinds on the right");
    let samples: BTreeSet<_> =
        every_kind().iter().map(|kind| format!("{}.v1", kind.name())).collect();
    assert_eq!(samples, kinds, "samples on the left, kinds on the right");
    assert_eq!(Kind::NAMES.len(), kinds.len(), "two kinds have one name");
}

#[test]
fn drafts_come_back_as_they_were() {
    for kind in every_kind().into_iter().chain(sparse_kinds()) {
        for draft in [full(kind.clone()), bare(kind.clone())] {
            check_read(&bytes(&draft), &draft);
        }
    }
}

#[test]
fn absent_fields_are_not_written() {
    let sparse = sparse_kinds().into_iter().map(bare).map(|draft| bytes(&draft));
    for bytes in sparse {
        let text = String::from_utf8(bytes).unwrap();
        assert!(!text.contains("null"), "{text}");
        assert!(!text.contains("\"subject\""), "{text}");
    }
}

#[test]
fn an_event_over_the_limit_is_too_large() {
    let with_reason = |length: usize| {
        let reason = "x".repeat(length);
        bare(Kind::NodeStopped(crate::event::NodeStopped { reason }))
    };
    let empty = bytes(&with_reason(0)).len();
    let fits = EVENT_LIMIT - empty;
    assert_eq!(bytes(&with_reason(fits)).len(), EVENT_LIMIT);
    for over in [1, 2, 1000] {
        let draft = with_reason(fits + over);
        let (id, head) = place(&draft.kind);
        let stamped = stamp(&cluster(), id, head, &draft);
        assert_eq!(stamped, Err(TooLarge { bytes: EVENT_LIMIT + over }));
    }
}

#[test]
fn the_first_event_points_back_to_zeroes() {
    let draft = bare(every_kind().remove(0));
    let (mut id, _) = place(&draft.kind);
    id.seq = 1;
    let stamped = stamp(&cluster(), id, crate::event::Head::default(), &draft).unwrap();
    assert_eq!(Event::read(&stamped.bytes).unwrap().prev, Digest::ZERO);
}

#[track_caller]
fn check_read(bytes: &[u8], draft: &Draft) {
    let (id, head) = place(&draft.kind);
    let expected = Event {
        id,
        cluster: cluster(),
        time: draft.time,
        prev: head.hash.expect("samples follow an event"),
        applied: draft.applied,
        name: draft.kind.name().to_owned(),
        about: draft.about.clone(),
        kind: Some(draft.kind.clone()),
    };
    let read = Event::read(bytes).unwrap_or_else(|error| {
        panic!("{error}\n{}", String::from_utf8_lossy(bytes));
    });
    assert_eq!(read, expected);
}
