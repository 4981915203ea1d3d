//! Frames on a stream: read with a limit before anything is allocated, written whole.

use std::io;

use proto::peer::{BadBody, BadFrame, HEADER_BYTES, Header, Message};
use proto::refusal::{Code, Told};
use rkyv::util::AlignedVec;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use zeroize::Zeroize as _;

/// A body up to this size is copied behind its header, so that both leave in one record of TLS.
const COPIED: usize = 16 * 1024;

/// Kinds whose bodies hold secrets: Join and Joined.
const SECRET_KINDS: [u8; 2] = [32, 160];

/// A header and the body that belongs to it.
pub(crate) struct Frame {
    pub call: u64,
    pub kind: u8,
    body: AlignedVec,
}

/// Why no frame came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    /// The other end has closed, between two frames.
    #[error("the connection was closed")]
    Closed,
    /// The other end has closed within a frame, or the connection broke.
    #[error("the connection broke: {0}")]
    Broken(#[from] io::Error),
    /// Bytes that nobody can go on after.
    #[error(transparent)]
    Frame(#[from] BadFrame),
    /// A body that is not one.
    #[error(transparent)]
    Body(#[from] BadBody),
}

impl WireError {
    /// What is told to the one who sent it; nothing when there is nobody to tell.
    pub(crate) fn told(&self) -> Option<Told> {
        match self {
            Self::Closed | Self::Broken(_) => None,
            Self::Frame(error @ (BadFrame::Format(_) | BadFrame::Kind(_))) => {
                Some(Told::new(Code::VersionMismatch, error.to_string()))
            }
            Self::Frame(error) => Some(Told::new(Code::BadRequest, error.to_string())),
            Self::Body(error) => Some(Told::new(Code::BadRequest, error.to_string())),
        }
    }
}

impl Frame {
    pub(crate) fn new(call: u64, message: &Message) -> Result<Self, BadBody> {
        Ok(Self { call, kind: message.kind(), body: message.to_bytes()? })
    }

    pub(crate) fn message(&self) -> Result<Message, BadBody> {
        Message::read(self.kind, &self.body)
    }

    /// Reads a header; it has been checked against the limit of its kind.
    pub(crate) async fn read_header(
        from: &mut (impl AsyncRead + Unpin),
    ) -> Result<Header, WireError> {
        let mut bytes = [0; HEADER_BYTES];
        // The first byte apart: an end before it is a good end.
        if from.read(&mut bytes[..1]).await? == 0 {
            return Err(WireError::Closed);
        }
        from.read_exact(&mut bytes[1..]).await?;
        Ok(Header::read(&bytes)?)
    }

    /// Reads the body that belongs to a header.
    pub(crate) async fn read_body(
        from: &mut (impl AsyncRead + Unpin),
        header: Header,
    ) -> Result<Self, WireError> {
        let mut body = AlignedVec::with_capacity(header.length);
        body.resize(header.length, 0);
        let mut frame = Self { call: header.call, kind: header.kind, body };
        from.read_exact(&mut frame.body).await?;
        Ok(frame)
    }

    /// Writes all of it, and flushes.
    pub(crate) async fn write(&self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let Self { call, kind, body } = self;
        let header = Header { length: body.len(), kind: *kind, call: *call }.to_bytes();
        if body.len() <= COPIED {
            let mut whole = Vec::with_capacity(header.len() + body.len());
            whole.extend_from_slice(&header);
            whole.extend_from_slice(body);
            let written = to.write_all(&whole).await;
            if SECRET_KINDS.contains(kind) {
                whole.zeroize();
            }
            written?;
        } else {
            to.write_all(&header).await?;
            to.write_all(body).await?;
        }
        to.flush().await
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        if SECRET_KINDS.contains(&self.kind) {
            self.body.as_mut_slice().zeroize();
        }
    }
}
