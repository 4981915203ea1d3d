//! A stream as the one who listens has it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::Stream;
use proto::peer::{Empty, Message, More, STREAM_WINDOW};
use tokio::sync::mpsc;

use super::connection::{Connection, Waiter};
use super::error::CallError;

/// Room is told of in portions, so that not every item costs a frame.
const PORTION: u32 = STREAM_WINDOW / 2;

/// The items of a stream; dropping it ends the stream.
pub struct Watching {
    connection: Arc<Connection>,
    call: u64,
    items: mpsc::Receiver<Result<Vec<u8>, CallError>>,
    taken: u32,
    is_over: bool,
}

impl Watching {
    pub(super) async fn begin(
        connection: Arc<Connection>,
        message: &Message,
    ) -> Result<Self, CallError> {
        // One more than the window: room for the end.
        let room = usize::try_from(STREAM_WINDOW).unwrap_or(usize::MAX).saturating_add(1);
        let (put, items) = mpsc::channel(room);
        let call = connection.send(message, Waiter::Items(put)).await?.keep();
        Ok(Self { connection, call, items, taken: 0, is_over: false })
    }

    /// The next item; nothing at the good end.
    pub async fn next(&mut self) -> Option<Result<Vec<u8>, CallError>> {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Vec<u8>, CallError>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let item = std::task::ready!(self.items.poll_recv(context));
        match &item {
            Some(Ok(_)) => {
                self.taken += 1;
                if self.taken == PORTION {
                    self.taken = 0;
                    self.connection.say(self.call, &Message::More(More { items: PORTION }));
                }
            }
            Some(Err(_)) | None => self.is_over = true,
        }
        Poll::Ready(item)
    }
}

impl Stream for Watching {
    type Item = Result<Vec<u8>, CallError>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Vec<u8>, CallError>>> {
        self.poll(context)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        if self.connection.forget(self.call) {
            self.connection.say(self.call, &Message::Stop(Empty {}));
        }
    }
}
