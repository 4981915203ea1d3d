//! `node.yaml` of a node: where it listens, on the addresses of its host.

use std::path::Path;

use super::{CLUSTER, T};
use crate::live::network::Host;

/// The port of SSH.
pub(super) const SSH_PORT: u16 = 2222;
/// The port of the API.
pub(super) const API_PORT: u16 = 8443;
/// The port for other nodes.
const CLUSTER_PORT: u16 = 7400;

/// The most that live records may take, in bytes: little, so that a small disk holds them.
const JOURNAL_QUOTA: u64 = 64 * 1024 * 1024;

/// The document of a node that reads credentials of targets in `secrets`, and publishes as `events`
/// says.
pub(super) fn node_yaml(host: &Host, data: &Path, secrets: &Path, events: &str) -> String {
    let (name, at, data, secrets) = (&host.name, host.address, data.display(), secrets.display());
    let seconds = T.as_secs();
    format!(
        "name: {name}\ncluster: {CLUSTER}\ndata: {data}\n\
         listen: {{ ssh: \"{at}:{SSH_PORT}\", api: \"{at}:{API_PORT}\", \
         cluster: \"{at}:{CLUSTER_PORT}\" }}\n\
         events: {events}\nsecrets: {{ files: {secrets} }}\n\
         contact: {seconds}s\ndrain: 2s\njournal_quota: {JOURNAL_QUOTA}\n"
    )
}
