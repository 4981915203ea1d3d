//! Answers what a client's connection asks for, as `russh` calls it.
//!
//! These callbacks run inside the connection's own loop, so nothing here waits for anything but a
//! short pause for clients that send more than their target takes. Logins are decided only where
//! the signature has been verified; a key that is merely offered is always answered "sign".

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use node_enforce::forward::Address;
use node_identity::keys;
use node_session::names;
use proto::reading::ForwardOperation;
use proto::refusal::{Code, Told};
use russh::keys::{Certificate, HashAlg};
use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, ChannelOpenFailure, Pty};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::client::Caller;
use super::exec::Begun;
use super::forwards::{self, Ask};
use super::kept::Kept;
use super::node::Node;
use super::paces::Paces;
use super::target::Lent;
use super::{events, exec, input};
use crate::channel::{Asking, Request};
use crate::config::{CHANNELS_EVER, REFUSAL_PAUSE, REFUSALS_RECORDED};
use crate::display::Display;
use crate::login::{self, Login, NotLetIn};
use crate::spool;
use crate::terminal::{self, Window};

mod forwarding;

use forwarding::{Asked, FROM_BYTES};

/// The callbacks of one connection.
pub(super) struct ClientHandler {
    node: Arc<Node>,
    number: u64,
    from: String,
    known: CancellationToken,
    tasks: TaskTracker,
    kept: Arc<Kept>,
    caller: Option<Arc<Caller>>,
    channels: HashMap<ChannelId, Open>,
    places: Arc<Semaphore>,
    paces: Arc<Paces>,
    /// The task of its forwards, once there are any, and where they listen: by what the client
    /// calls it, and the port.
    forwards: Option<mpsc::Sender<Ask>>,
    listens: HashMap<(String, u16), CancellationToken>,
    opened: Arc<AtomicU64>,
    refusals: u32,
}

/// One open channel.
struct Open {
    asking: Asking,
    start: Option<oneshot::Sender<Begun>>,
    lent: Lent,
    waiting: Arc<AtomicU64>,
}

impl ClientHandler {
    pub(super) fn new(
        node: Arc<Node>,
        number: u64,
        peer: SocketAddr,
        known: CancellationToken,
        tasks: TaskTracker,
        kept: Arc<Kept>,
    ) -> Self {
        Self {
            places: Arc::new(Semaphore::new(node.config.limits.channels)),
            node,
            number,
            from: peer.to_string(),
            known,
            tasks,
            kept,
            caller: None,
            channels: HashMap::new(),
            paces: Arc::default(),
            forwards: None,
            listens: HashMap::new(),
            opened: Arc::default(),
            refusals: 0,
        }
    }

    fn reject(&self, user: &str, credential: Option<String>, not: NotLetIn) -> Auth {
        // The record has the reason; a log says nothing that comes from what a client typed.
        tracing::info!(connection = self.number, result = "refused", "a login is refused");
        events::not_let_in(&self.node, user, &self.from, credential, not);
        Auth::reject()
    }

    fn let_in(&mut self, login: Login) -> Auth {
        let (person, target) = (&login.subject.person, &login.target);
        tracing::info!(connection = self.number, %person, %target, "a login succeeded");
        events::let_in(&self.node, &login, &self.from, self.number);
        let (number, from, kept) = (self.number, self.from.clone(), self.kept.clone());
        self.caller = Some(Arc::new(Caller { login, number, from, kept }));
        self.known.cancel();
        Auth::Accept
    }

    /// Records a refusal, as long as this connection has not filled its part of the record.
    fn refused(&mut self, asked: &str, told: Told, reason: &str) {
        self.refusals = self.refusals.saturating_add(1);
        let Some(caller) = self.caller.as_ref().filter(|_| self.refusals <= REFUSALS_RECORDED)
        else {
            return;
        };
        let actor = login::actor(&caller.login.subject, Some(self.from.clone()));
        self.node.sessions.refused(&actor, self.number, asked, told, reason.to_owned());
    }

    /// Whoever goes on asking for channels that are refused waits for each answer. While new keys
    /// are agreed on `russh` keeps what it refuses, and how long that takes is up to the client.
    async fn slow_down(&self) {
        if self.refusals > REFUSALS_RECORDED {
            tokio::time::sleep(REFUSAL_PAUSE).await;
        }
    }

