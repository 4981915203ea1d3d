//! Names and numbers that identify things, each in a type of its own.
//!
//! A name is checked once, where it enters; from then on its type says that it is safe in a path,
//! a subject or a log line.

use std::fmt;
use std::str::FromStr;

use rkyv::{Archive, Deserialize as RkyvDeserialize, Serialize as RkyvSerialize};
use schemars::JsonSchema;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest name, in bytes.
pub const NAME_LIMIT: usize = 64;

const NAME_RULE: &str = "1 to 64 letters, digits, '.', '_' or '-', first a letter or digit";

/// A name that is not one.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{name:?} is not a name: {NAME_RULE}")]
pub struct NotAName {
    /// What was written, cut to a length that is safe to print.
    pub name: String,
}

/// A name of a person, target, node, cluster or role: `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`.
#[derive(
    Clone,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    Archive,
    RkyvSerialize,
    RkyvDeserialize,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
#[rkyv(derive(PartialEq, Eq, PartialOrd, Ord))]
pub struct Name(String);

impl Name {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        check_name(text).map(|()| Self(text.to_owned()))
    }
}

fn check_name(text: &str) -> Result<(), NotAName> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let first_is_fit = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if first_is_fit && text.len() <= NAME_LIMIT && text.bytes().all(allowed) {
        return Ok(());
    }
    Err(NotAName { name: text.chars().take(NAME_LIMIT).collect() })
}

impl TryFrom<String> for Name {
    type Error = NotAName;

    fn try_from(text: String) -> Result<Self, NotAName> {
        check_name(&text).map(|()| Self(text))
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How often a node has started; given by the control plane, it fences clones.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    Archive,
    RkyvSerialize,
    RkyvDeserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub u64);

/// A session: `<node>-<epoch>-<count>`. Node names are never reused, so it is unique in a cluster.
#[derive(
    Clone,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    Archive,
    RkyvSerialize,
    RkyvDeserialize,
)]
#[serde(transparent)]
#[rkyv(derive(PartialEq, Eq, PartialOrd, Ord))]
pub struct SessionId(String);

impl SessionId {
    /// The id of the `count`-th session of a node's epoch.
    #[must_use]
    pub fn new(node: &Name, epoch: Epoch, count: u64) -> Self {
        Self(format!("{node}-{}-{count}", epoch.0))
    }

    /// An id that somebody typed; it names a session or nothing.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whose events a chain holds: one chain per node, and one of the control plane.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Chain {
    /// What replicated entries caused; a pure result of applying them.
    Control,
    /// What one node did.
    #[serde(untagged)]
    Node(Name),
}

impl std::str::FromStr for Chain {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        if text == "control" { Ok(Self::Control) } else { text.parse().map(Self::Node) }
    }
}

impl Chain {
    /// Its name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Control => "control",
            Self::Node(name) => name.as_str(),
        }
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One event: its chain, the epoch of its node (0 in the control chain) and its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    /// The chain.
    pub chain: Chain,
    /// The epoch of the node when it wrote the event.
    pub epoch: Epoch,
    /// The place in the chain, from 1; it goes on across epochs.
    pub seq: u64,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}-{}", self.chain, self.epoch.0, self.seq)
    }
}

/// SHA-256 (or HMAC-SHA256) of something; lower-case hex in text.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    JsonSchema,
    Archive,
    RkyvSerialize,
    RkyvDeserialize,
)]
#[schemars(with = "String")]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest before the first event of a chain.
    pub const ZERO: Self = Self([0; 32]);
}

impl Digest {
    fn hex(&self) -> [u8; 64] {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0_u8; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = HEX[usize::from(byte >> 4)];
            pair[1] = HEX[usize::from(byte & 15)];
        }
        text
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.hex()).unwrap_or_default())
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(&self.hex()).unwrap_or_default())
    }
}

/// From text where it stands: an event has several, and none is worth an allocation.
impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Digest;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Digest, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that is not a digest.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a digest: 64 lower-case hexadecimal digits")]
pub struct NotADigest;

/// What each byte means as a lower-case hexadecimal digit; 255 for those that are none.
const DIGITS: [u8; 256] = {
    let mut digits = [255; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value as usize] as usize] = value;
        value += 1;
    }
    digits
};

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        if text.len() != 64 {
            return Err(NotADigest);
        }
        let mut bytes = [0; 32];
        let mut wrong = 0;
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let (high, low) = (DIGITS[usize::from(pair[0])], DIGITS[usize::from(pair[1])]);
            wrong |= high | low;
            *byte = high << 4 | low & 15;
        }
        if wrong > 15 { Err(NotADigest) } else { Ok(Self(bytes)) }
    }
}

impl TryFrom<String> for Digest {
    type Error = NotADigest;

    fn try_from(text: String) -> Result<Self, NotADigest> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}
