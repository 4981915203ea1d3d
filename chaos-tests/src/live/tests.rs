//! The harness itself: a target without a gateway, processes, secrets.

use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::{Client, SHORT, Target, fresh_secrets, marker, run, since_boot};

mod faults;
mod network;
mod words;

/// The target's clock counts hundredths.
const TICK: Duration = Duration::from_millis(10);

#[test]
fn a_target_runs_and_logs_commands_before_they_run() {
    let begun = since_boot();
    let folder = TempDir::new().unwrap();
    let target = Target::start(&folder.path().join("target")).unwrap();
    let known_hosts = folder.path().join("known_hosts");
    let line = format!("[127.0.0.1]:{} {}\n", target.port, target.host_key.public);
    std::fs::write(&known_hosts, line).unwrap();
    let port = target.port.to_string();
    let key = target.credential.file.clone();
    let client = Client::new(target.login.clone(), port, key, known_hosts);
    let (first, second) = (marker(), marker());
    let ended = client.run(&format!("echo {first}; exit 5")).unwrap();
    assert_eq!((ended.status, ended.text()), (Some(5), format!("{first}\n")), "{}", ended.errors);
    // A journal that holds the second marker and not the third.
    let journal = folder.path().join("journal");
    std::fs::create_dir(&journal).unwrap();
    std::fs::write(journal.join("segment"), format!("\0\0{second}\0")).unwrap();
    target.look_at_journal(&journal).unwrap();
    let third = marker();
    client.run(&format!("echo {second}")).unwrap();
    client.run(&format!("echo 'two\nlines {third}'")).unwrap();
    let wanted = [
        (format!("echo {first}; exit 5"), None),
        (format!("echo {second}"), Some(true)),
        (format!("echo 'two\nlines {third}'"), Some(false)),
    ];
    let log = target.log().unwrap();
    let got: Vec<_> = log.iter().map(|ran| (ran.command.clone(), ran.was_recorded)).collect();
    assert_eq!(got, wanted);
    let times: Vec<_> = log.iter().map(|ran| ran.at).collect();
    assert!(times.is_sorted() && times[0] > begun - TICK && times[2] < since_boot(), "{times:?}");
    let wrong = client.key(&target.host_key.file).run("true").unwrap();
    assert_eq!(wrong.status, Some(255), "{wrong:?}");
}

#[test]
fn a_process_is_fed_collected_and_given_a_deadline() {
    let mut cat = Command::new("cat");
    let reaped = run(&mut cat, vec![b'x'; 1 << 20], SHORT).unwrap();
    assert_eq!((reaped.output.len(), reaped.status.code()), (1 << 20, Some(0)));
    let mut deaf = Command::new("true");
    assert!(run(&mut deaf, vec![b'x'; 1 << 20], SHORT).unwrap().status.success());
    let mut slow = Command::new("sleep");
    let late = run(slow.arg("600"), Vec::new(), std::time::Duration::from_millis(50));
    assert!(late.is_err(), "{late:?}");
}

#[test]
fn secrets_are_fresh_and_in_their_lines() {
    let (one, two) = (fresh_secrets(), fresh_secrets());
    assert_eq!(one.len(), 11);
    for (one, two) in one.iter().zip(&two) {
        assert!(one.line.contains(&one.secret) && one.secret.len() >= 16, "{one:?}");
        assert_ne!(one.secret, two.secret, "{}", one.kind);
    }
}
