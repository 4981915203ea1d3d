//! SCRAM-SHA-256 (RFC 5802, RFC 7677), the server's side, as PostgreSQL speaks it: a person proves
//! that they know their password, and nobody who listens or reads the verifier can do so after.
//!
//! Pure: nonces and keys are given. A name that nobody has takes the same steps with a salt that
//! looks like any other and stays the same, and fails where a wrong password fails.

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use proto::ids::Name;
use proto::time::Utc;
use ring::{digest, hmac, pbkdf2};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::directory::{Directory, Subject};
use crate::issued::{BEFORE_ID, IssuingKey};

/// Rounds of PBKDF2, as PostgreSQL's own default: a client does them at each connection.
pub const ITERATIONS: u32 = 4096;
/// A kept verifier may ask a client for at most so many rounds.
const MOST_ITERATIONS: u32 = 1_000_000;
/// Length of a salt, in bytes.
pub const SALT_BYTES: usize = 16;
/// The longest message of a client, in bytes.
pub const MESSAGE_BYTES: usize = 1024;
/// The mechanism's name before a kept verifier, and its name on the wire.
pub const MECHANISM: &str = "SCRAM-SHA-256";
/// The mechanism that binds the login to the TLS connection.
pub const MECHANISM_PLUS: &str = "SCRAM-SHA-256-PLUS";
/// The kind of channel binding (RFC 5929): a digest of the server's certificate.
const BINDING: &str = "tls-server-end-point";

const KEY_BYTES: usize = 32;
type Key = Zeroizing<[u8; KEY_BYTES]>;

/// Why a login was refused, for the record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScramError {
    /// Not a message of the mechanism.
    #[error("the client does not speak SCRAM as RFC 5802 has it: {0}")]
    Message(&'static str),
    /// There is no such person.
    #[error("there is no person of that name")]
    UnknownPerson,
    /// It is no credential that the cluster gave out, or its time is over, or whom it was for has
    /// not any more what it was given for.
    #[error("the database credential is over, or was never one")]
    NotIssued,
    /// The person has no password, or one that was set before databases were served.
    #[error("{0} has no password for databases: apply the people again")]
    NoVerifier(Name),
    /// It is another.
    #[error("the password of {0} is another")]
    Wrong(Name),
    /// The login is not bound to this connection: somebody stands in between.
    #[error("the login is bound to another connection")]
    Binding,
}

/// What proves a password without being it.
struct Verifier {
    iterations: u32,
    salt: Vec<u8>,
    stored: Key,
    server: Key,
}

/// Makes the verifier of a password, in the form that PostgreSQL keeps it in.
#[must_use]
pub fn verifier(password: &str, salt: [u8; SALT_BYTES]) -> String {
    // As PostgreSQL has it: a password that is not fit for SASLprep is taken as it is.
    let prepared = stringprep::saslprep(password).unwrap_or_else(|_| password.into());
    let prepared = Zeroizing::new(prepared.into_owned());
    let mut salted = Zeroizing::new([0; KEY_BYTES]);
    let iterations = NonZeroU32::new(ITERATIONS).expect("a constant above zero");
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        iterations,
        &salt,
        prepared.as_bytes(),
        &mut *salted,
    );
    let client = mac(&*salted, b"Client Key");
    let (stored, server) = (sha256(&*client), mac(&*salted, b"Server Key"));
    let (salt, stored, server) =
        (BASE64.encode(salt), BASE64.encode(*stored), BASE64.encode(*server));
    format!("{MECHANISM}${ITERATIONS}:{salt}${stored}:{server}")
}

fn mac(key: &[u8], text: &[u8]) -> Key {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text);
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    bytes.copy_from_slice(tag.as_ref());
    bytes
}

fn sha256(bytes: &[u8]) -> Key {
    let mut out = Zeroizing::new([0; KEY_BYTES]);
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

impl Verifier {
    fn read(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(MECHANISM)?.strip_prefix('$')?;
        let (rounds, keys) = rest.split_once('$')?;
        let ((iterations, salt), (stored, server)) =
            (rounds.split_once(':')?, keys.split_once(':')?);
        let key = |text: &str| {
            let bytes = Zeroizing::new(BASE64.decode(text).ok()?);
            <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).ok().map(Zeroizing::new)
        };
        let iterations = iterations.parse().ok()?;
        let (salt, stored, server) = (BASE64.decode(salt).ok()?, key(stored)?, key(server)?);
        let fit = (1..=MOST_ITERATIONS).contains(&iterations);
        fit.then_some(Self { iterations, salt, stored, server })
    }

    /// One that no password fits.
    fn mock(name: &str, key: &[u8; 32]) -> Self {
        let drawn = mac(key, name.as_bytes());
        let (stored, server) = (mac(key, b"stored"), mac(key, b"server"));
        Self { iterations: ITERATIONS, salt: drawn[..SALT_BYTES].to_vec(), stored, server }
    }
}

/// What an exchange is begun with.
#[derive(Clone, Copy)]
pub struct Beginning<'a> {
    /// Who there is.
    pub directory: &'a Directory,
    /// Who the client says they are.
    pub claimed: &'a str,
    /// The mechanism that the client chose.
    pub mechanism: &'a str,
    /// The digest of the server's certificate, when the connection is TLS.
    pub certificate: Option<&'a [u8]>,
    /// 18 bytes that were never used, in base64.
    pub nonce: &'a str,
    /// The key that salts of nobody are made with; the same on all nodes.
    pub mock_key: &'a [u8; 32],
    /// What credentials that the cluster gave out are known by.
    pub issuing: &'a IssuingKey,
    /// The wall clock: those end.
    pub now: Utc,
}

