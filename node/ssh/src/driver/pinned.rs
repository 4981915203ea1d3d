//! The host keys that a target may show, as `russh` asks about them.
//!
//! A key that is not pinned is never believed, and nothing that a target opens towards the gateway
//! is ever accepted.

use std::sync::Arc;

use node_identity::keys;
use proto::ids::Name;
use proto::target::{HostKeys, Target};
use russh::client::{self, Handler};
use russh::keys::{PublicKey, PublicKeyOrCertificate};

use super::node::Node;

/// The host keys that a target may show.
pub(super) struct Pinned {
    node: Arc<Node>,
    target: Name,
    pub(super) keys: Vec<PublicKey>,
    first_use: bool,
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
        Ok(Self { node: node.clone(), target: target.name.clone(), keys, first_use })
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

    // What a target opens towards the gateway is never wanted. Dropping the reply refuses it.

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _: russh::Channel<client::Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        _: client::ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _: russh::Channel<client::Msg>,
        _: &str,
        _: client::ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        _: russh::Channel<client::Msg>,
        _: client::ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn server_channel_open_session(
        &mut self,
        _: russh::Channel<client::Msg>,
        _: client::ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _: russh::Channel<client::Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        _: client::ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _: russh::Channel<client::Msg>,
        _: &str,
        _: client::ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn server_channel_open_x11(
        &mut self,
        _: russh::Channel<client::Msg>,
        _: &str,
        _: u32,
        _: client::ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }
}
