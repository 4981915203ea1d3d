//! What may not run does not run: the target's own log knows nothing of it.

use anyhow::Result;
use chaos_tests::live::{Client, Ended, SHORT, Scene, run, until};

/// Runs a command that must be refused; gives what the client was told.
#[track_caller]
fn check(scene: &Scene, command: &str, code: &str) {
    let ended = scene.ssh().run(command).expect("the client ends");
    assert_eq!(ended.status, Some(126), "{command}: {}", ended.errors);
    assert_eq!(ended.text(), "", "{command}");
    let begins = format!("sallyport: {code}: ");
    assert!(ended.errors.starts_with(&begins), "{command}: {}", ended.errors);
}

#[test]
fn a_blocked_command_never_reaches_the_target() -> Result<()> {
    let scene = Scene::start()?;
    for command in ["env", "printenv PATH", "/usr/bin/env", "e\"\"nv", "echo a; env", "sh -c 'env'"]
    {
        check(&scene, command, "SP-1201");
    }
    for command in ["eval $X", "$X", "python3 -", "echo env | sh"] {
        check(&scene, command, "SP-1202");
    }
    // Where no shell rule applies the same is allowed.
    let free = scene.ssh_to("free-1").run("$X true")?;
    assert_eq!(free.status, Some(0), "{}", free.errors);
    let reached: Vec<_> = scene.target.log()?.into_iter().map(|ran| ran.command).collect();
    assert_eq!(reached, ["$X true"]);
    let judged = scene.events_of("command.judged")?;
    let blocked = judged.iter().filter(|data| data["verdict"] == "block").count();
    assert_eq!((blocked, judged.len()), (10, 11));
    let named = judged.iter().filter(|data| data["rules"][0] == "no-dump-of-environment").count();
    assert!(named >= 6, "the rule is named: {judged:?}");
    let told = judged[0]["told"]["text"].as_str().unwrap_or_default();
    assert!(told.contains("Ask the platform team"), "{told}");
    Ok(())
}

const HOLD: &str = r#"version: 1
grants:
  - { name: all, who: { groups: [engineering] }, targets: { kind: ssh }, as: [LOGIN], channels: [exec], commands: listed }
rules:
  - { name: listed, when: { shell: { programs: [echo, touch] } }, then: allow }
  - name: second-pair-of-eyes
    when: { shell: { programs: [touch] } }
    then: hold
    approval: { by: { groups: [dba] }, count: 1, expires: 15m }
"#;

#[test]
fn held_and_unlisted_commands_do_not_run() -> Result<()> {
    let scene = Scene::with_policy(HOLD)?;
    check(&scene, "touch x", "SP-1204");
    check(&scene, "date", "SP-1203");
    assert_eq!(scene.ssh().run("echo listed")?.text(), "listed\n");
    assert_eq!(scene.target.log()?.len(), 1);
    assert_eq!(scene.events_of("command.judged")?[0]["verdict"], "hold");
    Ok(())
}

/// A client that asks for more than commands: its options, its arguments, the name in the record.
#[track_caller]
fn check_channel(scene: &Scene, client: &Client, arguments: &[&str], asked: &str) -> Ended {
    let before = scene.target.log().expect("the target's log").len();
    let ended = run(&mut client.command(arguments), Vec::new(), SHORT).expect("the client ends");
    let recorded = until(asked, SHORT, || {
        let refused = scene.events_of("session.refused")?;
        let reason = refused
            .into_iter()
            .find(|data| data["asked"].as_str().is_some_and(|text| text.starts_with(asked)));
        Ok(reason)
    });
    let recorded = recorded.expect("the refusal is recorded");
    assert!(recorded["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
    assert_eq!(scene.target.log().expect("the target's log").len(), before, "{asked} ran");
    ended.into()
}

#[test]
fn other_channels_are_refused_with_a_reason() -> Result<()> {
    let scene = Scene::start()?;
    let ssh = scene.ssh();
    let shell = check_channel(&scene, &ssh, &[], "shell");
    assert_eq!(shell.status, Some(126), "{}", shell.errors);
    assert!(shell.errors.contains("SP-1002"), "{}", shell.errors);
    // Files are served to whom a grant says so; nothing else is a subsystem.
    for (name, code) in [("sftp", "SP-1001"), ("netconf", "SP-1002")] {
        let asked = if name == "sftp" { "sftp" } else { "subsystem netconf" };
        let subsystem = check_channel(&scene, &ssh.with(&["-s"]), &[name], asked);
        assert_eq!(subsystem.status, Some(126), "{}", subsystem.errors);
        assert!(subsystem.errors.contains(code), "{}", subsystem.errors);
    }
    let nothing = format!("127.0.0.1:{}", scene.target.port);
    let piped =
        check_channel(&scene, &ssh.with(&["-W", &nothing]), &[], &format!("connect {nothing}"));
    assert_ne!(piped.status, Some(0), "-W");
    let remote = ssh.with(&["-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1", "-N"]);
    let remote = check_channel(&scene, &remote, &[], "listen localhost:0");
    assert_ne!(remote.status, Some(0), "-R");
    Ok(())
}

#[test]
fn agent_and_display_are_not_forwarded() -> Result<()> {
    let scene = Scene::start()?;
    // The agent of the test is one that cannot be reached: asking is what is refused.
    let mut command = scene.ssh().with(&["-A"]).command(&["echo \"agent <$SSH_AUTH_SOCK>\""]);
    let mut agent = std::process::Command::new("ssh-agent");
    let socket = scene.path("agent");
    agent.arg("-D").arg("-a").arg(&socket);
    agent.stdout(std::process::Stdio::null());
    let _agent = chaos_tests::live::Process::start(&mut agent)?;
    until("the agent listens", SHORT, || Ok(socket.exists().then_some(())))?;
    command.env("SSH_AUTH_SOCK", &socket);
    let ended = run(&mut command, Vec::new(), SHORT)?;
    assert_eq!(ended.text(), "agent <>\n", "{}", ended.said());
    let shown = scene.ssh().with(&["-X"]);
    let mut command = shown.command(&["echo \"display <$DISPLAY>\""]);
    command.env("DISPLAY", ":99");
    let ended = run(&mut command, Vec::new(), SHORT)?;
    assert_eq!(ended.text(), "display <>\n", "{}", ended.said());
    let asked: Vec<_> = scene.events_of("session.refused")?;
    let asked: Vec<_> = asked.iter().filter_map(|data| data["asked"].as_str()).collect();
    assert!(asked.iter().any(|asked| asked.contains("agent")), "{asked:?}");
    Ok(())
}
