//! SSH public keys in one spelling, and which of them are good enough.
//!
//! Only plain keys: a line's options would be believed by nobody here, so they are an error rather
//! than ignored.

use russh::keys::ssh_key::public::{KeyData, RsaPublicKey};
use russh::keys::{Algorithm, HashAlg, PublicKey};

/// The smallest RSA key, in bits.
pub const RSA_MIN_BITS: usize = 2048;
/// The largest RSA key that can be verified, in bits; larger ones only cost the verifier time.
pub const RSA_MAX_BITS: usize = 8192;
/// The longest line with a key, in bytes.
pub const KEY_LINE_BYTES: usize = 16 * 1024;

/// Why a text is no usable public key. Parts of the text are repeated only when it is none at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// Somebody put the wrong half there.
    #[error(
        "a private key stands here and must be taken as lost, expected a public key: \
         \"ssh-ed25519 AAAA…\""
    )]
    Private,
    /// `from="…" ssh-ed25519 …`
    #[error("options stand in front of the key, expected the key alone: \"ssh-ed25519 AAAA…\"")]
    Options,
    /// `ssh-ed25519-cert-v01@openssh.com …`
    #[error("a certificate stands here, expected a public key: \"ssh-ed25519 AAAA…\"")]
    Certificate,
    /// DSA, or RSA below the minimum.
    #[error("{0} is too weak, expected Ed25519, ECDSA or RSA with at least {RSA_MIN_BITS} bits")]
    Weak(String),
    /// RSA above the maximum.
    #[error("RSA with {0} bits is too large, expected at most {RSA_MAX_BITS}")]
    Large(usize),
    /// A key kind that this version does not verify.
    #[error("keys of the kind {0} are not in this version, expected Ed25519, ECDSA or RSA")]
    Unsupported(String),
    /// Anything else.
    #[error("not a public key in OpenSSH's one-line form, expected \"ssh-ed25519 AAAA…\"")]
    NotAKey,
}

/// Reads one line of OpenSSH's form and checks that the key is strong enough.
///
/// # Errors
/// [`BadKey`] says what stands there instead.
pub fn read(text: &str) -> Result<PublicKey, BadKey> {
    let text = text.trim();
    if text.contains("PRIVATE KEY") {
        return Err(BadKey::Private);
    }
    if text.len() > KEY_LINE_BYTES || text.lines().count() != 1 {
        return Err(BadKey::NotAKey);
    }
    let mut words = text.split_ascii_whitespace();
    let first = words.next().unwrap_or_default();
    if !names_algorithm(first) {
        let later = words.any(names_algorithm);
        return Err(if later { BadKey::Options } else { BadKey::NotAKey });
    }
    if first.contains("-cert-v0") {
        return Err(BadKey::Certificate);
    }
    if first == "ssh-dss" {
        return Err(BadKey::Weak("DSA".to_owned()));
    }
    // One space between algorithm and key is all that the strict reader takes.
    let spaced = text.split_ascii_whitespace().take(2).collect::<Vec<_>>().join(" ");
    let key = PublicKey::from_openssh(&spaced).map_err(|_| BadKey::NotAKey)?;
    check_strength(&key)?;
    Ok(key)
}

/// `algorithm base64`, without options or comment: the one spelling that keys are compared in.
///
/// # Errors
/// [`BadKey`] as [`read`].
pub fn normalise(text: &str) -> Result<String, BadKey> {
    one_line(&read(text)?)
}

/// The one spelling of a key that was read elsewhere.
///
/// # Errors
/// [`BadKey::NotAKey`] when the key cannot be encoded, which no key that was read is.
pub fn one_line(key: &PublicKey) -> Result<String, BadKey> {
    PublicKey::new(key.key_data().clone(), "").to_openssh().map_err(|_| BadKey::NotAKey)
}

/// `SHA256:…`, as `ssh-keygen -l` prints it.
#[must_use]
pub fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

/// Whether a key that somebody shows is strong enough to be looked up at all.
pub(crate) fn check_strength(key: &PublicKey) -> Result<(), BadKey> {
    match (key.algorithm(), key.key_data()) {
        (Algorithm::Ed25519 | Algorithm::Ecdsa { .. }, _) => Ok(()),
        (Algorithm::Rsa { .. }, KeyData::Rsa(rsa)) => match bits(rsa) {
            bits if bits < RSA_MIN_BITS => Err(BadKey::Weak(format!("RSA with {bits} bits"))),
            bits if bits > RSA_MAX_BITS => Err(BadKey::Large(bits)),
            _ => Ok(()),
        },
        (Algorithm::Dsa, _) => Err(BadKey::Weak("DSA".to_owned())),
        (other, _) => Err(BadKey::Unsupported(other.as_str().to_owned())),
    }
}

/// The modulus' exact length; the library counts whole bytes only.
fn bits(key: &RsaPublicKey) -> usize {
    let bytes = key.n().as_positive_bytes().unwrap_or_default();
    let leading = bytes.first().map_or(0, |first| first.leading_zeros() as usize);
    (bytes.len() * 8).saturating_sub(leading)
}

fn names_algorithm(word: &str) -> bool {
    ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-", "rsa-sha2-"]
        .iter()
        .any(|prefix| word.starts_with(prefix))
}
