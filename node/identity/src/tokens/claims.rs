//! What a token says, as bytes: `version ‖ issued ‖ expires ‖ id ‖ length ‖ person ‖ credential`,
//! then HMAC-SHA256 of all that. Integers are big-endian, instants microseconds since 1970.
//!
//! Nothing of it may be read before the code over it was verified.

use proto::ids::Name;
use proto::time::Utc;
use ring::hmac;

use crate::directory::{FILE_ISSUER, Subject};

/// The version that is written, and the only one that is read.
const VERSION: u8 = 1;
/// How long the code at the end is, in bytes.
const CODE_BYTES: usize = 32;
/// How long a token's id is, in bytes.
const ID_BYTES: usize = 16;

/// What tells a token from all others.
pub(super) type Id = [u8; ID_BYTES];

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claims {
    /// When it was given.
    pub(super) issued: Utc,
    /// When it ends.
    pub(super) expires: Utc,
    /// What tells it from all others.
    pub(super) id: Id,
    /// Whom it speaks for.
    pub(super) person: Name,
    /// The digest of what they showed.
    pub(super) credential: String,
}

/// An id of fresh bytes.
pub(super) fn id(random: &[u8; 32]) -> Id {
    let mut id = [0; ID_BYTES];
    id.copy_from_slice(&random[..ID_BYTES]);
    id
}

impl Claims {
    /// The bytes of the token.
    pub(super) fn signed(&self, key: &hmac::Key) -> Vec<u8> {
        let person = self.person.as_str().as_bytes();
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.issued.0.to_be_bytes());
        bytes.extend_from_slice(&self.expires.0.to_be_bytes());
        bytes.extend_from_slice(&self.id);
        // A name is at most 64 bytes (`proto::ids::NAME_LIMIT`).
        bytes.push(u8::try_from(person.len()).unwrap_or(u8::MAX));
        bytes.extend_from_slice(person);
        bytes.extend_from_slice(self.credential.as_bytes());
        let code = hmac::sign(key, &bytes);
        bytes.extend_from_slice(code.as_ref());
        bytes
    }

    /// What bytes say, when the key made them.
    pub(super) fn verified(bytes: &[u8], key: &hmac::Key) -> Option<Self> {
        let (said, code) = bytes.split_at_checked(bytes.len().checked_sub(CODE_BYTES)?)?;
        hmac::verify(key, said, code).ok()?;
        let (version, rest) = said.split_first()?;
        if *version != VERSION {
            return None;
        }
        let (issued, rest) = rest.split_first_chunk()?;
        let (expires, rest) = rest.split_first_chunk()?;
        let (id, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first()?;
        let (person, credential) = rest.split_at_checked(usize::from(*length))?;
        Some(Self {
            issued: Utc(i64::from_be_bytes(*issued)),
            expires: Utc(i64::from_be_bytes(*expires)),
            id: *id,
            person: std::str::from_utf8(person).ok()?.parse().ok()?,
            credential: std::str::from_utf8(credential).ok()?.to_owned(),
        })
    }

    /// Whom it speaks for, as they were; only the directory knows who they are now.
    pub(super) fn subject(&self) -> Subject {
        Subject {
            person: self.person.clone(),
            issuer: FILE_ISSUER.to_owned(),
            groups: Vec::new(),
            credential: self.credential.clone(),
        }
    }
}
