//! The private keys and passwords that this node logs in to targets with: found by what the targets
//! name, kept in memory while they are used, known to the masker, and never printed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use node_enforce::mask::{KNOWN_MIN_BYTES, KnownValue};
use node_session::KnownValues;
use parking_lot::Mutex;
use proto::target::{CredentialSource, Target, TargetKind};
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
    secret: Secret,
    known: Vec<KnownValue>,
}

/// What a target is logged in to with.
enum Secret {
    Key(Arc<PrivateKey>),
    Password(Arc<Zeroizing<Vec<u8>>>),
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
        let is_password = target.kind == TargetKind::Postgres;
        let what = if is_password { "password" } else { "key" };
        let name = match &target.credential {
            CredentialSource::File(file) => format!("{what} in file {file}"),
            CredentialSource::Environment(variable) => format!("{what} in env {variable}"),
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
        let secret = if is_password { password(&name, &text)? } else { key(&name, &text)? };
        if kept.len() >= KEYS_LIMIT {
            return Err(format!("more than {KEYS_LIMIT} credentials are in use"));
        }
        let known = known(target, &text);
        let found = Kept { changed, secret, known };
        let taken = take(&found);
        kept.insert(name, found);
        Ok(taken)
    }
}

impl node_ssh::Credentials for NodeCredentials {
    fn private_key(&self, target: &Target) -> Result<Arc<PrivateKey>, node_ssh::CredentialError> {
        let found = self.find(target, |kept| match &kept.secret {
            Secret::Key(key) => Ok(key.clone()),
            Secret::Password(_) => Err("it is a password".to_owned()),
        });
        let error = |reason| node_ssh::CredentialError { target: target.name.to_string(), reason };
        found.and_then(|found| found).map_err(error)
    }
}

impl node_postgres::Credentials for NodeCredentials {
    fn password(
        &self,
        target: &Target,
    ) -> Result<Zeroizing<Vec<u8>>, node_postgres::CredentialError> {
        let found = self.find(target, |kept| match &kept.secret {
            Secret::Password(password) => Ok(Zeroizing::new(password.to_vec())),
            Secret::Key(_) => Err("it is a private key".to_owned()),
        });
        found.and_then(|found| found).map_err(|reason| missing(target, reason))
    }

    fn authority(&self, target: &Target) -> Result<Vec<u8>, node_postgres::CredentialError> {
        let file = target.database().and_then(|database| database.authority.clone());
        let file = file.ok_or_else(|| missing(target, "no authority is named".to_owned()))?;
        let source = CredentialSource::File(file);
        let read = allowed(&self.sources, &source).and_then(|()| text(&source));
        read.map(|text| text.as_bytes().to_vec()).map_err(|reason| missing(target, reason))
    }
}

fn missing(target: &Target, reason: String) -> node_postgres::CredentialError {
    node_postgres::CredentialError { target: target.name.to_string(), reason }
}

fn key(name: &str, text: &str) -> Result<Secret, String> {
    let key = PrivateKey::from_openssh(text.as_bytes())
        .map_err(|error| format!("{name} is not an OpenSSH private key: {error}"))?;
    if key.is_encrypted() {
        return Err(format!("{name} is a private key with a passphrase"));
    }
    Ok(Secret::Key(Arc::new(key)))
}

/// A password is a line; the line break behind it is the editor's.
fn password(name: &str, text: &str) -> Result<Secret, String> {
    let password = text.strip_suffix('\n').map_or(text, |line| line.trim_end_matches('\r'));
    if password.is_empty() {
        return Err(format!("{name} is empty"));
    }
    Ok(Secret::Password(Arc::new(Zeroizing::new(password.as_bytes().to_vec()))))
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
    let least = if target.kind == TargetKind::Postgres { KNOWN_MIN_BYTES } else { LINE_LENGTH };
    let plain = |line: &&str| line.len() >= least && !line.starts_with('-');
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
