//! A target that speaks SSH and does what its commands say, so that a test needs no `sshd`.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use russh::keys::{PrivateKey, PublicKey};
use russh::server::{self, Auth, ChannelOpenHandle, Handle, Handler, Msg, Session};
use russh::{Channel, ChannelId, Pty, Sig};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// What the target did.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    commands: Arc<Mutex<Vec<String>>>,
    logins: Arc<AtomicUsize>,
    ended: Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<String>>>,
}

impl Target {
    /// A target with this host key that lets in whoever has one of the other keys.
    pub(super) async fn start(host_key: PrivateKey, admitted: [PublicKey; 2]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let commands = Arc::new(Mutex::new(Vec::new()));
        let (ended, receiver) = mpsc::unbounded_channel();
        let config = Arc::new(server::Config {
            keys: vec![host_key],
            auth_rejection_time: std::time::Duration::ZERO,
            inactivity_timeout: None,
            ..server::Config::default()
        });
        let logins = Arc::new(AtomicUsize::new(0));
        let (kept, counted) = (commands.clone(), logins.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let served = Served {
                    admitted: admitted.clone(),
                    commands: kept.clone(),
                    logins: counted.clone(),
                    ended: ended.clone(),
                    running: HashMap::new(),
                };
                tokio::spawn(server::run_stream(config.clone(), stream, served));
            }
        });
        let ended = Arc::new(tokio::sync::Mutex::new(receiver));
        Self { address, commands, logins, ended }
    }

    /// How often somebody logged in.
    pub(super) fn logins(&self) -> usize {
        self.logins.load(Ordering::SeqCst)
    }

    pub(super) fn commands(&self) -> Vec<String> {
        self.commands.lock().clone()
    }

    /// Waits until a connection that ran this command is over.
    pub(super) async fn ended(&self, command: &str) {
        let mut ended = self.ended.lock().await;
        while let Some(over) = ended.recv().await {
            if over == command {
                return;
            }
        }
    }
}

struct Served {
    admitted: [PublicKey; 2],
    commands: Arc<Mutex<Vec<String>>>,
    logins: Arc<AtomicUsize>,
    ended: mpsc::UnboundedSender<String>,
    running: HashMap<ChannelId, String>,
}

impl Drop for Served {
    fn drop(&mut self) {
        for command in self.running.values() {
            drop(self.ended.send(command.clone()));
        }
    }
}

impl Served {
    fn command(&self, id: ChannelId) -> &str {
        self.running.get(&id).map_or("", String::as_str)
    }
}

async fn end(handle: &Handle, id: ChannelId, status: u32) -> Result<(), ()> {
    handle.eof(id).await?;
    handle.exit_status_request(id, status).await?;
    handle.close(id).await
}

/// Does what a command says. An error is a gateway that is gone.
async fn perform(handle: Handle, id: ChannelId, command: String) -> Result<(), ()> {
    let gone = |_| ();
    match command.split_once(' ').unwrap_or((command.as_str(), "")) {
        ("echo", text) => {
            handle.data(id, format!("{text}\n")).await.map_err(gone)?;
            end(&handle, id, 0).await
        }
        ("exit", status) => end(&handle, id, status.parse().expect("a status")).await,
        ("both", _) => {
            handle.data(id, "out").await.map_err(gone)?;
            handle.extended_data(id, 1, "err").await.map_err(gone)?;
            end(&handle, id, 0).await
        }
        ("die", name) => {
            let name = Sig::Custom(name.to_owned());
            let words = "the target's own words".to_owned();
            handle.exit_signal_request(id, name, false, words, String::new()).await?;
            handle.close(id).await
        }
        ("vanish", _) => {
            let reason = russh::Disconnect::ByApplication;
            handle.disconnect(reason, String::new(), String::new()).await.map_err(|_| ())
        }
        // Ends without closing the channel: with its outputs cut off, or after they ended.
        ("cut", after) => {
            let output = if after == "after" { "all" } else { "half" };
            handle.data(id, output).await.map_err(gone)?;
            handle.exit_status_request(id, 3).await?;
            if after == "after" {
                handle.eof(id).await?;
            }
            let reason = russh::Disconnect::ByApplication;
            handle.disconnect(reason, String::new(), String::new()).await.map_err(|_| ())
        }
        ("deaf", _) => handle.data(id, "ready").await.map_err(gone),
        ("wait", _) => handle.data(id, "ready").await.map_err(gone),
        _ => Ok(()),
    }
}

impl Handler for Served {
    type Error = russh::Error;

    async fn auth_publickey(
        &mut self,
        _: &str,
        key: server::VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        let shown = key.public_key.key_data();
        let admitted = self.admitted.iter().any(|key| key.key_data() == shown);
        self.logins.fetch_add(usize::from(admitted), Ordering::SeqCst);
        Ok(if admitted { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let command = String::from_utf8_lossy(command).into_owned();
        self.commands.lock().push(command.clone());
        self.running.insert(id, command.clone());
        if command == "fail" {
            return session.channel_failure(id);
        }
        session.channel_success(id)?;
        tokio::spawn(perform(session.handle(), id, command));
        Ok(())
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        kind: &str,
        columns: u32,
        rows: u32,
        _: u32,
        _: u32,
        modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        if kind == "refused" {
            return session.channel_failure(id);
        }
        self.commands.lock().push(format!("pty {kind} {columns}x{rows} {}", modes.len()));
        session.channel_success(id)
    }

    async fn window_change_request(
        &mut self,
        id: ChannelId,
        columns: u32,
        rows: u32,
        _: u32,
        _: u32,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.commands.lock().push(format!("window {columns}x{rows}"));
        session.data(id, "resized")
    }

    async fn shell_request(
        &mut self,
        id: ChannelId,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.commands.lock().push("shell".to_owned());
        self.running.insert(id, "shell".to_owned());
        session.channel_success(id)?;
        session.data(id, "$ ")
    }

    async fn data(
        &mut self,
        id: ChannelId,
        bytes: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        match self.command(id) {
            "cat" => session.data(id, bytes.to_vec()),
            // Shows what is typed, and keeps each of it; a line is answered by the next prompt.
            "shell" => {
                self.commands.lock().push(format!("keys {:?}", String::from_utf8_lossy(bytes)));
                match bytes {
                    b"\r" | b"\x03" => session.data(id, "\r\n$ "),
                    _ => session.data(id, bytes.to_vec()),
                }
            }
            // Takes nothing more: its connection stops being read.
            "deaf" => {
                std::future::pending::<()>().await;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn channel_eof(
        &mut self,
        id: ChannelId,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        if self.command(id) == "cat" {
            session.eof(id)?;
            session.exit_status_request(id, 0)?;
            session.close(id)?;
        }
        Ok(())
    }

    async fn signal(
        &mut self,
        id: ChannelId,
        signal: Sig,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.exit_signal_request(id, signal, false, "", "")?;
        session.close(id)
    }
}
