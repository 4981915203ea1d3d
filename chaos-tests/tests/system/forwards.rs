//! Forwards, with OpenSSH's own client and server: what is granted is opened at the target and
//! counted, what is not is refused in SSH's own terms, and the record says so.

mod lending;
mod limits;
mod listening;
mod peers;

use std::net::{Ipv4Addr, TcpStream};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use chaos_tests::live::{Client, LONG, Process, Reaped, SHORT, Scene, Target, run, until};
use peers::{Answers, listen, listen_at, say, say_at, sha256};
use serde_json::Value;

const POLICY: &str = r#"version: 1
roles:
  - { name: auditors, who: { users: [alice] }, may: [sessions, replay, export, kill] }
grants:
  - { name: all, who: { groups: [engineering] }, targets: { kind: ssh }, as: [LOGIN], channels: [exec, forward] }
rules:
  - { name: no-meta, when: { forward: { addresses: ["169.254.0.0/16:*", "/run/docker*"] } }, then: block, message: Not there. }
  - { name: own-only, when: { forward: { operations: listen }, not: { forward: { addresses: ["localhost:*", "/*"] } } }, then: block, message: At localhost only. }
  - { name: pair, when: { forward: { addresses: ["10.99.0.0/16:*"] } }, then: hold, approval: { by: { groups: [dba] } } }
"#;

/// As many bytes as take several packets.
const BYTES: usize = 1_500_000;

fn content() -> Vec<u8> {
    (0..BYTES).map(|at| (at * 7 + at / 253 + at / 65_537) as u8).collect()
}

/// A client that says why a channel is not opened.
fn talkative(scene: &Scene) -> Client {
    scene.ssh().with(&["-o", "LogLevel=INFO"])
}

/// Speaks to an address through the target by `ssh -W`.
fn through(client: &Client, address: &str, said: Vec<u8>) -> Result<Reaped> {
    run(&mut client.with(&["-W", address]).command(&[]), said, LONG)
}

/// A client that only forwards; it ends with its guard.
fn forwarding(client: &Client, options: &[&str]) -> Result<Process> {
    let mut ssh = client.with(options).with(&["-N", "-o", "ExitOnForwardFailure=yes"]).command(&[]);
    ssh.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    Process::start(&mut ssh)
}

/// A free port of loopback, for a moment.
fn free_port() -> Result<u16> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

fn reach(port: u16) -> Result<TcpStream> {
    until("somebody listens", SHORT, || Ok(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()))
}

/// All that was judged of forwards, and what became of it.
fn judged(scene: &Scene) -> Result<Vec<(String, String)>> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let judged = scene.events_of("command.judged")?;
    Ok(judged.iter().map(|data| (word(&data["text"]), word(&data["verdict"]))).collect())
}

/// The events of a kind, once there are so many.
fn settled(scene: &Scene, kind: &str, count: usize) -> Result<Vec<Value>> {
    until(kind, SHORT, || {
        let events = scene.events_of(kind)?;
        Ok((events.len() >= count).then_some(events))
    })
}

#[track_caller]
fn refused(ended: &Reaped, code: &str) {
    let said = ended.said();
    assert!(!ended.status.success(), "{said}");
    assert!(said.contains(code), "{code} is not in {said:?}");
}

#[test]
fn a_connection_is_judged_opened_and_counted() -> Result<()> {
    let scene = Scene::with_policy(POLICY)?;
    let port = listen(Answers::Back)?;
    let (content, address) = (content(), format!("127.0.0.1:{port}"));
    // The peer answers only when it heard that this was all: half of the way is closed before.
    let client = scene.ssh().with(&["-o", "LogLevel=DEBUG2"]);
    let ended = through(&client, &address, content.clone())?;
    assert!(ended.status.success(), "{}", ended.said());
    // A second end is a fault to some clients, which leave then.
    for message in ["rcvd eof", "rcvd close"] {
        assert_eq!(ended.said().matches(message).count(), 1, "{message}: {}", ended.said());
    }
    assert!(ended.output == content, "{} bytes came back", ended.output.len());
    let closed = settled(&scene, "session.closed", 1)?;
    assert_eq!(closed[0]["reason"], "client left");
    let connect = format!("connect {address}");
    let expected = [("# forwards", "allow"), (&connect, "allow")];
    assert_eq!(judged(&scene)?, expected.map(|(text, verdict)| (text.into(), verdict.into())));
    let reading = scene.events_of("command.judged")?[1]["reading"].take();
    assert_eq!(reading["forward"]["address"], address.as_str());
    let [closed] = &scene.events_of("forward.closed")?[..] else { panic!("one is closed") };
    let digest = sha256(&content);
    for way in ["to_target", "to_client"] {
        assert_eq!(closed[way]["bytes"], BYTES, "{way}");
        assert_eq!(closed[way]["sha256"], digest.as_str(), "{way}");
    }
    assert_eq!(closed["command"], 2);
    let finished = scene.events_of("command.finished")?;
    let outcomes: Vec<_> = finished.iter().map(|data| data["command"].as_u64()).collect();
    assert_eq!(outcomes, [Some(2), Some(1)]);
    assert_eq!(finished[0]["output"]["bytes"], BYTES);
    // Nothing of it ran as a command, and nothing of it is in the record.
    assert_eq!(scene.target.log()?.len(), 0);
    assert!(scene.events_of("output.released")?.is_empty());
    let id = scene.events_of("session.opened")?[0]["session"].as_str().context("an id")?.to_owned();
    let shown = scene.node.administer(&["sessions", "replay", &id, "--no-wait"])?.text();
    assert!(shown.contains(&format!("=> {connect}\n")), "{shown}");
    assert!(shown.contains(&format!("{BYTES} bytes to the target, SHA-256 {digest}")), "{shown}");
    for how in ["verify", "rederive"] {
        let checked = scene.node.administer(&["audit", how])?;
        assert!(checked.status.success(), "{how}: {}{}", checked.text(), checked.said());
    }
    Ok(())
}

