//! Joining a cluster: the one-time token is spent, and what comes back is kept, before anything
//! else of the node is opened.

use std::path::Path;

use node_peer::Program;
use node_peer::join::{JOIN_FILE_LIMIT, JoinFile, Newcomer, join};
use proto::peer::Versions;
use proto::refusal::{Code, Told};

use crate::app::VERSION;
use crate::config::Config;
use crate::directory::Directory;
use crate::errors::Error;
use crate::home::{self, Card, ClusterKey};
use crate::replica::{SUPPORTS, SUPPORTS_LEAST};
use crate::secrets;
use crate::wall::Wall;

/// The versions of the cluster that this program works in.
#[must_use]
pub(crate) fn program() -> Program {
    Program {
        versions: Versions { oldest: SUPPORTS_LEAST, newest: SUPPORTS },
        version: VERSION.to_owned(),
    }
}

/// Joins by a join file; the directory belongs to the cluster afterwards. Safe to repeat: the key
/// is on the disk first, so that a join whose answer was lost is answered again.
///
/// # Errors
/// [`Error`] when the file is none, or the cluster refuses.
pub(crate) async fn join_in(
    config: &Config,
    directory: &Directory,
    file: &Path,
) -> Result<Card, Error> {
    let refused = |what: String| Error::Told(Told::new(Code::JoinRefused, what));
    let read =
        secrets::read(file)?.ok_or_else(|| refused(format!("there is no {}", file.display())))?;
    if read.len() > JOIN_FILE_LIMIT {
        return Err(refused(format!("{} is larger than a join file", file.display())));
    }
    let text = std::str::from_utf8(&read)
        .map_err(|_| refused(format!("{} is no text", file.display())))?;
    let token = JoinFile::from_text(text)
        .map_err(|error| refused(format!("{}: {error}", file.display())))?;
    if let Some(cluster) = config.cluster.as_ref().filter(|cluster| **cluster != token.cluster) {
        let what = format!("the join file is for cluster {}, not {cluster}", token.cluster);
        return Err(Error::Told(Told::new(Code::WrongCluster, what)));
    }
    let key = home::node_key(directory)?;
    let newcomer = Newcomer {
        node: config.node.clone(),
        addresses: config.addresses(),
        key,
        program: program(),
    };
    let joined = join(&token, &newcomer, Wall::shared()).await.map_err(|error| {
        Error::Told(Told::new(error.code(), format!("joining {}: {error}", token.cluster)))
    })?;
    home::write_certificate(directory, &joined.certificate, &joined.authorities)?;
    let key = ClusterKey { secret: joined.cluster_key, generation: joined.generation };
    home::write_cluster_key(directory, &key)?;
    let name = joined.identity.name();
    let card = Card {
        cluster: name.cluster.clone(),
        node: name.node.clone(),
        raft_id: name.raft_id,
        members: joined.members.into_iter().map(Into::into).collect(),
    };
    home::write_card(directory, &card)?;
    tracing::info!(cluster = %card.cluster, raft_id = card.raft_id, "the node joined");
    Ok(card)
}
