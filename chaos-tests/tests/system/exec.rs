//! `ssh … COMMAND` behaves as without a gateway: status, signals, both outputs, input, variables.

use std::os::unix::process::ExitStatusExt as _;
use std::thread;

use anyhow::{Context as _, Result};
use chaos_tests::invariants::{Events, recorded_before_done};
use chaos_tests::live::{Client, SHORT, Scene, marker, run, until};

/// How many clients run at a time; each has a connection of its own for all of its commands.
const CLIENTS: usize = 4;

#[test]
fn every_exit_status_arrives() -> Result<()> {
    let scene = Scene::start()?;
    let client = |number: usize| scene.ssh().shared(&scene.path(&format!("master-{number}")));
    let statuses: Vec<i32> = (0..=255).collect();
    thread::scope(|scope| -> Result<()> {
        let chunks = statuses.chunks(statuses.len().div_ceil(CLIENTS)).enumerate();
        let each = |(number, wanted)| scope.spawn(move || check_statuses(&client(number), wanted));
        let workers: Vec<_> = chunks.map(each).collect();
        for worker in workers {
            worker.join().map_err(|_| anyhow::anyhow!("a client panicked"))??;
        }
        Ok(())
    })?;
    let finished = scene.events_of("command.finished")?;
    let mut recorded: Vec<_> =
        finished.iter().filter_map(|data| data["outcome"]["exited"].as_i64()).collect();
    recorded.sort_unstable();
    assert_eq!(recorded, (0..=255).collect::<Vec<_>>());
    Ok(())
}

fn check_statuses(client: &Client, wanted: &[i32]) -> Result<()> {
    // The first client stays as the master of the connection.
    let master = client.master()?;
    for status in wanted {
        let ended = client.run(&format!("exit {status}"))?;
        assert_eq!(ended.status, Some(*status), "{}", ended.errors);
    }
    drop(master);
    Ok(())
}

/// A command, its input, and what the client must see.
#[track_caller]
fn check(client: &Client, command: &str, input: &str, seen: (i32, &str, &str)) {
    let ended = client.run_with(command, input.into(), SHORT).expect("the client ends");
    let got = (ended.status, ended.text(), ended.errors);
    assert_eq!(got, (Some(seen.0), seen.1.to_owned(), seen.2.to_owned()), "of {command}");
}

#[test]
fn outputs_input_and_variables() -> Result<()> {
    let scene = Scene::start()?;
    let ssh = scene.ssh();
    check(&ssh, "echo out; echo err >&2; exit 3", "", (3, "out\n", "err\n"));
    check(&ssh, "printf 'no newline'", "", (0, "no newline", ""));
    check(&ssh, "cat", "through and back\n", (0, "through and back\n", ""));
    // The end of the client's input is the end of the command's, and the command goes on.
    check(&ssh, "cat >/dev/null; echo after the end", "x", (0, "after the end\n", ""));
    check(&ssh, "head -c 3; exit 7", "abcdef", (7, "abc", ""));
    check(&ssh, "true", "nobody reads this", (0, "", ""));
    check(&ssh, "printf '\\303\\244\\000\\377' | od -An -tx1", "", (0, " c3 a4 00 ff\n", ""));
    // The login may be left out: it is the first one that is granted.
    check(&ssh.user("web-1"), "echo as the first", "", (0, "as the first\n", ""));
    // Locales in UTF-8 are passed on, others and everything else stay behind.
    let sent = ssh.with(&["-o", "SendEnv=LC_TEST LC_OTHER SECRET_TEST"]);
    let mut command = sent.command(&["echo \"$LC_TEST/$LC_OTHER/$SECRET_TEST\""]);
    command.env("LC_TEST", "de_DE.UTF-8").env("LC_OTHER", "zh_CN.GBK").env("SECRET_TEST", "kept");
    assert_eq!(run(&mut command, Vec::new(), SHORT)?.text(), "de_DE.UTF-8//\n");
    Ok(())
}

#[test]
fn signals_pass_both_ways() -> Result<()> {
    let scene = Scene::start()?;
    let ssh = scene.ssh();
    // The command dies of a signal: the client says so, and the record has its name.
    let ended = ssh.run("kill -TERM $$")?;
    assert_eq!(ended.status, Some(255), "ssh says 255 for a command that a signal ended");
    until("the signal is recorded", SHORT, || {
        let finished = scene.events_of("command.finished")?;
        let signal = finished.iter().any(|data| data["outcome"]["signalled"] == "TERM");
        Ok(signal.then_some(()))
    })?;
    // The client leaves: the command on the target ends with it.
    let alive = scene.path("alive");
    let script = scene.target.script(
        "beats",
        &format!(
            "#!/bin/sh\ntrap 'echo gone > {0}.gone; exit' HUP TERM PIPE\necho up\n\
                  while echo beat; do echo x >> {0}; sleep 0.1; done\necho gone > {0}.gone\n",
            alive.display()
        ),
    )?;
    let mut client = ssh.start(&script)?;
    until("the command runs", SHORT, || Ok(alive.exists().then_some(())))?;
    client.kill()?;
    let gone = alive.with_extension("gone");
    until("the command is ended", SHORT, || Ok(gone.exists().then_some(())))?;
    until("the client's leaving is recorded", SHORT, || {
        let finished = scene.events_of("command.finished")?;
        let left = finished.iter().any(|data| data["outcome"] == "client_left");
        Ok(left.then_some(()))
    })?;
    assert!(client.ended()?.is_some_and(|status| status.signal() == Some(9)));
    Ok(())
}

#[test]
fn a_command_is_recorded_before_the_target_sees_it() -> Result<()> {
    let scene = Scene::start()?;
    scene.target.look_at_journal(&scene.path("data").join("events"))?;
    let client = scene.ssh().with(&["-o", "Compression=no"]);
    thread::scope(|scope| -> Result<()> {
        let one = || -> Result<()> {
            for _ in 0..6 {
                let marker = marker();
                let ended = client.run(&format!("echo {marker}"))?;
                assert_eq!(ended.text(), format!("{marker}\n"), "{}", ended.errors);
            }
            Ok(())
        };
        let workers: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(one)).collect();
        for worker in workers {
            worker.join().ok().context("a client panicked")??;
        }
        Ok(())
    })?;
    let ran = scene.target.log()?;
    assert_eq!(ran.len(), 6 * CLIENTS);
    assert!(ran.iter().all(|ran| ran.was_recorded == Some(true)), "{ran:?}");
    let lines = scene.event_lines()?;
    let events = Events::read(lines.iter().map(String::as_str)).expect("events are JSON");
    assert_eq!(recorded_before_done::violations(&ran, &events), [""; 0]);
    Ok(())
}

#[test]
fn a_drain_ends_in_good_order() -> Result<()> {
    let mut scene = Scene::start()?;
    assert_eq!(scene.ssh().run("echo before")?.text(), "before\n");
    scene.node.stop()?;
    assert!(!scene.path("data").join("ready.json").exists(), "nobody is sent here any more");
    scene.restart()?;
    assert_eq!(scene.ssh().run("echo again")?.text(), "again\n");
    assert_eq!(scene.events_of("node.stopped")?.len(), 1);
    assert_eq!(scene.events_of("node.started")?.len(), 2);
    let verified = scene.node.administer(&["audit", "verify"])?;
    assert!(verified.status.success(), "{}{}", verified.text(), verified.said());
    Ok(())
}
