//! Logging in to the API by a signature with one's SSH key.
//!
//! The server names a challenge, the client signs it in OpenSSH's SSHSIG format (PROTOCOL.sshsig)
//! under [`NAMESPACE`], so that no other signature, of a file or of an SSH login, can stand in for
//! it. A challenge is good for one try, on the cluster that it names, and for a minute.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proto::ids::Name;
use proto::time::Moment;
use russh::keys::ssh_key::{LineEnding, SshSig};
use russh::keys::{HashAlg, PrivateKey, PublicKey};

use crate::directory::{Directory, Subject};
use crate::keys;

/// The SSHSIG namespace of logins: `ssh-keygen -Y sign -n sallyport-login@sallyport.io`.
pub const NAMESPACE: &str = "sallyport-login@sallyport.io";
/// How long a challenge may be answered.
pub const CHALLENGE_LIFETIME: Duration = Duration::from_secs(60);
/// How many challenges may be open; over it the oldest gives way, because anybody may ask for one.
pub const CHALLENGES: usize = 4_096;
/// The longest armored signature, in bytes; that of a key of 8192 bits takes about 3,000.
pub const SIGNATURE_BYTES: usize = 16 * 1024;
/// What every challenge begins with; the cluster's name and the nonce follow.
const PURPOSE: &str = "sallyport-login/1";

/// Why a login was refused, for the record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// Never issued here, used already, or expired and cleared away.
    #[error("the challenge was never issued, or was used already")]
    UnknownChallenge,
    /// Issued, but too long ago.
    #[error("the challenge has expired")]
    Expired,
    /// Not an armored SSHSIG.
    #[error("not an SSH signature in armor")]
    NotASignature,
    /// Signed for something else.
    #[error("the signature is for another purpose than {NAMESPACE}")]
    WrongNamespace,
    /// It does not fit the challenge and the key in it.
    #[error("the signature by {fingerprint} is not of this challenge")]
    WrongSignature {
        /// The key in the signature.
        fingerprint: String,
    },
    /// A good signature by a key that is nobody's.
    #[error("the key {fingerprint} is nobody's")]
    UnknownKey {
        /// The key in the signature.
        fingerprint: String,
    },
    /// A key that nobody may have.
    #[error("the key {fingerprint} cannot be used: {reason}")]
    UnfitKey {
        /// The key in the signature.
        fingerprint: String,
        /// Why not.
        reason: keys::BadKey,
    },
}

/// Why a challenge was not signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// What is to be signed is not a login challenge: signing it might mean anything.
    #[error("the server's challenge is not one of a login")]
    NotAChallenge,
    /// The key is locked by a passphrase, or of a kind that cannot sign here.
    #[error("the private key cannot sign: it is encrypted, or of a kind that is not supported")]
    CannotSign,
}

/// The challenges that one node has issued.
pub struct Challenges {
    cluster: Name,
    open: Mutex<Open>,
}

/// Two views of one table: by text, and by age.
#[derive(Default)]
struct Open {
    issued: BTreeMap<String, (Duration, u64)>,
    by_age: BTreeMap<(Duration, u64), String>,
    count: u64,
}

impl Challenges {
    /// No challenges yet.
    #[must_use]
    pub fn new(cluster: Name) -> Self {
        Self { cluster, open: Mutex::default() }
    }

    /// A new challenge; the nonce must be random and never used before.
    #[must_use]
    pub fn issue(&self, nonce: [u8; 32], now: Moment) -> String {
        let nonce = URL_SAFE_NO_PAD.encode(nonce);
        let challenge = format!("{PURPOSE} {} {nonce}", self.cluster);
        let mut open = self.lock();
        open.drop_expired(now);
        if open.issued.len() >= CHALLENGES {
            open.drop_oldest();
        }
        open.insert(challenge.clone(), now);
        challenge
    }

