//! Backups, encrypted to a key whose private half no node has: HPKE as for sealed text.
//!
//! As bytes: a line that says what it is, the encapsulated key (32 bytes), the ciphertext. The line
//! is authenticated with it, so a backup cannot pose as anything else nor anything else as one.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use proto::ids::Digest;
use zeroize::Zeroizing;

use super::{ENCAPSULATED_BYTES, Encapsulated, PrivateKey, PublicKey};

const INFO: &[u8] = b"io.sallyport backup v1";

/// How a backup begins.
const HEAD: &[u8] = b"sallyport backup 1\n";

/// A backup that cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    /// It does not begin like one.
    #[error("this is no backup of a Sallyport cluster")]
    NotOne,
    /// It does not open.
    #[error("the backup does not open: another key, or changed")]
    CannotOpen,
}

/// Text that is not the key of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an X25519 key: 32 bytes in base64, as `sallyport cluster backup-key` writes it")]
pub struct NotAKey;

/// The public half: whom a backup is encrypted to.
#[derive(Clone)]
pub struct Recipient(PublicKey);

impl FromStr for Recipient {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let bytes = BASE64.decode(text.trim()).map_err(|_| NotAKey)?;
        PublicKey::from_bytes(&bytes).map(Self).map_err(|_| NotAKey)
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64.encode(self.0.to_bytes()))
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({self})")
    }
}

impl Recipient {
    /// SHA-256 of the key, as the record names it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut digest = [0; 32];
        let sha256 = ring::digest::digest(&ring::digest::SHA256, &self.0.to_bytes());
        digest.copy_from_slice(sha256.as_ref());
        Digest(digest)
    }

    /// Encrypts a backup.
    ///
    /// # Errors
    /// A text of the encryption's own, when it fails.
    pub fn seal(&self, backup: &[u8]) -> Result<Vec<u8>, String> {
        let (encapsulated, ciphertext) = hpke::single_shot_seal::<
            ChaCha20Poly1305,
            HkdfSha256,
            X25519HkdfSha256,
        >(&OpModeS::Base, &self.0, INFO, backup, HEAD)
        .map_err(|error| error.to_string())?;
        let encapsulated = encapsulated.to_bytes();
        let room = HEAD.len() + encapsulated.len() + ciphertext.len();
        let mut bytes = Vec::with_capacity(room);
        bytes.extend_from_slice(HEAD);
        bytes.extend_from_slice(&encapsulated);
        bytes.extend_from_slice(&ciphertext);
        Ok(bytes)
    }
}

/// The private half, for whoever restores.
pub struct BackupKey(PrivateKey);

impl fmt::Debug for BackupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BackupKey")
    }
}

/// The key from the text of its file.
impl FromStr for BackupKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let bytes = BASE64.decode(text.trim()).map(Zeroizing::new).map_err(|_| NotAKey)?;
        PrivateKey::from_bytes(&bytes).map(Self).map_err(|_| NotAKey)
    }
}

impl BackupKey {
    /// A new key from the system's randomness.
    #[must_use]
    pub fn fresh() -> Self {
        Self(X25519HkdfSha256::gen_keypair().0)
    }

    /// The text for the file that keeps it.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let bytes = Zeroizing::new(self.0.to_bytes());
        // Room for all of it at once: a buffer that grows leaves copies behind.
        let mut text = Zeroizing::new(String::with_capacity(bytes.len().div_ceil(3) * 4 + 1));
        BASE64.encode_string(bytes, &mut text);
        text.push('\n');
        text
    }

    /// The half that is handed out.
    #[must_use]
    pub fn recipient(&self) -> Recipient {
        Recipient(X25519HkdfSha256::sk_to_pk(&self.0))
    }

    /// Opens a backup.
    ///
    /// # Errors
    /// [`BackupError`].
    pub fn open(&self, backup: &[u8]) -> Result<Zeroizing<Vec<u8>>, BackupError> {
        let rest = backup.strip_prefix(HEAD).ok_or(BackupError::NotOne)?;
        let (head, ciphertext) =
            rest.split_at_checked(ENCAPSULATED_BYTES).ok_or(BackupError::CannotOpen)?;
        let encapsulated = Encapsulated::from_bytes(head).map_err(|_| BackupError::CannotOpen)?;
        hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.0,
            &encapsulated,
            INFO,
            ciphertext,
            HEAD,
        )
        .map(Zeroizing::new)
        .map_err(|_| BackupError::CannotOpen)
    }
}
