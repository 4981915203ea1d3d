//! Terminals: what reaches a target of what is typed, and what is recorded before.

use proto::entry::Ruling;
use proto::event::Kind;
use russh::client::Msg;
use russh::{Channel, ChannelMsg, Pty};
use store_log::memory::Answers;

use super::in_time;
use super::rig::{self, Client, Heard, Rig};

impl Client {
    /// A shell in a terminal, at its prompt.
    async fn shell(&self) -> Channel<Msg> {
        let mut channel = self.handle.channel_open_session().await.expect("a channel");
        let modes = [(Pty::ECHO, 1), (Pty::VINTR, 3)];
        channel.request_pty(true, "xterm", 100, 30, 0, 0, &modes).await.expect("sent");
        channel.request_shell(true).await.expect("sent");
        let warned = in_time(async {
            loop {
                if let ChannelMsg::ExtendedData { data, .. } = channel.wait().await.expect("more") {
                    return data;
                }
            }
        });
        assert_eq!(warned.await, "sallyport: This session is recorded.\r\n");
        assert_eq!(in_time(rig::bytes(&mut channel, 2)).await, b"$ ");
        channel
    }
}

/// Types a text, and waits until it is shown.
async fn types(channel: &mut Channel<Msg>, text: &str) {
    channel.data(text.as_bytes()).await.expect("sent");
    let shown = in_time(rig::bytes(channel, text.len())).await;
    assert_eq!(String::from_utf8_lossy(&shown), text);
}

/// Presses a key that submits, and gives what comes then: so many bytes of output, or what is said.
async fn submits(channel: &mut Channel<Msg>, output: usize) -> (String, String) {
    channel.data(&b"\r"[..]).await.expect("sent");
    let (mut shown, mut said) = (String::new(), String::new());
    while shown.len() < output {
        match in_time(channel.wait()).await.expect("more") {
            ChannelMsg::Data { data } => shown.push_str(&String::from_utf8_lossy(&data)),
            ChannelMsg::ExtendedData { data, .. } => {
                said.push_str(&String::from_utf8_lossy(&data));
            }
            _ => {}
        }
    }
    (shown, said)
}