    /// Who answered a challenge: the person whose key signed exactly its text.
    ///
    /// # Errors
    /// [`LoginError`] with the precise reason, which the outside is not told. The challenge is
    /// spent in any case.
    pub fn redeem(
        &self,
        challenge: &str,
        signature: &str,
        directory: &Directory,
        now: Moment,
    ) -> Result<Subject, LoginError> {
        // Taken out before anything is verified: one try each, also for two at the same time.
        let issued = self.lock().remove(challenge).ok_or(LoginError::UnknownChallenge)?;
        if has_expired(issued, now) {
            return Err(LoginError::Expired);
        }
        let key = verify(challenge, signature)?;
        let fingerprint = keys::fingerprint(&key);
        directory.by_key(&key).ok_or(LoginError::UnknownKey { fingerprint })
    }

    /// How many challenges are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().issued.len()
    }

    /// Whether none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // The table is whole after each statement, so a panic elsewhere leaves nothing half done.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn insert(&mut self, challenge: String, now: Moment) {
        self.count += 1;
        let age = (now.elapsed, self.count);
        if let Some(same) = self.issued.insert(challenge.clone(), age) {
            self.by_age.remove(&same);
        }
        self.by_age.insert(age, challenge);
    }

    fn remove(&mut self, challenge: &str) -> Option<Duration> {
        let age = self.issued.remove(challenge)?;
        self.by_age.remove(&age);
        Some(age.0)
    }

    fn drop_oldest(&mut self) {
        if let Some((_, challenge)) = self.by_age.pop_first() {
            self.issued.remove(&challenge);
        }
    }

    fn drop_expired(&mut self, now: Moment) {
        while let Some((&(issued, _), _)) = self.by_age.first_key_value() {
            if !has_expired(issued, now) {
                return;
            }
            self.drop_oldest();
        }
    }
}

fn has_expired(issued: Duration, now: Moment) -> bool {
    now.elapsed.saturating_sub(issued) >= CHALLENGE_LIFETIME
}

/// The key that signed the challenge.
fn verify(challenge: &str, signature: &str) -> Result<PublicKey, LoginError> {
    if signature.len() > SIGNATURE_BYTES {
        return Err(LoginError::NotASignature);
    }
    let armored = signature.trim().to_owned() + "\n";
    let signature = SshSig::from_pem(armored).map_err(|_| LoginError::NotASignature)?;
    if signature.namespace() != NAMESPACE {
        return Err(LoginError::WrongNamespace);
    }
    let key = PublicKey::new(signature.public_key().clone(), "");
    let fingerprint = keys::fingerprint(&key);
    if let Err(reason) = keys::check_strength(&key) {
        return Err(LoginError::UnfitKey { fingerprint, reason });
    }
    match key.verify(NAMESPACE, challenge.as_bytes(), &signature) {
        Ok(()) => Ok(key),
        Err(_) => Err(LoginError::WrongSignature { fingerprint }),
    }
}

/// The client's side: signs a login challenge, and nothing else.
///
/// # Errors
/// [`SignError`] when it is not a challenge, or the key cannot sign.
pub fn sign_challenge(key: &PrivateKey, challenge: &str) -> Result<String, SignError> {
    if !is_challenge(challenge) {
        return Err(SignError::NotAChallenge);
    }
    let signature = key
        .sign(NAMESPACE, HashAlg::Sha512, challenge.as_bytes())
        .map_err(|_| SignError::CannotSign)?;
    signature.to_pem(LineEnding::LF).map_err(|_| SignError::CannotSign)
}

fn is_challenge(text: &str) -> bool {
    let mut words = text.split(' ');
    let purpose = words.next() == Some(PURPOSE);
    let cluster = words.next().is_some_and(|word| word.parse::<Name>().is_ok());
    let nonce = words.next().and_then(|word| URL_SAFE_NO_PAD.decode(word).ok());
    purpose && cluster && nonce.is_some_and(|nonce| nonce.len() == 32) && words.next().is_none()
}
