//! Signed notes (C2SP signed-note): a text, and signatures by keys that have names.
//!
//! Ed25519 only (RFC 8032, type 1). A note is read with limits and believed by nobody until
//! [`Note::signers`] has found its signatures good under keys that are known from elsewhere.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};

/// The largest note, in bytes.
pub const NOTE_LIMIT: usize = 256 * 1024;
/// How many signatures a note may have.
pub const SIGNATURES_LIMIT: usize = 1024;

/// The signature type of Ed25519 (C2SP signed-note, "signature types").
const TYPE: u8 = 1;
/// What a line of a signature begins with: an em dash and a space.
const DASH: &str = "\u{2014} ";

/// Text that is not a note, or not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a signed note: {0}")]
pub struct BadNote(pub &'static str);

/// A public key with its name: `NAME+ID+KEY` in text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    name: String,
    public: [u8; 32],
}

impl Key {
    /// A key; nothing when its name is empty, or has white space or a plus sign.
    #[must_use]
    pub fn new(name: &str, public: [u8; 32]) -> Option<Self> {
        is_name(name).then(|| Self { name: name.to_owned(), public })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its 32 bytes.
    #[must_use]
    pub fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// What signatures name it by: the beginning of a hash of name, type and key.
    #[must_use]
    pub fn id(&self) -> u32 {
        let mut named = self.name.clone().into_bytes();
        named.extend_from_slice(&[b'\n', TYPE]);
        named.extend_from_slice(&self.public);
        let hash = ring::digest::digest(&ring::digest::SHA256, &named);
        let mut first = [0; 4];
        first.copy_from_slice(&hash.as_ref()[..4]);
        u32::from_be_bytes(first)
    }

    /// Whether a signature of a text is this key's.
    #[must_use]
    pub fn signed(&self, text: &str, signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.public).verify(text.as_bytes(), signature).is_ok()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&[TYPE], &self.public[..]].concat();
        write!(f, "{}+{:08x}+{}", self.name, self.id(), BASE64.encode(bytes))
    }
}

impl FromStr for Key {
    type Err = BadNote;

    fn from_str(text: &str) -> Result<Self, BadNote> {
        let wrong = BadNote("a key is NAME+ID+KEY");
        // Base64 may have plus signs; names and ids have none.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong);
        };
        let bytes = BASE64.decode(key).map_err(|_| wrong)?;
        let public = match bytes.split_first() {
            Some((&TYPE, public)) => <[u8; 32]>::try_from(public).map_err(|_| wrong)?,
            _ => return Err(BadNote("only Ed25519 keys are known")),
        };
        let key = Self::new(name, public).ok_or(wrong)?;
        if format!("{:08x}", key.id()) != id {
            return Err(BadNote("the id of the key is not its own"));
        }
        Ok(key)
    }
}

/// One signature of a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The name of its key.
    pub name: String,
    /// The id of its key.
    pub id: u32,
    /// The signature itself.
    pub bytes: Vec<u8>,
}

impl Signature {
    /// Signs a text.
    #[must_use]
    pub fn make(name: &str, pair: &Ed25519KeyPair, text: &str) -> Option<Self> {
        let bytes = pair.sign(text.as_bytes()).as_ref().to_vec();
        Some(Self::of(&Key::new(name, public(pair))?, bytes))
    }

    /// A signature that was kept beside its key.
    #[must_use]
    pub fn of(key: &Key, bytes: Vec<u8>) -> Self {
        Self { name: key.name.clone(), id: key.id(), bytes }
    }
}

/// The public half of a pair.
#[must_use]
pub fn public(pair: &Ed25519KeyPair) -> [u8; 32] {
    use ring::signature::KeyPair as _;
    let mut public = [0; 32];
    public.copy_from_slice(pair.public_key().as_ref());
    public
}

/// A text with its signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The text that is signed, with the line's end that is its last byte.
    pub text: String,
    /// The signatures.
    pub signatures: Vec<Signature>,
}

impl Note {
    /// The keys, of those that are known, whose signatures are good; each once.
    ///
    /// # Errors
    /// The first key that is named and has not signed this text.
    pub fn signers<'a>(
        &self,
        known: impl IntoIterator<Item = &'a Key>,
    ) -> Result<Vec<&'a Key>, &'a Key> {
        let mut signers = Vec::new();
        for key in known {
            let id = key.id();
            let mut named = self
                .signatures
                .iter()
                .filter(|one| one.name == key.name && one.id == id)
                .peekable();
            if named.peek().is_none() || signers.contains(&key) {
                continue;
            }
            if !named.all(|one| key.signed(&self.text, &one.bytes)) {
                return Err(key);
            }
            signers.push(key);
        }
        Ok(signers)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for signature in &self.signatures {
            let bytes = [&signature.id.to_be_bytes()[..], &signature.bytes].concat();
            writeln!(f, "{DASH}{} {}", signature.name, BASE64.encode(bytes))?;
        }
        Ok(())
    }
}

impl FromStr for Note {
    type Err = BadNote;

    fn from_str(text: &str) -> Result<Self, BadNote> {
        if text.len() > NOTE_LIMIT {
            return Err(BadNote("it is too long"));
        }
        if text.chars().any(|letter| letter.is_ascii_control() && letter != '\n') {
            return Err(BadNote("it has control characters"));
        }
        let at = text.rfind("\n\n").ok_or(BadNote("it has no signatures"))?;
        let (signed, signatures) = (&text[..=at], &text[at + 2..]);
        let lines = signatures.strip_suffix('\n').ok_or(BadNote("its last line has no end"))?;
        let signatures = lines.split('\n').map(signature).collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > SIGNATURES_LIMIT {
            return Err(BadNote("it has too many signatures"));
        }
        Ok(Self { text: signed.to_owned(), signatures })
    }
}

fn signature(line: &str) -> Result<Signature, BadNote> {
    let wrong = BadNote("a signature is a dash, a name and base64");
    let (name, bytes) =
        line.strip_prefix(DASH).and_then(|rest| rest.split_once(' ')).ok_or(wrong)?;
    let bytes = BASE64.decode(bytes).map_err(|_| wrong)?;
    let (id, bytes) = bytes.split_first_chunk::<4>().ok_or(wrong)?;
    if !is_name(name) || bytes.is_empty() {
        return Err(wrong);
    }
    Ok(Signature { name: name.to_owned(), id: u32::from_be_bytes(*id), bytes: bytes.to_vec() })
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|letter| letter.is_whitespace() || letter == '+')
}
