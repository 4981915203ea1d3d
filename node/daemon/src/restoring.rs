//! Restoring a backup as a new cluster of one.
//!
//! A backup is the whole state and the key that its secrets are wrapped under, encrypted to a key
//! that no node has. Whoever still runs for the old cluster is cut off: restoring raises all epochs
//! and Raft ids, and the other nodes are gone.

use std::path::Path;
use std::sync::Arc;

use consensus_raft::{Replica, starts_beyond};
use consensus_state::limits::RESTORATION_JUMP;
use consensus_state::{Reply, State};
use node_peer::certificate::{CertificateRequest, PeerName};
use node_session::Clock as _;
use node_session::clock::SystemClock;
use node_session::seal::backup::{BackupKey, NotAKey};
use proto::entry::{ClusterRestoration, Entry};
use proto::peer::Secret;
use proto::refusal::{Code, Told};
use zeroize::Zeroizing;

use crate::cluster_secrets::ClusterSecrets;
use crate::config::Config;
use crate::directory::Directory;
use crate::errors::Error;
use crate::founding::{NoPeers, Nobody, clear};
use crate::home::{self, Card, ClusterKey};
use crate::replica::{open_replica, seed};
use crate::wall::Wall;

/// The version in front of a backup's bytes.
const VERSION: u8 = 1;

/// The bytes of a backup before they are encrypted: version, generation and key, state.
pub(crate) fn backup_bytes(key: &ClusterKey, state: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(1 + 4 + 32 + state.len()));
    bytes.push(VERSION);
    bytes.extend_from_slice(&key.generation.to_be_bytes());
    bytes.extend_from_slice(key.secret.reveal());
    bytes.extend_from_slice(state);
    bytes
}

fn read(bytes: &[u8]) -> Result<(ClusterKey, &[u8]), Error> {
    let bad = || unreadable("it does not begin like one");
    let (&version, rest) = bytes.split_first().ok_or_else(bad)?;
    if version != VERSION {
        return Err(unreadable(&format!("version {version} is not one that this program reads")));
    }
    let (generation, rest) = rest.split_first_chunk::<4>().ok_or_else(bad)?;
    let (secret, state) = rest.split_first_chunk::<32>().ok_or_else(bad)?;
    let generation = u32::from_be_bytes(*generation);
    Ok((ClusterKey { secret: Secret::new(*secret), generation }, state))
}

/// Restores a backup into a data directory that belongs to no cluster.
///
/// # Errors
/// [`Error`] when the backup does not open, or the directory belongs to a cluster.
pub async fn restore(config: &Config, backup: &Path, key: &Path) -> Result<String, Error> {
    let directory = Directory::open(&config.data)?;
    if let Some(card) = home::card(&directory)? {
        return Err(Error::Founded { cluster: card.cluster, node: card.node });
    }
    let file = |path: &Path| {
        std::fs::read(path).map_err(|error| unreadable(&format!("{}: {error}", path.display())))
    };
    let text = Zeroizing::new(file(key)?);
    let text = std::str::from_utf8(&text).map_err(|_| unreadable("the key is no text"))?;
    let key: BackupKey = text.parse().map_err(|error: NotAKey| unreadable(&error.to_string()))?;
    let plain = key.open(&file(backup)?).map_err(|error| unreadable(&error.to_string()))?;
    let (cluster_key, bytes) = read(&plain)?;
    let state = State::from_snapshot(bytes).map_err(|error| unreadable(&error.to_string()))?;
    let secrets = ClusterSecrets::of(&state, &cluster_key.secret)?;
    let card = Card {
        cluster: state.cluster().clone(),
        node: config.node.clone(),
        raft_id: state.restored_raft_id(),
        members: Vec::new(),
    };
    let node_key = home::node_key(&directory)?;
    let name =
        PeerName { cluster: card.cluster.clone(), node: card.node.clone(), raft_id: card.raft_id };
    let request = CertificateRequest::from_der(&node_key.request()?)?;
    let authority = secrets.authority;
    let certificate = authority.issue_node(&request, &name, SystemClock.now().utc)?;
    home::write_certificate(&directory, &certificate, &[authority.certificate().clone()])?;
    home::write_cluster_key(&directory, &cluster_key)?;
    // What a restoration that was cut short left was used by nobody.
    clear(&directory)?;
    let starts = starts_beyond(state.last_request(&card.node), RESTORATION_JUMP);
    seed(&directory, &card, &config.addresses().cluster, bytes, starts)?;
    let replica =
        open_replica(&directory, &card, Arc::new(NoPeers), Arc::new(Nobody), Wall::shared())
            .await?;
    let restoration = ClusterRestoration {
        founder: config.node.clone(),
        addresses: config.addresses(),
        key: node_key.digest(),
    };
    let begun = begin(&replica, restoration).await;
    replica.shutdown().await;
    begun?;
    home::write_card(&directory, &card)?;
    Ok(card.cluster.to_string())
}

async fn begin(replica: &Replica, restoration: ClusterRestoration) -> Result<(), Error> {
    match replica.propose(Entry::ClusterRestored(restoration)).await?.reply {
        Reply::Refused(denied) => Err(Error::Denied(denied)),
        _ => Ok(()),
    }
}

fn unreadable(what: &str) -> Error {
    Error::Told(Told::new(Code::BackupUnreadable, format!("the backup cannot be read: {what}")))
}
