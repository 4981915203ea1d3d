//! The one place that polls: other processes give no event that could be awaited instead.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long anything of a small test may take; machines under load stall for seconds.
pub const SHORT: Duration = Duration::from_secs(60);
/// How long bulk data and many rounds may take.
pub const LONG: Duration = Duration::from_secs(300);
/// How often a condition is looked at.
const PAUSE: Duration = Duration::from_millis(10);

/// Waits until a condition gives something.
///
/// # Errors
/// When the condition fails, or the deadline passes; `what` says what was waited for.
pub fn until<T>(
    what: &str,
    within: Duration,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if begun.elapsed() > within {
            bail!("{what}: not within {within:?}");
        }
        pause();
    }
}

#[expect(clippy::disallowed_methods, reason = "another process gives no event to await")]
pub(super) fn pause() {
    std::thread::sleep(PAUSE);
}
