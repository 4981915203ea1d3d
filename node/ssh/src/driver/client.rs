//! A client's channel, as its task writes to it.
//!
//! Only by ways that respect the channel's window: `Handle::data` would block every other channel
//! of the connection while this client does not read.

use std::sync::Arc;

use bytes::Bytes;
use node_gate::Release;
use node_session::View;
use proto::event::{Actor, Stream};
use proto::refusal::{Code, Told};
use russh::server::{Handle, Msg};
use russh::{ChannelId, ChannelWriteHalf, Sig};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::kept::Kept;
use crate::config::FAREWELL_DEADLINE;
use crate::login::{self, Login};
use crate::stderr;

/// The number of standard error among a channel's extended data (RFC 4254, 5.2).
pub(super) const STDERR: u32 = 1;

/// Who is on a connection.
pub(super) struct Caller {
    pub(super) login: Login,
    pub(super) number: u64,
    pub(super) from: String,
    pub(super) kept: Arc<Kept>,
}

impl Caller {
    /// Who they are today, or what they are told when they are nobody any more.
    pub(super) fn today(&self, view: &View) -> Result<Actor, Told> {
        login::still(&self.login, &view.people, &self.from)
            .ok_or_else(|| Told::plain(Code::PermissionDenied))
    }
}

/// The client is no longer there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gone;

/// How a command ended, as the client is to see it.
pub(super) enum Exit {
    /// With a status of its own.
    Status(u32),
    /// By a signal.
    Signal { name: Sig, core_dumped: bool },
    /// By the gateway, with what is said on standard error.
    Told(Told),
}

/// The writing half of a client's channel.
pub(super) struct Client {
    pub(super) write: ChannelWriteHalf<Msg>,
    pub(super) handle: Handle,
    /// Cancelled when the channel or its connection is gone.
    pub(super) gone: CancellationToken,
    /// Whether it shows what it gets in a terminal, where a newline alone returns no carriage.
    pub(super) in_terminal: bool,
}

impl Client {
    pub(super) fn id(&self) -> ChannelId {
        self.write.id()
    }

    /// Writes what may be let through; waits for the client's window.
    pub(super) async fn release(&self, release: Release) -> Result<(), Gone> {
        let stream = release.stream();
        self.write(stream, release.into_bytes()).await
    }

    /// Says what comes on standard error, until nothing comes any more or the client is gone.
    pub(super) async fn hear(&self, mut notices: mpsc::Receiver<Told>) {
        while let Some(told) = notices.recv().await {
            let said = tokio::select! {
                () = self.gone.cancelled() => Err(Gone),
                said = self.tell(&told) => said,
            };
            if said.is_err() {
                return;
            }
        }
    }

    /// Says that what is done from now on is recorded.
    pub(super) async fn warn(&self) -> Result<(), Gone> {
        self.write(Stream::Errors, Bytes::from_static(stderr::RECORDED.as_bytes())).await
    }

    /// Says something on standard error.
    pub(super) async fn tell(&self, told: &Told) -> Result<(), Gone> {
        let line = match self.in_terminal {
            true => stderr::line_of_its_own(told),
            false => stderr::line(told),
        };
        self.write(Stream::Errors, line.into()).await
    }

    async fn write(&self, stream: Stream, bytes: Bytes) -> Result<(), Gone> {
        let written = match stream {
            Stream::Output => self.write.data_bytes(bytes).await,
            Stream::Errors => self.write.extended_data_bytes(STDERR, bytes).await,
        };
        written.map_err(|_| Gone)
    }

    /// Says how it ended and closes the channel. A client that does not read its last words in
    /// time does not get them.
    pub(super) async fn finish(&self, exit: Exit) {
        let last_words = async {
            tokio::select! {
                () = self.gone.cancelled() => Err(Gone),
                said = self.say(exit) => said,
            }
        };
        if !matches!(timeout(FAREWELL_DEADLINE, last_words).await, Ok(Ok(()))) {
            tracing::debug!(channel = %self.id(), "a client did not take its last words");
        }
    }

    async fn say(&self, exit: Exit) -> Result<(), Gone> {
        let id = self.id();
        match exit {
            Exit::Status(status) => self.write.exit_status(status).await.map_err(|_| Gone)?,
            Exit::Signal { name, core_dumped } => {
                // The message is the target's own text, which nothing has masked: it stays here.
                let (message, language) = (String::new(), String::new());
                let sent =
                    self.handle.exit_signal_request(id, name, core_dumped, message, language).await;
                sent.map_err(|()| Gone)?;
            }
            Exit::Told(told) => {
                self.tell(&told).await?;
                let status = stderr::exit_status(told.code);
                self.write.exit_status(status).await.map_err(|_| Gone)?;
            }
        }
        self.write.eof().await.map_err(|_| Gone)?;
        self.write.close().await.map_err(|_| Gone)
    }
}
