//! The index may be lost, late, damaged or another's: the answers stay right.

use std::path::Path;

use proto::ids::SessionId;
use redb::{Database, ReadableTable as _, TableDefinition};
use store_log::{Backend, Position, conformance};

use super::{open, record, small};
use crate::index::Index;
use crate::journal::Parts;
use crate::storage::{Files, Simulated};
use crate::{Journal, Options};

const RECORDS: u64 = 3000;

fn options() -> Options {
    Options { segment_bytes: 1 << 20, quota_bytes: 64 << 20, archive: false, ..small() }
}

fn fill(directory: &Path, records: u64, salt: u64) {
    let (journal, _) = Journal::open(directory, options()).unwrap();
    let from = journal.usage().last.0 + 1;
    let waiting: Vec<_> =
        (from..=records).map(|seq| journal.enqueue(record(seq, 10, salt)).unwrap().1).collect();
    for completion in waiting {
        conformance::wait(completion).unwrap().unwrap().unwrap();
    }
}

fn expected(rest: u64, records: u64) -> Vec<Position> {
    (1..=records).filter(|seq| seq % 3 == rest).map(Position).collect()
}

/// All sessions are found, first with whatever index there is, then with one that caught up.
#[track_caller]
fn check(directory: &Path, records: u64) {
    let storage = std::sync::Arc::new(Files::open(directory).unwrap());
    let mut parts = Parts::open(storage, options()).unwrap();
    for round in 0..2 {
        for rest in 0..3 {
            let session = SessionId::from_text(&format!("s{rest}"));
            let found = parts.shared.positions_of(&session, Position(1), usize::MAX).unwrap();
            assert_eq!(found, expected(rest, records), "round {round}");
            let half = parts.shared.positions_of(&session, Position(records / 2), 10).unwrap();
            let from_half = expected(rest, records).into_iter().filter(|p| p.0 >= records / 2);
            assert_eq!(half, from_half.take(10).collect::<Vec<_>>(), "round {round}");
        }
        // What it was given it does not doubt.
        let cursor = parts.shared.index.lock().cursor().0;
        assert!(round == 0 || cursor == Position(records), "it was built anew");
        parts.keep_house();
        assert_eq!(parts.shared.index.lock().cursor().0, Position(records));
    }
    parts.shared.index.lock().close();
}

#[test]
fn lost_late_and_foreign() {
    let directory = tempfile::tempdir().unwrap();
    let (ours, other) = (directory.path().join("ours"), directory.path().join("other"));
    fill(&ours, RECORDS, 0);
    check(&ours, RECORDS);
    let old = std::fs::read(ours.join("index.redb")).unwrap();
    std::fs::remove_file(ours.join("index.redb")).unwrap();
    check(&ours, RECORDS);
    fill(&ours, RECORDS + 50, 0);
    std::fs::write(ours.join("index.redb"), &old).unwrap();
    check(&ours, RECORDS + 50);
    // Of another journal: as long, longer.
    fill(&other, RECORDS, 1);
    std::fs::write(other.join("index.redb"), &old).unwrap();
    check(&other, RECORDS);
    std::fs::remove_dir_all(other.join("segments")).unwrap();
    std::fs::remove_file(other.join("watermark")).unwrap();
    fill(&other, 30, 2);
    std::fs::write(other.join("index.redb"), &old).unwrap();
    check(&other, 30);
    std::fs::write(other.join("index.redb"), b"no database at all").unwrap();
    check(&other, 30);
}

#[test]
fn a_flipped_byte_in_the_index_changes_no_answer() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    fill(&path, 300, 0);
    check(&path, 300);
    let good = std::fs::read(path.join("index.redb")).unwrap();
    let used: Vec<_> = (0..good.len()).filter(|at| good[*at] != 0).collect();
    for at in used.iter().step_by((used.len() / 60).max(1)) {
        let mut bytes = good.clone();
        bytes[*at] ^= 0x10;
        std::fs::write(path.join("index.redb"), &bytes).unwrap();
        check(&path, 300);
    }
}

/// As a disk may change it: redb itself does not look.
#[test]
fn a_run_that_was_changed_is_noticed() {
    const RUNS: TableDefinition<'_, (&str, u64), (u64, &[u8], u32)> =
        TableDefinition::new("runs.2");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index.redb");
    let session = SessionId::from_text("s");
    let positions = vec![Position(1), Position(4), Position(300)];
    let mut index = Index::open(path.clone());
    index.add(&[("s".to_owned(), positions.clone())].into(), Position(300), 0).unwrap();
    assert_eq!(index.positions(&session, Position(1), 9).unwrap(), positions);
    assert_eq!(index.positions(&session, Position(5), 9).unwrap(), [Position(300)]);
    drop(index);
    let database = Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut runs = transaction.open_table(RUNS).unwrap();
        let (place, mut distances, checksum) = {
            let row = runs.get(("s", 1)).unwrap().unwrap();
            let (place, distances, checksum) = row.value();
            (place, distances.to_vec(), checksum)
        };
        // Another position in the middle; the last one stays.
        distances[0] += 1;
        distances[1] -= 1;
        runs.insert(("s", 1), (place, &distances[..], checksum)).unwrap();
    }
    transaction.commit().unwrap();
    drop(database);
    assert!(Index::open(path).positions(&session, Position(1), 9).is_err());
}

const EVENT_WITH: &str = concat!(
    r#"{"specversion":"1.0","id":"1-2","source":"/sallyport/c/gw-1","#,
    r#""type":"io.sallyport.command.judged.v1","subject":"session/gw-1-1-1","#,
    r#""time":"2026-01-01T00:00:00.000000Z","data":{"session":"gw-1-1-1","text":"session/x"}}"#
);
const EVENT_WITHOUT: &str = concat!(
    r#"{"specversion":"1.0","id":"1-2","source":"/sallyport/c/gw-1","#,
    r#""type":"io.sallyport.node.started.v1","#,
    r#""time":"2026-01-01T00:00:00.000000Z","data":{"version":"x"}}"#
);

/// Content need not be JSON, and JSON need not be an event.
#[test]
fn anything_may_be_recorded() {
    use crate::index::session_of;
    let deep = format!(r#"{{"data":{{"x":{}{}}}}}"#, "[".repeat(9000), "]".repeat(9000));
    for (content, expected) in [
        (r#"{"data":{"session":"a-1-2"}}"#, Some("a-1-2")),
        (r#"  {"x":[1],"data":{"seq":1,"session":"a"},"y":{}}"#, Some("a")),
        (r#"{"data":{"session":null}}"#, None),
        (r#"{"data":{"session":7}}"#, None),
        (r#"{"data":{"session":"a"}"#, None),
        (r#"{"session":"a"}"#, None),
        (r#"["data"]"#, None),
        // As this product begins its events: the subject says it, and nothing behind that.
        (EVENT_WITH, Some("gw-1-1-1")),
        (EVENT_WITHOUT, None),
        ("\0\u{1}{}", None),
        ("", None),
        (&deep, None),
    ] {
        assert_eq!(session_of(content.as_bytes()).as_deref(), expected, "{content:.60}");
    }
    let mut parts = open(&Simulated::new(1), small()).unwrap();
    let mut raw = record(1, 0, 0);
    raw.bytes = bytes::Bytes::from_static(b"\xff\0{\xfe");
    parts.keep(raw).unwrap();
    parts.keep(record(2, 5, 0)).unwrap();
    parts.keep_house();
    let found = parts.shared.positions_of(&SessionId::from_text("s2"), Position(0), 9).unwrap();
    assert_eq!(found, [Position(2)]);
}
