//! The host keys that a target may show, as `russh` asks about them.
//!
//! A key that is not pinned is never believed, and nothing that a target opens towards the gateway
//! is ever accepted, but what comes in where it was asked to listen.

use std::sync::Arc;

use node_identity::keys;
use proto::ids::Name;
use proto::target::{HostKeys, Target};
use russh::client::{self, ChannelOpenHandle, Handler};
use russh::keys::{PublicKey, PublicKeyOrCertificate};
use russh::{Channel, ChannelId};
use tokio::sync::mpsc;

use super::node::Node;
use super::paces::Paces;
use node_session::names;

/// How many bytes of what a target says of a connection are recorded.
const FROM_BYTES: usize = 64;

/// The host keys that a target may show, and what it may open.
pub(super) struct Pinned {
    node: Arc<Node>,
    target: Name,
    pub(super) keys: Vec<PublicKey>,
    first_use: bool,
    /// Where connections go that come in where the target was asked to listen, or to what is lent
    /// to it.
    listened: Option<Listens>,
    agent: Option<Listens>,
    display: Option<Listens>,
}

/// Where connections go that a target opens.
#[derive(Clone)]
pub(super) struct Listens {
    pub(super) back: mpsc::Sender<Back>,
    pub(super) paces: Arc<Paces>,
}

/// One connection that came in.
pub(super) struct Back {
    pub(super) channel: Channel<client::Msg>,
    pub(super) reply: ChannelOpenHandle,
    /// Where it came from, as the target says.
    pub(super) from: Option<String>,
}

impl Pinned {
    /// Those of a target, or why there are none.
    pub(super) fn new(node: &Arc<Node>, target: &Target) -> Result<Self, String> {
        let (lines, first_use) = match &target.host_keys {
            HostKeys::Pinned(lines) => (lines.clone(), false),
            HostKeys::TrustOnFirstUse => {
                (node.first_seen.lock().get(&target.name).cloned().into_iter().collect(), true)
            }
            HostKeys::Database(_) => return Err("a database has no host key".to_owned()),
        };
        let read = |line: &String| keys::read(line).map_err(|error| error.to_string());
        let keys = lines.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() && !first_use {
            return Err("no host key is pinned".to_owned());
        }
        let (node, target) = (node.clone(), target.name.clone());
        let (listened, agent, display) = (None, None, None);
        Ok(Self { node, target, keys, first_use, listened, agent, display })
    }

    /// Takes connections that come in where the target was asked to listen.
    pub(super) fn listening(self, listens: Listens) -> Self {
        Self { listened: Some(listens), ..self }
    }

    /// Takes connections to an agent and a display that are lent to the target.
    pub(super) fn lending(self, agent: Option<Listens>, display: Option<Listens>) -> Self {
        Self { agent, display, ..self }
    }

    /// Hands a connection on. One that nobody asked for, or takes in time, is refused: that is what
    /// dropping the reply does.
    fn came(&self, to: Option<&Listens>, back: Back) {
        if let Some(listens) = to
            && listens.back.try_send(back).is_err()
        {
            tracing::debug!(target_name = %self.target, "a connection that came in is refused");
        }
    }

    fn believes(&self, shown: &PublicKey) -> bool {
        let same = |key: &PublicKey| key.key_data() == shown.key_data();
        if self.first_use && self.keys.is_empty() {
            let Ok(line) = keys::one_line(shown) else { return false };
            let fingerprint = keys::fingerprint(shown);
            // Of two first uses at the same time, one is first.
            let mut seen = self.node.first_seen.lock();
            let kept = seen.entry(self.target.clone()).or_insert_with(|| line.clone());
            let target_name = &self.target;
            tracing::warn!(%target_name, %fingerprint, "a host key is trusted on first use");
            return *kept == line;
        }
        self.keys.iter().any(same)
    }
}

impl Handler for Pinned {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        Ok(match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => self.believes(key),
            PublicKeyOrCertificate::Certificate(_) => false,
        })
    }

    async fn data(
        &mut self,
        id: ChannelId,
        _: &[u8],
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        for listens in [&self.listened, &self.agent, &self.display].into_iter().flatten() {
            listens.paces.pause(id).await;
        }
        Ok(())
    }

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        channel: Channel<client::Msg>,
        _: &str,
        _: u32,
        from: &str,
        port: u32,
        reply: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        let from = Some(format!("{}:{port}", names::printable(from, FROM_BYTES)));
        self.came(self.listened.as_ref(), Back { channel, reply, from });
        Ok(())
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        channel: Channel<client::Msg>,
        _: &str,
        reply: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        self.came(self.listened.as_ref(), Back { channel, reply, from: None });
        Ok(())
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        channel: Channel<client::Msg>,
        reply: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        self.came(self.agent.as_ref(), Back { channel, reply, from: None });
        Ok(())
    }

    async fn server_channel_open_x11(
        &mut self,
        channel: Channel<client::Msg>,
        from: &str,
        port: u32,
        reply: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        let from = Some(format!("{}:{port}", names::printable(from, FROM_BYTES)));
        self.came(self.display.as_ref(), Back { channel, reply, from });
        Ok(())
    }

    // What else a target opens towards the gateway is never wanted. Dropping the reply refuses it.

    async fn server_channel_open_session(
        &mut self,
        _: Channel<client::Msg>,
        _: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _: Channel<client::Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        _: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _: Channel<client::Msg>,
        _: &str,
        _: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }
}
