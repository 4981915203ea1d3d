//! Clocks and disks, with plain programs in the place of a node.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use crate::live::fleet::ClockFault;
use crate::live::fleet::faults::{Clock, Disk};
use crate::live::network::unavailable;
use crate::live::{SHORT, run};

/// How far apart two programs may read the clock, in seconds.
const APART: i64 = 5;
const HOUR: i64 = 3600;

/// What the time is for a program with the environment of a clock, and for one without.
fn times(clock: &Clock) -> (i64, i64) {
    let date = |environment: Vec<String>| {
        let mut env = Command::new("env");
        env.args(environment).args(["date", "+%s"]);
        let said = run(&mut env, Vec::new(), SHORT).unwrap();
        said.text().trim().parse::<i64>().unwrap()
    };
    (date(clock.environment().unwrap()), date(Vec::new()))
}

#[test]
fn a_clock_is_moved_for_one_program() {
    let folder = TempDir::new().unwrap();
    let clock = Clock::new(folder.path());
    assert_eq!(clock.environment().unwrap(), [""; 0], "nothing is faked unasked");
    clock.fake().unwrap();
    let check = |fault, off: i64| {
        clock.set(fault).unwrap();
        let (faked, real) = times(&clock);
        assert!((faked - real - off).abs() <= APART, "{fault:?}: {faked} and {real}");
    };
    check(ClockFault::None, 0);
    check(ClockFault::Off(HOUR), HOUR);
    check(ClockFault::Off(-HOUR), -HOUR);
    check(ClockFault::Frozen, 0);
    // Frozen an hour ago is an hour behind.
    fs::write(folder.path().join("clock"), "2020-01-01 00:00:00").unwrap();
    assert_eq!(times(&clock).0, times(&clock).0);
    assert_eq!(times(&clock).0, 1_577_836_800);
    check(ClockFault::None, 0);
}

/// What holds the kernel's own clocks: a wait of a second takes one, whatever the time of day.
#[test]
fn waiting_is_not_faked() {
    let folder = TempDir::new().unwrap();
    let clock = Clock::new(folder.path());
    clock.fake().unwrap();
    clock.set(ClockFault::Frozen).unwrap();
    let begun = crate::live::since_boot();
    let mut env = Command::new("env");
    env.args(clock.environment().unwrap()).args(["timeout", "0.5", "sleep", "60"]);
    let said = run(&mut env, Vec::new(), SHORT).unwrap();
    assert_eq!(said.status.code(), Some(124), "timeout says that it timed out: {}", said.said());
    assert!((crate::live::since_boot() - begun).as_millis() >= 500);
}

#[test]
fn a_small_disk_is_filled_and_freed() {
    if let Some(why) = unavailable() {
        eprintln!("SKIPPED, and nothing was tested: {why}");
        return;
    }
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    let large = vec![1; 64 * 1024];
    let disk = Disk::new(folder.path());
    assert!(disk.fill().is_err(), "the machine's own disk is never filled");
    disk.make_small().unwrap();
    fs::write(&file, &large).unwrap();
    disk.fill().unwrap();
    assert!(fs::write(folder.path().join("more"), &large).is_err(), "the disk is full");
    disk.free().unwrap();
    fs::write(folder.path().join("more"), &large).unwrap();
    assert_eq!(fs::read(&file).unwrap(), large);
    drop(disk);
    assert!(!file.exists(), "the disk is gone");
}
