//! The texts of recorded commands: what the record shows of them, and the raw text where there is a
//! key that opens it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use node_session::seal::{AuditKey, DigestKey};
use proto::event::{CommandJudged, CommandPart, Event, JudgedGlance};
use proto::ids::{Digest, SessionId};
use proto::refusal::Code;
use zeroize::Zeroizing;

use crate::failure::{Failure, Outcome};

/// How many parts of long commands wait for their command.
const PARTS_LIMIT: usize = 100_000;

/// Keys that open sealed commands.
pub(crate) struct OpeningKeys {
    audit: AuditKey,
    digest: Option<DigestKey>,
}

impl OpeningKeys {
    /// Reads them from files.
    pub(crate) fn read(audit: Option<&Path>, digest: Option<&Path>) -> Outcome<Option<Self>> {
        let Some(path) = audit else { return Ok(None) };
        let wrong = |path: &Path, what: &str| {
            Failure::new(Code::CredentialMissing, format!("{}: {what}", path.display()))
        };
        let bytes = |path: &Path| -> Outcome<Zeroizing<Vec<u8>>> {
            std::fs::read(path).map(Zeroizing::new).map_err(|error| wrong(path, &error.to_string()))
        };
        let audit =
            AuditKey::from_bytes(&bytes(path)?).ok_or_else(|| wrong(path, "not an audit key"))?;
        let digest = match digest {
            None => None,
            Some(path) => {
                let key = bytes(path)?;
                let key: &[u8; 32] =
                    key.as_slice().try_into().map_err(|_| wrong(path, "not a digest key"))?;
                Some(DigestKey::new(key))
            }
        };
        Ok(Some(Self { audit, digest }))
    }
}

/// What an event says of a command's text.
#[derive(Clone, Copy)]
pub(crate) struct Said<'a> {
    session: Option<&'a str>,
    command: u64,
    text: &'a str,
    sealed: &'a str,
    length: u64,
    digest: Hex<'a>,
}

/// The digest of the raw text.
#[derive(Clone, Copy)]
enum Hex<'a> {
    Read(Digest),
    Written(&'a str),
}

impl Hex<'_> {
    fn is(self, digest: &Digest) -> bool {
        match self {
            Self::Read(read) => read == *digest,
            Self::Written(text) => text.parse() == Ok(*digest),
        }
    }
}

impl<'a> Said<'a> {
    /// By an event that was read as a whole.
    pub(crate) fn by(event: &'a Event, judged: &'a CommandJudged) -> Self {
        Self {
            session: event.about.session.as_ref().map(SessionId::as_str),
            command: judged.command,
            text: &judged.text,
            sealed: &judged.sealed,
            length: judged.length,
            digest: Hex::Read(judged.digest),
        }
    }

    /// By an event that was glanced at.
    pub(crate) fn at_a_glance(judged: &'a JudgedGlance<'_>) -> Self {
        Self {
            session: judged.session.as_deref(),
            command: judged.command,
            text: &judged.text,
            sealed: &judged.sealed,
            length: judged.length,
            digest: Hex::Written(&judged.digest),
        }
    }
}

/// The parts of long commands, until their command comes: each is a number, masked and sealed text.
#[derive(Default)]
pub(crate) struct Texts(BTreeMap<(SessionId, u64), Vec<Part>>);

/// The number of a part, its masked and its sealed text.
type Part = (u64, String, String);

/// A raw text, or why it is not what the event says.
pub(crate) type Opened = Result<Zeroizing<Vec<u8>>, String>;

impl Texts {
    /// Takes a part of a command that is to come.
    pub(crate) fn part(&mut self, event: &Event, part: &CommandPart) {
        let Some(session) = &event.about.session else { return };
        if self.0.len() >= PARTS_LIMIT {
            self.0.pop_first();
        }
        let parts = self.0.entry((session.clone(), part.command)).or_default();
        parts.push((part.part, part.text.clone(), part.sealed.clone()));
    }

    /// The masked text of a command, and the raw one when there are keys.
    pub(crate) fn take<'a>(
        &mut self,
        said: Said<'a>,
        keys: Option<&OpeningKeys>,
    ) -> (Cow<'a, str>, Option<Opened>) {
        // Few commands are so long that they have parts.
        if keys.is_none() && self.0.is_empty() {
            return (Cow::Borrowed(said.text), None);
        }
        let session = said.session.map(SessionId::from_text);
        let parts = session.as_ref();
        let parts = parts.and_then(|session| self.0.remove(&(session.clone(), said.command)));
        let raw = |parts: &[Part]| {
            keys.zip(session.as_ref()).map(|(keys, session)| open(keys, session, said, parts))
        };
        let Some(mut parts) = parts else {
            return (Cow::Borrowed(said.text), raw(&[(0, String::new(), said.sealed.to_owned())]));
        };
        parts.push((0, said.text.to_owned(), said.sealed.to_owned()));
        parts.sort_by_key(|(part, ..)| *part);
        let masked = parts.iter().map(|(_, text, _)| text.as_str()).collect();
        (Cow::Owned(masked), raw(&parts))
    }
}

fn open(keys: &OpeningKeys, session: &SessionId, said: Said<'_>, parts: &[Part]) -> Opened {
    let mut text = Zeroizing::new(Vec::new());
    for (part, _, sealed) in parts.iter().filter(|(.., sealed)| !sealed.is_empty()) {
        let opened = keys.audit.open(session, said.command, *part, sealed);
        text.extend_from_slice(&opened.map_err(|error| error.to_string())?);
    }
    if text.len() as u64 != said.length {
        let (is, was) = (text.len(), said.length);
        return Err(format!("the sealed text has {is} bytes, recorded are {was}"));
    }
    if keys.digest.as_ref().is_some_and(|key| !said.digest.is(&key.digest(&text))) {
        return Err("the sealed text has another digest than recorded".to_owned());
    }
    Ok(text)
}
