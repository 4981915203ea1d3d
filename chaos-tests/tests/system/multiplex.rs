//! One connection, two channels: one whose client does not read never delays the other.

use std::time::{Duration, Instant};

use anyhow::Result;
use chaos_tests::live::{SHORT, Scene, until};
use rustix::process::Signal;

/// How long a small command may take beside a channel that nobody reads.
const AT_ONCE: Duration = Duration::from_secs(10);

#[test]
fn a_channel_that_nobody_reads_delays_no_other() -> Result<()> {
    let scene = Scene::start()?;
    let client = scene.ssh().shared(&scene.path("master"));
    let master = client.master()?;
    // Its output is a pipe that nobody reads, and then the client stops altogether.
    let stuck = client.start("while echo all work and no play; do :; done")?;
    until("the flood has begun", SHORT, || {
        Ok((scene.events_of("output.released")?.len() > 3).then_some(()))
    })?;
    stuck.signal(Signal::STOP)?;
    for number in 0..5 {
        let begun = Instant::now();
        let ended = client.run(&format!("echo {number}"))?;
        assert_eq!(ended.text(), format!("{number}\n"), "{}", ended.errors);
        assert!(begun.elapsed() < AT_ONCE, "took {:?}", begun.elapsed());
    }
    stuck.signal(Signal::CONT)?;
    drop((stuck, master));
    Ok(())
}
