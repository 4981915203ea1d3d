//! The journal keeps the port's contract, on a disk in memory and on real files.

use std::sync::Arc;

use store_log::conformance::{self, Broken, Subject};

use crate::options::Options;
use crate::storage::{Simulated, Storage};
use crate::{Journal, tests::small};

struct OnDisk<S> {
    again: S,
    options: Options,
}

impl<S: FnMut() -> Arc<dyn Storage>> Subject for OnDisk<S> {
    type Opened = Journal;

    fn open(&mut self) -> Journal {
        Journal::open_on((self.again)(), self.options.clone()).expect("it opens").0
    }
}

#[track_caller]
fn check<S: FnMut() -> Arc<dyn Storage>>(options: &Options, mut fresh: impl FnMut() -> S) {
    let broken = conformance::run(|| OnDisk { again: fresh(), options: options.clone() });
    assert_eq!(broken, Vec::<Broken>::new());
}

fn segments_of(bytes: u64) -> Options {
    Options { segment_bytes: bytes, quota_bytes: 16 * 1024 * 1024, ..small() }
}

#[test]
fn simulated() {
    let fresh = || {
        let mut disk = Simulated::new(1);
        move || {
            disk = disk.killed();
            Arc::new(disk.clone()) as Arc<dyn Storage>
        }
    };
    check(&segments_of(1024 * 1024), fresh);
    check(&Options { archive: true, quota_bytes: 2 << 20, ..segments_of(1 << 20) }, fresh);
}

#[test]
fn real_files() {
    let fresh = || {
        let directory = tempfile::tempdir().expect("a directory");
        move || {
            let files = crate::Files::open(&directory.path().join("journal")).expect("it locks");
            Arc::new(files) as Arc<dyn Storage>
        }
    };
    check(&segments_of(1024 * 1024), fresh);
}
