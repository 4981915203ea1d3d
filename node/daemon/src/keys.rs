//! The keys of a node, from the data directory; made at the first start.

use std::io;
use std::sync::Arc;

use node_enforce::mask::MaskKey;
use node_identity::AdminToken;
use node_session::seal::{AuditKey, DigestKey, SealKey};
use russh::keys::PrivateKey;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::Ed25519Keypair;
use zeroize::Zeroizing;

use crate::directory::{Directory, DirectoryError};
use crate::secrets;

/// The keys of a node.
pub(crate) struct Keys {
    /// Seals raw commands; its private half stays in its file, for whoever audits.
    pub seal: SealKey,
    /// Digests raw bytes.
    pub digest: DigestKey,
    /// Makes pseudonyms.
    pub mask: MaskKey,
    /// The SSH host key.
    pub host: Arc<PrivateKey>,
    /// The administrator's token.
    pub admin: AdminToken,
}

impl Keys {
    /// Reads the keys, and makes those that are not there.
    ///
    /// # Errors
    /// [`DirectoryError`], naming the file.
    pub(crate) fn open(directory: &Directory) -> Result<Self, DirectoryError> {
        let keys = directory.keys();
        let digest = secrets::key(&keys.join("digest.key"))?;
        let mask = secrets::key(&keys.join("mask.key"))?;
        Ok(Self {
            seal: audit(directory)?,
            digest: DigestKey::new(&digest),
            mask: MaskKey::new(*mask),
            host: host(directory)?,
            admin: admin(directory)?,
        })
    }
}

fn audit(directory: &Directory) -> Result<SealKey, DirectoryError> {
    let path = directory.keys().join("audit.key");
    let bytes = secrets::kept(&path, || Ok(AuditKey::generate().to_bytes()))?;
    let what = "not an audit key".to_owned();
    let key = AuditKey::from_bytes(&bytes).ok_or(DirectoryError::Damaged { path, what })?;
    Ok(key.public())
}

fn host(directory: &Directory) -> Result<Arc<PrivateKey>, DirectoryError> {
    let path = directory.keys().join("ssh_host_ed25519_key");
    let text = secrets::kept(&path, || {
        let seed = secrets::random()?;
        let key = PrivateKey::from(Ed25519Keypair::from_seed(&seed));
        let text = key.to_openssh(LineEnding::LF).map_err(io::Error::other)?;
        Ok(Zeroizing::new(text.as_bytes().to_vec()))
    })?;
    let damaged = |what: String| DirectoryError::Damaged { path: path.clone(), what };
    PrivateKey::from_openssh(&*text).map(Arc::new).map_err(|error| damaged(error.to_string()))
}

fn admin(directory: &Directory) -> Result<AdminToken, DirectoryError> {
    let path = directory.path("admin.token");
    let text = secrets::kept(&path, || {
        let (_, token) = AdminToken::generate(&secrets::random()?);
        let mut line = Zeroizing::new(Vec::with_capacity(token.reveal().len() + 1));
        line.extend_from_slice(token.reveal().as_bytes());
        line.push(b'\n');
        Ok(line)
    })?;
    let damaged = |what: String| DirectoryError::Damaged { path: path.clone(), what };
    let text = std::str::from_utf8(&text).map_err(|error| damaged(error.to_string()))?;
    AdminToken::from_file_text(&Zeroizing::new(text.to_owned()))
        .map_err(|error| damaged(error.to_string()))
}
