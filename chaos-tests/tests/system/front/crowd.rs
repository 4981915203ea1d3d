//! Thousands of strangers who say nothing: whoever has a key gets in beside them.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use chaos_tests::live::{SHORT, Scene, until};
use tokio::net::{TcpSocket, TcpStream};

/// How many strangers there are, and from how many addresses they come.
const CROWD: usize = 2000;
const ADDRESSES: usize = 40;
/// How many of them a door keeps at most, in all and from one address.
const KEPT: usize = 512;
const KEPT_FROM_ONE: usize = 64;
/// How much memory all of them may cost, in KiB; 60 for each that is kept.
const MEMORY: u64 = 60 * KEPT as u64;
/// How long somebody may take to get in beside them.
const AT_ONCE: Duration = Duration::from_secs(10);

/// Connects from an address of loopback, and says nothing.
async fn stranger(from: Ipv4Addr, to: &str) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    let to: SocketAddr = to.parse().context("an address")?;
    Ok(socket.connect(to).await?)
}

/// Strangers of a crowd, each address in its turn; the gateway's own test client is none of them.
async fn crowd(count: usize, addresses: usize, to: &str) -> Result<Vec<TcpStream>> {
    let mut strangers = Vec::new();
    for number in 0..count {
        let host = u8::try_from(number % addresses)?;
        strangers.push(stranger(Ipv4Addr::new(127, 0, 1, host), to).await?);
    }
    Ok(strangers)
}

/// How many of them are still connected.
fn kept(strangers: &[TcpStream]) -> usize {
    let mut sink = [0; 256];
    let open = |stranger: &&TcpStream| loop {
        match stranger.try_read(&mut sink) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) => return error.kind() == std::io::ErrorKind::WouldBlock,
        }
    };
    strangers.iter().filter(open).count()
}

/// Waits until no more than so many are still connected.
fn settle(strangers: &[TcpStream], most: usize) -> Result<usize> {
    until(
        "the door keeps no more",
        SHORT,
        || Ok(Some(kept(strangers)).filter(|kept| *kept <= most)),
    )
}

/// Somebody gets in, and soon.
fn gets_in(scene: &Scene) -> Result<()> {
    let begun = Instant::now();
    let ended = scene.ssh().run("echo in")?;
    ensure!(ended.text() == "in\n", "{ended:?}");
    ensure!(begun.elapsed() < AT_ONCE, "it took {:?}", begun.elapsed());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_who_say_nothing_keep_nobody_out() -> Result<()> {
    let scene = Scene::start()?;
    gets_in(&scene)?;
    let before = scene.node.memory()?;
    let mut strangers = crowd(CROWD, ADDRESSES, &scene.node.ready.ssh).await?;
    for _ in 0..3 {
        gets_in(&scene)?;
        strangers.extend(crowd(CROWD / 4, ADDRESSES, &scene.node.ready.ssh).await?);
    }
    let left = settle(&strangers, KEPT)?;
    ensure!(left > KEPT / 4, "the door keeps {left}: it is no crowd");
    let grown = scene.node.memory()?.saturating_sub(before);
    ensure!(grown < MEMORY, "{grown} KiB more with {left} strangers");
    gets_in(&scene)?;
    drop(strangers);
    gets_in(&scene)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_is_one_among_many() -> Result<()> {
    let scene = Scene::start()?;
    let strangers = crowd(4 * KEPT_FROM_ONE, 1, &scene.node.ready.ssh).await?;
    let left = settle(&strangers, KEPT_FROM_ONE)?;
    ensure!(left == KEPT_FROM_ONE, "{left} of one address are kept");
    gets_in(&scene)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_do_they_keep_anybody_from_the_api() -> Result<()> {
    let scene = Scene::start()?;
    let address = scene.node.ready.api.trim_start_matches("https://").to_owned();
    let strangers = crowd(CROWD, ADDRESSES, &address).await?;
    for _ in 0..3 {
        let begun = Instant::now();
        let said = scene.node.administer(&["sessions", "list"])?;
        ensure!(said.status.success(), "{}", said.said());
        ensure!(begun.elapsed() < AT_ONCE, "it took {:?}", begun.elapsed());
    }
    let left = settle(&strangers, KEPT)?;
    ensure!(left > KEPT / 4, "the door keeps {left}: it is no crowd");
    Ok(())
}
