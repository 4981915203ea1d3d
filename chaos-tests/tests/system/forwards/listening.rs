//! Places where the target listens for a client (`ssh -R`), and what comes in there.

use std::io::Read as _;

use anyhow::{Context as _, Result};
use chaos_tests::live::{Process, SHORT, Scene, run, until};

use super::peers::{Answers, listen, say, say_at, sha256};
use super::{POLICY, forwarding, free_port, judged, reach, settled, talkative};

/// The port that a client was told that the target listens at.
fn allocated(ssh: &mut Process) -> Result<u16> {
    let mut errors = ssh.child().stderr.take().context("stderr is piped")?;
    let (sender, said) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let (mut all, mut byte) = (String::new(), [0]);
        while errors.read_exact(&mut byte).is_ok() {
            all.push(char::from(byte[0]));
            let words = all.strip_prefix("Allocated port ");
            if let Some((port, _)) = words.and_then(|words| words.split_once(' ')) {
                sender.send(port.parse().ok()).ok();
                return;
            }
        }
    });
    said.recv_timeout(SHORT)?.context("a port")
}

#[test]
fn a_port_of_the_target_leads_to_the_client() -> Result<()> {
    let scene = Scene::with_policy(POLICY)?;
    let back = listen(Answers::Back)?;
    let mut ssh = forwarding(&talkative(&scene), &["-R", &format!("0:127.0.0.1:{back}")])?;
    let port = allocated(&mut ssh)?;
    for text in [&b"first"[..], b"second", &vec![7; 300_000]] {
        assert_eq!(say(reach(port)?, text)?, text);
    }
    let closed = settled(&scene, "forward.closed", 3)?;
    for (closed, text) in closed.iter().zip([&b"first"[..], b"second"]) {
        assert_eq!(closed["command"], 2, "they are of the command that listens");
        assert_eq!(closed["to_client"]["sha256"], sha256(text).as_str());
        assert_eq!(closed["to_target"]["sha256"], sha256(text).as_str());
        assert!(closed["from"].as_str().is_some_and(|from| from.starts_with("127.0.0.1:")));
    }
    let asked: Vec<_> = judged(&scene)?.into_iter().map(|(text, _)| text).collect();
    assert_eq!(asked, ["# forwards", "listen localhost:0"]);
    ssh.kill()?;
    let finished = settled(&scene, "command.finished", 2)?;
    assert_eq!(finished[0]["outcome"], "client_left");
    settled(&scene, "session.closed", 1)?;
    // The target listens no more.
    until("the port is closed", SHORT, || {
        Ok(std::net::TcpStream::connect(("127.0.0.1", port)).is_err().then_some(()))
    })
}

#[test]
fn a_socket_of_the_target_leads_to_the_client_until_it_is_cancelled() -> Result<()> {
    let scene = Scene::with_policy(POLICY)?;
    let back = listen(Answers::Back)?;
    let there = scene.path("there.sock");
    let spec = format!("{}:127.0.0.1:{back}", there.display());
    let shared = talkative(&scene).shared(&scene.path("master"));
    let _master = forwarding(&shared, &["-R", &spec])?;
    until("the target listens", SHORT, || Ok(there.exists().then_some(())))?;
    assert_eq!(say_at(&there, b"by a socket")?, b"by a socket");
    settled(&scene, "forward.closed", 1)?;
    let mut cancel = shared.with(&["-O", "cancel", "-R", &spec]).command(&[]);
    let ended = run(&mut cancel, Vec::new(), SHORT)?;
    assert!(ended.status.success(), "{}", ended.said());
    let finished = settled(&scene, "command.finished", 1)?;
    assert_eq!(
        (&finished[0]["command"], &finished[0]["outcome"]["exited"]),
        (&2.into(), &0.into())
    );
    assert!(say_at(&there, b"x").is_err(), "it listens on");
    shared.end_shared()?;
    Ok(())
}

#[test]
fn what_policy_blocks_is_not_listened_at() -> Result<()> {
    let scene = Scene::with_policy(POLICY)?;
    let port = free_port()?;
    for bind in ["*", "0.0.0.0", "[::]", "169.254.0.1"] {
        let mut ssh =
            forwarding(&talkative(&scene), &["-R", &format!("{bind}:{port}:127.0.0.1:1")])?;
        let status = ssh.wait(SHORT)?;
        assert!(!status.success(), "{bind}");
        let mut said = String::new();
        ssh.child().stderr.take().context("stderr")?.read_to_string(&mut said)?;
        assert!(said.contains("remote port forwarding failed"), "{said}");
    }
    let judged = judged(&scene)?;
    let blocked: Vec<_> =
        judged.iter().filter(|(_, verdict)| verdict == "block").map(|(text, _)| &**text).collect();
    let expected = ["*", "0.0.0.0", "[::]", "169.254.0.1"].map(|on| format!("listen {on}:{port}"));
    assert_eq!(blocked, expected);
    Ok(())
}
