//! The private keys and passwords that this node logs in to targets with: found by what the targets
//! name, kept in memory while they are used, known to the masker, and never printed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use node_enforce::mask::{KNOWN_MIN_BYTES, KnownValue};
use node_session::{CredentialError, KnownValues};
use parking_lot::Mutex;
use proto::target::{Place, Target, TargetKind};
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
    /// A password, or the key of a certificate in PEM.
    Text(Zeroizing<Vec<u8>>),
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
        let secret = self.secret(target, |_| ()).err();
        secret.or_else(|| self.certified(target).err())
    }

    /// Finds a target's private key or password, where it has one.
    fn secret<T>(
        &self,
        target: &Target,
        take: impl FnOnce(&Kept) -> T,
    ) -> Result<Option<T>, String> {
        let wanted = match target.kind {
            TargetKind::Postgres => Wanted::Password,
            TargetKind::Ssh | TargetKind::Kubernetes => Wanted::Key,
        };
        target.secret().map(|place| self.find(target, &place, wanted, take)).transpose()
    }

    /// Finds a target's certificate and its key, where it has one.
    fn certified(&self, target: &Target) -> Result<Option<node_postgres::Certified>, String> {
        let Some(shown) = target.certificate() else { return Ok(None) };
        let place = Place::File(shown.certificate.clone());
        allowed(&self.sources, &place)?;
        let certificate = text(&place)?.as_bytes().to_vec();
        let place = Place::File(shown.private_key.clone());
        let key = self.find(target, &place, Wanted::KeyOfCertificate, Kept::bytes)??;
        Ok(Some(node_postgres::Certified { certificate, private_key: key }))
    }

    /// Finds a secret. A file that changed since is read again, so that a key can be rotated while
    /// the node runs.
    fn find<T>(
        &self,
        target: &Target,
        place: &Place,
        wanted: Wanted,
        take: impl FnOnce(&Kept) -> T,
    ) -> Result<T, String> {
        let what = wanted.words();
        let name = match place {
            Place::File(file) => format!("{what} in file {file}"),
            Place::Environment(variable) => format!("{what} in env {variable}"),
        };
        allowed(&self.sources, place)?;
        let changed = match place {
            Place::File(file) => {
                let about = std::fs::metadata(file).map_err(|error| format!("{file}: {error}"))?;
                about.modified().ok()
            }
            Place::Environment(_) => None,
        };
        let mut kept = self.kept.lock();
        if let Some(found) = kept.get(&name).filter(|kept| kept.changed == changed) {
            return Ok(take(found));
        }
        let text = text(place)?;
        let secret = match wanted {
            Wanted::Key => key(&name, &text)?,
            Wanted::Password => password(&name, &text)?,
            Wanted::KeyOfCertificate => key_of_certificate(&name, &text)?,
        };
        if kept.len() >= KEYS_LIMIT {
            return Err(format!("more than {KEYS_LIMIT} credentials are in use"));
        }
        let known = known(target, wanted, &text);
        let found = Kept { changed, secret, known };
        let taken = take(&found);
        kept.insert(name, found);
        Ok(taken)
    }
}

/// What is looked for in a place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Key,
    Password,
    KeyOfCertificate,
}

impl Wanted {
    fn words(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Password => "password",
            Self::KeyOfCertificate => "certificate's key",
        }
    }
}

impl Kept {
    fn bytes(&self) -> Result<Zeroizing<Vec<u8>>, String> {
        match &self.secret {
            Secret::Text(text) => Ok(Zeroizing::new(text.to_vec())),
            Secret::Key(_) => Err("it is a private key for SSH".to_owned()),
        }
    }
}

impl node_ssh::Credentials for NodeCredentials {
    fn private_key(&self, target: &Target) -> Result<Arc<PrivateKey>, CredentialError> {
        let found = self.secret(target, |kept| match &kept.secret {
            Secret::Key(key) => Ok(key.clone()),
            Secret::Text(_) => Err("it is a password".to_owned()),
        });
        let none = || Err("a certificate is for databases".to_owned());
        found.and_then(|found| found.unwrap_or_else(none)).map_err(|reason| missing(target, reason))
    }
}

