//! The private keys that this node logs in to targets with: found by what the targets name, kept in
//! memory while they are used, known to the masker, and never printed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use node_enforce::mask::KnownValue;
use node_session::KnownValues;
use node_ssh::{CredentialError, Credentials};
use parking_lot::Mutex;
use proto::target::{CredentialSource, Target};
use russh::keys::PrivateKey;
use zeroize::Zeroizing;

use crate::config::SecretSources;

/// The largest key file, in bytes.
const KEY_LIMIT: u64 = 64 * 1024;

/// The shortest line of a key file that is looked for in output, in characters. Shorter ones occur
/// by chance.
const LINE_LENGTH: usize = 40;

/// How many keys are kept.
const KEYS_LIMIT: usize = 20_000;

/// The credentials of one node.
pub(crate) struct NodeCredentials {
    sources: SecretSources,
    kept: Mutex<BTreeMap<String, Kept>>,
}

struct Kept {
    changed: Option<SystemTime>,
    key: Arc<PrivateKey>,
    known: Vec<KnownValue>,
}

impl NodeCredentials {
    /// Credentials that may come from these places, and from nowhere else.
    #[must_use]
    pub(crate) fn new(sources: SecretSources) -> Self {
        Self { sources, kept: Mutex::default() }
    }

    /// An environment variable that a document names, when this node lets documents name any.
    #[must_use]
    pub(crate) fn variable(&self, name: &str) -> Option<Zeroizing<String>> {
        if !self.sources.environment {
            return None;
        }
        std::env::var(name).ok().map(Zeroizing::new)
    }

    /// Why this node has no credential for a target; nothing when it has.
    #[must_use]
    pub(crate) fn problem_of(&self, target: &Target) -> Option<String> {
        self.find(target, |_| ()).err()
    }

    /// Finds a target's credential. A file that changed since is read again, so that a key can be
    /// rotated while the node runs.
    fn find<T>(&self, target: &Target, take: impl FnOnce(&Kept) -> T) -> Result<T, String> {
        let name = match &target.credential {
            CredentialSource::File(file) => format!("file {file}"),
            CredentialSource::Environment(variable) => format!("env {variable}"),
        };
        allowed(&self.sources, &target.credential)?;
        let changed = match &target.credential {
            CredentialSource::File(file) => {
                let about = std::fs::metadata(file).map_err(|error| format!("{file}: {error}"))?;
                about.modified().ok()
            }
            CredentialSource::Environment(_) => None,
        };
        let mut kept = self.kept.lock();
        if let Some(found) = kept.get(&name).filter(|kept| kept.changed == changed) {
            return Ok(take(found));
        }
        let text = text(&target.credential)?;
        let key = PrivateKey::from_openssh(text.as_bytes())
            .map_err(|error| format!("{name} is not an OpenSSH private key: {error}"))?;
        if key.is_encrypted() {
            return Err(format!("{name} is a private key with a passphrase"));
        }
        if kept.len() >= KEYS_LIMIT {
            return Err(format!("more than {KEYS_LIMIT} credentials are in use"));
        }
        let known = known(target, &text);
        let found = Kept { changed, key: Arc::new(key), known };
        let taken = take(&found);
        kept.insert(name, found);
        Ok(taken)
    }
}

impl Credentials for NodeCredentials {
    fn private_key(&self, target: &Target) -> Result<Arc<PrivateKey>, CredentialError> {
        self.find(target, |kept| kept.key.clone())
            .map_err(|reason| CredentialError { target: target.name.to_string(), reason })
    }
}

impl KnownValues for NodeCredentials {
    fn of(&self, target: &Target) -> Vec<KnownValue> {
        // What cannot be found cannot leak either: the target cannot be reached without it.
        self.find(target, |kept| kept.known.clone()).unwrap_or_default()
    }
}

/// Whether a credential may come from where a target says: whoever may change targets must not be
/// able to make the node read any file that it can.
fn allowed(sources: &SecretSources, credential: &CredentialSource) -> Result<(), String> {
    match credential {
        CredentialSource::Environment(variable) if !sources.environment => Err(format!(
            "the environment variable {variable} may not be read: this node's configuration says \
             no `secrets: {{ env: true }}`"
        )),
        CredentialSource::File(file) if !sources.anywhere => {
            // Links are followed first: a link out of the directory leads out of it.
            let real = std::fs::canonicalize(file).map_err(|error| format!("{file}: {error}"))?;
            let within = sources.files.as_ref().and_then(|files| std::fs::canonicalize(files).ok());
            if within.is_some_and(|within| real.starts_with(within)) {
                return Ok(());
            }
            Err(format!(
                "{file} may not be read: it is not in the directory that this node's configuration \
                 names as `secrets: {{ files: … }}`"
            ))
        }
        CredentialSource::Environment(_) | CredentialSource::File(_) => Ok(()),
    }
}

/// The lines of a key that are secret enough to be looked for in output.
fn known(target: &Target, text: &str) -> Vec<KnownValue> {
    let label: Arc<str> = format!("credential of target {}", target.name).into();
    let plain = |line: &&str| line.len() >= LINE_LENGTH && !line.starts_with('-');
    let value = |line: &str| KnownValue {
        label: label.clone(),
        value: Arc::new(Zeroizing::new(line.as_bytes().to_vec())),
    };
    text.lines().map(str::trim).filter(plain).map(value).collect()
}

fn text(source: &CredentialSource) -> Result<Zeroizing<String>, String> {
    match source {
        CredentialSource::File(file) => {
            let failed = |error: std::io::Error| format!("{file}: {error}");
            let opened = File::open(PathBuf::from(file)).map_err(failed)?;
            // Room for all of it at once: a buffer that grows leaves copies behind.
            let room = usize::try_from(KEY_LIMIT).unwrap_or(0);
            let mut text = Zeroizing::new(String::with_capacity(room));
            opened.take(KEY_LIMIT).read_to_string(&mut text).map_err(failed)?;
            Ok(text)
        }
        CredentialSource::Environment(variable) => std::env::var(variable)
            .map(Zeroizing::new)
            .map_err(|_| format!("the environment variable {variable} is not set, or not text")),
    }
}
