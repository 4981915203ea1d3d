//! The driver as a whole, in one process: a client, the gateway, a target that says what it did.

mod holds;
mod kept;
mod plane;
mod rig;
mod target;
mod terminals;
mod tied;

use std::time::Duration;

use proto::event::Kind;
use russh::{ChannelMsg, Sig};
use store_log::memory::Answers;

use rig::{Heard, Rig};

/// Much more than any of these takes; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("in time")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_hears() {
    let rig = Rig::start().await;
    let client = rig.client("web-1").await;
    let check = async |command: &str, input: &str, expected: Heard| {
        let heard = in_time(client.run(command, input)).await;
        assert_eq!(heard, expected, "{command}");
    };
    let status = |output: &str, status: u32| Heard::status(output, "", status);
    check("echo hello", "", status("hello\n", 0)).await;
    check("exit 0", "", status("", 0)).await;
    check("exit 255", "", status("", 255)).await;
    check("cat", "some input", status("some input", 0)).await;
    check("both", "", Heard::status("out", "err", 0)).await;
    check("die SEGV", "", Heard::signal("SEGV")).await;
    check("die USR2", "", Heard::signal("USR2")).await;
    check("die made up by the target", "", Heard::signal("UNKNOWN")).await;
    check("die MADEUP", "", Heard::signal("UNKNOWN")).await;
    let told = |code: &str, text: &str, status| {
        Heard::status("", &format!("sallyport: {code}: {text}\n"), status)
    };
    check("printenv HOME", "", told("SP-1201", "Ask the platform team.", 126)).await;
    check("vanish", "", told("SP-1306", "the connection to the target was lost", 255)).await;
    // A status does not prove that everything came.
    let lost = "sallyport: SP-1306: the connection to the target was lost\n";
    check("cut short", "", Heard::status("half", lost, 255)).await;
    check("cut after", "", status("all", 3)).await;
    let refused = "web-1 refused to run the command.";
    check("fail", "", told("SP-1307", refused, 255)).await;
    let commands = rig.target.commands();
    assert!(!commands.iter().any(|command| command.contains("printenv")), "{commands:?}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_is_not_reached() {
    let rig = Rig::start().await;
    let check = async |target: &str, code: &str| {
        let heard = in_time(rig.client(target).await.run("echo x", "")).await;
        assert_eq!(heard.status, Some(255), "{target}");
        assert!(heard.errors.starts_with(&format!("sallyport: {code}: ")), "{}", heard.errors);
    };
    check("down", "SP-1301").await;
    check("impostor", "SP-1302").await;
    check("locked", "SP-1303").await;
    check("keyless", "SP-1305").await;
    assert_eq!(rig.target.commands(), Vec::<String>::new());
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_permit_that_expires_while_the_target_is_dialled_runs_nothing() {
    let rig = Rig::start().await;
    let client = rig.client("slow").await;
    let heard = in_time(client.run("echo x", "")).await;
    assert_eq!(heard.status, Some(126), "{}", heard.errors);
    assert!(heard.errors.starts_with("sallyport: SP-1205: "), "{}", heard.errors);
    assert_eq!(rig.target.commands(), Vec::<String>::new());
    drop(client);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_runs_that_is_not_recorded() {
    let rig = Rig::start().await;
    let client = rig.client("web-1").await;
    let check = async |answers: Answers, code: &str| {
        rig.record.answer(answers);
        let heard = in_time(client.run("echo x", "")).await;
        assert_eq!(heard.status, Some(126), "{}", heard.errors);
        assert!(heard.errors.starts_with(&format!("sallyport: {code}: ")), "{}", heard.errors);
    };
    check(Answers::LastWords, "SP-1402").await;
    assert_eq!(rig.target.commands(), Vec::<String>::new());
    // The record fails while a command runs: nothing more comes through, and it ends.
    rig.record.answer(Answers::AtOnce);
    let mut channel = client.exec("cat").await;
    channel.data(&b"before"[..]).await.expect("sent");
    assert_eq!(in_time(rig::bytes(&mut channel, 6)).await, b"before");
    rig.record.answer(Answers::LastWords);
    channel.data(&b"after"[..]).await.expect("sent");
    let heard = in_time(rig::hear(channel)).await;
    assert_eq!((heard.output.as_str(), heard.status), ("", Some(126)));
    rig.record.answer(Answers::AtOnce);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_reaches_the_command() {
    let rig = Rig::start().await;
    let client = rig.client("web-1").await;
    let mut channel = client.exec("wait").await;
    assert_eq!(in_time(rig::bytes(&mut channel, 5)).await, b"ready");
    channel.signal(Sig::INT).await.expect("sent");
    let heard = in_time(rig::hear(channel)).await;
    assert_eq!(heard, Heard::signal("INT"));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_channel_does_not_hold_up_another() {
    let rig = Rig::start().await;
    let client = rig.client("web-1").await;
    // More input than any window, to a target that reads none of it.
    let deaf = client.exec("deaf").await;
    let sent = in_time(deaf.data(&vec![7; 8 << 20][..])).await;
    sent.expect("8 MiB are taken though the target reads none of it");
    let heard = in_time(client.run("cat", "past the stalled ones")).await;
    assert_eq!(heard, Heard::status("past the stalled ones", "", 0));
    drop((deaf, client));
    rig.stop().await;
}

/// What was taken from the spool and still waits for the target's window is not input it was given.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn input_is_counted_when_the_target_was_given_it() {
    let rig = Rig::start().await;
    let client = rig.client("web-1").await;
    let mut deaf = client.exec("deaf").await;
    assert_eq!(in_time(rig::bytes(&mut deaf, 5)).await, b"ready");
    in_time(deaf.data(&vec![7; 8 << 20][..])).await.expect("taken");
    deaf.close().await.expect("sent");
    drop((deaf, client));
    let endings = in_time(rig.stop()).await;
    assert_eq!(endings.finished, ["client_left"]);
    let [input] = endings.input[..] else { panic!("one command: {:?}", endings.input) };
    assert!((1..=rig::TARGET_WINDOW).contains(&input), "{input}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_leaves_ends_its_command() {
    let rig = Rig::start().await;
    let client = rig.client("web-1").await;
    let mut channel = client.exec("wait").await;
    assert_eq!(in_time(rig::bytes(&mut channel, 5)).await, b"ready");
    channel.close().await.expect("sent");
    in_time(rig.target.ended("wait")).await;
    drop(channel);
    let mut channel = client.exec("wait").await;
    assert_eq!(in_time(rig::bytes(&mut channel, 5)).await, b"ready");
    drop((channel, client));
    in_time(rig.target.ended("wait")).await;
    let endings = in_time(rig.stop()).await;
    assert_eq!(endings.finished, ["client_left", "client_left"]);
    assert_eq!(endings.closed, ["client left", "client left"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_served_is_refused_and_recorded() {
    let rig = Rig::start().await;
    let client = rig.client("web-1").await;
    assert!(
        client.handle.channel_open_direct_tcpip("localhost", 80, "localhost", 1).await.is_err()
    );
    assert!(client.handle.tcpip_forward("localhost", 0).await.is_err());
    let channel = client.handle.channel_open_session().await.expect("open");
    channel.request_subsystem(true, "netconf").await.expect("sent");
    let heard = in_time(rig::hear(channel)).await;
    assert_eq!(heard.status, Some(126));
    assert!(heard.errors.starts_with("sallyport: SP-1002: "), "{}", heard.errors);
    let mut channel = client.handle.channel_open_session().await.expect("open");
    channel.agent_forward(true).await.expect("sent");
    assert!(matches!(in_time(channel.wait()).await, Some(ChannelMsg::Failure)));
    // As many channels as the rig allows, and no more.
    let mut open = vec![channel];
    while let Ok(channel) = client.handle.channel_open_session().await {
        open.push(channel);
    }
    assert_eq!(open.len(), rig::CHANNELS);
    let asked: Vec<_> = rig.kinds().into_iter().filter_map(refused).collect();
    let expected = [
        "connect localhost:80",
        "listen localhost:0",
        "subsystem netconf",
        "auth-agent-req",
        "session",
    ];
    assert_eq!(asked, expected);
    drop((open, client));
    rig.stop().await;
}

fn refused(kind: Kind) -> Option<String> {
    match kind {
        Kind::SessionRefused(refused) => Some(refused.asked),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_are_turned_away_alike_and_recorded() {
    let rig = Rig::start().await;
    for (user, key) in [("web-1", &rig.stranger), ("nosuch", &rig.person), ("x@", &rig.person)] {
        assert!(!rig.try_client(user, key).await.1, "{user}");
    }
    let secret = format!("{}_{}", concat!("gh", "p"), "a1B2c3D4e5F6".repeat(3));
    for before in [0, 20, 240, 5000] {
        let user = format!("{} {secret}@web-1", "x".repeat(before));
        assert!(!rig.try_client(&user, &rig.person).await.1);
    }
    let failed: Vec<_> = rig
        .kinds()
        .into_iter()
        .filter_map(|kind| match kind {
            Kind::LoginFailed(failed) => Some(failed),
            _ => None,
        })
        .collect();
    for failed in &failed {
        assert!(failed.claimed.len() <= 256, "{}", failed.claimed);
        assert!(!failed.claimed.contains("a1B2"), "{}", failed.claimed);
        assert!(!failed.reason.contains("a1B2"), "{}", failed.reason);
    }
    let reasons: Vec<_> = failed.into_iter().map(|failed| failed.reason).collect();
    let expected = [
        "the key is nobody's",
        "there is no such target",
        "the user is not of the form LOGIN@TARGET or TARGET",
        "web-1 does not have that login",
        "web-1 does not have that login",
        "the user is not of the form LOGIN@TARGET or TARGET",
        "the user is not of the form LOGIN@TARGET or TARGET",
    ];
    assert_eq!(reasons, expected);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn draining_lets_commands_end() {
    let rig = Rig::start().await;
    let client = rig.client("web-1").await;
    let mut channel = client.exec("wait").await;
    assert_eq!(in_time(rig::bytes(&mut channel, 5)).await, b"ready");
    rig.drain.cancel();
    assert!(client.handle.channel_open_session().await.is_err());
    channel.signal(Sig::TERM).await.expect("sent");
    assert_eq!(in_time(rig::hear(channel)).await, Heard::signal("TERM"));
    drop(client);
    let endings = in_time(rig.stop()).await;
    assert_eq!(endings.closed, ["finished"]);
}
