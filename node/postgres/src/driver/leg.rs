//! One side of a connection: what was read and not taken yet, what is to be written and was not
//! taken yet. Reading and writing never wait for each other.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead as _, AsyncWrite as _, AsyncWriteExt as _, ReadBuf};

use super::stream::Stream;
use crate::codec::frame::{BadFrame, Frame, head, whole};
use crate::config::{READ_BYTES, WAITING_BYTES};

/// Pieces that are written at a time.
const SLICES: usize = 16;
/// Shorter pieces are copied together.
const SHORT_BYTES: usize = 4 * 1024;

/// One side.
pub(super) struct Leg {
    stream: Stream,
    arrived: BytesMut,
    waiting: VecDeque<Bytes>,
    // Short pieces that stand behind all that waits.
    gathered: BytesMut,
    waiting_bytes: usize,
    written_bytes: u64,
    written: bool,
    limit: usize,
}

impl Leg {
    /// A side whose messages have at most so many bytes.
    pub(super) fn new(stream: Stream, limit: usize) -> Self {
        Self {
            stream,
            arrived: BytesMut::new(),
            waiting: VecDeque::new(),
            gathered: BytesMut::new(),
            waiting_bytes: 0,
            written_bytes: 0,
            written: false,
            limit,
        }
    }

    /// The first message, when all of it is there.
    pub(super) fn message(&self) -> Result<Option<Frame>, BadFrame> {
        whole(&self.arrived, self.limit)
    }

    /// What was read and not taken.
    pub(super) fn arrived(&self) -> &[u8] {
        &self.arrived
    }

    /// Takes so many bytes of it.
    pub(super) fn take(&mut self, bytes: usize) -> Bytes {
        self.arrived.split_to(bytes).freeze()
    }

    /// Puts bytes behind those that wait to be written.
    pub(super) fn put(&mut self, bytes: Bytes) {
        self.waiting_bytes += bytes.len();
        if bytes.len() <= SHORT_BYTES {
            self.gathered.extend_from_slice(&bytes);
            return;
        }
        self.settle();
        self.waiting.push_back(bytes);
    }

    /// As [`Leg::put`], of bytes that are copied.
    pub(super) fn put_slice(&mut self, bytes: &[u8]) {
        self.waiting_bytes += bytes.len();
        self.gathered.extend_from_slice(bytes);
    }

    fn settle(&mut self) {
        if !self.gathered.is_empty() {
            self.waiting.push_back(self.gathered.split().freeze());
        }
    }

    /// Whether so much waits for the peer that nothing more should be got for it.
    pub(super) fn is_full(&self) -> bool {
        self.waiting_bytes >= WAITING_BYTES
    }

    /// How many bytes were ever written to the peer.
    pub(super) fn written_bytes(&self) -> u64 {
        self.written_bytes
    }

    /// How many bytes were ever put in line.
    pub(super) fn put_bytes(&self) -> u64 {
        self.written_bytes + self.waiting_bytes as u64
    }

    /// Whether everything was handed over.
    pub(super) fn is_flushed(&self) -> bool {
        self.waiting_bytes == 0 && !self.written
    }

    /// Whether there is room for more to be read: a message that has begun may be completed.
    fn has_room(&self) -> bool {
        let wanted = head(&self.arrived, self.limit).ok().flatten().map_or(0, |one| one.bytes);
        self.arrived.len() < wanted.max(READ_BYTES)
    }

    /// Writes as much as the peer takes now; whether it took anything.
    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.settle();
        while !self.waiting.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = self.waiting.len().min(SLICES);
            for (slice, bytes) in slices.iter_mut().zip(&self.waiting) {
                *slice = IoSlice::new(bytes);
            }
            let stream = Pin::new(&mut self.stream);
            let poll = stream.poll_write_vectored(context, &slices[..count]);
            let Poll::Ready(written) = poll else { return Poll::Pending };
            let mut written = written?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written = true;
            self.written_bytes += written as u64;
            self.waiting_bytes -= written;
            while let Some(first) = self.waiting.front_mut().filter(|_| written > 0) {
                let taken = first.len().min(written);
                first.advance(taken);
                written -= taken;
                if first.is_empty() {
                    self.waiting.pop_front();
                }
            }
        }
        if self.written {
            std::task::ready!(Pin::new(&mut self.stream).poll_flush(context))?;
            self.written = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads what is there, if there is room for it. Nothing read is the end.
    pub(super) fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if !self.has_room() {
            return Poll::Pending;
        }
        // Room is made only where something is read: idle connections hold no buffer.
        let mut local = [std::mem::MaybeUninit::uninit(); READ_BYTES];
        let mut buffer = ReadBuf::uninit(&mut local);
        std::task::ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
        let read = buffer.filled();
        self.arrived.extend_from_slice(read);
        Poll::Ready(Ok(read.len()))
    }

    /// Reads more.
    pub(super) async fn fill(&mut self) -> io::Result<()> {
        match std::future::poll_fn(|context| self.poll_fill(context)).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Writes everything that waits.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        std::future::poll_fn(|context| self.poll_flush(context)).await
    }

    /// Reads until so many bytes are there, and takes them: no more are read.
    pub(super) async fn exactly(&mut self, bytes: usize) -> io::Result<Bytes> {
        while self.arrived.len() < bytes {
            let mut local = [std::mem::MaybeUninit::uninit(); 1024];
            let missing = (bytes - self.arrived.len()).min(local.len());
            let mut buffer = ReadBuf::uninit(&mut local[..missing]);
            let stream = &mut self.stream;
            std::future::poll_fn(|context| Pin::new(&mut *stream).poll_read(context, &mut buffer))
                .await?;
            let read = buffer.filled();
            if read.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.arrived.extend_from_slice(read);
        }
        Ok(self.take(bytes))
    }

    /// Waits for a whole message.
    pub(super) async fn next(&mut self) -> io::Result<(u8, Bytes)> {
        loop {
            let bad = |error: BadFrame| io::Error::other(error);
            if let Some(frame) = self.message().map_err(bad)? {
                let mut message = self.take(frame.bytes);
                message.advance(crate::codec::frame::HEADER_BYTES);
                return Ok((frame.kind, message));
            }
            self.fill().await?;
        }
    }

    /// The connection itself: nothing may have been read ahead, or wait.
    pub(super) fn into_stream(self) -> Option<Stream> {
        (self.arrived.is_empty() && self.is_flushed()).then_some(self.stream)
    }

    /// Says that nothing more is written.
    pub(super) async fn shutdown(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }
}
