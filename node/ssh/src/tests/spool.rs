//! The spool gives back what it was given, in order, and no more than it may hold.

use std::os::unix::fs::FileExt;
use std::time::Duration;

use bytes::Bytes;

use crate::spool::{Budget, MEMORY_BYTES, Spool, SpoolError, pause};

const BLOCK: usize = 64 * 1024;

/// A stream of bytes in which no two places look alike.
fn stream(length: usize) -> Vec<u8> {
    (0..length as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

fn spool(directory: &tempfile::TempDir, budget: &Budget, limit: u64) -> Spool {
    Spool::new(directory.path().to_owned(), budget.clone(), limit)
}

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Pushes pieces of `piece` bytes, `ahead` of them before each one that is taken out; all must come
/// out as they went in, and no file may be seen or left.
#[test]
fn what_goes_in_comes_out() {
    #[track_caller]
    fn check(total: usize, piece: usize, ahead: usize) {
        let (directory, budget) = (directory(), Budget::new(u64::MAX));
        let mut spool = spool(&directory, &budget, u64::MAX);
        let (input, mut output) = (stream(total), Vec::new());
        let mut pushed = 0;
        for (count, piece) in input.chunks(piece).enumerate() {
            spool.push(Bytes::copy_from_slice(piece)).expect("room");
            pushed += piece.len();
            if count % ahead == 0
                && let Some(bytes) = spool.pop(32 * 1024).expect("readable")
            {
                output.extend_from_slice(&bytes);
            }
            assert_eq!(spool.waiting(), (pushed - output.len()) as u64);
        }
        while let Some(bytes) = spool.pop(32 * 1024).expect("readable") {
            output.extend_from_slice(&bytes);
        }
        assert!(input == output, "{total} bytes in pieces of {piece}, {ahead} ahead");
        assert_eq!((spool.waiting(), budget.used()), (0, 0));
        assert_eq!(directory.path().read_dir().expect("a folder").count(), 0);
    }
    check(0, 1, 1);
    check(100_000, 1, 1);
    check(3 * BLOCK, 7 * 1024, 2);
    check(MEMORY_BYTES, 32 * 1024, usize::MAX);
    check(MEMORY_BYTES + 8 * BLOCK, 32 * 1024, usize::MAX);
    check(4 * MEMORY_BYTES, 32 * 1024, 3);
    check(4 * MEMORY_BYTES, 32 * 1024, 2);
    check(4 * MEMORY_BYTES, 5 * BLOCK, 1);
    check(4 * MEMORY_BYTES, BLOCK, 50);
}

#[test]
fn a_file_is_used_again_and_does_not_grow_without_end() {
    let (directory, budget) = (directory(), Budget::new(u64::MAX));
    let mut spool = spool(&directory, &budget, u64::MAX);
    let block = Bytes::from(stream(BLOCK));
    let waiting = 2 * MEMORY_BYTES / BLOCK;
    for _ in 0..waiting {
        spool.push(block.clone()).expect("room");
    }
    let length = |spool: &Spool| spool.file().metadata().expect("a file").len();
    let before = length(&spool);
    for _ in 0..10 * waiting {
        assert!(spool.pop(BLOCK).expect("readable").is_some());
        spool.push(block.clone()).expect("room");
    }
    // What was in memory at first is in the file now; more it must not be.
    assert!(length(&spool) <= before + 2 * MEMORY_BYTES as u64);
}

#[test]
fn single_bytes_cost_what_they_take() {
    let (directory, budget) = (directory(), Budget::new(u64::MAX));
    let mut spool = spool(&directory, &budget, u64::MAX);
    // 100,000 pieces of one byte would take 13 MB as pieces; what does not fit goes on as bytes.
    for byte in stream(100_000) {
        spool.push(Bytes::copy_from_slice(&[byte])).expect("room");
    }
    assert!(spool.pieces() <= MEMORY_BYTES / 128);
}

#[test]
fn limits_are_kept() {
    let (directory, budget) = (directory(), Budget::new(3 * BLOCK as u64));
    let fill = |spool: &mut Spool, bytes: usize| spool.push(Bytes::from(vec![7; bytes]));
    let mut small = spool(&directory, &budget, 1000);
    fill(&mut small, 1000).expect("just fits");
    assert!(matches!(fill(&mut small, 1), Err(SpoolError::Channel(1000))));
    assert_eq!(small.waiting(), 1000);

    let mut one = spool(&directory, &budget, u64::MAX);
    fill(&mut one, MEMORY_BYTES / 2).expect("in memory");
    assert_eq!(budget.used(), 0);
    fill(&mut one, MEMORY_BYTES / 2 + 2 * BLOCK).expect_err("over the node's limit");
    assert_eq!(budget.used(), 3 * BLOCK as u64);
    drop(one);
    assert_eq!(budget.used(), 0, "a spool gives back what it held");
    let mut other = spool(&directory, &budget, u64::MAX);
    fill(&mut other, MEMORY_BYTES / 2).expect("in memory");
    fill(&mut other, 3 * BLOCK).expect("in memory");
}

#[test]
fn nobody_reads_or_changes_what_waits() {
    let (directory, budget) = (directory(), Budget::new(u64::MAX));
    let mut spool = spool(&directory, &budget, u64::MAX);
    let canary = b"a canary that must not be on disk";
    let mut bytes = canary.repeat(1 + 3 * MEMORY_BYTES / canary.len());
    bytes.truncate(3 * MEMORY_BYTES);
    spool.push(Bytes::from(vec![0; MEMORY_BYTES])).expect("room");
    spool.push(Bytes::from(bytes)).expect("room");
    let length = spool.file().metadata().expect("a file").len();
    assert!(length > MEMORY_BYTES as u64);
    let mut on_disk = vec![0; usize::try_from(length).expect("small")];
    spool.file().read_exact_at(&mut on_disk, 0).expect("a file");
    assert!(!on_disk.windows(8).any(|window| window == &canary[..8]));

    // One flipped bit is enough.
    spool.file().write_all_at(&[on_disk[100] ^ 1], 100).expect("a file");
    let mut popped = spool.pop(BLOCK);
    while matches!(popped, Ok(Some(_))) {
        popped = spool.pop(BLOCK);
    }
    assert!(matches!(popped, Err(SpoolError::Changed)));
}

#[test]
fn a_client_is_slowed_down_only_when_much_waits() {
    #[track_caller]
    fn check(mib: u64, least_ms: u64, most_ms: u64) {
        let pause = pause(mib << 20);
        let expected = Duration::from_millis(least_ms)..=Duration::from_millis(most_ms);
        assert!(expected.contains(&pause), "{mib} MiB: {pause:?}");
    }
    check(0, 0, 0);
    check(64, 0, 0);
    check(128, 3, 5);
    check(512, 150, 250);
    check(1024, 800, 1000);
}
