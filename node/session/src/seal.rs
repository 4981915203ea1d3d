//! Sealed text: raw commands encrypted to the audit key, so that whoever only reads the record
//! (or steals it) cannot read them.
//!
//! HPKE (RFC 9180), base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305. The
//! session, the command's number and the part's number are authenticated, so a sealed text cannot
//! be moved to another command. How texts of a session share one encapsulation is in `chain`; what
//! older records hold is, in text, base64 of the encapsulated key (32 bytes) and the ciphertext.

pub mod backup;
mod chain;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, Serializable};
use proto::ids::{Digest, SessionId};
use ring::hmac;
use zeroize::Zeroizing;

pub use chain::Sealer;

const INFO: &[u8] = b"io.sallyport sealed command v1";
const ENCAPSULATED_BYTES: usize = 32;

type PublicKey = <X25519HkdfSha256 as Kem>::PublicKey;
type PrivateKey = <X25519HkdfSha256 as Kem>::PrivateKey;
type Encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey;

/// A sealed text that cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sealed text does not open: another key, another command, or changed")]
pub struct CannotOpen;

/// The private half of the audit key.
pub struct AuditKey(PrivateKey);

impl AuditKey {
    /// A new key from the system's randomness.
    #[must_use]
    pub fn generate() -> Self {
        Self(X25519HkdfSha256::gen_keypair().0)
    }

    /// The key from its 32 bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        PrivateKey::from_bytes(bytes).ok().map(Self)
    }

    /// The 32 bytes of the key, for the file that keeps it.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.to_bytes().to_vec())
    }

    /// The half that seals.
    #[must_use]
    pub fn public(&self) -> SealKey {
        SealKey(X25519HkdfSha256::sk_to_pk(&self.0))
    }

    /// Opens one sealed item.
    ///
    /// # Errors
    /// [`CannotOpen`], without saying why.
    pub fn open(
        &self,
        session: &SessionId,
        command: u64,
        part: u64,
        sealed: &str,
    ) -> Result<Zeroizing<Vec<u8>>, CannotOpen> {
        let place = place(session, command, part);
        if let Some(sealed) = sealed.strip_prefix(chain::MARK) {
            return chain::open(&self.0, &place, sealed);
        }
        // Records of before are sealed one by one.
        let bytes = BASE64.decode(sealed).map_err(|_| CannotOpen)?;
        let (head, ciphertext) = bytes.split_at_checked(ENCAPSULATED_BYTES).ok_or(CannotOpen)?;
        let encapsulated = Encapsulated::from_bytes(head).map_err(|_| CannotOpen)?;
        hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.0,
            &encapsulated,
            INFO,
            ciphertext,
            place.as_bytes(),
        )
        .map(Zeroizing::new)
        .map_err(|_| CannotOpen)
    }
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditKey")
    }
}

/// The public half of the audit key.
#[derive(Clone)]
pub struct SealKey(PublicKey);

impl SealKey {
    /// What seals the texts of one session.
    #[must_use]
    pub fn sealer(&self) -> Sealer {
        Sealer::new(self.clone())
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey")
    }
}

fn place(session: &SessionId, command: u64, part: u64) -> String {
    format!("{session}/{command}/{part}")
}

/// The key of digests of raw text: an HMAC, so that a short command cannot be guessed from it.
#[derive(Clone)]
pub struct DigestKey(hmac::Key);

impl DigestKey {
    /// A key from 32 random bytes.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// The digest of a whole text.
    #[must_use]
    pub fn digest(&self, text: &[u8]) -> Digest {
        let mut meter = self.meter();
        meter.pass(text);
        meter.total().digest.unwrap_or(Digest::ZERO)
    }

    /// A meter for a stream of raw bytes.
    #[must_use]
    pub fn meter(&self) -> Meter {
        Meter { context: hmac::Context::with_key(&self.0), bytes: 0 }
    }
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKey")
    }
}

/// Counts and digests raw bytes that pass, such as a command's input.
#[derive(Clone)]
pub struct Meter {
    context: hmac::Context,
    bytes: u64,
}

impl Meter {
    /// Counts bytes.
    pub fn pass(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// What passed: the record keeps none of the bytes themselves.
    #[must_use]
    pub fn total(&self) -> proto::event::Counted {
        let mut digest = [0; 32];
        digest.copy_from_slice(self.context.clone().sign().as_ref());
        proto::event::Counted {
            bytes: self.bytes,
            digest: Some(Digest(digest)),
            truncated: self.bytes > 0,
        }
    }
}