    async fn refuse_channel(&mut self, asked: &str, reply: ChannelOpenHandle) {
        self.refused(asked, Told::plain(Code::ChannelRefused), "this kind is not served");
        self.slow_down().await;
        reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
    }

    /// Why no further channel is opened, if so.
    fn no_channel(&self) -> Option<(Code, &'static str)> {
        if self.node.drain.is_cancelled() {
            Some((Code::Draining, "the gateway drains"))
        } else if self.opened.load(Ordering::Relaxed) >= CHANNELS_EVER {
            Some((Code::TooManySessions, "the connection has opened its share of channels"))
        } else if self.places.available_permits() == 0 {
            Some((Code::TooManySessions, "too many channels are open on the connection"))
        } else {
            None
        }
    }

    fn open(&mut self, channel: Channel<Msg>, session: &Session) -> Option<()> {
        let caller = self.caller.clone()?;
        let place = self.places.clone().try_acquire_owned().ok()?;
        self.opened.fetch_add(1, Ordering::Relaxed);
        self.sweep();
        let (sender, start) = oneshot::channel();
        let (client, input, waiting) = input::split(channel, session.handle(), self.node.spool());
        let open = Open {
            asking: Asking::default(),
            start: Some(sender),
            lent: Lent::default(),
            waiting: waiting.clone(),
        };
        self.channels.insert(client.id(), open);
        let task = exec::run(self.node.clone(), caller, client, input, start);
        self.tasks.spawn(async move {
            task.await;
            drop((place, waiting));
        });
        Some(())
    }

    /// `russh` tells nothing of a channel that we closed ourselves, so they are swept up: a task
    /// that is over has let go of its counter.
    fn sweep(&mut self) {
        self.channels.retain(|_, open| Arc::strong_count(&open.waiting) > 1);
    }

    fn ask(
        &mut self,
        id: ChannelId,
        request: Request<'_>,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let Some(open) = self.channels.get_mut(&id) else { return session.channel_failure(id) };
        let answer = open.asking.ask(request);
        // The answer goes out before anything that the channel's task sends: it has not begun.
        if answer.accepted {
            session.channel_success(id)?
        } else {
            session.channel_failure(id)?
        }
        if let Some(start) = answer.start
            && let Some(sender) = open.start.take()
            && sender.send(Begun { start, lent: std::mem::take(&mut open.lent) }).is_err()
        {
            tracing::debug!(connection = self.number, "a channel was gone when it was to start");
        }
        if let Some(refused) = answer.refused {
            self.refused(&refused.asked, refused.told, refused.reason);
        }
        Ok(())
    }
}