#[test]
fn ports_sockets_and_proxies_share_a_session() -> Result<()> {
    let scene = Scene::with_policy(POLICY)?;
    let (page, back) = (listen(Answers::Page)?, listen(Answers::Back)?);
    let (there, here) = (scene.path("there.sock"), scene.path("here.sock"));
    listen_at(&there)?;
    let (near, socks) = (free_port()?, free_port()?);
    let port = format!("{near}:127.0.0.1:{back}");
    let socket = format!("{}:{}", here.display(), there.display());
    let dynamic = format!("127.0.0.1:{socks}");
    let mut ssh = forwarding(&talkative(&scene), &["-L", &port, "-L", &socket, "-D", &dynamic])?;
    assert_eq!(say(reach(near)?, b"by a port")?, b"by a port");
    assert_eq!(say_at(&here, b"by a socket")?, b"by a socket");
    for host in ["127.0.0.1", "localhost"] {
        let proxy = format!("socks5h://127.0.0.1:{socks}");
        let url = format!("http://{host}:{page}/");
        let mut curl = Command::new("curl");
        let got = run(curl.args(["-sS", "-x", &proxy, &url]), Vec::new(), SHORT)?;
        assert_eq!(got.text(), "hello", "{host}: {}", got.said());
    }
    let closed = settled(&scene, "forward.closed", 4)?;
    assert_eq!(closed[0]["to_target"]["sha256"], sha256(b"by a port").as_str());
    assert_eq!(closed[1]["to_client"]["sha256"], sha256(b"by a socket").as_str());
    let asked: Vec<_> = judged(&scene)?.into_iter().map(|(text, _)| text).collect();
    let expected = [
        "# forwards".to_owned(),
        format!("connect 127.0.0.1:{back}"),
        format!("connect {}", there.display()),
        format!("connect 127.0.0.1:{page}"),
        format!("connect localhost:{page}"),
    ];
    assert_eq!(asked, expected);
    assert_eq!(scene.events_of("session.opened")?.len(), 1, "one session for all of them");
    ssh.kill()?;
    settled(&scene, "session.closed", 1)?;
    Ok(())
}

#[test]
fn what_policy_blocks_is_refused_with_its_reason() -> Result<()> {
    let scene = Scene::with_policy(POLICY)?;
    let client = talkative(&scene);
    let prohibited = "administratively prohibited";
    for (address, code) in [
        ("169.254.169.254:80", "SP-1201: Not there."),
        ("[::ffff:169.254.169.254]:80", "SP-1201: Not there."),
        ("0xa9fea9fe:80", "SP-1201: Not there."),
        // Nobody is asked: nothing can be said to whoever waits for a channel.
        ("10.99.0.1:443", "SP-1204"),
        // No address at all.
        ("a..b:80", "SP-1002"),
    ] {
        let ended = through(&client, address, Vec::new())?;
        refused(&ended, code);
        refused(&ended, prohibited);
    }
    let judged = judged(&scene)?;
    let blocked: Vec<_> =
        judged.iter().filter(|(_, verdict)| verdict == "block").map(|(text, _)| &**text).collect();
    let meta = "connect 169.254.169.254:80";
    assert_eq!(blocked, [meta, meta, meta, "connect 10.99.0.1:443"]);
    assert!(scene.events_of("approval.requested")?.is_empty());
    // Nothing answers there: the target says so, and the record.
    let ended = through(&client, "127.0.0.1:9", Vec::new())?;
    refused(&ended, "connect failed: SP-1307");
    let failed = scene.events_of("command.finished")?;
    assert!(failed.iter().any(|data| data["outcome"]["failed"]["code"] == "SP-1307"), "{failed:?}");
    // A command runs as before.
    assert_eq!(scene.ssh().run("echo still here")?.text(), "still here\n");
    Ok(())
}

