//! `ssh COMMAND` and a download through the gateway beside the same client straight to the same
//! sshd, and through another sshd (`ssh -J`): with masks and the record of output off, as by
//! default, and with all families of detectors. And what an idle connection holds.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bench::{MB, cpu, heading, percentiles, rate, row, timed};
use chaos_tests::live::{Client, LONG, Process, Scene};

/// How much is downloaded, in bytes.
const DOWNLOAD: u64 = 600 * 1000 * 1000;
/// How many small commands are timed.
const COMMANDS: usize = 40;
/// How often each way is taken, one after the other; the best of each counts.
const ROUNDS: usize = 3;
/// How many connections are idle at once.
const IDLE: usize = 100;

const GRANTS: &str = "version: 1
sessions: { per_person: 500 }
grants: [{ name: all, who: {}, targets: {}, as: [LOGIN], channels: [exec] }]
";
/// What a policy says beside, by what it is called here.
const POLICIES: [(&str, &str); 3] = [
    (
        "off",
        "masks: [{ name: none, when: {}, detect: [secrets, credentials], with: none }]
records: [{ name: none, when: {}, limit: 0 }]
",
    ),
    ("default", ""),
    (
        "all",
        "masks: [{ name: all, when: {}, \
         detect: [secrets, credentials, personal, financial, network], with: redact }]
",
    ),
];

/// The same cipher on every leg, so that the gateway is measured and not the cipher.
const CIPHER: [&str; 2] = ["-o", "Ciphers=aes128-gcm@openssh.com"];

fn main() -> Result<()> {
    let scenes = POLICIES.map(|(_, more)| Scene::with_policy(&format!("{GRANTS}{more}")));
    let [off, default, all] = scenes;
    let (off, default, all) = (off?, default?, all?);
    let direct = direct(&default)?;
    commands(&direct, [&off, &default])?;
    downloads(&direct, [&off, &default, &all])?;
    drop((off, default, all));
    idle(&Scene::with_policy(GRANTS)?)
}

/// Straight to the target of a scene.
fn direct(scene: &Scene) -> Result<Client> {
    let target = &scene.target;
    let known_hosts = scene.path("known_hosts_of_target");
    let line = format!("[127.0.0.1]:{} {}\n", target.port, target.host_key.public);
    std::fs::write(&known_hosts, line)?;
    let key = target.credential.file.clone();
    let client = Client::new(target.login.clone(), target.port.to_string(), key, known_hosts);
    Ok(client.with(&CIPHER))
}

/// Through the same sshd to the same sshd, as `-J` does it, which passes on no options.
fn jump(direct: &Client) -> Client {
    let proxy = format!("ProxyCommand={} -W %h:%p 127.0.0.1", direct.line());
    direct.with(&["-o", &proxy])
}

fn commands(direct: &Client, [off, default]: [&Scene; 2]) -> Result<()> {
    heading("SSH: one `ssh true`, in a connection of its own and in a shared one")?;
    row("| connection | direct p50 | p99 | `-J` p50 | off p50 | default p50 | p99 | default / \
         direct |")?;
    row("|---|---|---|---|---|---|---|---|")?;
    let own = [direct, &jump(direct), &off.ssh().with(&CIPHER), &default.ssh().with(&CIPHER)];
    time("its own", own.map(Clone::clone))?;
    let path = |count: usize| default.path(&format!("m{count}"));
    let shared = [0, 1, 2, 3].map(|at| own[at].shared(&path(at)));
    let masters: Vec<_> = shared.iter().map(Client::master).collect::<Result<_>>()?;
    time("shared", shared)?;
    drop(masters);
    Ok(())
}

fn time(what: &str, ways: [Client; 4]) -> Result<()> {
    let mut took = [const { Vec::new() }; 4];
    for _ in 0..COMMANDS {
        for (way, took) in ways.iter().zip(&mut took) {
            let (ended, time) = timed(|| way.run("true"))?;
            ensure!(ended.status == Some(0), "true: {}", ended.errors);
            took.push(time);
        }
    }
    let [direct, jump, off, default] = took.map(percentiles);
    let ratio = default.0.as_secs_f64() / direct.0.as_secs_f64();
    row(&format!(
        "| {what} | {:.1?} | {:.1?} | {:.1?} | {:.1?} | {:.1?} | {:.1?} | {ratio:.2} |",
        direct.0, direct.1, jump.0, off.0, default.0, default.1
    ))
}

fn downloads(direct: &Client, scenes: [&Scene; 3]) -> Result<()> {
    heading("SSH: download of 600 MB")?;
    row("| bytes | direct, MB/s | `-J` | off | default | all | off / `-J` | default / off | \
         all / off | gateway's processor seconds a GB: off | default | all |")?;
    row("|---|---|---|---|---|---|---|---|---|---|---|---|")?;
    let zeroes = format!("head -c {DOWNLOAD} /dev/zero");
    download("zeroes", &zeroes, direct, scenes)?;
    let line =
        "2026-11-22T10:11:12Z INFO request served in 12 ms, 200, GET /orders/1234 user=alice\n";
    let log = scenes[0].path("log.txt");
    std::fs::write(&log, line.repeat(usize::try_from(DOWNLOAD)? / line.len()))?;
    download("lines of a log", &format!("cat {}", log.display()), direct, scenes)
}

fn download(what: &str, command: &str, direct: &Client, scenes: [&Scene; 3]) -> Result<()> {
    let jump = jump(direct);
    let through = scenes.map(|scene| scene.ssh().with(&CIPHER));
    let ways = [direct, &jump, &through[0], &through[1], &through[2]];
    let (mut best, mut worked) = ([Duration::MAX; 5], [Duration::MAX; 3]);
    for _ in 0..ROUNDS {
        for (way, best) in ways.iter().zip(&mut best).take(2) {
            *best = timed(|| fetch(way, command))?.1.min(*best);
        }
        for (at, scene) in scenes.iter().enumerate() {
            let before = cpu::of_family(scene.node.id())?;
            let took = timed(|| fetch(&through[at], command))?.1;
            worked[at] = worked[at].min(cpu::of_family(scene.node.id())? - before);
            best[at + 2] = best[at + 2].min(took);
        }
    }
    let [direct, jump, off, default, all] = best.map(|took| rate(DOWNLOAD as f64 / MB, took));
    let [a, b, c] = worked.map(|worked| worked.as_secs_f64() * 1e9 / DOWNLOAD as f64);
    row(&format!(
        "| {what} | {direct:.0} | {jump:.0} | {off:.0} | {default:.0} | {all:.0} | {:.2} | \
         {:.2} | {:.2} | {a:.1} | {b:.1} | {c:.1} |",
        off / jump,
        default / off,
        all / off
    ))
}

fn fetch(client: &Client, command: &str) -> Result<()> {
    let mut ssh = client.command(&[command]);
    ssh.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
    let status = Process::start(&mut ssh)?.wait(LONG)?;
    ensure!(status.success(), "{command}: {status}");
    Ok(())
}

fn idle(scene: &Scene) -> Result<()> {
    heading("SSH: idle connections")?;
    let before = scene.node.memory()?;
    let client = scene.ssh();
    let sockets = (0..IDLE).map(|count| client.shared(&scene.path(&format!("i{count}"))));
    let masters: Vec<_> = sockets.map(|one| one.master()).collect::<Result<_>>()?;
    let grown = scene.node.memory()?.checked_sub(before).context("it has grown")?;
    row(&format!("{IDLE} logged in and idle: {} KiB each.", grown / masters.len() as u64))
}