impl Handler for ClientHandler {
    type Error = russh::Error;

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        let view = self.node.view();
        Ok(match login::decide(user, key.public_key, key.algorithm, &view) {
            Ok(login) => self.let_in(login),
            Err(not) => self.reject(user, Some(keys::fingerprint(key.public_key)), not),
        })
    }

    async fn auth_openssh_certificate(
        &mut self,
        user: &str,
        certificate: &Certificate,
    ) -> Result<Auth, Self::Error> {
        let credential = certificate.public_key().fingerprint(HashAlg::Sha256).to_string();
        let reason = "certificates are not accepted".to_owned();
        Ok(self.reject(user, Some(credential), NotLetIn { reason, subject: None }))
    }

    async fn auth_password(&mut self, user: &str, _: &str) -> Result<Auth, Self::Error> {
        let reason = "passwords are not accepted".to_owned();
        Ok(self.reject(user, None, NotLetIn { reason, subject: None }))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        if let Some((code, reason)) = self.no_channel() {
            self.refused("session", Told::plain(code), reason);
            self.slow_down().await;
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        match self.open(channel, session) {
            Some(()) => reply.accept().await,
            None => reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await,
        }
        Ok(())
    }

    async fn data(&mut self, id: ChannelId, _: &[u8], _: &mut Session) -> Result<(), Self::Error> {
        let Some(waiting) = self.channels.get(&id).map(|open| &open.waiting) else {
            self.paces.pause(id).await;
            return Ok(());
        };
        let pause = spool::pause(waiting.load(Ordering::Relaxed));
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.ask(id, Request::Exec(command), session)
    }

    async fn shell_request(
        &mut self,
        id: ChannelId,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.ask(id, Request::Shell, session)
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.ask(id, Request::Subsystem(name), session)
    }

    async fn env_request(
        &mut self,
        id: ChannelId,
        name: &str,
        value: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.ask(id, Request::Variable(name, value), session)
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
        let terminal = terminal::Request::new(kind, Window::new(columns, rows), modes);
        self.ask(id, Request::Terminal(terminal.as_ref()), session)
    }

    async fn x11_request(
        &mut self,
        id: ChannelId,
        single: bool,
        protocol: &str,
        cookie: &str,
        screen: u32,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let display = Display::new(single, protocol, cookie, screen);
        let lent = match display.is_some() && self.may_lend(id, |lent| lent.display.is_none()) {
            true => self.lend(forwards::Lent::Display, session.handle()).await,
            false => None,
        };
        let lent = display.zip(lent);
        let granted = lent.is_some();
        if let Some(open) = self.channels.get_mut(&id).filter(|_| granted) {
            open.lent.display = lent;
        }
        self.ask(id, Request::Display(granted), session)
    }

    async fn agent_request(
        &mut self,
        id: ChannelId,
        session: &mut Session,
    ) -> Result<bool, Self::Error> {
        let lent = match self.may_lend(id, |lent| lent.agent.is_none()) {
            true => self.lend(forwards::Lent::Agent, session.handle()).await,
            false => None,
        };
        let granted = lent.is_some();
        if let Some(open) = self.channels.get_mut(&id).filter(|_| granted) {
            open.lent.agent = lent;
        }
        self.ask(id, Request::Agent(granted), session)?;
        Ok(false)
    }

    async fn channel_close(&mut self, id: ChannelId, _: &mut Session) -> Result<(), Self::Error> {
        if let Some(open) = self.channels.get_mut(&id) {
            // What nothing began with is lent no more.
            open.lent = Lent::default();
        }
        Ok(())
    }

    async fn channel_open_x11(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.refuse_channel("x11", reply).await;
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        from: &str,
        from_port: u32,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let address = Address::place(host, port, ForwardOperation::Connect);
        let from = format!("{}:{from_port}", names::printable(from, FROM_BYTES));
        let asked = Asked { kind: "direct-tcpip", address, from: Some(from) };
        self.connect(asked, channel, reply, session.handle()).await;
        Ok(())
    }

    async fn channel_open_forwarded_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.refuse_channel("forwarded-tcpip", reply).await;
        Ok(())
    }

    async fn channel_open_direct_streamlocal(
        &mut self,
        channel: Channel<Msg>,
        path: &str,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let asked =
            Asked { kind: "direct-streamlocal", address: Address::socket(path), from: None };
        self.connect(asked, channel, reply, session.handle()).await;
        Ok(())
    }

    async fn tcpip_forward(
        &mut self,
        host: &str,
        port: &mut u32,
        session: &mut Session,
    ) -> Result<bool, Self::Error> {
        let address = Address::place(host, *port, ForwardOperation::Listen);
        let asked = Asked { kind: "tcpip-forward", address, from: None };
        let listens = self.listen(asked, host, session.handle()).await;
        if let Some(chosen) = listens {
            *port = chosen.into();
        }
        Ok(listens.is_some())
    }

    async fn cancel_tcpip_forward(
        &mut self,
        host: &str,
        port: u32,
        _: &mut Session,
    ) -> Result<bool, Self::Error> {
        Ok(u16::try_from(port).is_ok_and(|port| self.listen_no_more(host, port)))
    }

    async fn streamlocal_forward(
        &mut self,
        path: &str,
        session: &mut Session,
    ) -> Result<bool, Self::Error> {
        let asked =
            Asked { kind: "streamlocal-forward", address: Address::socket(path), from: None };
        Ok(self.listen(asked, path, session.handle()).await.is_some())
    }

    async fn cancel_streamlocal_forward(
        &mut self,
        path: &str,
        _: &mut Session,
    ) -> Result<bool, Self::Error> {
        Ok(self.listen_no_more(path, 0))
    }
}
