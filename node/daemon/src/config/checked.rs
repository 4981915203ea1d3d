//! What a node does, fully said.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

use node_ssh::KeyExchange;
use proto::entry::NodeAddresses;
use proto::ids::{Chain, Name, NotAName};

use super::notifications::Notification;
use super::raw::RawDev;
use super::views::PostgresViews;

/// The data directory when none is named.
const DIRECTORY: &str = "./.sallyport";
/// Where SSH listens when it is not said.
const SSH: &str = "127.0.0.1:2222";
/// Where the API listens when it is not said.
const API: &str = "127.0.0.1:8443";
/// The node's name when it is not said.
const NODE: &str = "gw-1";
/// The cluster's name when it is not said.
const CLUSTER: &str = "dev";
/// The most that live records may take when it is not said, in bytes.
pub(super) const JOURNAL_QUOTA: u64 = 8 * 1024 * 1024 * 1024;
/// The smallest quota whose segments still take the largest event, in bytes.
pub(super) const SMALLEST_QUOTA: u64 = 32 * 1024 * 1024;
/// How long live sessions get when the node stops and it is not said.
pub(super) const DRAIN: Duration = Duration::from_secs(20);
/// The longest that they may get.
pub(super) const LONGEST_DRAIN: Duration = Duration::from_secs(24 * 60 * 60);

/// T when it is not said: how long a node may go on without contact with the majority.
pub(super) const CONTACT: Duration = Duration::from_secs(15);

/// Documents that are applied at the start; what is not named stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Documents {
    /// The people.
    pub people: Option<PathBuf>,
    /// The targets.
    pub targets: Option<PathBuf>,
    /// The policy.
    pub policy: Option<PathBuf>,
}

/// Where a node listens.
#[derive(Clone, Copy, Debug)]
pub struct Listen {
    /// For SSH.
    pub ssh: SocketAddr,
    /// For PostgreSQL, when it is served.
    pub postgres: Option<SocketAddr>,
    /// For the API.
    pub api: SocketAddr,
    /// For other nodes; a cluster of one needs none.
    pub cluster: Option<SocketAddr>,
}

/// Where others reach a node, as `HOST:PORT`; where it listens, when it is not said.
#[derive(Clone, Debug, Default)]
pub struct Advertise {
    /// Other nodes.
    pub cluster: Option<String>,
    /// Clients of the API.
    pub api: Option<String>,
}

/// Where the credentials of targets may come from: whoever may change targets must not be able to
/// make a node read any file that it can.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretSources {
    /// Whether from environment variables of the node.
    pub environment: bool,
    /// The directory that files must lie in.
    pub files: Option<PathBuf>,
    /// Whether from any file: `dev` only, whose targets come from its own command line.
    pub anywhere: bool,
}

/// The replicated stream, as a node is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamConfig {
    /// Its servers.
    pub servers: Vec<String>,
    /// The file with the node's credentials.
    pub credentials: Option<PathBuf>,
    /// The file with its credentials for what subscribers read.
    pub publisher_credentials: Option<PathBuf>,
    /// The file of the authority that vouches for the servers.
    pub authority: Option<PathBuf>,
    /// On how many servers each event must be, at least.
    pub replicas: u64,
    /// How long after it was acknowledged an event may still be lost by a power cut of all servers.
    pub sync: Duration,
}

/// What a node does.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its name.
    pub node: Name,
    /// Its cluster, when it is said.
    pub cluster: Option<Name>,
    /// Where it keeps everything.
    pub data: PathBuf,
    /// Where it listens.
    pub listen: Listen,
    /// What is told to others.
    pub advertise: Advertise,
    /// What is applied at the start.
    pub documents: Documents,
    /// The most that live records may take, in bytes.
    pub journal_quota: u64,
    /// How long live sessions get when it stops.
    pub drain: Duration,
    /// T of a cluster that this node founds.
    pub contact: Duration,
    /// The file of the authorities that vouch for the certificates of people.
    pub client_ca: Option<PathBuf>,
    /// Which key exchanges clients of SSH may choose.
    pub key_exchange: KeyExchange,
    /// Where credentials of targets may come from.
    pub secrets: SecretSources,
    /// Whom to tell about approvals.
    pub notifications: Vec<Notification>,
    /// The database that the audit views are folded into too.
    pub views: Option<PostgresViews>,
    /// The replicated stream; none when each node keeps its own record only.
    pub stream: Option<StreamConfig>,
    /// Whether a target's host key may be believed when it is first seen.
    pub trust_on_first_use: bool,
}

