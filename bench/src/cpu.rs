//! What the processor worked for whom: on a machine that does other things too, a rate per second
//! of processor time says more than one per second.

use std::time::Duration;

use anyhow::{Context as _, Result};

/// Ticks a second in what Linux tells of processes; its programs have always been told these.
const TICKS: u64 = 100;

/// Processor time, in user and kernel together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Worked {
    /// Of the process itself, all threads.
    pub own: Duration,
    /// Of its children that have ended and were waited for.
    pub children: Duration,
}

/// What this process alone has worked, to the nanosecond.
#[must_use]
pub fn own() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    // It is never before zero, nor a second's part beyond one.
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// What this process has worked, and those that it waited for.
///
/// # Errors
/// When Linux does not tell.
pub fn mine() -> Result<Worked> {
    of("self")
}

/// What a process and all that came of it and runs now have worked.
///
/// # Errors
/// When Linux does not tell.
pub fn of_family(process: u32) -> Result<Duration> {
    let mut worked = of(&process.to_string())?.own;
    let path = format!("/proc/{process}/task/{process}/children");
    let children = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    for child in children.split_whitespace() {
        // One that ended meanwhile counts as its parent's.
        worked += child.parse().ok().and_then(|child| of_family(child).ok()).unwrap_or_default();
    }
    Ok(worked + of(&process.to_string())?.children)
}

fn of(process: &str) -> Result<Worked> {
    let path = format!("/proc/{process}/stat");
    let text = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    // The name of the program is in brackets, and may hold anything.
    let (_, fields) = text.rsplit_once(") ").context("a process without a name")?;
    let fields: Vec<_> = fields.split(' ').collect();
    let ticks = |at: usize| -> Result<Duration> {
        let ticks: u64 = fields.get(at).context("too few fields")?.parse()?;
        Ok(Duration::from_millis(ticks * 1000 / TICKS))
    };
    // proc(5): fields 14 to 17, and the first of these is field 3.
    Ok(Worked { own: ticks(11)? + ticks(12)?, children: ticks(13)? + ticks(14)? })
}
