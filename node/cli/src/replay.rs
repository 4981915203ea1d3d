//! Plays a session back: the bytes that the client got, on the outputs that it got them on, in
//! time.

use std::io::{self, Write};
use std::time::Duration;

use proto::event::Stream;
use store_views::Replay;

use crate::failure::Outcome;

/// How a session is played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pace {
    /// How many times as fast as it was; nothing when it is not waited at all.
    pub(crate) speed: Option<f64>,
    /// Whether standard error is left out.
    pub(crate) output_only: bool,
}

/// How long to wait before a frame: the time since the frame before, at a speed.
pub(crate) fn pause(pace: Pace, before_ms: u64, at_ms: u64) -> Duration {
    let Some(speed) = pace.speed else { return Duration::ZERO };
    let gap = Duration::from_millis(at_ms.saturating_sub(before_ms));
    Duration::try_from_secs_f64(gap.as_secs_f64() / speed).unwrap_or(Duration::MAX)
}

/// Plays it on standard output and standard error.
pub(crate) async fn play(replay: &Replay, pace: Pace) -> Outcome {
    let mut before_ms = replay.frames.first().map_or(0, |frame| frame.at_ms);
    for frame in &replay.frames {
        if pace.output_only && frame.stream == Stream::Errors {
            continue;
        }
        let wait = pause(pace, before_ms, frame.at_ms);
        before_ms = frame.at_ms;
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        let bytes = frame.bytes.decode();
        match frame.stream {
            Stream::Output => write(&mut io::stdout().lock(), &bytes)?,
            Stream::Errors => write(&mut io::stderr().lock(), &bytes)?,
        }
    }
    Ok(())
}

fn write(to: &mut dyn Write, bytes: &[u8]) -> Outcome {
    to.write_all(bytes)?;
    to.flush()?;
    Ok(())
}