/// An exchange that waits for the client's proof.
pub struct Exchange {
    who: Result<Subject, ScramError>,
    verifier: Verifier,
    // What the client must repeat of the binding, in base64.
    binding: String,
    nonce: String,
    messages: String,
}

impl Exchange {
    /// Takes the client's first message; gives the server's.
    ///
    /// # Errors
    /// [`ScramError`] when it is none, or asks for a binding that is not there.
    pub fn begin(begun: &Beginning<'_>, first: &[u8]) -> Result<(Self, String), ScramError> {
        let wrong = ScramError::Message;
        let first = text(first)?;
        let mut parts = first.splitn(3, ',');
        let mut next = || parts.next().ok_or(wrong("its first message has too few parts"));
        let (flag, authority, bare) = (next()?, next()?, next()?);
        if !authority.is_empty() {
            return Err(wrong("it asks to be somebody else"));
        }
        let header = format!("{flag},,");
        let mut bound = Zeroizing::new(header.into_bytes());
        match (flag, begun.mechanism, begun.certificate) {
            ("n", MECHANISM, _) => {}
            // It could bind and believes that the server could not: with TLS somebody took the
            // offer away.
            ("y", MECHANISM, None) => {}
            ("y", MECHANISM, Some(_)) => return Err(ScramError::Binding),
            (flag, MECHANISM_PLUS, Some(certificate))
                if flag.strip_prefix("p=") == Some(BINDING) =>
            {
                bound.extend_from_slice(certificate);
            }
            _ => return Err(wrong("its binding does not go with the mechanism")),
        }
        // The name in the message is left out of account, as PostgreSQL does: it was said before.
        let client_nonce = bare
            .split(',')
            .nth(1)
            .and_then(|part| part.strip_prefix("r="))
            .filter(|nonce| !nonce.is_empty() && nonce.bytes().all(|byte| byte.is_ascii_graphic()))
            .ok_or(wrong("it has no nonce"))?;
        if bare.starts_with("m=") {
            return Err(wrong("it asks for an extension"));
        }
        let (who, verifier) = known(begun);
        let nonce = format!("{client_nonce}{}", begun.nonce);
        let (salt, rounds) = (BASE64.encode(&verifier.salt), verifier.iterations);
        let answer = format!("r={nonce},s={salt},i={rounds}");
        let messages = format!("{bare},{answer}");
        let binding = BASE64.encode(&*bound);
        Ok((Self { who, verifier, binding, nonce, messages }, answer))
    }

    /// Takes the client's proof; gives who they are and the server's own proof.
    ///
    /// # Errors
    /// [`ScramError`] with the precise reason, which the outside is not told.
    pub fn finish(self, last: &[u8]) -> Result<(Subject, String), ScramError> {
        let wrong = ScramError::Message;
        let last = text(last)?;
        let (unproven, proof) =
            last.rsplit_once(",p=").ok_or(wrong("its last message has no proof"))?;
        let mut parts = unproven.split(',');
        let binding = parts.next().and_then(|part| part.strip_prefix("c="));
        let nonce = parts.next().and_then(|part| part.strip_prefix("r="));
        if binding != Some(self.binding.as_str()) {
            return Err(ScramError::Binding);
        }
        if nonce != Some(self.nonce.as_str()) {
            return Err(wrong("its nonce is another"));
        }
        let proof = Zeroizing::new(BASE64.decode(proof).map_err(|_| wrong("its proof"))?);
        let proof: &[u8; KEY_BYTES] =
            proof.as_slice().try_into().map_err(|_| wrong("the length of its proof"))?;
        let said = format!("{},{unproven}", self.messages);
        let mut client = mac(&*self.verifier.stored, said.as_bytes());
        client.iter_mut().zip(proof).for_each(|(byte, proof)| *byte ^= proof);
        let fits: bool = sha256(&*client).ct_eq(&*self.verifier.stored).into();
        let subject = self.who?;
        if !fits {
            return Err(ScramError::Wrong(subject.person));
        }
        let answer = mac(&*self.verifier.server, said.as_bytes());
        Ok((subject, format!("v={}", BASE64.encode(*answer))))
    }
}

fn known(begun: &Beginning<'_>) -> (Result<Subject, ScramError>, Verifier) {
    let Beginning { directory, claimed, mock_key, .. } = *begun;
    let mock = || Verifier::mock(claimed, mock_key);
    if claimed.contains(BEFORE_ID) {
        let found = begun.issuing.verifier(claimed, directory, begun.now);
        let found = found.and_then(|(subject, text)| Some((subject, Verifier::read(&text)?)));
        return match found {
            Some((subject, verifier)) => (Ok(subject), verifier),
            None => (Err(ScramError::NotIssued), mock()),
        };
    }
    let person = claimed.parse::<Name>().ok().and_then(|name| directory.person(&name));
    let Some(person) = person else { return (Err(ScramError::UnknownPerson), mock()) };
    let found = person.verifier().and_then(Verifier::read);
    match (found, directory.by_password(&person.name)) {
        (Some(verifier), Some(subject)) => (Ok(subject), verifier),
        _ => (Err(ScramError::NoVerifier(person.name.clone())), mock()),
    }
}

fn text(message: &[u8]) -> Result<&str, ScramError> {
    if message.len() > MESSAGE_BYTES {
        return Err(ScramError::Message("a message is too long"));
    }
    std::str::from_utf8(message).map_err(|_| ScramError::Message("a message is no text"))
}