impl node_postgres::Credentials for NodeCredentials {
    fn password(&self, target: &Target) -> Result<Option<Zeroizing<Vec<u8>>>, CredentialError> {
        let found = self.secret(target, Kept::bytes).and_then(Option::transpose);
        found.map_err(|reason| missing(target, reason))
    }

    fn certificate(
        &self,
        target: &Target,
    ) -> Result<Option<node_postgres::Certified>, CredentialError> {
        self.certified(target).map_err(|reason| missing(target, reason))
    }

    fn authority(&self, target: &Target) -> Result<Vec<u8>, CredentialError> {
        let file = target.database().and_then(|database| database.authority.clone());
        let file = file.ok_or_else(|| missing(target, "no authority is named".to_owned()))?;
        let place = Place::File(file);
        let read = allowed(&self.sources, &place).and_then(|()| text(&place));
        read.map(|text| text.as_bytes().to_vec()).map_err(|reason| missing(target, reason))
    }
}

fn missing(target: &Target, reason: String) -> CredentialError {
    CredentialError { target: target.name.to_string(), reason }
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
    Ok(Secret::Text(Zeroizing::new(password.as_bytes().to_vec())))
}

/// Only its form is looked at here: whether it fits the certificate is found out when it is shown.
fn key_of_certificate(name: &str, text: &str) -> Result<Secret, String> {
    if text.contains("ENCRYPTED") {
        return Err(format!("{name} is a private key with a passphrase"));
    }
    if !text.contains("PRIVATE KEY-----") {
        return Err(format!("{name} is not a private key in PEM"));
    }
    Ok(Secret::Text(Zeroizing::new(text.as_bytes().to_vec())))
}

impl KnownValues for NodeCredentials {
    fn of(&self, target: &Target) -> Vec<KnownValue> {
        // What cannot be found cannot leak either: the target cannot be reached without it.
        let known = |kept: &Kept| kept.known.clone();
        let mut all = self.secret(target, known).ok().flatten().unwrap_or_default();
        if let Some(shown) = target.certificate() {
            let place = Place::File(shown.private_key.clone());
            let of_key = self.find(target, &place, Wanted::KeyOfCertificate, known);
            all.extend(of_key.unwrap_or_default());
        }
        all
    }
}

/// Whether a credential may come from where a target says: whoever may change targets must not be
/// able to make the node read any file that it can.
fn allowed(sources: &SecretSources, place: &Place) -> Result<(), String> {
    match place {
        Place::Environment(variable) if !sources.environment => Err(format!(
            "the environment variable {variable} may not be read: this node's configuration says \
             no `secrets: {{ env: true }}`"
        )),
        Place::File(file) if !sources.anywhere => {
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
        Place::Environment(_) | Place::File(_) => Ok(()),
    }
}

/// The lines of a key that are secret enough to be looked for in output.
fn known(target: &Target, wanted: Wanted, text: &str) -> Vec<KnownValue> {
    let label: Arc<str> = format!("credential of target {}", target.name).into();
    let least = if wanted == Wanted::Password { KNOWN_MIN_BYTES } else { LINE_LENGTH };
    let plain = |line: &&str| line.len() >= least && !line.starts_with('-');
    let value = |line: &str| KnownValue {
        label: label.clone(),
        value: Arc::new(Zeroizing::new(line.as_bytes().to_vec())),
    };
    text.lines().map(str::trim).filter(plain).map(value).collect()
}

fn text(place: &Place) -> Result<Zeroizing<String>, String> {
    match place {
        Place::File(file) => {
            let failed = |error: std::io::Error| format!("{file}: {error}");
            let opened = File::open(PathBuf::from(file)).map_err(failed)?;
            // Room for all of it at once: a buffer that grows leaves copies behind.
            let room = usize::try_from(KEY_LIMIT).unwrap_or(0);
            let mut text = Zeroizing::new(String::with_capacity(room));
            opened.take(KEY_LIMIT).read_to_string(&mut text).map_err(failed)?;
            Ok(text)
        }
        Place::Environment(variable) => std::env::var(variable)
            .map(Zeroizing::new)
            .map_err(|_| format!("the environment variable {variable} is not set, or not text")),
    }
}
