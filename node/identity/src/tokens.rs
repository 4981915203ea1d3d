//! Bearer tokens of the API: good on every node of a cluster, for a while, and kept by none.
//!
//! A token says who it speaks for and what they showed to get it, under a key that all nodes of
//! the cluster have and nobody else. It speaks for a person only as long as what they logged in
//! with is still theirs, and with the groups that they have now: it is resolved anew each time.
//! The administrator's token is not a person.
//!
//! A logout holds on the node that it was said to, until that node starts again; what must end
//! everywhere at once is the person's key, or the person.

mod admin;
mod claims;
mod ended;

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proto::ids::Name;
use proto::time::Utc;
use ring::hmac;
use zeroize::Zeroizing;

use crate::directory::{Directory, Subject};

pub use admin::{ADMIN_TOKEN_BYTES, AdminToken, BadAdminToken};
pub use ended::ENDED_PER_PERSON;

use claims::Claims;
use ended::Ended;

/// How long a token is good for, unless said otherwise.
pub const TOKEN_LIFETIME: Duration = Duration::from_secs(8 * 60 * 60);
/// The longest text that is looked at as a token, in bytes.
pub const TOKEN_BYTES: usize = 512;

/// How a person's token begins.
const PREFIX: &str = "spt_";

/// What the cluster's key is used for here, so that no other use of it makes a token.
const PURPOSE: &[u8] = b"sallyport api token v1";

/// A token in the clear: it does not print, and is wiped.
pub struct Token(Zeroizing<String>);

impl Token {
    fn new(prefix: &str, bytes: &[u8]) -> Self {
        // Encoded in place: no copy of it stays behind in a buffer that grew.
        let room = prefix.len() + bytes.len().div_ceil(3) * 4;
        let mut text = Zeroizing::new(String::with_capacity(room));
        text.push_str(prefix);
        URL_SAFE_NO_PAD.encode_string(bytes, &mut text);
        Self(text)
    }

    /// The text, to be handed to whoever it was made for.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Who is calling the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// Whoever holds the administrator's token: no person, and approves nothing.
    Admin,
    /// A person.
    Person(Subject),
}

/// The key that tokens of one cluster are made and known by; every node of it has the same.
#[derive(Clone)]
pub struct TokenKey(hmac::Key);

impl TokenKey {
    /// The key from the cluster's secret.
    #[must_use]
    pub fn new(secret: &Zeroizing<[u8; 32]>) -> Self {
        let of_cluster = hmac::Key::new(hmac::HMAC_SHA256, &**secret);
        let of_tokens = hmac::sign(&of_cluster, PURPOSE);
        Self(hmac::Key::new(hmac::HMAC_SHA256, of_tokens.as_ref()))
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey")
    }
}

/// Makes tokens and knows them again; remembers only those that were given up here.
#[derive(Debug)]
pub struct Tokens {
    key: TokenKey,
    lifetime: Duration,
    ended: Ended,
}

impl Tokens {
    /// Tokens under a key; each is good for `lifetime`.
    #[must_use]
    pub fn new(key: TokenKey, lifetime: Duration) -> Self {
        Self { key, lifetime, ended: Ended::default() }
    }

    /// A new token for somebody who has just shown who they are; `random` must be fresh.
    #[must_use]
    pub fn issue(&self, random: &Zeroizing<[u8; 32]>, subject: &Subject, now: Utc) -> Token {
        let claims = Claims {
            issued: now,
            expires: later(now, self.lifetime),
            id: claims::id(random),
            person: subject.person.clone(),
            credential: subject.credential.clone(),
        };
        Token::new(PREFIX, &claims.signed(&self.key.0))
    }

    /// Whom a token speaks for now.
    #[must_use]
    pub fn subject(&self, presented: &str, directory: &Directory, now: Utc) -> Option<Subject> {
        let claims = self.claims(presented, now)?;
        if self.ended.is_ended(&claims) {
            return None;
        }
        directory.still(&claims.subject())
    }

    /// Ends a token on this node; whether it was good until now.
    pub fn revoke(&self, presented: &str, now: Utc) -> bool {
        match self.claims(presented, now) {
            Some(claims) => self.ended.end(&claims, now),
            None => false,
        }
    }

    /// Ends all tokens of a person that were given until now, on this node.
    pub fn revoke_all_of(&self, person: &Name, now: Utc) {
        self.ended.end_all_of(person, now, later(now, self.lifetime));
    }

    /// What a token says, when it is one of this cluster's and its time is not over.
    fn claims(&self, presented: &str, now: Utc) -> Option<Claims> {
        if presented.len() > TOKEN_BYTES {
            return None;
        }
        let text = presented.strip_prefix(PREFIX)?;
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        Claims::verified(&bytes, &self.key.0).filter(|claims| now < claims.expires)
    }
}

/// Who presents this token: the administrator, a person, or nobody.
#[must_use]
pub fn authenticate(
    presented: &str,
    admin: &AdminToken,
    tokens: &Tokens,
    directory: &Directory,
    now: Utc,
) -> Option<Principal> {
    if admin.matches(presented) {
        return Some(Principal::Admin);
    }
    tokens.subject(presented, directory, now).map(Principal::Person)
}

fn later(now: Utc, by: Duration) -> Utc {
    Utc(now.0.saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
}
