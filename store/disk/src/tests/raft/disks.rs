//! The thread that writes, and the inline variant that stands in for it, answer alike.

use std::sync::mpsc;

use proto::ids::Epoch;

use super::{Model, at, entry, identity, open, vote};
use crate::raft::{Disk, Inline, Stopped, Thread, WRITES_WAITING, Write};
use crate::storage::Simulated;
use crate::storage::simulated::Faults;

fn perform(disk: &dyn Disk, write: Write) -> Result<(), Stopped> {
    let (told, answer) = mpsc::channel();
    disk.submit(write, Box::new(move |result| told.send(result).unwrap()));
    answer.recv().unwrap()
}

fn writes() -> Vec<Write> {
    vec![
        Write::Identity(identity(1)),
        Write::Vote(vote(1, false)),
        Write::Append(vec![entry(1, 0, 10), entry(1, 1, 20)]),
        Write::Truncate(1),
        Write::Append(vec![entry(2, 1, 5)]),
        Write::Committed(at(2, 1)),
    ]
}

#[track_caller]
fn answers_alike(make: impl FnOnce(crate::raft::Writer) -> Box<dyn Disk>) {
    let medium = Simulated::new(1);
    let (store, writer) = open(&medium).unwrap();
    let disk = make(writer);
    let mut model = Model::default();
    for write in writes() {
        perform(&*disk, write.clone()).unwrap();
        model.perform(&write);
    }
    disk.close();
    let late = perform(&*disk, Write::Vote(vote(5, false)));
    assert!(late.is_err(), "a closed disk takes nothing");
    drop((store, disk));
    let (store, _writer) = open(&medium.power_cut()).unwrap();
    assert_eq!(Model::of(&store), model, "closing keeps what waited for the next commit");
}

#[test]
fn both_disks_keep_what_they_answered() {
    answers_alike(|writer| Box::new(Inline::new(writer)));
    answers_alike(|writer| Box::new(Thread::start(writer).unwrap()));
}

#[test]
fn the_first_error_is_the_last_word() {
    let medium = Simulated::new(2);
    let (store, writer) = open(&medium).unwrap();
    let disk = Thread::start(writer).unwrap();
    perform(&disk, Write::Vote(vote(1, false))).unwrap();
    medium.set_faults(Faults { sync_fails_at: Some(1), ..Faults::default() });
    let first = perform(&disk, Write::Vote(vote(2, false))).unwrap_err();
    medium.set_faults(Faults::default());
    assert_eq!(perform(&disk, Write::Vote(vote(3, false))).unwrap_err(), first);
    assert_eq!(store.heads().vote, Some(vote(1, false)), "what failed is not served");
}

#[test]
fn writes_that_wait_are_bounded_and_each_is_answered() {
    let medium = Simulated::new(3);
    let (_, writer) = open(&medium).unwrap();
    let disk = Thread::start(writer).unwrap();
    let (told, answers) = mpsc::channel();
    let count = WRITES_WAITING * 2;
    for number in 0..count {
        let told = told.clone();
        let mut identity = identity(1);
        identity.epoch = Epoch(number as u64);
        let write = Write::Identity(identity);
        disk.submit(write, Box::new(move |result| told.send(result.is_ok()).unwrap()));
    }
    let answered: Vec<bool> = answers.iter().take(count).collect();
    assert_eq!(answered.len(), count);
    assert!(answered.iter().filter(|kept| **kept).count() >= WRITES_WAITING);
}

#[test]
fn real_files_keep_what_was_answered() {
    let directory = tempfile::tempdir().unwrap();
    let mut model = Model::default();
    for start in 0..2 {
        let files = crate::storage::Files::open(directory.path()).unwrap();
        let (store, writer) = crate::raft::RaftStore::open(&files).unwrap();
        assert_eq!(Model::of(&store), model);
        let disk = Thread::start(writer).unwrap();
        let writes = if start == 0 { writes() } else { vec![Write::Vote(vote(7, true))] };
        for write in writes {
            perform(&disk, write.clone()).unwrap();
            model.perform(&write);
        }
        disk.close();
    }
}
