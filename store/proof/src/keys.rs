//! The public keys that a verifier believes, as a text: a key a line, `former ` before those of
//! nodes that are no members any more, `#` before a remark.
//!
//! They must come from elsewhere than what is verified.

use std::fmt;
use std::str::FromStr;

use crate::note::{BadNote, Key, Note};

/// The largest text of keys, in bytes.
pub const KEYS_LIMIT: usize = 1024 * 1024;

/// The public keys that a verifier believes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// Of the members.
    pub members: Vec<Key>,
    /// Of nodes that were members.
    pub former: Vec<Key>,
}

/// What the signatures of a checkpoint are worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signed {
    /// So many known members have signed it.
    By(usize),
    /// None of its signatures is by a known key, though a key of that name is known.
    ByAnotherKey(String),
    /// None of its signatures is by a key whose name is known.
    ByStrangers,
    /// A signature under a known key is not good.
    Badly(String),
}

impl Keys {
    /// The keys of a name, also of former members.
    pub fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Key> {
        self.members.iter().chain(&self.former).filter(move |key| key.name() == name)
    }

    /// How many members are a majority.
    #[must_use]
    pub fn majority(&self) -> usize {
        self.members.len() / 2 + 1
    }

    /// Whether the keys of this name have signed a note; with no name, how many members have.
    #[must_use]
    pub fn check(&self, note: &Note, name: Option<&str>) -> Signed {
        let is_asked = |key: &&Key| name.is_none_or(|name| key.name() == name);
        let everybody = self.members.iter().chain(&self.former);
        match note.signers(everybody.filter(is_asked)) {
            Err(key) => Signed::Badly(key.name().to_owned()),
            Ok(signers) if signers.is_empty() => {
                let named = note.signatures.iter().map(|one| &one.name);
                let mut known = named.filter(|name| self.of(name).next().is_some());
                known.next().map_or(Signed::ByStrangers, |name| Signed::ByAnotherKey(name.clone()))
            }
            Ok(signers) => {
                let counts = |key: &&&Key| name.is_some() || self.members.contains(key);
                Signed::By(signers.iter().filter(counts).count())
            }
        }
    }
}

impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.members.iter().try_for_each(|key| writeln!(f, "{key}"))?;
        self.former.iter().try_for_each(|key| writeln!(f, "former {key}"))
    }
}

impl FromStr for Keys {
    type Err = BadNote;

    fn from_str(text: &str) -> Result<Self, BadNote> {
        if text.len() > KEYS_LIMIT {
            return Err(BadNote("too many keys"));
        }
        let mut keys = Self::default();
        for line in text.lines().map(str::trim) {
            match line.strip_prefix("former ") {
                _ if line.is_empty() || line.starts_with('#') => {}
                Some(key) => keys.former.push(key.parse()?),
                None => keys.members.push(line.parse()?),
            }
        }
        Ok(keys)
    }
}
