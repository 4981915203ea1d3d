//! Credentials for databases that the cluster gives out: name and password for ordinary clients,
//! good for a short while on every node, and kept by none.
//!
//! The name is `PERSON+ID`. The id says until when it is good and what its person had shown to get
//! it; the password is a code over both, under a key that all nodes have and nobody else. So the
//! person, and what they logged in with, must still be theirs whenever it is used.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proto::ids::Name;
use proto::time::Utc;
use ring::{digest, hmac};
use zeroize::Zeroizing;

use crate::directory::{Directory, Subject};
use crate::scram::{SALT_BYTES, verifier};

/// How long one is good for.
pub const ISSUED_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// What stands between the person's name and the id.
pub const BEFORE_ID: char = '+';

/// What the cluster's key is used for here, so that no other use of it makes a password.
const PURPOSE: &[u8] = b"sallyport database credential v1";
const VERSION: u8 = 1;
const TAG_BYTES: usize = 12;
const RANDOM_BYTES: usize = 12;
/// The version, the end, what was shown, and what tells it from all others.
const ID_BYTES: usize = 1 + 8 + TAG_BYTES + RANDOM_BYTES;

/// A credential in the clear: its password does not print, and is wiped.
#[derive(Debug)]
pub struct Issued {
    /// `PERSON+ID`.
    pub user: String,
    /// The password.
    pub password: Password,
    /// Until when it is good.
    pub expires: Utc,
    /// What tells it from all others, for the record.
    pub id: String,
}

/// A password in the clear.
pub struct Password(Zeroizing<String>);

impl Password {
    /// The text, for whoever it was made for.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

/// The key that credentials of one cluster are made and known by.
#[derive(Clone)]
pub struct IssuingKey(hmac::Key);

impl std::fmt::Debug for IssuingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IssuingKey")
    }
}

impl IssuingKey {
    /// The key from the cluster's secret.
    #[must_use]
    pub fn new(secret: &Zeroizing<[u8; 32]>) -> Self {
        let of_cluster = hmac::Key::new(hmac::HMAC_SHA256, &**secret);
        let of_these = hmac::sign(&of_cluster, PURPOSE);
        Self(hmac::Key::new(hmac::HMAC_SHA256, of_these.as_ref()))
    }

    /// A new one for somebody who has shown who they are; `random` must be fresh.
    #[must_use]
    pub fn issue(&self, random: &Zeroizing<[u8; 32]>, subject: &Subject, now: Utc) -> Issued {
        let lifetime = i64::try_from(ISSUED_LIFETIME.as_micros()).unwrap_or(i64::MAX);
        let expires = Utc(now.0.saturating_add(lifetime));
        let mut id = Vec::with_capacity(ID_BYTES);
        id.push(VERSION);
        id.extend_from_slice(&expires.0.to_be_bytes());
        id.extend_from_slice(&tag(&subject.credential));
        id.extend_from_slice(&random[..RANDOM_BYTES]);
        let text = URL_SAFE_NO_PAD.encode(&id);
        Issued {
            user: format!("{}{BEFORE_ID}{text}", subject.person),
            password: Password(self.password(&subject.person, &id)),
            expires,
            id: text,
        }
    }

    /// Whom a claimed name is for and how its password is proven, if it may be one of ours: that
    /// its id was made by us, only the password says.
    pub(crate) fn verifier(
        &self,
        claimed: &str,
        directory: &Directory,
        now: Utc,
    ) -> Option<(Subject, String)> {
        let (person, id) = claimed.split_once(BEFORE_ID)?;
        let person: Name = person.parse().ok()?;
        let id: [u8; ID_BYTES] = URL_SAFE_NO_PAD.decode(id).ok()?.try_into().ok()?;
        let (version, rest) = id.split_first()?;
        let (expires, rest) = rest.split_first_chunk()?;
        let (shown, _) = rest.split_first_chunk::<TAG_BYTES>()?;
        if *version != VERSION || now >= Utc(i64::from_be_bytes(*expires)) {
            return None;
        }
        let subject = directory.having(&person, |credential| tag(credential) == *shown)?;
        let salt = hmac::sign(&self.0, &[b"salt", &id[..]].concat());
        let salt: [u8; SALT_BYTES] = *salt.as_ref().first_chunk()?;
        Some((subject, verifier(&self.password(&person, &id), salt)))
    }

    fn password(&self, person: &Name, id: &[u8]) -> Zeroizing<String> {
        let said = [person.as_str().as_bytes(), &[0], id].concat();
        Zeroizing::new(URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, &said)))
    }
}

/// What stands for something that was shown.
fn tag(credential: &str) -> [u8; TAG_BYTES] {
    let mut tag = [0; TAG_BYTES];
    let digest = digest::digest(&digest::SHA256, credential.as_bytes());
    tag.copy_from_slice(&digest.as_ref()[..TAG_BYTES]);
    tag
}
