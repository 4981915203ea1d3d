//! The texts of recorded commands: what the record shows of them, and the raw text where there is a
//! key that opens it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use node_session::seal::{AuditKey, DigestKey};
use proto::event::{CommandJudged, CommandPart, Event};
use proto::ids::SessionId;
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
        event: &Event,
        judged: &'a CommandJudged,
        keys: Option<&OpeningKeys>,
    ) -> (Cow<'a, str>, Option<Opened>) {
        let session = event.about.session.as_ref();
        // Few commands are so long that they have parts.
        let parts = session.filter(|_| !self.0.is_empty());
        let parts = parts.and_then(|session| self.0.remove(&(session.clone(), judged.command)));
        let Some(mut parts) = parts else {
            let opened = |(keys, session)| {
                open(keys, session, judged, &[(0, String::new(), judged.sealed.clone())])
            };
            return (Cow::Borrowed(&judged.text), keys.zip(session).map(opened));
        };
        parts.push((0, judged.text.clone(), judged.sealed.clone()));
        parts.sort_by_key(|(part, ..)| *part);
        let masked = parts.iter().map(|(_, text, _)| text.as_str()).collect();
        let raw = keys.zip(session).map(|(keys, session)| open(keys, session, judged, &parts));
        (Cow::Owned(masked), raw)
    }
}

fn open(keys: &OpeningKeys, session: &SessionId, judged: &CommandJudged, parts: &[Part]) -> Opened {
    let mut text = Zeroizing::new(Vec::new());
    for (part, _, sealed) in parts.iter().filter(|(.., sealed)| !sealed.is_empty()) {
        let opened = keys.audit.open(session, judged.command, *part, sealed);
        text.extend_from_slice(&opened.map_err(|error| error.to_string())?);
    }
    if text.len() as u64 != judged.length {
        let (is, was) = (text.len(), judged.length);
        return Err(format!("the sealed text has {is} bytes, recorded are {was}"));
    }
    if keys.digest.as_ref().is_some_and(|key| key.digest(&text) != judged.digest) {
        return Err("the sealed text has another digest than recorded".to_owned());
    }
    Ok(text)
}
