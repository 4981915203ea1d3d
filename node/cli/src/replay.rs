//! Plays a session back: the bytes that the client got, on the outputs that it got them on, in
//! time. Of a session with a database: the statements, and what became of them. Of files and
//! forwards: what was asked for, and what passed.

use std::io::{self, Write};
use std::time::Duration;

use proto::event::{FileTransferred, ForwardClosed, Outcome as Ended, Passed, Stream};
use proto::reading::Verdict;
use store_views::{Replay, ReplayCommand};

use crate::failure::Outcome;
use crate::terminal::safe;

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
    let pieces = pieces(replay);
    let mut before_ms = pieces.first().map_or(0, |piece| piece.at_ms);
    for piece in &pieces {
        if pace.output_only && piece.stream == Stream::Errors {
            continue;
        }
        let wait = pause(pace, before_ms, piece.at_ms);
        before_ms = piece.at_ms;
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        match piece.stream {
            Stream::Output => write(&mut io::stdout().lock(), &piece.bytes)?,
            Stream::Errors => write(&mut io::stderr().lock(), &piece.bytes)?,
        }
    }
    Ok(())
}

/// What is shown at one time.
struct Piece {
    at_ms: u64,
    stream: Stream,
    bytes: Vec<u8>,
}

/// All that is shown, in order of time: what was let through, and statements around theirs. In one
/// millisecond a statement may end and the next begin.
fn pieces(replay: &Replay) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(replay.frames.len());
    let line = |at_ms, text: String| Piece { at_ms, stream: Stream::Output, bytes: text.into() };
    for command in replay.commands.iter().filter(|command| command.statement) {
        let (number, ended_ms) = (command.command, command.ended_ms.unwrap_or(command.at_ms));
        let said = line(command.at_ms, format!("=> {}\n", statement(&command.text)));
        pieces.push((number, Turn::Begins, said));
        pieces.push((number, Turn::Ends, line(ended_ms, format!("   {}\n", became(command)))));
    }
    pieces.extend(replay.frames.iter().map(|frame| {
        let (at_ms, stream, bytes) = (frame.at_ms, frame.stream, frame.bytes.decode());
        (frame.command, Turn::Runs, Piece { at_ms, stream, bytes })
    }));
    // Stable: what is of one time and command stays as it was put.
    pieces.sort_by_key(|(command, turn, piece)| (piece.at_ms, *command, *turn));
    pieces.into_iter().map(|(_, _, piece)| piece).collect()
}

/// In which order a command's pieces come that are of one time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Begins,
    Runs,
    Ends,
}

/// A statement on lines of its own; behind a zero byte there are its parameters, as the protocol
/// has them.
fn statement(text: &str) -> String {
    let (text, parameters) = match text.split_once('\0') {
        Some((text, _)) => (text, " (with parameters)"),
        None => (text, ""),
    };
    let lines: Vec<_> = text.lines().map(|line| safe(line).into_owned()).collect();
    lines.join("\n   ") + parameters
}

/// What became of a statement.
fn became(command: &ReplayCommand) -> String {
    if let Some(passed) = &command.transferred {
        return transferred(passed);
    }
    if let (true, Some(Ended::Exited(status))) = (command.file, &command.outcome) {
        let failed = || format!("(failed with status {status} of the protocol)");
        return if *status == 0 { "(done)".to_owned() } else { failed() };
    }
    if command.forward && command.verdict == Verdict::Allow {
        return forwarded(command);
    }
    let rows = command.rows.unwrap_or(0);
    match &command.outcome {
        Some(Ended::Exited(0)) => format!("({rows} rows, {} bytes)", command.output_bytes),
        Some(Ended::Exited(_)) => format!("(failed after {rows} rows)"),
        Some(Ended::Refused(told) | Ended::Failed(told)) => safe(&told.to_string()).into_owned(),
        Some(Ended::ClientLeft) => format!("(the client left after {rows} rows)"),
        Some(Ended::Signalled(signal)) => format!("({})", safe(signal)),
        None if command.verdict == Verdict::Block => "(blocked)".to_owned(),
        None => "(its outcome is unknown)".to_owned(),
    }
}

/// So many bytes, if there were any.
fn way(word: &str, one: &Passed) -> Option<String> {
    let digest = one.sha256.map(|digest| format!(", SHA-256 {digest}")).unwrap_or_default();
    (one.bytes > 0).then(|| format!("{} bytes {word}{digest}", one.bytes))
}

/// What passed of a file.
fn transferred(passed: &FileTransferred) -> String {
    let ways = [way("read", &passed.read), way("written", &passed.written)];
    let mut said: Vec<_> = ways.into_iter().flatten().collect();
    if said.is_empty() {
        said.push("no content passed".to_owned());
    }
    said.extend((!passed.closed).then(|| "it was not closed".to_owned()));
    said.extend(passed.told.as_ref().map(|told| safe(&told.to_string()).into_owned()));
    format!("({})", said.join("; "))
}

/// What passed of the connections of a forward, and how the forward ended.
fn forwarded(command: &ReplayCommand) -> String {
    let ended = match &command.outcome {
        Some(Ended::Refused(told) | Ended::Failed(told)) => {
            format!("({})", safe(&told.to_string()))
        }
        Some(Ended::ClientLeft) => "(the client left)".to_owned(),
        Some(_) => "(done)".to_owned(),
        None => "(its outcome is unknown)".to_owned(),
    };
    let mut said: Vec<_> = command.forwarded.iter().map(connection).collect();
    said.push(ended);
    said.join("\n   ")
}

fn connection(closed: &ForwardClosed) -> String {
    let ways = [way("to the target", &closed.to_target), way("to the client", &closed.to_client)];
    let mut said: Vec<_> = ways.into_iter().flatten().collect();
    if said.is_empty() {
        said.push("nothing passed".to_owned());
    }
    said.extend(closed.told.as_ref().map(|told| safe(&told.to_string()).into_owned()));
    let from = closed.from.as_ref().map(|from| format!("from {}: ", safe(from)));
    format!("({}{})", from.unwrap_or_default(), said.join("; "))
}

fn write(to: &mut dyn Write, bytes: &[u8]) -> Outcome {
    to.write_all(bytes)?;
    to.flush()?;
    Ok(())
}
