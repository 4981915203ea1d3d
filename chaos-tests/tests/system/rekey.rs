//! New keys while data flows: asked for by the gateway, the client and the target, on both legs and
//! in both directions. What passes is what was sent.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::live::{Client, LONG, Scene, run as run_process};
use node_ssh::Limits;
use rand::Rng as _;
use tokio::task::spawn_blocking;

use crate::within::{self, Choice};

/// How much passes each way, in bytes; and after how much there are new keys.
const SIZE: usize = 8 << 20;
const REKEY_BYTES: usize = 512 << 10;
/// How often there must be new keys at least, when each direction asks for them after so much.
const OFTEN: usize = SIZE / REKEY_BYTES / 2;
/// What OpenSSH says of each offer of new keys that it gets.
const OFFERED: &str = "SSH2_MSG_KEXINIT received";

/// Random bytes in which nothing is a secret by chance.
fn bytes() -> Vec<u8> {
    let mut bytes = vec![0; SIZE];
    rand::rng().fill_bytes(&mut bytes);
    for byte in bytes.iter_mut().filter(|byte| matches!(byte, b'=' | b':')) {
        *byte = b'-';
    }
    bytes
}

/// Sends bytes through `cat` and back; gives what the client said of its connection.
fn there_and_back(client: &Client, options: &[&str]) -> Result<String> {
    let client = client.with(&["-v", "-o", "LogLevel=DEBUG1"]).with(options);
    let sent = bytes();
    let ended = run_process(&mut client.command(&["cat"]), sent.clone(), LONG)?;
    ensure!(ended.status.success(), "{}", ended.said());
    ensure!(ended.output == sent, "{} of {SIZE} bytes came back as they were", ended.output.len());
    Ok(ended.said())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateway_asks_for_new_keys_on_both_legs() -> Result<()> {
    let limits = Limits { rekey_bytes: REKEY_BYTES, ..Limits::default() };
    let mut within = within::start(Choice { limits, ..Choice::default() }).await?;
    within.target.restart_with("LogLevel DEBUG1")?;
    let client = within.client.clone();
    let said = spawn_blocking(move || there_and_back(&client, &[])).await??;
    let offered = said.matches(OFFERED).count();
    ensure!(offered > OFTEN, "{offered} offers to the client: {said}");
    let log = std::fs::read_to_string(within.target.folder.join("sshd.log"))?;
    let offered = log.lines().filter(|line| line.contains(OFFERED)).count();
    ensure!(offered > OFTEN, "{offered} offers to the target: {log}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_asks_for_new_keys_too() -> Result<()> {
    let limits = Limits { rekey_time: Duration::from_millis(300), ..Limits::default() };
    let within = within::start(Choice { limits, ..Choice::default() }).await?;
    let client = within.client.with(&["-v", "-o", "LogLevel=DEBUG1"]);
    let ticking = "for one in 1 2 3 4 5 6 7 8 9; do echo $one; sleep 0.2; done";
    let ended = within::run(&client, ticking).await?;
    ensure!(ended.text() == "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "{ended:?}");
    let offered = ended.errors.matches(OFFERED).count();
    ensure!(offered >= 3, "{offered} offers: {}", ended.errors);
    Ok(())
}

#[test]
fn client_and_target_ask_for_new_keys() -> Result<()> {
    let mut scene = Scene::start()?;
    scene.target.restart_with("LogLevel DEBUG1\nRekeyLimit 512K")?;
    let said = there_and_back(&scene.ssh(), &["-o", "RekeyLimit=512K"])?;
    // The gateway's own limit is far away.
    let offered = said.matches(OFFERED).count();
    ensure!(offered > OFTEN, "{offered} times the client asked: {said}");
    let log = std::fs::read_to_string(scene.target.folder.join("sshd.log"))?;
    let offered = log.matches(OFFERED).count();
    ensure!(offered > OFTEN, "{offered} times the target asked: {log}");
    Ok(())
}

/// A client that agrees on new keys again and again while it reads nothing holds nobody up.
#[test]
fn new_keys_for_a_client_that_does_not_read() -> Result<()> {
    let scene = Scene::start()?;
    let client = scene.ssh().with(&["-o", "RekeyLimit=64K"]);
    let mut ssh = client.command(&["yes"]);
    ssh.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut stuck = chaos_tests::live::Process::start(&mut ssh)?;
    let output = stuck.child().stdout.take().context("stdout is piped")?;
    for number in 0..3 {
        let ended = scene.ssh().run(&format!("echo {number}"))?;
        ensure!(ended.text() == format!("{number}\n"), "{ended:?}");
    }
    drop(output);
    Ok(())
}
