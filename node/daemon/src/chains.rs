//! The chains of all nodes, as the replicated stream keeps them beside the nodes themselves.

use std::sync::Arc;

use bytes::Bytes;
use consensus_raft::Replica;
use node_api::Chains;
use node_session::Boxed;
use proto::event::Head;
use proto::ids::Chain;
use proto::refusal::Told;
use store_jetstream::ChainReader;

use crate::config::Config;
use crate::errors::Error;
use crate::home::Card;
use crate::streaming::{settings, told};

/// Reads chains out of the stream, and compares them with what a majority has sealed.
pub(crate) struct StreamChains {
    reader: ChainReader,
    replica: Arc<Replica>,
}

impl StreamChains {
    /// Of the stream that a node is configured for; none where there is none.
    ///
    /// # Errors
    /// [`Error::Told`] when its credentials cannot be read.
    pub(crate) fn of(
        config: &Config,
        card: &Card,
        replica: &Arc<Replica>,
    ) -> Result<Option<Arc<dyn Chains>>, Error> {
        let Some(config) = &config.stream else { return Ok(None) };
        let mut servers = settings(config, card)?.servers;
        servers.name.push_str(" reading");
        let reader = ChainReader::new(servers, card.cluster.clone());
        Ok(Some(Arc::new(Self { reader, replica: replica.clone() })))
    }

    fn sealed(&self, chain: &Chain) -> Option<Head> {
        self.replica.with_state(|state| match chain {
            Chain::Node(node) => {
                let sealed = state.sealed_chain(node)?;
                Some(Head { seq: sealed.last(), hash: Some(sealed.head) })
            }
            // Its places jump where a backup was restored; whoever exports it compares its tree.
            Chain::Control => None,
        })
    }
}

impl Chains for StreamChains {
    fn read<'a>(
        &'a self,
        chain: &'a Chain,
        from: u64,
        limit: usize,
    ) -> Boxed<'a, Result<Vec<Bytes>, Told>> {
        Box::pin(async move {
            let sealed = self.sealed(chain);
            let read = self.reader.read(chain, from, limit, sealed).await;
            read.map_err(|fault| told(&fault))
        })
    }
}