impl Config {
    /// Where others reach the node, as the cluster knows it.
    #[must_use]
    pub fn addresses(&self) -> NodeAddresses {
        let listens = |address: SocketAddr| address.to_string();
        // A cluster of one has no way in for other nodes, and says so.
        let cluster = self.listen.cluster.map_or_else(|| "none".to_owned(), listens);
        NodeAddresses {
            cluster: self.advertise.cluster.clone().unwrap_or(cluster),
            api: self.advertise.api.clone().unwrap_or_else(|| listens(self.listen.api)),
        }
    }
}

/// What was written has no meaning.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not a name.
    #[error("{option}: {error}")]
    Name {
        /// Which option.
        option: &'static str,
        /// What is wrong.
        error: NotAName,
    },
    /// Not an address to listen on.
    #[error("{option}: {text:?} is not an address; expected HOST:PORT such as 127.0.0.1:2222")]
    Address {
        /// Which option.
        option: &'static str,
        /// What was written.
        text: String,
    },
    /// A number outside of its bounds.
    #[error("{option}: expected {expected}")]
    Bounds {
        /// Which option.
        option: &'static str,
        /// What was expected.
        expected: String,
    },
}

/// What `sallyport dev` means.
///
/// # Errors
/// [`ConfigError`], naming the option.
pub fn check(raw: RawDev) -> Result<Config, ConfigError> {
    let journal_quota = raw.journal_quota.unwrap_or(JOURNAL_QUOTA);
    if journal_quota < SMALLEST_QUOTA {
        let expected = format!("at least {SMALLEST_QUOTA} bytes");
        return Err(ConfigError::Bounds { option: "--journal-quota", expected });
    }
    let node = name("--name", raw.name, NODE)?;
    if node.as_str() == Chain::Control.to_string() {
        // Its events would be taken for those of the control plane.
        let expected = "a name other than `control`, which is the control plane's".to_owned();
        return Err(ConfigError::Bounds { option: "--name", expected });
    }
    let drain = raw.drain.map_or(DRAIN, Duration::from_secs);
    if drain > LONGEST_DRAIN {
        let expected = format!("at most {} seconds", LONGEST_DRAIN.as_secs());
        return Err(ConfigError::Bounds { option: "--drain", expected });
    }
    Ok(Config {
        node,
        cluster: Some(name("--cluster", raw.cluster, CLUSTER)?),
        data: raw.dir.unwrap_or_else(|| PathBuf::from(DIRECTORY)),
        listen: Listen {
            ssh: address("--ssh", raw.ssh, SSH)?,
            postgres: raw
                .postgres
                .map(|text| address("--postgres", Some(text), SSH))
                .transpose()?,
            api: address("--api", raw.api, API)?,
            cluster: None,
        },
        advertise: Advertise::default(),
        documents: Documents { people: raw.people, targets: raw.targets, policy: raw.policy },
        journal_quota,
        drain,
        contact: CONTACT,
        client_ca: raw.client_ca,
        key_exchange: KeyExchange::default(),
        secrets: SecretSources { environment: true, files: None, anywhere: true },
        notifications: Vec::new(),
        views: None,
        stream: None,
        trust_on_first_use: true,
    })
}

fn name(option: &'static str, text: Option<String>, default: &str) -> Result<Name, ConfigError> {
    let text = text.unwrap_or_else(|| default.to_owned());
    text.parse().map_err(|error| ConfigError::Name { option, error })
}

fn address(
    option: &'static str,
    text: Option<String>,
    default: &str,
) -> Result<SocketAddr, ConfigError> {
    let text = text.unwrap_or_else(|| default.to_owned());
    let resolved = text.to_socket_addrs().ok().and_then(|mut found| found.next());
    resolved.ok_or(ConfigError::Address { option, text })
}
