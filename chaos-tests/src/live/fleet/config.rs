//! `node.yaml` of a node: where it listens, on the addresses of its host.

use std::path::{Path, PathBuf};

use super::{CLUSTER, T};
use crate::live::network::Host;

/// The port of SSH.
pub(super) const SSH_PORT: u16 = 2222;
/// The port of PostgreSQL.
pub(super) const POSTGRES_PORT: u16 = 5432;
/// The port of the API.
pub(super) const API_PORT: u16 = 8443;
/// The port for other nodes.
const CLUSTER_PORT: u16 = 7400;

/// The most that live records may take, in bytes, when it is not said: little, so that a small disk
/// holds them.
pub(super) const JOURNAL_QUOTA: u64 = 64 * 1024 * 1024;

/// What every node of a fleet is told.
#[derive(Clone, Debug)]
pub(super) struct Told {
    /// Where it reads credentials of targets.
    pub(super) secrets: PathBuf,
    /// How it publishes.
    pub(super) events: String,
    /// Where else it folds the audit views; an empty text for nowhere.
    pub(super) views: String,
    /// The most that live records may take, in bytes.
    pub(super) quota: u64,
}

/// The document of a node.
pub(super) fn node_yaml(host: &Host, data: &Path, told: &Told) -> String {
    let (name, at, data) = (&host.name, host.address, data.display());
    let Told { secrets, events, views, quota } = told;
    let (secrets, seconds) = (secrets.display(), T.as_secs());
    format!(
        "name: {name}\ncluster: {CLUSTER}\ndata: {data}\n\
         listen: {{ ssh: \"{at}:{SSH_PORT}\", postgres: \"{at}:{POSTGRES_PORT}\", \
         api: \"{at}:{API_PORT}\", \
         cluster: \"{at}:{CLUSTER_PORT}\" }}\n\
         events: {events}\nsecrets: {{ files: {secrets} }}\n\
         contact: {seconds}s\ndrain: 2s\njournal_quota: {quota}\n{views}"
    )
}
