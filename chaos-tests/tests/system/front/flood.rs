//! More of everything than one connection may have: requests, channels, input. Nobody else waits
//! for it, and memory stays bounded.

use std::thread;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::live::Scene;

use super::raw::{Raw, about, ask, message, open, string};
use super::rude::{lives, opened, place};

/// How many of each.
const MANY: u32 = 10_000;
/// How many are sent before their answers are read.
const AT_A_TIME: u32 = 500;
/// How much memory one connection may cost whatever it does, in KiB: `russh` keeps 4 for each
/// channel that it ever had.
const MEMORY: u64 = 96 * 1024;
/// How much input is sent that nobody reads, in bytes, and how much of it at a time.
const INPUT: usize = 64 << 20;
const PIECE: usize = 32 << 10;

struct Flooded {
    scene: Scene,
    raw: Raw,
    before: u64,
}

impl Flooded {
    fn start() -> Result<Self> {
        let scene = Scene::start()?;
        let (port, user) = place(&scene)?;
        let raw = Raw::logged_in(port, &user, &scene.key.file)?;
        ensure!(scene.ssh().run("echo before")?.text() == "before\n");
        let before = scene.node.memory()?;
        Ok(Self { scene, raw, before })
    }

    /// Somebody else gets in, and memory is what it may be.
    fn holds(&self, what: &str) -> Result<()> {
        let ended = self.scene.ssh().run("echo beside it").context(what.to_owned())?;
        ensure!(ended.text() == "beside it\n", "{what}: {ended:?}");
        let grown = self.scene.node.memory()?.saturating_sub(self.before);
        ensure!(grown < MEMORY, "{what}: {grown} KiB more");
        Ok(())
    }
}

#[test]
fn ten_thousand_requests_on_one_channel() -> Result<()> {
    let mut flooded = Flooded::start()?;
    let raw = &mut flooded.raw;
    let channel = opened(raw)?;
    let mut answers = [0; 2];
    for _ in 0..MANY / AT_A_TIME {
        for number in 0..AT_A_TIME {
            let variable = [string("LC_ALL"), string("C.UTF-8")].concat();
            let size = [80, 24, 0, 0].map(u32::to_be_bytes).concat();
            let terminal = [string("xterm"), size.clone(), string([0])].concat();
            let (request, body) = match number % 4 {
                0 => ("env", variable),
                1 => ("pty-req", terminal),
                2 => ("auth-agent-req@openssh.com", Vec::new()),
                _ => ("nobody-knows@test", Vec::new()),
            };
            raw.packet(&ask(channel, request, &body))?;
        }
        let mut left = AT_A_TIME;
        while left > 0 {
            match raw.hear()?.first() {
                Some(&message::CHANNEL_SUCCESS) => answers[0] += 1,
                Some(&message::CHANNEL_FAILURE) => answers[1] += 1,
                other => anyhow::bail!("{other:?}"),
            }
            left -= 1;
        }
    }
    // Every terminal, and as many variables as a channel may have.
    assert_eq!(answers, [MANY / 4 + 32, MANY - MANY / 4 - 32]);
    flooded.holds("requests")?;
    let refused = flooded.scene.events_of("session.refused")?;
    ensure!(refused.len() == 256, "{} refusals are recorded", refused.len());
    Ok(())
}

#[test]
fn ten_thousand_channels_one_after_the_other() -> Result<()> {
    let mut flooded = Flooded::start()?;
    let mut refused = 0;
    for number in 0..MANY {
        let raw = &mut flooded.raw;
        raw.packet(&open(number, 1 << 20))?;
        let answer = raw.hear()?;
        match answer.first() {
            Some(&message::CHANNEL_OPENED) => {
                let theirs = answer.get(5..9).context("a number")?;
                raw.packet(&[&[message::CHANNEL_CLOSE][..], theirs].concat())?;
                let closed = raw.hear()?;
                ensure!(closed.first() == Some(&message::CHANNEL_CLOSE), "{closed:?}");
            }
            Some(&message::CHANNEL_NOT_OPENED) => refused += 1,
            other => anyhow::bail!("{other:?}"),
        }
        if number % 4000 == 0 {
            flooded.holds("channels")?;
        }
    }
    ensure!(refused == MANY - 8192, "{refused} are refused");
    flooded.holds("channels")
}

#[test]
fn ten_thousand_channels_at_once() -> Result<()> {
    let mut flooded = Flooded::start()?;
    let mut opens = Vec::new();
    for number in 0..MANY {
        opens.extend(flooded.raw.sealed(&open(number, 1 << 20))?);
    }
    thread::scope(|scope| -> Result<()> {
        let (raw, scene, before) = (&mut flooded.raw, &flooded.scene, flooded.before);
        let flooding = scope.spawn(move || -> Result<u32> {
            raw.bytes(&opens)?;
            let mut open = 0;
            for _ in 0..1000 {
                open += u32::from(raw.hear()?.first() == Some(&message::CHANNEL_OPENED));
            }
            Ok(open)
        });
        let ended = scene.ssh().run("echo beside it")?;
        ensure!(ended.text() == "beside it\n", "{ended:?}");
        let open = flooding.join().ok().context("a client panicked")??;
        ensure!(open == 64, "{open} are open");
        let grown = scene.node.memory()?.saturating_sub(before);
        ensure!(grown < MEMORY, "{grown} KiB more");
        Ok(())
    })?;
    flooded.holds("channels at once")
}

/// Windows are what a client is asked to keep. One that does not keep them fills its own spool.
#[test]
fn more_input_than_any_window() -> Result<()> {
    let mut flooded = Flooded::start()?;
    let raw = &mut flooded.raw;
    let channel = opened(raw)?;
    raw.packet(&ask(channel, "exec", &string("sleep 60")))?;
    let answer = raw.hear()?;
    ensure!(answer.first() == Some(&message::CHANNEL_SUCCESS), "{answer:?}");
    let piece = about(message::CHANNEL_DATA, channel, &string(vec![7; PIECE]));
    for _ in 0..INPUT / PIECE {
        raw.packet(&piece)?;
    }
    flooded.holds("input")?;
    // What it is told of its window comes before.
    let raw = &mut flooded.raw;
    let ping = [vec![message::GLOBAL_REQUEST], string("ping@test"), vec![1]].concat();
    raw.packet(&ping)?;
    while raw.hear()?.first() == Some(&message::WINDOW_ADJUST) {}
    lives(raw)
}
