//! What a node does, fully said.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

use proto::ids::{Chain, Name, NotAName};

use super::raw::RawDev;

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
const JOURNAL_QUOTA: u64 = 8 * 1024 * 1024 * 1024;
/// The smallest quota whose segments still take the largest event, in bytes.
const SMALLEST_QUOTA: u64 = 32 * 1024 * 1024;
/// How long live sessions get when the node stops and it is not said.
const DRAIN: Duration = Duration::from_secs(20);
/// The longest that they may get.
const LONGEST_DRAIN: Duration = Duration::from_secs(24 * 60 * 60);

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

/// What a node does.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its name.
    pub node: Name,
    /// Its cluster.
    pub cluster: Name,
    /// Where it keeps everything.
    pub data: PathBuf,
    /// Where SSH listens.
    pub ssh: SocketAddr,
    /// Where the API listens.
    pub api: SocketAddr,
    /// What is applied at the start.
    pub documents: Documents,
    /// The most that live records may take, in bytes.
    pub journal_quota: u64,
    /// How long live sessions get when it stops.
    pub drain: Duration,
    /// Whether a target's host key may be believed when it is first seen.
    pub trust_on_first_use: bool,
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
        cluster: name("--cluster", raw.cluster, CLUSTER)?,
        data: raw.dir.unwrap_or_else(|| PathBuf::from(DIRECTORY)),
        ssh: address("--ssh", raw.ssh, SSH)?,
        api: address("--api", raw.api, API)?,
        documents: Documents { people: raw.people, targets: raw.targets, policy: raw.policy },
        journal_quota,
        drain,
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
