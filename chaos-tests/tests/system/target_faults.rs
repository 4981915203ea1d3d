//! A target that is down, is not who it should be, refuses the gateway or vanishes: the client is
//! told a code and the target's name, and the session is closed in the record.

use anyhow::Result;
use chaos_tests::live::{SHORT, Scene, until};
use std::fs;

#[track_caller]
fn check(scene: &Scene, target: &str, code: &str) {
    let ended = scene.ssh_to(target).run("echo never").expect("the client ends");
    assert_eq!(ended.status, Some(255), "{}", ended.errors);
    assert_eq!(ended.text(), "");
    assert!(ended.errors.contains(code) && ended.errors.contains(target), "{}", ended.errors);
    until("the session is closed", SHORT, || {
        let opened = scene.events_of("session.opened")?;
        let of_target = opened.iter().rfind(|data| data["target"]["name"] == target);
        let session = of_target.map(|data| data["session"].clone());
        let closed = scene.events_of("session.closed")?;
        let found = closed.iter().find(|data| Some(&data["session"]) == session.as_ref());
        Ok(found.is_some_and(|data| data["reason"] == code).then_some(()))
    })
    .expect("a session that was opened is closed, with the code");
}

#[test]
fn down_or_another_machine() -> Result<()> {
    let mut scene = Scene::start()?;
    check(&scene, "dead-1", "SP-1301");
    check(&scene, "false-1", "SP-1302");
    check(&scene, "mute-1", "SP-1304");
    check(&scene, "keyless-1", "SP-1305");
    assert_eq!(scene.target.log()?, [], "nothing was sent to a machine that is not the target");
    // The key that the target lets in is not the gateway's any more.
    let authorized = scene.target.folder.join("authorized_keys");
    fs::write(&authorized, format!("{} stranger\n", scene.stranger.public))?;
    check(&scene, "web-1", "SP-1303");
    scene.target.stop()?;
    check(&scene, "web-1", "SP-1301");
    Ok(())
}

#[test]
fn no_channel_for_a_command() -> Result<()> {
    let mut scene = Scene::start()?;
    scene.target.restart_with("MaxSessions 0")?;
    check(&scene, "web-1", "SP-1307");
    Ok(())
}

#[test]
fn vanishing_in_the_middle() -> Result<()> {
    let scene = Scene::start()?;
    // The command kills the process that serves its connection, as a crash would.
    let script = scene.target.script(
        "breaks",
        "#!/bin/sh\necho before\nkill -9 $(ps -o ppid= -p $PPID) $PPID\nsleep 60\n",
    )?;
    let ended = scene.ssh().run(&script)?;
    assert_eq!(ended.status, Some(255), "{}", ended.errors);
    assert!(ended.errors.contains("SP-1306"), "{}", ended.errors);
    let finished =
        until("the fault is recorded", SHORT, || Ok(scene.events_of("command.finished")?.pop()))?;
    assert_eq!(finished["outcome"]["failed"]["code"], "SP-1306");
    Ok(())
}
