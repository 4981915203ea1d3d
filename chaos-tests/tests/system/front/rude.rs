//! Messages that no client should send: what is malformed ends its own connection, what means
//! nothing is passed over, and nobody else notices.

use anyhow::{Context as _, Result, bail, ensure};
use chaos_tests::live::Scene;

use super::raw::{Raw, about, ask, message, offer, open, strict_offer, string};

/// How far a client went before it said it.
#[derive(Clone, Copy, Debug)]
enum At {
    Connected,
    Greeted,
    Keyed,
    LoggedIn,
}

/// What it says, and whether its connection lives on.
type Row = (&'static str, At, fn(&mut Raw) -> Result<()>, bool);

const TABLE: &[Row] = &[
    (
        "another protocol",
        At::Connected,
        |raw| raw.bytes(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        false,
    ),
    ("a greeting without an end", At::Connected, |raw| raw.bytes(&[b'A'; 4096]), false),
    ("a packet of 4 GiB", At::Greeted, |raw| raw.bytes(&[0xff; 64]), false),
    ("a packet of nothing", At::Greeted, |raw| raw.bytes(&[0; 64]), false),
    (
        "more padding than packet",
        At::Greeted,
        |raw| raw.bytes(&[&[0, 0, 0, 12, 255][..], &[0; 64]].concat()),
        false,
    ),
    ("nothing but compression", At::Greeted, |raw| raw.packet(&offer("zlib")), false),
    (
        "nothing but late compression",
        At::Greeted,
        |raw| raw.packet(&offer("zlib@openssh.com,zlib")),
        false,
    ),
    ("a channel before there are keys", At::Greeted, |raw| raw.packet(&open(0, 1)), false),
    ("half an offer as a whole one", At::Greeted, |raw| raw.packet(&offer("none")[..40]), false),
    (
        "something slipped in before a strict key exchange",
        At::Greeted,
        |raw| {
            raw.packet(&[&[message::IGNORE][..], &string("x")].concat())?;
            raw.packet(&strict_offer())
        },
        false,
    ),
    (
        "something slipped into a strict key exchange",
        At::Greeted,
        |raw| {
            raw.packet(&strict_offer())?;
            raw.packet(&[&[message::IGNORE][..], &string("x")].concat())
        },
        false,
    ),
    ("a sealed packet of 4 GiB", At::Keyed, |raw| raw.bytes(&[0xff; 64]), false),
    (
        "a sealed packet that was changed",
        At::Keyed,
        |raw| {
            let service = [vec![message::SERVICE_REQUEST], string("ssh-userauth")].concat();
            let mut bytes = raw.sealed(&service)?;
            bytes[9] ^= 1;
            raw.bytes(&bytes)
        },
        false,
    ),
    (
        "a login without its last bytes",
        At::Keyed,
        |raw| {
            raw.serve("ssh-userauth")?;
            raw.packet(&[vec![message::AUTH_REQUEST], string("x"), vec![0, 0, 0, 99]].concat())
        },
        false,
    ),
    ("half a channel", At::LoggedIn, |raw| raw.packet(&open(7, 1)[..12]), false),
    (
        "a command with bytes behind it",
        At::LoggedIn,
        |raw| {
            let channel = opened(raw)?;
            raw.packet(&ask(channel, "exec", &[string("true"), vec![0]].concat()))
        },
        false,
    ),
    (
        "a request whose name is no text",
        At::LoggedIn,
        |raw| {
            let name = [string([0xff, 0xfe]), vec![1]].concat();
            raw.packet(&about(message::CHANNEL_REQUEST, 0, &name))
        },
        false,
    ),
    (
        "a terminal with half a mode",
        At::LoggedIn,
        |raw| {
            let channel = opened(raw)?;
            let size = [80, 24, 0, 0].map(u32::to_be_bytes).concat();
            let body = [string("xterm"), size, string([3, 0, 0])].concat();
            raw.packet(&ask(channel, "pty-req", &body))
        },
        false,
    ),
    (
        "data for a channel that is not there",
        At::LoggedIn,
        |raw| raw.packet(&about(message::CHANNEL_DATA, 99, &string([0; 1024]))),
        true,
    ),
    (
        "a command for a channel that is not there",
        At::LoggedIn,
        |raw| raw.packet(&ask(99, "exec", &string("touch it"))),
        true,
    ),
    (
        "the end of a channel that is not there",
        At::LoggedIn,
        |raw| raw.packet(&about(message::CHANNEL_CLOSE, 99, &[])),
        true,
    ),
    ("a message that means nothing", At::LoggedIn, |raw| raw.packet(&[199, 1, 2, 3]), true),
    (
        "a window beyond all bounds",
        At::LoggedIn,
        |raw| {
            let channel = opened(raw)?;
            for _ in 0..3 {
                raw.packet(&about(message::WINDOW_ADJUST, channel, &u32::MAX.to_be_bytes()))?;
            }
            Ok(())
        },
        true,
    ),
    (
        "a kind of channel that nobody knows",
        At::LoggedIn,
        |raw| {
            let numbers = [1, 1, 1].map(u32::to_be_bytes).concat();
            raw.packet(
                &[vec![message::CHANNEL_OPEN], string("tun@openssh.com"), numbers].concat(),
            )?;
            // `russh` says it twice: once that it does not know it, once that nobody took it.
            for _ in 0..2 {
                let answer = raw.hear()?;
                ensure!(answer.first() == Some(&message::CHANNEL_NOT_OPENED), "{answer:?}");
            }
            Ok(())
        },
        true,
    ),
];

/// Opens a channel, and gives the gateway's number of it.
pub(super) fn opened(raw: &mut Raw) -> Result<u32> {
    raw.packet(&open(0, 1 << 20))?;
    let answer = raw.hear()?;
    ensure!(answer.first() == Some(&message::CHANNEL_OPENED), "{answer:?}");
    let number = answer.get(5..9).context("a channel has a number")?;
    Ok(u32::from_be_bytes(number.try_into()?))
}

/// Whether somebody still answers on it.
pub(super) fn lives(raw: &mut Raw) -> Result<()> {
    let ping = [vec![message::GLOBAL_REQUEST], string("ping@test"), vec![1]].concat();
    raw.packet(&ping)?;
    let answer = raw.hear()?;
    ensure!(answer == [message::GLOBAL_REQUEST + 2], "{answer:?}");
    Ok(())
}

/// The port of a scene's gateway, and its person's user part.
pub(super) fn place(scene: &Scene) -> Result<(u16, String)> {
    let (_, port) = scene.node.ready.ssh.rsplit_once(':').context("an address has a port")?;
    Ok((port.parse()?, format!("{}@web-1", scene.target.login)))
}

#[test]
fn what_is_malformed_ends_its_own_connection_and_no_other() -> Result<()> {
    let scene = Scene::start()?;
    let (port, user) = place(&scene)?;
    let log_in = || Raw::logged_in(port, &user, &scene.key.file);
    let mut witness = log_in()?;
    let mut wrong = Vec::new();
    for (name, at, say, should_live) in TABLE {
        let mut raw = match at {
            At::Connected => Raw::silent(port),
            At::Greeted => Raw::greeted(port),
            At::Keyed => Raw::keyed(port),
            At::LoggedIn => log_in(),
        }?;
        let said = say(&mut raw);
        let ended = said.and_then(|()| if *should_live { lives(&mut raw) } else { raw.closed() });
        if let Err(error) = ended {
            wrong.push(format!("{name}: {error:#}"));
        }
        if let Err(error) = lives(&mut witness) {
            bail!("{name}: another connection ended: {error:#}");
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    let ended = scene.ssh().run("echo after all that")?;
    assert_eq!(ended.text(), "after all that\n", "{}", ended.errors);
    assert_eq!(scene.target.log()?.len(), 1, "nothing of it ran");
    Ok(())
}
