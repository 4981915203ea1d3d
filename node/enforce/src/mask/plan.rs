//! What shall be masked in one stream, and how: the masker's input, made from policy.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::words::WordList;
use crate::policy::Uploads;

/// A family of detectors that policy switches on or off as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Tokens and keys that a public prefix or frame identifies.
    Secrets,
    /// Values that a key beside them, or a place in a URL, makes a credential.
    Credentials,
    /// Data about a person: e-mail addresses.
    Personal,
    /// Payment data: card numbers.
    Financial,
    /// Network addresses.
    Network,
}

/// What a mask rule looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detect {
    /// Every detector of a class.
    Class(Class),
    /// One detector by its stable name, as `sallyport detectors list` shows it.
    Detector(String),
    /// A user's regular expression, already checked to compile; it is applied within a line of at
    /// most 4 KiB.
    Pattern(String),
    /// Words of a list.
    Words(Arc<WordList>),
}

/// What becomes of the bytes that were found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Leave them as they are (switches a default off; known values are never switched off).
    None,
    /// Each byte becomes `*`; a public prefix stays.
    Redact,
    /// Each byte but the last `n` characters becomes `*`; separators stay.
    KeepLast(u8),
    /// Each byte but the first `n` characters becomes `*`; separators stay.
    KeepFirst(u8),
    /// A keyed pseudonym: equal values that one detector finds stay equal, and nobody without the
    /// key can guess them.
    Hash,
    /// The same for all that a domain of this name has, whoever finds it: so that what one mask
    /// replaces in a column can be joined to what another finds in a log.
    Token(String),
    /// A fixed text.
    Constant(String),
    /// The value is taken out altogether (in SQL: NULL).
    Null,
}

/// One mask of the policy that applies to this stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaskRule {
    /// The rule's name in the policy, or `default`.
    pub name: Arc<str>,
    /// What it looks for; any of these.
    pub detect: Vec<Detect>,
    /// What it does with a match.
    pub action: Action,
    /// What becomes of files that are sent to a target and hold a match.
    pub uploads: Uploads,
}

impl MaskRule {
    /// A rule about what is shown; what is sent to a target is none of its business.
    #[must_use]
    pub fn new(name: &str, detect: Vec<Detect>, action: Action) -> Self {
        Self { name: name.into(), detect, action, uploads: Uploads::Allow }
    }
}

/// A credential that the gateway itself holds: found exactly, in any of its usual encodings.
#[derive(Clone)]
pub struct KnownValue {
    /// What it is, fit for the record, e.g. `credential of target web-1`.
    pub label: Arc<str>,
    /// The secret itself; wiped when dropped.
    pub value: Arc<Zeroizing<Vec<u8>>>,
}

impl fmt::Debug for KnownValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KnownValue({})", self.label)
    }
}

/// The key of pseudonyms (HMAC-SHA256); one per cluster and epoch of keys.
#[derive(Clone)]
pub struct MaskKey(Arc<Zeroizing<[u8; 32]>>);

impl MaskKey {
    /// A key from 32 bytes of a random source.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Arc::new(Zeroizing::new(bytes)))
    }

    /// The bytes of the key, for the keyed hash alone.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for MaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MaskKey")
    }
}
