//! 100 MB in and out, byte for byte.

use std::fs::{self, File};
use std::process::Stdio;

use anyhow::{Context as _, Result};
use chaos_tests::live::{LONG, Process, Scene};
use rand::Rng as _;
use ring::digest::{Context, SHA256};

/// How much goes through, in bytes.
const SIZE: usize = 100 * 1000 * 1000;

fn digest(bytes: &[u8]) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    context.update(bytes);
    context.finish().as_ref().to_vec()
}

#[test]
fn a_hundred_megabytes_pass_unchanged() -> Result<()> {
    let scene = Scene::start()?;
    let sent = scene.path("sent");
    let received = scene.path("received");
    let mut bytes = vec![0; SIZE];
    rand::rng().fill_bytes(&mut bytes);
    // In so many random bytes `pwd=` would occur now and then, and what follows would be masked.
    for byte in bytes.iter_mut().filter(|byte| matches!(byte, b'=' | b':')) {
        *byte = b'-';
    }
    fs::write(&sent, &bytes)?;
    let mut ssh = scene.ssh().command(&["cat"]);
    ssh.stdin(File::open(&sent)?).stdout(File::create(&received)?).stderr(Stdio::inherit());
    let mut client = Process::start(&mut ssh)?;
    let status = client.wait(LONG).context("cat of 100 MB")?;
    assert!(status.success(), "{status}");
    let back = fs::read(&received)?;
    assert_eq!(back.len(), SIZE);
    let finished = scene.events_of("command.finished")?;
    if let Some(at) = back.iter().zip(&bytes).position(|(back, sent)| back != sent) {
        let (from, to) = (at.saturating_sub(32), (at + 64).min(SIZE));
        let (sent, back) = (bytes[from..to].escape_ascii(), back[from..to].escape_ascii());
        panic!("byte {at} differs\nsent {sent}\nback {back}\n{}", finished[0]);
    }
    assert_eq!(finished[0]["input"]["bytes"], SIZE);
    assert_eq!(finished[0]["output"]["bytes"], SIZE);
    assert_eq!(finished[0]["output"]["truncated"], true, "more than the record keeps");
    let hex: String = digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(finished[0]["output"]["digest"], hex.as_str());
    Ok(())
}
