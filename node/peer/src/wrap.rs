//! Wrapping: secrets of the cluster lie in the replicated state, encrypted under a key that only
//! nodes hold.
//!
//! ChaCha20-Poly1305 (RFC 8439) under a nonce that is drawn for each wrapping. Cluster, name and
//! generation of the key are authenticated with it, so that no secret can be taken for another.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version |
//! | 12 | nonce |
//! | rest | the secret, encrypted, and a tag of 16 bytes |

use proto::ids::Name;
use proto::peer::Secret;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::random;

const VERSION: u8 = 1;

/// The longest secret, in bytes.
pub const WRAPPED_LIMIT: usize = 64 * 1024;

/// Which secret of which cluster, under which key.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The cluster.
    pub cluster: &'a Name,
    /// The secret's name.
    pub secret: &'a Name,
    /// The generation of the key.
    pub generation: u32,
}

/// Why a secret cannot be wrapped or unwrapped.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum WrapError {
    /// There is nothing to draw a nonce from.
    #[error("the system gives no randomness")]
    NoRandomness,
    /// A secret that is too long.
    #[error("a secret of {0} bytes is longer than {WRAPPED_LIMIT}")]
    TooLong(usize),
    /// Another version.
    #[error("wrapped by version {0}, which this program does not read")]
    Version(u8),
    /// It was wrapped under another key or as another secret, or it was changed.
    #[error("the secret {0} cannot be unwrapped: another key, another secret, or changed bytes")]
    NotThis(Name),
}

/// Wraps a secret.
///
/// # Errors
/// [`WrapError`] when it is too long, or the system gives no randomness.
pub fn wrap(key: &Secret, about: About<'_>, secret: &[u8]) -> Result<Vec<u8>, WrapError> {
    let mut nonce = [0; NONCE_LEN];
    random::fill(&mut nonce).map_err(|_| WrapError::NoRandomness)?;
    wrap_with(nonce, key, about, secret)
}

pub(crate) fn wrap_with(
    nonce: [u8; NONCE_LEN],
    key: &Secret,
    about: About<'_>,
    secret: &[u8],
) -> Result<Vec<u8>, WrapError> {
    if secret.len() > WRAPPED_LIMIT {
        return Err(WrapError::TooLong(secret.len()));
    }
    // Room for all of it at once: a buffer that grows leaves copies of the secret behind.
    let room = 1 + NONCE_LEN + secret.len() + CHACHA20_POLY1305.tag_len();
    let mut wrapped = Vec::with_capacity(room);
    wrapped.push(VERSION);
    wrapped.extend_from_slice(&nonce);
    wrapped.extend_from_slice(secret);
    let nonce = Nonce::assume_unique_for_key(nonce);
    let in_place = &mut wrapped[1 + NONCE_LEN..];
    let tag = opened(key)
        .and_then(|key| key.seal_in_place_separate_tag(nonce, aad(about), in_place).ok())
        .ok_or_else(|| WrapError::NotThis(about.secret.clone()))?;
    wrapped.extend_from_slice(tag.as_ref());
    Ok(wrapped)
}

/// Unwraps a secret.
///
/// # Errors
/// [`WrapError`] when it is not that secret under that key, to the bit.
pub fn unwrap(
    key: &Secret,
    about: About<'_>,
    wrapped: &[u8],
) -> Result<Zeroizing<Vec<u8>>, WrapError> {
    let not_this = || WrapError::NotThis(about.secret.clone());
    let (&version, rest) = wrapped.split_first().ok_or_else(not_this)?;
    if version != VERSION {
        return Err(WrapError::Version(version));
    }
    let (&nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>().ok_or_else(not_this)?;
    let mut secret = Zeroizing::new(sealed.to_vec());
    let nonce = Nonce::assume_unique_for_key(nonce);
    let key = opened(key).ok_or_else(not_this)?;
    let length = key.open_in_place(nonce, aad(about), &mut secret).map_err(|_| not_this())?.len();
    secret.truncate(length);
    Ok(secret)
}

fn opened(key: &Secret) -> Option<LessSafeKey> {
    UnboundKey::new(&CHACHA20_POLY1305, key.reveal()).ok().map(LessSafeKey::new)
}

/// Names hold no zero byte, so that two different triples never give the same bytes.
fn aad(about: About<'_>) -> Aad<Vec<u8>> {
    let About { cluster, secret, generation } = about;
    Aad::from(format!("sallyport wrapped\0{cluster}\0{secret}\0{generation}").into_bytes())
}
