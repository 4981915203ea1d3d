//! Founding a cluster on its first node: its secrets, its first entries, and the files that say
//! where they are.
//!
//! A founding that was cut short left nothing that anybody used: it is begun again from nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use consensus_raft::{CallError, Member, Observer, Replica, Transport};
use consensus_state::{Changed, Reply, State};
use futures_util::future::BoxFuture;
use node_peer::certificate::{CertificateRequest, PeerName};
use node_peer::join::JoinFile;
use node_peer::random::new_secret;
use node_session::Clock;
use proto::entry::{By, ClusterCreation, Entry, JoinToken, NodeAddresses};
use proto::event::Stamped;
use proto::ids::{Digest, Name};
use proto::peer::raft::{Request, Response};
use serde::Serialize;

use crate::cluster_secrets::{FIRST_GENERATION, make};
use crate::config::Config;
use crate::directory::{Directory, DirectoryError};
use crate::errors::Error;
use crate::home::{self, Card, ClusterKey};
use crate::replica::{RAFT_DIRECTORY, open_replica};
use crate::secrets;
use crate::wall::Wall;

/// The Raft id of the first node.
const FOUNDER: u64 = 1;

/// How long a join token is good for.
pub(crate) const JOIN_TOKEN_LASTS: Duration = Duration::from_secs(60 * 60);

/// The cluster's name when nobody gives one.
const CLUSTER: &str = "sallyport";

/// What was founded, and where its tokens are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Founded {
    /// The cluster.
    pub cluster: String,
    /// Its first node.
    pub node: String,
    /// Where the administrator's token is.
    pub admin_token_file: PathBuf,
    /// Where the token that lets the next node join is.
    pub join_token_file: PathBuf,
    /// Where the certificate is that clients of the API trust.
    pub ca: PathBuf,
    /// Where the key that opens sealed commands is: keep it away from the nodes.
    pub audit_key_file: PathBuf,
}

/// Founds a cluster, and ends.
///
/// # Errors
/// [`Error::Founded`] when the directory belongs to a cluster already; others as they come.
pub async fn found(config: &Config) -> Result<Founded, Error> {
    let directory = Directory::open(&config.data)?;
    if let Some(card) = home::card(&directory)? {
        return Err(Error::Founded { cluster: card.cluster, node: card.node });
    }
    let join_token_file = directory.path("join.token");
    let card = found_in(config, &directory, Some(&join_token_file)).await?;
    Ok(Founded {
        cluster: card.cluster.to_string(),
        node: card.node.to_string(),
        admin_token_file: admin_token_path(&directory),
        join_token_file,
        ca: home::authority_path(&directory),
        audit_key_file: audit_key_path(&directory),
    })
}

/// Where the administrator's token is, on the node that founded.
#[must_use]
pub(crate) fn admin_token_path(directory: &Directory) -> PathBuf {
    directory.path("admin.token")
}

/// Where the key that opens sealed commands is, on the node that founded.
#[must_use]
pub(crate) fn audit_key_path(directory: &Directory) -> PathBuf {
    directory.keys().join("audit.key")
}

