//! A judged command at a glance: what judging it again takes, borrowed from its event's bytes.
//!
//! [`Event::read`](super::Event::read) copies all that an event says. Whoever goes through years of
//! commands looks at a part of each; the rest is passed over where it stands.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::envelope::{Text, kind_of};
use super::{Event, Kind, Unreadable};
use crate::ids::Name;
use crate::reading::{Channel, Verdict};
use crate::target::TargetKind;
use crate::time::Utc;

/// What stands in a `command.judged` event about the decision, as it was.
#[derive(Debug)]
pub struct JudgedGlance<'a> {
    source: Cow<'a, str>,
    id: Cow<'a, str>,
    /// When it was judged.
    pub time: Utc,
    /// The session.
    pub session: Option<Cow<'a, str>>,
    /// Who asked; absent when the event does not say.
    pub person: Option<Cow<'a, str>>,
    /// Their groups at that time.
    pub groups: Arc<Vec<Name>>,
    /// Of which target; absent when the event does not say.
    pub target: Option<TargetGlance<'a>>,
    /// The command's number within its session.
    pub command: u64,
    /// Its text, masked.
    pub text: Cow<'a, str>,
    /// The raw text, encrypted to the audit key.
    pub sealed: Cow<'a, str>,
    /// Length of the raw text in bytes.
    pub length: u64,
    /// HMAC-SHA256 of the raw text, in hex.
    pub digest: Cow<'a, str>,
    /// The reader and its version.
    pub reader: Cow<'a, str>,
    /// Whether a detector found something in the text.
    pub detected: bool,
    /// What was decided.
    pub verdict: Verdict,
    /// Names of the rules that matched, the deciding ones first.
    pub rules: Vec<Cow<'a, str>>,
    /// What the session can do.
    pub channel: Channel,
    /// Minutes that the node's local time was ahead of UTC.
    pub offset_minutes: i16,
}

/// A target as it was.
#[derive(Debug)]
pub struct TargetGlance<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// Its protocol.
    pub kind: TargetKind,
    /// Its labels at that time.
    pub labels: Arc<BTreeMap<String, String>>,
    /// The login on it.
    pub login: Cow<'a, str>,
}

/// What was read before: people's groups and targets' labels are the same in event after event.
#[derive(Debug, Default)]
pub struct Glanced {
    groups: Known<Vec<Name>>,
    labels: Known<BTreeMap<String, String>>,
}

/// Values by their JSON.
#[derive(Debug)]
struct Known<T>(HashMap<Box<str>, Arc<T>>);

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

/// How many values are known; when there are more, it begins anew.
const KNOWN_LIMIT: usize = 4096;
/// How long the JSON of a value that is kept is at most, in bytes.
const KNOWN_BYTES: usize = 1024;

impl<T: DeserializeOwned + Default> Known<T> {
    fn read(&mut self, json: Json<'_>) -> serde_json::Result<Arc<T>> {
        let Some(json) = json.0.map(RawValue::get) else { return Ok(Arc::default()) };
        if let Some(known) = self.0.get(json) {
            return Ok(known.clone());
        }
        let read = Arc::new(serde_json::from_str::<T>(json)?);
        if json.len() <= KNOWN_BYTES {
            if self.0.len() == KNOWN_LIMIT {
                self.0.clear();
            }
            self.0.insert(json.into(), read.clone());
        }
        Ok(read)
    }
}

/// A value as it is written, where there is one.
#[derive(Default)]
struct Json<'a>(Option<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Json<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|json| Self(Some(json)))
    }
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    source: Text<'a>,
    #[serde(borrow)]
    r#type: Text<'a>,
    time: Utc,
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow, default)]
    session: Option<Text<'a>>,
    #[serde(borrow, default)]
    actor: Option<Actor<'a>>,
    #[serde(borrow, default)]
    target: Option<Target<'a>>,
    command: u64,
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    sealed: Text<'a>,
    length: u64,
    #[serde(borrow)]
    digest: Text<'a>,
    #[serde(borrow)]
    reading: Reading<'a>,
    verdict: Verdict,
    #[serde(borrow, default)]
    rules: Vec<Text<'a>>,
    channel: Channel,
    offset_minutes: i16,
}

#[derive(Deserialize)]
struct Actor<'a> {
    #[serde(borrow)]
    person: Text<'a>,
    #[serde(borrow, default)]
    groups: Json<'a>,
}

#[derive(Deserialize)]
struct Target<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    kind: TargetKind,
    #[serde(borrow, default)]
    labels: Json<'a>,
    #[serde(borrow)]
    login: Text<'a>,
}

#[derive(Deserialize)]
struct Reading<'a> {
    #[serde(borrow)]
    reader: Text<'a>,
    #[serde(default)]
    detected: Vec<IgnoredAny>,
}

impl<'a> JudgedGlance<'a> {
    /// Which event it is, as [`EventId`](crate::ids::EventId) is written.
    #[must_use]
    pub fn event(&self) -> String {
        let chain = self.source.rsplit('/').next().unwrap_or_default();
        format!("{chain}/{}", self.id)
    }

    /// Reads an event that is known to be `command.judged`; nothing when it is another kind or
    /// version. Fields that it does not give are not looked at.
    ///
    /// # Errors
    /// [`Unreadable`] when the bytes are not such an event.
    pub fn read(bytes: &'a [u8], known: &mut Glanced) -> Result<Option<Self>, Unreadable> {
        let text = str::from_utf8(bytes).map_err(|_| Unreadable::Field("it is not UTF-8"))?;
        let Line { id, source, r#type, time, data } = match serde_json::from_str(text) {
            Ok(line) => line,
            // Another kind or version may have other fields.
            Err(error) => {
                let known = matches!(Event::read(bytes)?.kind, Some(Kind::CommandJudged(_)));
                return if known { Err(error.into()) } else { Ok(None) };
            }
        };
        if kind_of(&r#type.0) != Some(("command.judged", "v1")) {
            return Ok(None);
        }
        let (person, groups) = match data.actor {
            Some(Actor { person, groups }) => (Some(person.0), known.groups.read(groups)?),
            None => (None, Arc::default()),
        };
        let target = match data.target {
            Some(Target { name, kind, labels, login }) => {
                let labels = known.labels.read(labels)?;
                Some(TargetGlance { name: name.0, kind, labels, login: login.0 })
            }
            None => None,
        };
        Ok(Some(Self {
            source: source.0,
            id: id.0,
            time,
            session: data.session.map(|session| session.0),
            person,
            groups,
            target,
            command: data.command,
            text: data.text.0,
            sealed: data.sealed.0,
            length: data.length,
            digest: data.digest.0,
            reader: data.reading.reader.0,
            detected: !data.reading.detected.is_empty(),
            verdict: data.verdict,
            rules: data.rules.into_iter().map(|rule| rule.0).collect(),
            channel: data.channel,
            offset_minutes: data.offset_minutes,
        }))
    }
}