/// What was judged in terminals, and what became of it.
fn judged(rig: &Rig) -> Vec<String> {
    let kinds = rig.kinds().into_iter();
    let judged = kinds.filter_map(|kind| match kind {
        Kind::CommandJudged(judged) => Some(format!("{} {}", judged.verdict, judged.text)),
        _ => None,
    });
    judged.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_goes_when_it_was_judged() {
    let rig = Rig::start().await;
    let client = rig.client("web-1").await;
    let mut shell = client.shell().await;
    types(&mut shell, "ls").await;
    assert_eq!(submits(&mut shell, 4).await, ("\r\n$ ".to_owned(), String::new()));
    types(&mut shell, "printenv").await;
    let (_, said) = submits(&mut shell, 4).await;
    assert_eq!(said, "\r\nsallyport: SP-1201: Ask the platform team.\r\n");
    // What is not recorded is not submitted, and nothing more is let through.
    types(&mut shell, "x").await;
    rig.record.answer(Answers::LastWords);
    shell.data(&b"\r"[..]).await.expect("sent");
    let heard = in_time(rig::hear(shell)).await;
    assert!(heard.errors.contains("sallyport: SP-1402: "), "{}", heard.errors);
    assert_eq!(heard.status, Some(126));
    rig.record.answer(Answers::AtOnce);
    let keys = rig.target.commands();
    let expected = [
        "pty xterm 100x30 2",
        "shell",
        "keys \"ls\"",
        "keys \"\\r\"",
        "keys \"printenv\"",
        "keys \"\\u{3}\"",
        "keys \"x\"",
        "keys \"\\u{3}\"",
    ];
    assert_eq!(keys, expected);
    let lines = ["allow # an interactive shell", "allow ls", "block printenv"];
    assert_eq!(judged(&rig), lines);
    drop(client);
    let endings = in_time(rig.stop()).await;
    assert_eq!(endings.finished, ["refused SP-1201", "refused SP-1402", "refused SP-1402"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_and_terminals_of_commands() {
    let rig = Rig::start().await;
    let client = rig.client("web-1").await;
    for (kind, size) in [("xterm", (80, 25)), ("vt100", (5_000, 5_000))] {
        let mut channel = client.handle.channel_open_session().await.expect("a channel");
        channel.request_pty(true, kind, size.0, size.1, 0, 0, &[]).await.expect("sent");
        channel.exec(true, "wait").await.expect("sent");
        assert_eq!(in_time(rig::bytes(&mut channel, 5)).await, b"ready");
        channel.window_change(size.0 + 1, size.1 + 1, 0, 0).await.expect("sent");
        assert_eq!(in_time(rig::bytes(&mut channel, 7)).await, b"resized");
        channel.close().await.expect("sent");
        in_time(rig.target.ended("wait")).await;
    }
    let mut shell = client.shell().await;
    shell.window_change(120, 40, 0, 0).await.expect("sent");
    assert_eq!(in_time(rig::bytes(&mut shell, 7)).await, b"resized");
    // One that is no terminal, and one that the target does not open.
    let channel = client.handle.channel_open_session().await.expect("a channel");
    channel.request_pty(true, "../x", 80, 24, 0, 0, &[]).await.expect("sent");
    channel.request_shell(true).await.expect("sent");
    let heard = in_time(rig::hear(channel)).await;
    assert!(heard.errors.starts_with("sallyport: SP-1002: A shell is served in a terminal only"));
    let channel = client.handle.channel_open_session().await.expect("a channel");
    channel.request_pty(true, "refused", 80, 24, 0, 0, &[]).await.expect("sent");
    channel.exec(true, "echo x").await.expect("sent");
    let heard = in_time(rig::hear(channel)).await;
    let told = "\r\nsallyport: SP-1307: web-1 refused to open a terminal.\r\n";
    assert_eq!(heard, Heard::status("", told, 255));
    let seen = rig.target.commands();
    let sizes: Vec<_> = seen.iter().filter(|seen| !seen.starts_with("wait")).collect();
    let expected = [
        "pty xterm 80x25 0",
        "window 81x26",
        "pty vt100 1000x65 0",
        "window 1000x65",
        "pty xterm 100x30 2",
        "shell",
        "window 120x40",
    ];
    assert_eq!(sizes, expected);
    drop((shell, client));
    rig.stop().await;
}

/// A held line goes when it was approved; the interrupt key asks no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_is_held() {
    let rig = Rig::start().await;
    let client = rig.client("web-1").await;
    let mut shell = client.shell().await;
    types(&mut shell, "echo held").await;
    let rule = async {
        let approval = rig.control.asked_for().await;
        rig.control.rule(approval, "bob", Ruling::Approve).await;
    };
    let ((_, said), ()) = in_time(async { tokio::join!(submits(&mut shell, 4), rule) }).await;
    assert!(said.ends_with("\r\nsallyport: SP-1211: Approved by bob: it goes.\r\n"), "{said}");
    types(&mut shell, "echo held").await;
    let leave = async {
        let approval = rig.control.asked_for().await;
        // What is typed meanwhile is not typed behind it.
        client.handle.data(shell.id(), "lost\x03").await.expect("sent");
        rig.control.became(approval).await
    };
    shell.data(&b"\r"[..]).await.expect("sent");
    assert_eq!(in_time(leave).await, "withdrawn (client left)");
    let shown = in_time(rig::bytes(&mut shell, 4)).await;
    assert_eq!(shown, b"\r\n$ ");
    types(&mut shell, "ls").await;
    let keys = rig.target.commands().split_off(2);
    let typed = ["echo held", "\\r", "echo held", "\\u{3}", "ls"];
    let typed: Vec<_> = typed.iter().map(|keys| format!("keys \"{keys}\"")).collect();
    assert_eq!(keys, typed);
    drop((shell, client));
    rig.stop().await;
}
