//! A node's configuration as it was written: on the command line of `sallyport dev`, or in the
//! `node.yaml` of a fleet's node. What it means is in [`super::checked`] and [`super::node`].

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::notifications::RawNotification;
use super::views::RawViews;

/// What may be said to `sallyport dev`; what is not said has a default.
#[derive(Clone, Debug, Default)]
pub struct RawDev {
    /// The data directory.
    pub dir: Option<PathBuf>,
    /// The people file.
    pub people: Option<PathBuf>,
    /// The targets file.
    pub targets: Option<PathBuf>,
    /// The policy file.
    pub policy: Option<PathBuf>,
    /// Where SSH listens; port 0 picks a free one.
    pub ssh: Option<String>,
    /// Where PostgreSQL listens; nowhere, when it is not said.
    pub postgres: Option<String>,
    /// The file of the authorities that vouch for the certificates of people.
    pub client_ca: Option<PathBuf>,
    /// Where the API listens; port 0 picks a free one.
    pub api: Option<String>,
    /// The node's name.
    pub name: Option<String>,
    /// The cluster's name.
    pub cluster: Option<String>,
    /// The most bytes that live records may take.
    pub journal_quota: Option<u64>,
    /// How many seconds live sessions get when the node stops.
    pub drain: Option<u64>,
}

/// One node of a fleet.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Node", title = "node.yaml")]
pub(super) struct RawNode {
    /// Unique in the cluster, for ever: letters, digits, '.', '_' and '-'.
    #[schemars(with = "String")]
    pub(super) name: Spanned<String>,
    /// The cluster's name; `cluster init` gives it, every other start compares it.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) cluster: Option<Spanned<String>>,
    /// The data directory; relative to this file.
    #[schemars(with = "PathBuf")]
    pub(super) data: Spanned<PathBuf>,
    /// Where it listens.
    pub(super) listen: RawListen,
    /// Where others reach it; where it listens if absent, when that is no wildcard.
    #[serde(default)]
    pub(super) advertise: RawAdvertise,
    /// The replicated stream of events.
    #[schemars(with = "RawEvents")]
    pub(super) events: Spanned<RawEvents>,
    /// The file of the authorities that vouch for the certificates that people log in to databases
    /// with, in PEM; relative to this file. Nobody does that if absent.
    #[serde(default)]
    pub(super) client_ca: Option<PathBuf>,
    /// How SSH is spoken with clients.
    #[serde(default)]
    pub(super) ssh: RawSsh,
    /// Where credentials may come from; nowhere if absent.
    #[serde(default)]
    pub(super) secrets: RawSecrets,
    /// Whom to tell that an approval is asked for, and what became of it; nobody if absent.
    #[serde(default)]
    pub(super) notifications: Vec<RawNotification>,
    /// Where the audit views are kept; only on the node's own disk if absent.
    #[serde(default)]
    pub(super) views: RawViews,
    /// T: how long a node may go on without contact with the majority, e.g. 15s. `cluster init`
    /// gives it to the cluster; every other start ignores it.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) contact: Option<Spanned<String>>,
    /// How long live sessions get to end when the node stops, e.g. 20s.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) drain: Option<Spanned<String>>,
    /// The most bytes that live records may take.
    #[serde(default)]
    #[schemars(with = "Option<u64>")]
    pub(super) journal_quota: Option<Spanned<u64>>,
}

/// Addresses to listen on, as `HOST:PORT`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Listen")]
pub(super) struct RawListen {
    /// For SSH.
    #[schemars(with = "String")]
    pub(super) ssh: Spanned<String>,
    /// For PostgreSQL; it is not served if absent.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) postgres: Option<Spanned<String>>,
    /// For the API.
    #[schemars(with = "String")]
    pub(super) api: Spanned<String>,
    /// For other nodes.
    #[schemars(with = "String")]
    pub(super) cluster: Spanned<String>,
}

/// Addresses that are told to others, as `HOST:PORT`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Advertise")]
pub(super) struct RawAdvertise {
    /// To clients of the API.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) api: Option<Spanned<String>>,
    /// To other nodes.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) cluster: Option<Spanned<String>>,
}

/// The replicated stream.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Events")]
pub(super) struct RawEvents {
    /// `none`: each node keeps its own record, and every event says so.
    #[serde(default)]
    pub(super) stream: Option<String>,
    /// Servers of the stream: `nats://HOST:PORT` or `tls://HOST:PORT`.
    #[serde(default)]
    pub(super) nats: Vec<String>,
    /// The file with this node's credentials for them; relative to this file.
    #[serde(default)]
    pub(super) credentials: Option<PathBuf>,
    /// The file with this node's credentials for what subscribers read; relative to this file.
    /// Without it, where servers ask for credentials, nothing is derived for subscribers.
    #[serde(default)]
    pub(super) publisher_credentials: Option<PathBuf>,
    /// The file of the authority that vouches for them; the machine's own, if absent.
    #[serde(default)]
    pub(super) ca: Option<PathBuf>,
    /// On how many servers each event must be, at least; 3 if absent.
    #[serde(default)]
    pub(super) replicas: Option<u64>,
    /// The servers' `sync_interval`, which no server tells: `always`, or a time such as 10s; 2m,
    /// which is the servers' default, if absent. No event is let go before it has passed.
    #[serde(default)]
    pub(super) sync: Option<String>,
}

/// How SSH is spoken with clients.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Ssh")]
pub(super) struct RawSsh {
    /// Which key exchanges clients may choose; `any` if absent.
    #[serde(default)]
    pub(super) key_exchange: RawKeyExchange,
}

/// Which key exchanges clients may choose.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "KeyExchange")]
pub(super) enum RawKeyExchange {
    /// ML-KEM with X25519, or X25519 alone for clients that lack it.
    #[default]
    Any,
    /// ML-KEM with X25519 alone: clients that lack it (OpenSSH before 9.9) do not get in.
    PostQuantum,
}

/// Where the credentials of targets may come from.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Secrets")]
pub(super) struct RawSecrets {
    /// Whether a target may name an environment variable of this node.
    #[serde(default)]
    pub(super) env: bool,
    /// The directory that files of targets must lie in; relative to this file.
    #[serde(default)]
    pub(super) files: Option<PathBuf>,
}
