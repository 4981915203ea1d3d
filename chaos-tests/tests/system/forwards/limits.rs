//! What ends forwards, and what they may take of the node.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use chaos_tests::live::{Process, SHORT, Scene, until};

use super::peers::{Answers, listen};
use super::{POLICY, forwarding, free_port, reach, settled, talkative};

/// How much more memory a node may take for a peer that stalls, in KiB.
const MORE_KIB: u64 = 48 * 1024;

/// A scene with one forward, and the port at which the client listens.
fn forwarded(policy: &str, answers: Answers) -> Result<(Scene, Process, u16)> {
    let scene = Scene::with_policy(policy)?;
    let (far, near) = (listen(answers)?, free_port()?);
    let ssh = forwarding(&talkative(&scene), &["-L", &format!("{near}:127.0.0.1:{far}")])?;
    Ok((scene, ssh, near))
}

/// A connection on which the peer, which talks without an end, was heard.
fn opened(near: u16) -> Result<TcpStream> {
    let mut stream = reach(near)?;
    stream.set_read_timeout(Some(SHORT))?;
    stream.read_exact(&mut [0])?;
    Ok(stream)
}

/// The one live session.
fn session(scene: &Scene) -> Result<String> {
    let opened = settled(scene, "session.opened", 1)?;
    Ok(opened[0]["session"].as_str().context("an id")?.to_owned())
}

/// What the node takes of memory, in KiB.
fn resident(scene: &Scene) -> Result<u64> {
    let ready = std::fs::read_to_string(scene.node.data.join("ready.json"))?;
    let ready: serde_json::Value = serde_json::from_str(&ready)?;
    let status = std::fs::read_to_string(format!("/proc/{}/status", ready["pid"]))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("VmRSS")?;
    Ok(line.split_whitespace().nth(1).context("a number")?.parse()?)
}

#[test]
fn a_killed_session_ends_its_forwards() -> Result<()> {
    let (scene, _ssh, near) = forwarded(POLICY, Answers::Endlessly)?;
    let mut stream = opened(near)?;
    let id = session(&scene)?;
    let killed = scene.node.administer(&["sessions", "kill", &id, "--reason", "enough"])?;
    ensure!(killed.status.success(), "{}", killed.said());
    // Ends when the connection is closed.
    std::io::copy(&mut stream, &mut std::io::sink())?;
    let finished = settled(&scene, "command.finished", 2)?;
    assert_eq!(finished[0]["command"], 2);
    assert_eq!(finished[0]["outcome"]["refused"]["code"], "SP-1004");
    let closed = settled(&scene, "forward.closed", 1)?;
    assert_eq!(closed[0]["told"]["code"], "SP-1004");
    let closed = settled(&scene, "session.closed", 1)?;
    assert!(closed[0]["reason"].as_str().is_some_and(|why| why.contains("enough")), "{closed:?}");
    // The client's connection goes on, and another session begins.
    let _again = opened(near)?;
    settled(&scene, "session.opened", 2)?;
    Ok(())
}

#[test]
fn a_session_without_traffic_ends() -> Result<()> {
    let policy = POLICY.replacen("roles:", "sessions: { idle: 3s }\nroles:", 1);
    let (scene, _ssh, near) = forwarded(&policy, Answers::Never)?;
    let mut stream = reach(near)?;
    stream.set_read_timeout(Some(SHORT))?;
    assert_eq!(stream.read(&mut [0; 16])?, 0, "the connection is closed");
    let closed = settled(&scene, "session.closed", 1)?;
    assert!(closed[0]["reason"].as_str().is_some_and(|why| why.contains("idle")), "{closed:?}");
    Ok(())
}

#[test]
fn a_node_that_dies_leaves_its_forwards_lost() -> Result<()> {
    let (mut scene, _ssh, near) = forwarded(POLICY, Answers::Endlessly)?;
    let _stream = opened(near)?;
    let id = session(&scene)?;
    scene.node.kill()?;
    scene.restart()?;
    let shown = scene.node.administer(&["sessions", "show", &id, "-o", "json"])?.text();
    let shown: serde_json::Value = serde_json::from_str(&shown)?;
    assert_eq!(shown["state"], "lost", "{shown}");
    let commands = shown["commands"].as_array().context("commands")?;
    let states: Vec<_> = commands.iter().map(|one| &one["state"]).collect();
    assert_eq!(states, ["outcome unknown", "outcome unknown"], "{shown}");
    let replayed = scene.node.administer(&["sessions", "replay", &id, "--no-wait"])?.text();
    assert!(replayed.contains("(its outcome is unknown)"), "{replayed}");
    let checked = scene.node.administer(&["audit", "verify"])?;
    ensure!(checked.status.success(), "{}{}", checked.text(), checked.said());
    Ok(())
}

/// A peer that takes nothing holds bounded memory, on either side, and holds up nobody.
#[test]
fn a_stalled_peer_holds_bounded_memory() -> Result<()> {
    let (scene, _ssh, near) = forwarded(POLICY, Answers::Endlessly)?;
    let before = resident(&scene)?;
    // The client's program reads nothing of what comes without an end.
    let stalled: Vec<_> = (0..8).map(|_| opened(near)).collect::<Result<_>>()?;
    let (mut since, mut seen) = (Instant::now(), 0);
    until("nothing more is taken", SHORT, || {
        let now = resident(&scene)?;
        if now.abs_diff(seen) >= 256 {
            (since, seen) = (Instant::now(), now);
        }
        Ok((since.elapsed() > Duration::from_secs(1)).then_some(()))
    })?;
    assert!(seen < before + MORE_KIB, "{before} KiB became {seen}");
    assert_eq!(scene.ssh().run("echo beside")?.text(), "beside\n");
    drop(stalled);
    let closed = settled(&scene, "forward.closed", 8)?;
    assert!(closed.iter().all(|one| one["to_client"]["bytes"].as_u64() > Some(0)), "{closed:?}");
    Ok(())
}

/// The same when the target's side takes nothing: what waits beyond a megabyte is on the disk.
#[test]
fn a_stalled_target_holds_bounded_memory() -> Result<()> {
    let (scene, _ssh, near) = forwarded(POLICY, Answers::Never)?;
    let before = resident(&scene)?;
    let mut stream = reach(near)?;
    stream.set_write_timeout(Some(Duration::from_secs(2)))?;
    let chunk = vec![b'x'; 1 << 20];
    for _ in 0..96 {
        if stream.write_all(&chunk).is_err() {
            break;
        }
    }
    let now = resident(&scene)?;
    assert!(now < before + MORE_KIB, "{before} KiB became {now}");
    assert_eq!(scene.ssh().run("echo beside")?.text(), "beside\n");
    Ok(())
}
