//! A client that stops on its way in, at each stage there is: it is not waited for longer than a
//! login may take, and nobody waits for it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use chaos_tests::live::SHORT;
use node_session::door::DoorLimits;
use node_ssh::Limits;
use tokio::task::spawn_blocking;

use super::raw::{GREETING, Raw, login, message, offer, string};
use crate::within::{self, Choice, run};

/// How long a login may take here.
const DEADLINE: Duration = Duration::from_secs(4);

/// Goes as far as a stage, and stops.
type Stage = fn(u16) -> Result<Raw>;

fn key_exchange(port: u16) -> Result<Raw> {
    let mut raw = Raw::greeted(port)?;
    raw.packet(&offer("none"))?;
    raw.hear()?;
    // Any 32 bytes are a public key of X25519.
    raw.packet(&[vec![message::ECDH_INIT], string([9; 32])].concat())?;
    raw.hear()?;
    Ok(raw)
}

fn asked_who(port: u16) -> Result<Raw> {
    let mut raw = Raw::keyed(port)?;
    raw.serve("ssh-userauth")?;
    Ok(raw)
}

fn after(stage: Stage, port: u16, payload: &[u8]) -> Result<Raw> {
    let mut raw = stage(port)?;
    raw.packet(payload)?;
    Ok(raw)
}

fn half(stage: Stage, port: u16, payload: &[u8]) -> Result<Raw> {
    let mut raw = stage(port)?;
    let bytes = raw.sealed(payload)?;
    raw.bytes(&bytes[..bytes.len() / 2])?;
    Ok(raw)
}

const STAGES: &[(&str, Stage)] = &[
    ("connected", Raw::silent),
    ("half a greeting", |port| {
        let mut raw = Raw::silent(port)?;
        raw.bytes(&GREETING.as_bytes()[..9])?;
        Ok(raw)
    }),
    ("greeted", Raw::greeted),
    ("half an offer", |port| half(Raw::greeted, port, &offer("none"))),
    ("offered", |port| after(Raw::greeted, port, &offer("none"))),
    ("no new keys", key_exchange),
    ("keyed", Raw::keyed),
    ("new keys again and again", |port| {
        let mut raw = Raw::keyed(port)?;
        raw.packet(&offer("none"))?;
        raw.hear()?;
        Ok(raw)
    }),
    ("half a request for a service", |port| {
        half(Raw::keyed, port, &[vec![message::SERVICE_REQUEST], string("ssh-userauth")].concat())
    }),
    ("asked who it is", asked_who),
    ("showed a key", |port| after(asked_who, port, &login("x@web-1", &[9; 32], false))),
    ("was refused", |port| {
        let mut raw = asked_who(port)?;
        let none = [string("x"), string("ssh-connection"), string("none")].concat();
        raw.packet(&[vec![message::AUTH_REQUEST], none].concat())?;
        let answer = raw.hear()?;
        ensure!(answer.first() == Some(&message::AUTH_FAILURE), "{answer:?}");
        Ok(raw)
    }),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_stops_on_the_way_in_is_not_waited_for() -> Result<()> {
    let door = DoorLimits { login_deadline: DEADLINE, ..DoorLimits::default() };
    let limits = Limits { door, ..Limits::default() };
    let within = within::start(Choice { limits, ..Choice::default() }).await?;
    let port = within.port;
    let mut waiting = Vec::new();
    for (name, stage) in STAGES {
        waiting.push(spawn_blocking(move || -> Result<()> {
            let begun = Instant::now();
            let mut raw = stage(port).map_err(|error| error.context(*name))?;
            raw.closed().map_err(|error| error.context(*name))?;
            let took = begun.elapsed();
            ensure!(took >= DEADLINE, "{name}: ended after {took:?}");
            Ok(())
        }));
    }
    let ended = run(&within.client, "echo beside them").await?;
    ensure!(ended.text() == "beside them\n", "{ended:?}");
    for one in waiting {
        tokio::time::timeout(SHORT, one).await???;
    }
    let ended = run(&within.client, "echo after them").await?;
    ensure!(ended.text() == "after them\n", "{ended:?}");
    Ok(())
}

/// A greeting that comes byte by byte is one all the same, and costs nobody else anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_greeting_is_a_greeting() -> Result<()> {
    let within = within::start(Choice::default()).await?;
    let (port, target) = (within.port, within.target.login.clone());
    let key = within.person.file.clone();
    let slow = spawn_blocking(move || Raw::slowly(port, &format!("{target}@web-1"), &key));
    let ended = run(&within.client, "echo beside it").await?;
    ensure!(ended.text() == "beside it\n", "{ended:?}");
    slow.await??;
    Ok(())
}
