//! Files beside the code. Nothing is written unless `UPDATE=1` asks for it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Whether files may be written now.
pub(super) fn updating() -> bool {
    std::env::var("UPDATE").is_ok_and(|value| value == "1")
}

/// A path within this crate.
pub(super) fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// Names of the files of a folder that end in `ending`, without it.
pub(super) fn names(folder: &str, ending: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(path(folder)).expect("the folder exists");
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.map(|name| name.strip_suffix(ending).unwrap_or(&name).to_owned()).collect()
}

/// Compares bytes that were written once with what the code writes now. With `UPDATE=1` a missing
/// file is written; one that is there is never changed.
#[track_caller]
pub(super) fn check_golden(relative: &str, written_now: &[u8]) {
    let file = path(relative);
    if updating() && !file.exists() {
        std::fs::write(&file, written_now).unwrap();
    }
    let Ok(golden) = std::fs::read(&file) else {
        panic!("{relative} is missing: look at what UPDATE=1 would write, then keep it for ever");
    };
    assert!(
        golden == written_now,
        "{relative} is not what the code writes now: a new version is needed\n  was {}\n  now {}",
        String::from_utf8_lossy(&golden),
        String::from_utf8_lossy(written_now),
    );
}
