//! The administrator's token: no person, one for a cluster, of which only the digest is kept.

use std::fmt;

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{TOKEN_BYTES, Token};

/// The shortest administrator token, in bytes.
pub const ADMIN_TOKEN_BYTES: usize = 32;

/// How the administrator's token begins.
const PREFIX: &str = "spa_";

/// A file that does not hold an administrator token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no administrator token, expected a line of {ADMIN_TOKEN_BYTES} to {TOKEN_BYTES} characters"
)]
pub struct BadAdminToken;

/// The administrator's token, of which only the digest is kept.
#[derive(Clone)]
pub struct AdminToken([u8; 32]);

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken")
    }
}

impl AdminToken {
    /// A new one, and the text to write into its file.
    #[must_use]
    pub fn generate(random: &Zeroizing<[u8; 32]>) -> (Self, Token) {
        let token = Token::new(PREFIX, &**random);
        (Self(digest(token.reveal())), token)
    }

    /// The one that a file holds.
    ///
    /// # Errors
    /// [`BadAdminToken`] when it holds anything else than one line of a fit length.
    pub fn from_file_text(text: &Zeroizing<String>) -> Result<Self, BadAdminToken> {
        let text = text.trim_end_matches(['\r', '\n']);
        let is_fit = (ADMIN_TOKEN_BYTES..=TOKEN_BYTES).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_fit { Ok(Self(digest(text))) } else { Err(BadAdminToken) }
    }

    /// The one with this digest, as the cluster keeps it.
    #[must_use]
    pub fn from_digest(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// SHA-256 of the token, for the cluster to keep.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.0
    }

    /// Whether this is it, in constant time.
    #[must_use]
    pub fn matches(&self, presented: &str) -> bool {
        presented.len() <= TOKEN_BYTES && digest(presented).ct_eq(&self.0).into()
    }
}

fn digest(text: &str) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, text.as_bytes()).as_ref());
    digest
}
