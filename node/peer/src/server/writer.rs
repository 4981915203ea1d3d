//! The writing half of a connection: one task, a short queue, and a deadline for each frame. Who
//! does not read is cut off, and whoever has more to say waits.

use std::time::Duration;

use proto::refusal::Told;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::wire::Frame;
use proto::peer::Message;

/// What is to be written.
pub(super) enum Said {
    /// A frame.
    Frame(Frame),
    /// The last words: nothing is written behind them.
    Farewell(Told),
}

/// Writes until the queue ends, the last words were written, or the connection is closing.
pub(super) async fn write(
    mut to: impl AsyncWrite + Unpin,
    mut queue: mpsc::Receiver<Said>,
    deadline: Duration,
    closing: CancellationToken,
) {
    loop {
        let said = tokio::select! {
            () = closing.cancelled() => break,
            said = queue.recv() => said,
        };
        let (frame, is_last) = match said {
            Some(Said::Frame(frame)) => (frame, false),
            Some(Said::Farewell(told)) => match Frame::new(0, &Message::Refused(told.into())) {
                Ok(frame) => (frame, true),
                Err(_) => break,
            },
            None => break,
        };
        let writing = async {
            frame.write(&mut to).await?;
            if is_last { to.shutdown().await } else { Ok(()) }
        };
        let written = tokio::select! {
            // Closing does not wait for somebody who does not read.
            () = closing.cancelled() => break,
            written = tokio::time::timeout(deadline, writing) => written,
        };
        match written {
            Ok(Ok(())) if !is_last => {}
            Ok(Ok(())) => return,
            Ok(Err(error)) => {
                tracing::debug!(%error, "a frame could not be written to a peer");
                break;
            }
            Err(_) => {
                tracing::warn!("a peer does not read: its connection is closed");
                break;
            }
        }
    }
    closing.cancel();
}
