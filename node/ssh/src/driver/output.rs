//! What a target sends on its channel, in pieces that are worth masking and recording.
//!
//! What has already arrived is put together up to a chunk; nothing is ever waited for to fill one,
//! so a prompt without a newline is not held up here. That a target has become quiet is told too:
//! what is held back of its output then may be what it waits for an answer to.

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use proto::event::Stream;
use russh::{ChannelMsg, ChannelReadHalf, Sig};
use tokio::time::{Instant, timeout_at};

use super::client::STDERR;
use crate::config::{CHUNK_BYTES, OUTPUT_QUIET};

/// What came from a target.
#[derive(Debug)]
pub(super) enum Arrived {
    /// Output of the command, raw.
    Bytes(Stream, Bytes),
    /// Nothing came for a while after the last output.
    Quiet,
    /// The command closed its outputs.
    Ended,
    /// The command ended with a status.
    Status(u32),
    /// The command ended by a signal.
    Signal {
        /// Which.
        name: Sig,
        /// Whether it left a core.
        core_dumped: bool,
    },
    /// The target accepted the request.
    Accepted,
    /// The target refused the request.
    Refused,
    /// The target closed the channel.
    Closed,
    /// The connection to the target is gone.
    Lost,
}

/// The reading half of a target's channel.
pub(super) struct TargetOutput {
    read: ChannelReadHalf,
    // What was read while bytes were put together, and is not bytes of the same stream.
    next: Option<ChannelMsg>,
    /// When it is quiet, unless something comes before.
    quiet_at: Option<Instant>,
}

impl TargetOutput {
    pub(super) fn new(read: ChannelReadHalf) -> Self {
        Self { read, next: None, quiet_at: None }
    }

    /// Waits for what comes next. Safe to drop while it waits.
    pub(super) async fn next(&mut self) -> Arrived {
        loop {
            let message = match (self.next.take(), self.quiet_at) {
                (Some(message), _) => Some(message),
                (None, None) => self.read.wait().await,
                (None, Some(at)) => match timeout_at(at, self.read.wait()).await {
                    Ok(message) => message,
                    Err(_) => {
                        self.quiet_at = None;
                        return Arrived::Quiet;
                    }
                },
            };
            let Some(message) = message else { return Arrived::Lost };
            match message {
                ChannelMsg::Data { data } => return self.together(Stream::Output, data),
                ChannelMsg::ExtendedData { data, ext: STDERR } => {
                    return self.together(Stream::Errors, data);
                }
                ChannelMsg::Eof => return Arrived::Ended,
                ChannelMsg::ExitStatus { exit_status } => return Arrived::Status(exit_status),
                ChannelMsg::ExitSignal { signal_name: name, core_dumped, .. } => {
                    return Arrived::Signal { name, core_dumped };
                }
                ChannelMsg::Success => return Arrived::Accepted,
                ChannelMsg::Failure => return Arrived::Refused,
                ChannelMsg::Close => return Arrived::Closed,
                // Window adjustments, and extended data that RFC 4254 does not know.
                _ => {}
            }
        }
    }

    /// Adds what has already arrived of the same stream.
    fn together(&mut self, stream: Stream, first: Bytes) -> Arrived {
        self.quiet_at = Some(Instant::now() + OUTPUT_QUIET);
        if first.len() >= CHUNK_BYTES {
            return Arrived::Bytes(stream, first);
        }
        let mut bytes = Gathered::One(first);
        while bytes.len() < CHUNK_BYTES {
            let Some(Some(message)) = self.read.wait().now_or_never() else { break };
            match of_stream(&message, stream) {
                Some(data) if bytes.len() + data.len() <= CHUNK_BYTES => bytes.add(data),
                Some(_) | None if is_silent(&message) => {}
                _ => {
                    self.next = Some(message);
                    break;
                }
            }
        }
        Arrived::Bytes(stream, bytes.into_bytes())
    }
}

fn of_stream(message: &ChannelMsg, stream: Stream) -> Option<&Bytes> {
    match (message, stream) {
        (ChannelMsg::Data { data }, Stream::Output)
        | (ChannelMsg::ExtendedData { data, ext: STDERR }, Stream::Errors) => Some(data),
        _ => None,
    }
}

fn is_silent(message: &ChannelMsg) -> bool {
    matches!(message, ChannelMsg::WindowAdjusted { .. })
}

/// Bytes that are copied only when there is more than one piece of them.
enum Gathered {
    One(Bytes),
    More(BytesMut),
}

impl Gathered {
    fn len(&self) -> usize {
        match self {
            Self::One(bytes) => bytes.len(),
            Self::More(bytes) => bytes.len(),
        }
    }

    fn add(&mut self, piece: &Bytes) {
        if let Self::One(first) = self {
            let mut more = BytesMut::with_capacity(CHUNK_BYTES);
            more.extend_from_slice(first);
            *self = Self::More(more);
        }
        if let Self::More(more) = self {
            more.extend_from_slice(piece);
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::One(bytes) => bytes,
            Self::More(bytes) => bytes.freeze(),
        }
    }
}
