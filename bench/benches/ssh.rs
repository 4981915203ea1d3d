//! `ssh COMMAND` through the gateway beside the same client straight to the same sshd: the time
//! until a small command is done, and a download of 600 MB.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Result, ensure};
use bench::{MB, best, heading, percentiles, rate, row, timed};
use chaos_tests::live::{Client, LONG, Process, SHORT, Scene, run, until};

/// How much is downloaded, in bytes.
const DOWNLOAD: u64 = 600 * 1000 * 1000;
/// How many small commands are timed.
const COMMANDS: usize = 40;
/// How many downloads are timed; the best counts.
const DOWNLOADS: usize = 3;

fn main() -> Result<()> {
    let scene = Scene::start()?;
    let known_hosts = scene.path("known_hosts_of_target");
    let target = &scene.target;
    std::fs::write(
        &known_hosts,
        format!("[{}]:{} {}\n", "127.0.0.1", target.port, target.host_key.public),
    )?;
    let key = target.credential.file.clone();
    let direct = Client::new(target.login.clone(), target.port.to_string(), key, known_hosts);
    // The same cipher on every leg, so that the gateway is measured and not the cipher.
    let cipher = ["-o", "Ciphers=aes128-gcm@openssh.com"];
    let (direct, through) = (direct.with(&cipher), scene.ssh().with(&cipher));
    heading("SSH: one `ssh COMMAND`, in a connection of its own and in a shared one")?;
    row("| connection | direct p50 | p99 | through p50 | p99 | ratio of p50 |")?;
    row("|---|---|---|---|---|---|")?;
    commands("its own", &direct, &through)?;
    let shared = [direct.shared(&scene.path("m1")), through.shared(&scene.path("m2"))];
    let masters = [master(&shared[0])?, master(&shared[1])?];
    commands("shared", &shared[0], &shared[1])?;
    drop(masters);
    heading("SSH: download of 600 MB")?;
    row("| bytes | direct | through | MB/s through | ratio |")?;
    row("|---|---|---|---|---|")?;
    let zeroes = format!("head -c {DOWNLOAD} /dev/zero");
    downloads("zeroes", &zeroes, &direct, &through)?;
    let text =
        "2026-11-22T10:11:12Z INFO request served in 12 ms, 200, GET /orders/1234 user=alice";
    let log = scene.path("log.txt");
    let line = format!("{text}\n");
    let lines = usize::try_from(DOWNLOAD)? / line.len();
    std::fs::write(&log, line.repeat(lines))?;
    downloads("lines of a log", &format!("cat {}", log.display()), &direct, &through)
}

fn master(client: &Client) -> Result<Process> {
    let mut command = client.with(&["-N", "-M"]).command(&[]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let process = Process::start(&mut command)?;
    until("the master is up", SHORT, || {
        let asked = run(&mut client.with(&["-O", "check"]).command(&[]), Vec::new(), SHORT)?;
        Ok(asked.status.success().then_some(()))
    })?;
    Ok(process)
}

fn commands(what: &str, direct: &Client, through: &Client) -> Result<()> {
    let (mut straight, mut behind) = (Vec::new(), Vec::new());
    for _ in 0..COMMANDS {
        straight.push(once(direct)?);
        behind.push(once(through)?);
    }
    let (one, other) = (percentiles(straight), percentiles(behind));
    let ratio = other.0.as_secs_f64() / one.0.as_secs_f64();
    let [a, b, c, d] = [one.0, one.1, other.0, other.1];
    row(&format!("| {what} | {a:.1?} | {b:.1?} | {c:.1?} | {d:.1?} | {ratio:.2} |"))
}

fn once(client: &Client) -> Result<Duration> {
    let (ended, took) = timed(|| client.run("true"))?;
    ensure!(ended.status == Some(0), "true: {}", ended.errors);
    Ok(took)
}

fn downloads(what: &str, command: &str, direct: &Client, through: &Client) -> Result<()> {
    let straight = best(DOWNLOADS, || download(direct, command))?;
    let behind = best(DOWNLOADS, || download(through, command))?;
    let ratio = behind.as_secs_f64() / straight.as_secs_f64();
    let speed = rate(DOWNLOAD as f64 / MB, behind);
    row(&format!("| {what} | {straight:.2?} | {behind:.2?} | {speed:.0} | {ratio:.2} |"))
}

fn download(client: &Client, command: &str) -> Result<()> {
    let mut ssh = client.command(&[command]);
    ssh.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
    let status = Process::start(&mut ssh)?.wait(LONG)?;
    ensure!(status.success(), "{command}: {status}");
    Ok(())
}