/// Founds a cluster in a directory that belongs to none.
///
/// # Errors
/// As [`found`].
pub(crate) async fn found_in(
    config: &Config,
    directory: &Directory,
    join_file: Option<&Path>,
) -> Result<Card, Error> {
    clear(directory)?;
    let cluster = match &config.cluster {
        Some(cluster) => cluster.clone(),
        None => named(CLUSTER)?,
    };
    let now = node_session::clock::SystemClock.now().utc;
    let addresses = config.addresses();
    let key = home::node_key(directory)?;
    let made = make(&cluster, now)?;
    let name = PeerName { cluster: cluster.clone(), node: config.node.clone(), raft_id: FOUNDER };
    let request = CertificateRequest::from_der(&key.request()?)?;
    let certificate = made.authority.issue_node(&request, &name, now)?;
    home::write_certificate(directory, &certificate, &[made.authority.certificate().clone()])?;
    let secret = new_secret().map_err(|error| system("the cluster's key", &error))?;
    let cluster_key = ClusterKey { secret, generation: FIRST_GENERATION };
    home::write_cluster_key(directory, &cluster_key)?;
    let token = format!("{}\n", made.admin.reveal());
    let path = admin_token_path(directory);
    secrets::replace(&path, token.as_bytes()).map_err(DirectoryError::io(&path))?;
    let path = audit_key_path(directory);
    secrets::replace(&path, &made.audit).map_err(DirectoryError::io(&path))?;

    let card = Card {
        cluster: cluster.clone(),
        node: config.node.clone(),
        raft_id: FOUNDER,
        members: Vec::new(),
    };
    let replica =
        open_replica(directory, &card, Arc::new(NoPeers), Arc::new(Nobody), Wall::shared()).await?;
    let mut entries = made.entries(&cluster, &cluster_key.secret, &config.node)?;
    if let Some(path) = join_file {
        entries.push(join_token(path, &addresses, &cluster, &made.authority)?);
    }
    let creation = ClusterCreation {
        contact_ms: u64::try_from(config.contact.as_millis()).unwrap_or(u64::MAX),
        founder: config.node.clone(),
        addresses,
        key: key.digest(),
    };
    let begun = begin(&replica, &card, creation, entries).await;
    replica.shutdown().await;
    begun?;
    home::write_card(directory, &card)?;
    Ok(card)
}

/// Takes away what a founding that was cut short left; nobody has used it.
pub(crate) fn clear(directory: &Directory) -> Result<(), DirectoryError> {
    let path = directory.path(RAFT_DIRECTORY);
    match fs::remove_dir_all(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(DirectoryError::io(&path)(error))
        }
        _ => Ok(()),
    }
}

async fn begin(
    replica: &Replica,
    card: &Card,
    creation: ClusterCreation,
    entries: Vec<Entry>,
) -> Result<(), Error> {
    let member = Member {
        raft_id: card.raft_id,
        node: card.node.clone(),
        address: creation.addresses.cluster.clone(),
    };
    let answer = replica.found(member, Entry::ClusterCreated(creation)).await?;
    refused(answer.reply)?;
    for entry in entries {
        refused(replica.propose(entry).await?.reply)?;
    }
    Ok(())
}

fn refused(reply: Reply) -> Result<(), Error> {
    match reply {
        Reply::Refused(denied) => Err(Error::Denied(denied)),
        _ => Ok(()),
    }
}

fn join_token(
    path: &Path,
    addresses: &NodeAddresses,
    cluster: &Name,
    authority: &node_peer::certificate::Authority,
) -> Result<Entry, Error> {
    let secret = new_secret().map_err(|error| system("a join token", &error))?;
    let file = JoinFile {
        cluster: cluster.clone(),
        seeds: vec![addresses.cluster.clone()],
        authority: authority.digest(),
        secret,
    };
    let text = file.to_text().map_err(|error| system("a join token", &error))?;
    secrets::replace(path, text.as_bytes()).map_err(DirectoryError::io(path))?;
    Ok(token_entry(file.secret_digest(), By::Administrator))
}

/// The entry that makes a join token known.
pub(crate) fn token_entry(digest: Digest, by: By) -> Entry {
    let lasts_ms = u64::try_from(JOIN_TOKEN_LASTS.as_millis()).unwrap_or(u64::MAX);
    Entry::JoinTokenCreated(JoinToken { digest, lasts_ms, by })
}

fn named(text: &str) -> Result<Name, Error> {
    text.parse().map_err(|error: proto::ids::NotAName| system("the cluster's name", &error))
}

fn system(what: &'static str, error: &dyn std::fmt::Display) -> Error {
    Error::System { what, error: io::Error::other(error.to_string()) }
}

/// A cluster that is founded has no peers yet.
pub(crate) struct NoPeers;

impl Transport for NoPeers {
    fn call(
        &self,
        to: &Member,
        _: Request,
        _: Duration,
    ) -> BoxFuture<'static, Result<Response, CallError>> {
        let unreachable = CallError::Unreachable(to.node.to_string());
        Box::pin(async move { Err(unreachable) })
    }
}

/// Nobody looks at what is applied, and the events wait in the state for the journal.
pub(crate) struct Nobody;

impl Observer for Nobody {
    fn applied(&self, _: &State, _: Changed, _: Vec<Stamped>) {}

    fn kept(&self) -> u64 {
        0
    }
}
