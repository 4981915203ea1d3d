//! Bearer tokens of the API: shown once, kept as a digest, for a while.
//!
//! A token speaks for a person only as long as what they logged in with is still theirs, and with
//! the groups that they have now: it is resolved anew each time. The administrator's token is not
//! a person.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proto::ids::Name;
use proto::time::Moment;
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};
use zeroize::Zeroizing;

use crate::directory::{Directory, Subject};

/// How long a token is good for, unless said otherwise.
pub const TOKEN_LIFETIME: Duration = Duration::from_secs(8 * 60 * 60);
/// How many tokens a person may have; over it their oldest ends.
pub const TOKENS_PER_PERSON: usize = 32;
/// How many tokens there may be in all.
pub const TOKENS: usize = 4_096;
/// The longest text that is looked at as a token, in bytes.
pub const TOKEN_BYTES: usize = 256;
/// The shortest administrator token, in bytes.
pub const ADMIN_TOKEN_BYTES: usize = 32;

/// A token in the clear: it does not print, and is wiped.
pub struct Token(Zeroizing<String>);

impl Token {
    fn new(prefix: &str, random: &[u8; 32]) -> Self {
        // Encoded in place: no copy of it stays behind in a buffer that grew.
        let mut text = Zeroizing::new(String::with_capacity(prefix.len() + 43));
        text.push_str(prefix);
        URL_SAFE_NO_PAD.encode_string(random, &mut text);
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

/// No more tokens can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{TOKENS} tokens are in use")]
pub struct TooManyTokens;

/// A file that does not hold an administrator token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no administrator token, expected a line of {ADMIN_TOKEN_BYTES} to {TOKEN_BYTES} characters"
)]
pub struct BadAdminToken;

#[derive(Clone, Copy)]
struct TokenDigest([u8; 32]);

impl TokenDigest {
    fn of(text: &str) -> Self {
        let mut digest = [0; 32];
        let sha256 = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        digest.copy_from_slice(sha256.as_ref());
        Self(digest)
    }
}

/// The administrator's token, of which only the digest is kept.
pub struct AdminToken(TokenDigest);

impl AdminToken {
    /// A new one, and the text to write into its file.
    #[must_use]
    pub fn generate(random: &Zeroizing<[u8; 32]>) -> (Self, Token) {
        let token = Token::new("spa_", random);
        (Self(TokenDigest::of(token.reveal())), token)
    }

    /// The one that a file holds.
    ///
    /// # Errors
    /// [`BadAdminToken`] when it holds anything else than one line of a fit length.
    pub fn from_file_text(text: &Zeroizing<String>) -> Result<Self, BadAdminToken> {
        let text = text.trim_end_matches(['\r', '\n']);
        let is_fit = (ADMIN_TOKEN_BYTES..=TOKEN_BYTES).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_fit { Ok(Self(TokenDigest::of(text))) } else { Err(BadAdminToken) }
    }

    /// Whether this is it, in constant time.
    #[must_use]
    pub fn matches(&self, presented: &str) -> bool {
        presented.len() <= TOKEN_BYTES && TokenDigest::of(presented).0.ct_eq(&self.0.0).into()
    }
}

/// The tokens that one node has given.
pub struct Tokens {
    lifetime: Duration,
    given: Mutex<Vec<Given>>,
}

struct Given {
    digest: TokenDigest,
    subject: Subject,
    at: Duration,
}

impl Tokens {
    /// None yet; each will be good for `lifetime`.
    #[must_use]
    pub fn new(lifetime: Duration) -> Self {
        Self { lifetime, given: Mutex::default() }
    }

    /// A new token for somebody who has just shown who they are; `random` must be fresh.
    ///
    /// # Errors
    /// [`TooManyTokens`] when all of [`TOKENS`] are in use.
    pub fn issue(
        &self,
        random: &Zeroizing<[u8; 32]>,
        subject: Subject,
        now: Moment,
    ) -> Result<Token, TooManyTokens> {
        let token = Token::new("spt_", random);
        let mut given = self.lock();
        given.retain(|given| !self.has_expired(given, now));
        let theirs = given.iter().filter(|given| given.subject.person == subject.person).count();
        if theirs >= TOKENS_PER_PERSON
            && let Some(oldest) =
                given.iter().position(|given| given.subject.person == subject.person)
        {
            // In the order they were given, so the first of theirs is the oldest.
            given.remove(oldest);
        }
        if given.len() >= TOKENS {
            return Err(TooManyTokens);
        }
        given.push(Given { digest: TokenDigest::of(token.reveal()), subject, at: now.elapsed });
        Ok(token)
    }

    /// Whom a token speaks for now. All tokens are compared, each in constant time, so that timing
    /// tells nothing about any of them.
    #[must_use]
    pub fn subject(&self, presented: &str, directory: &Directory, now: Moment) -> Option<Subject> {
        let given = self.lock();
        let given = given.get(find(&given, presented)?)?;
        if self.has_expired(given, now) {
            return None;
        }
        directory.still(&given.subject)
    }

    /// Ends a token; whether there was one.
    pub fn revoke(&self, presented: &str) -> bool {
        let mut given = self.lock();
        let found = find(&given, presented);
        if let Some(index) = found {
            given.remove(index);
        }
        found.is_some()
    }

    /// Ends all tokens of a person; how many there were.
    pub fn revoke_all_of(&self, person: &Name) -> usize {
        let mut given = self.lock();
        let before = given.len();
        given.retain(|given| given.subject.person != *person);
        before - given.len()
    }

    fn has_expired(&self, given: &Given, now: Moment) -> bool {
        now.elapsed.saturating_sub(given.at) >= self.lifetime
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Given>> {
        // The list is whole after each statement, so a panic elsewhere leaves nothing half done.
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who presents this token: the administrator, a person, or nobody.
#[must_use]
pub fn authenticate(
    presented: &str,
    admin: &AdminToken,
    tokens: &Tokens,
    directory: &Directory,
    now: Moment,
) -> Option<Principal> {
    if admin.matches(presented) {
        return Some(Principal::Admin);
    }
    tokens.subject(presented, directory, now).map(Principal::Person)
}

fn find(given: &[Given], presented: &str) -> Option<usize> {
    if presented.len() > TOKEN_BYTES {
        return None;
    }
    let digest = TokenDigest::of(presented);
    let mut found = Choice::from(0);
    let mut place = 0_u64;
    for (index, given) in (0_u64..).zip(given) {
        let same = given.digest.0.ct_eq(&digest.0);
        place.conditional_assign(&index, same);
        found |= same;
    }
    bool::from(found).then(|| usize::try_from(place).ok()).flatten()
}
