//! A store that is closed lets its file go, also while somebody still holds it.

use super::{entry, vote};
use crate::raft::{Disk, RaftStore, ReadError, Thread, Write};
use crate::storage::Files;

#[test]
fn what_is_closed_can_be_opened_again_whoever_still_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    for start in 0..8 {
        let files = Files::open(folder.path()).unwrap();
        let (_, writer) = RaftStore::open(&files).unwrap();
        let disk = Thread::start(writer).unwrap();
        let heads = disk.store().heads();
        assert_eq!(heads.last.map(|last| last.index), (start > 0).then(|| start - 1));
        let (answer, answered) = std::sync::mpsc::channel();
        disk.submit(Write::Vote(vote(start + 1, false)), Box::new(|_| {}));
        let written = Write::Append(vec![entry(start + 1, start, 4096)]);
        disk.submit(written, Box::new(move |result| answer.send(result).unwrap()));
        answered.recv().unwrap().unwrap();
        // A reader that was slow to go must not write to the file when the next one has it.
        let held = disk.store().clone();
        disk.close();
        let read = held.entries(0..1);
        assert!(matches!(read, Err(ReadError::Failed(_))), "{read:?}");
        std::thread::spawn(move || drop(held));
    }
}
