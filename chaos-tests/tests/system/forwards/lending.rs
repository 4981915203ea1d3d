//! Key agents and displays, lent to a target where that is granted.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use chaos_tests::live::{Process, SHORT, Scene, run, until};

use super::peers::{Answers, answer_at};
use super::settled;

const POLICY: &str = r#"version: 1
grants:
  - { name: all, who: { groups: [engineering] }, targets: { kind: ssh }, as: [LOGIN], channels: [exec, agent, x11] }
"#;

/// Answers a display's greeting at the target: with the cookie that is known there.
const PROGRAM: &str = r#"#!/usr/bin/perl
use IO::Socket::INET;
my ($number) = $ENV{DISPLAY} =~ /:(\d+)/;
my ($cookie) = `xauth list $ENV{DISPLAY}` =~ /MIT-MAGIC-COOKIE-1\s+([0-9a-f]+)/;
my $display = IO::Socket::INET->new("127.0.0.1:" . (6000 + $number)) or die "no display";
my $bytes = pack("H*", $cookie);
print $display pack("a1 x v v v v x2", "l", 11, 0, 18, length $bytes);
print $display "MIT-MAGIC-COOKIE-1\0\0", $bytes;
$display->flush;
print <$display>;
"#;

#[test]
fn an_agent_is_lent_for_as_long_as_its_command_lasts() -> Result<()> {
    let scene = Scene::with_policy(POLICY)?;
    let socket = scene.path("agent");
    let mut agent = Command::new("ssh-agent");
    let _agent = Process::start(agent.arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()))?;
    until("the agent listens", SHORT, || Ok(socket.exists().then_some(())))?;
    let mut add = Command::new("ssh-add");
    let added = run(add.env("SSH_AUTH_SOCK", &socket).arg(&scene.key.file), Vec::new(), SHORT)?;
    ensure!(added.status.success(), "{}", added.said());
    let mut ssh = scene.ssh().with(&["-A"]).command(&["ssh-add -L; ssh-add -L"]);
    let ended = run(ssh.env("SSH_AUTH_SOCK", &socket), Vec::new(), SHORT)?;
    let key = scene.key.public.split(' ').nth(1).context("a key")?;
    assert_eq!(ended.text().matches(key).count(), 2, "{}{}", ended.text(), ended.said());
    settled(&scene, "session.closed", 2)?;
    let opened = scene.events_of("session.opened")?;
    let channels: Vec<_> = opened.iter().map(|data| &data["channel"]).collect();
    assert_eq!(channels, ["agent", "exec"], "it is lent before the command is judged");
    let lent = &opened[0]["session"];
    let closed = scene.events_of("forward.closed")?;
    assert_eq!(closed.len(), 2);
    for one in &closed {
        assert_eq!((&one["session"], &one["command"]), (lent, &1.into()));
        assert!(one["to_client"]["bytes"].as_u64() > Some(0), "{one}");
    }
    let judged = scene.events_of("command.judged")?;
    assert_eq!(judged[0]["text"], "# a forwarded agent");
    let finished = scene.events_of("command.finished")?;
    assert!(finished.iter().all(|data| data["outcome"]["exited"] == 0), "{finished:?}");
    // Who does not ask for it lends nothing.
    let mut ssh = scene.ssh().command(&["echo \"agent <$SSH_AUTH_SOCK>\""]);
    let ended = run(ssh.env("SSH_AUTH_SOCK", &socket), Vec::new(), SHORT)?;
    assert_eq!(ended.text(), "agent <>\n", "{}", ended.said());
    for how in ["verify", "rederive"] {
        let checked = scene.node.administer(&["audit", how])?;
        ensure!(checked.status.success(), "{how}: {}{}", checked.text(), checked.said());
    }
    Ok(())
}

#[test]
fn a_display_is_lent() -> Result<()> {
    let mut scene = Scene::with_policy(POLICY)?;
    let there = scene.path("there.xauth").display().to_string();
    scene.target.restart_with(&format!("X11Forwarding yes\nSetEnv XAUTHORITY={there}"))?;
    let program = scene.target.script("display", PROGRAM)?;
    // A display has a port of its own behind 6000.
    let display = (60..200).find_map(|number| {
        Some((number, TcpListener::bind((Ipv4Addr::LOCALHOST, 6000 + number)).ok()?))
    });
    let (number, listener) = display.context("a display")?;
    answer_at(listener, Answers::Greeting);
    let mut ssh = scene.ssh().with(&["-Y"]).command(&[&program]);
    ssh.env("DISPLAY", format!("127.0.0.1:{number}")).env("XAUTHORITY", scene.path("here.xauth"));
    let ended = run(&mut ssh, Vec::new(), SHORT)?;
    assert_eq!(ended.text(), "welcome", "{}", ended.said());
    let closed = settled(&scene, "forward.closed", 1)?;
    assert_eq!(closed[0]["to_client"]["bytes"], 12 + 20 + 16);
    assert_eq!(closed[0]["to_target"]["bytes"], "welcome".len());
    assert_eq!(scene.events_of("command.judged")?[0]["text"], "# a forwarded display");
    settled(&scene, "session.closed", 2)?;
    Ok(())
}