/// All spellings of the target's own address, and of others that the cluster knows.
#[test]
fn targets_are_reached_through_the_gateway_only() -> Result<()> {
    let scene = Scene::with_policy(POLICY)?;
    let client = talkative(&scene);
    let port = scene.target.port;
    // Other addresses of this machine, on which the target does not even listen.
    let own = run(Command::new("hostname").arg("-I"), Vec::new(), SHORT)?.text();
    let own = own.split_whitespace().map(|one| match one.contains(':') {
        true => format!("[{one}]"),
        false => one.to_owned(),
    });
    let spelled = [
        "127.0.0.1",
        "localhost",
        "LOCALHOST.",
        "x.localhost",
        "127.1",
        "127.0.1",
        "0x7f.1",
        "0",
        "0.0.0.0",
        "2130706433",
        "017700000001",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[0:0:0:0:0:ffff:7f00:1]",
        // A name that nobody can look up may be any machine's.
        "nowhere.invalid",
    ];
    for host in spelled.map(str::to_owned).into_iter().chain(own) {
        let ended = through(&client, &format!("{host}:{port}"), Vec::new())?;
        refused(&ended, "SP-1214");
        refused(&ended, "administratively prohibited");
    }
    // Another target of the same machine; and the port by which every machine knows itself.
    for address in ["localhost:1", "127.0.0.1:22"] {
        refused(&through(&client, address, Vec::new())?, "SP-1214");
    }
    let judged = scene.events_of("command.judged")?;
    let targets = judged[1]["reading"]["forward"]["targets"].as_array().context("targets")?;
    let targets: Vec<_> = targets.iter().filter_map(Value::as_str).collect();
    assert!(targets.contains(&"web-1") && targets.contains(&"free-1"), "{targets:?}");
    // It is in the record what they were, so that it is decided the same without them.
    let checked = scene.node.administer(&["audit", "rederive"])?;
    ensure!(checked.status.success(), "{}{}", checked.text(), checked.said());
    Ok(())
}

#[test]
fn policy_may_let_targets_be_reached_past_the_record() -> Result<()> {
    let policy = POLICY.replace("channels: [exec, forward]", "channels: [forward], opaque: allow");
    let scene = Scene::with_policy(&policy)?;
    let address = format!("localhost:{}", scene.target.port);
    let ended = through(&talkative(&scene), &address, b"nothing\r\n".to_vec())?;
    assert!(ended.text().starts_with("SSH-2.0-OpenSSH"), "{}{}", ended.text(), ended.said());
    Ok(())
}

/// Whoever is connected to finds in the journal that it was judged.
#[test]
fn a_forward_is_recorded_before_the_target_opens_it() -> Result<()> {
    let scene = Scene::with_policy(POLICY)?;
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    let journal = scene.path("data").join("events");
    let looking = std::thread::spawn(move || -> Result<Vec<bool>> {
        let mut seen = Vec::new();
        for stream in listener.incoming().take(4) {
            let text = format!("\"text\":\"connect 127.0.0.1:{port}\"");
            let mut grep = Command::new("grep");
            let found = run(grep.arg("-rqaF").arg(text).arg(&journal), Vec::new(), SHORT)?;
            seen.push(found.status.success());
            drop(stream);
        }
        Ok(seen)
    });
    // The first one is what is looked for; the text of the others is the same.
    for _ in 0..4 {
        through(&talkative(&scene), &format!("127.0.0.1:{port}"), Vec::new())?;
    }
    let seen = looking.join().ok().context("nobody panicked")??;
    assert_eq!(seen, [true; 4]);
    Ok(())
}

/// `ssh -J` to a machine that the gateway does not know.
#[test]
fn a_jump_leads_through_the_target() -> Result<()> {
    let scene = Scene::with_policy(POLICY)?;
    let inner = Target::start(&scene.path("inner"))?;
    let (config, known) = (scene.path("config"), scene.path("known_hosts"));
    let pinned = std::fs::read_to_string(&known)?;
    let line = format!("[127.0.0.1]:{} {}\n", inner.port, inner.host_key.public);
    std::fs::write(&known, pinned + &line)?;
    let (_, gate_port) = scene.node.ready.ssh.rsplit_once(':').context("a port")?;
    let host = |name: &str, port: &str, user: &str, key: &std::path::Path| {
        format!(
            "Host {name}\n HostName 127.0.0.1\n Port {port}\n User {user}\n IdentityFile {}\n",
            key.display()
        )
    };
    let login = &scene.target.login;
    let common = format!(
        "UserKnownHostsFile {}\nStrictHostKeyChecking yes\nBatchMode yes\nIdentitiesOnly yes\n",
        known.display()
    );
    let text = host("gate", gate_port, &format!("{login}@web-1"), &scene.key.file)
        + &host("inner", &inner.port.to_string(), login, &inner.credential.file)
        + "Host *\n"
        + &common;
    std::fs::write(&config, text)?;
    let mut ssh = Command::new("ssh");
    ssh.env_remove("SSH_AUTH_SOCK").arg("-F").arg(&config);
    let ended = run(ssh.args(["-J", "gate", "inner", "echo inside"]), Vec::new(), SHORT)?;
    assert_eq!(ended.text(), "inside\n", "{}", ended.said());
    let asked: Vec<_> = judged(&scene)?.into_iter().map(|(text, _)| text).collect();
    assert_eq!(asked, ["# forwards".to_owned(), format!("connect 127.0.0.1:{}", inner.port)]);
    Ok(())
}
