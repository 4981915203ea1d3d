//! The JSON of an event, taken apart in one pass: what all events have goes one way, the fields of
//! its kind another, and nothing is copied aside to be looked at again.
//!
//! That works where the type stands before the data, as every gateway writes it; data that comes
//! first is kept as text until the type is known.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, IgnoredAny, IntoDeserializer, MapAccess, Visitor,
};
use serde_json::value::RawValue;

use super::{About, Actor, Kind, PolicyRef, TargetAsWas};
use crate::ids::{Digest, SessionId};
use crate::time::Utc;

/// Text that is borrowed where nothing in it is escaped.
#[derive(Debug)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seen;
        impl<'de> Visitor<'de> for Seen {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Seen)
    }
}

/// What stands around the data.
pub(super) struct Envelope<'a> {
    pub(super) specversion: Cow<'a, str>,
    pub(super) id: Cow<'a, str>,
    pub(super) source: Cow<'a, str>,
    pub(super) r#type: Cow<'a, str>,
    pub(super) time: Utc,
}

/// Where the data goes. It is large, so it is read to where it stays.
#[derive(Default)]
pub(super) struct Data<'a> {
    pub(super) common: Common<'a>,
    pub(super) kind: Option<Kind>,
}

/// The kind's name and version in a type.
pub(super) fn kind_of(r#type: &str) -> Option<(&str, &str)> {
    r#type.strip_prefix("io.sallyport.")?.rsplit_once('.')
}

impl<'de> DeserializeSeed<'de> for &mut Data<'de> {
    type Value = Envelope<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Data<'de> {
    type Value = Envelope<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("struct Envelope")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Envelope<'de>, A::Error> {
        envelope(map, self)
    }
}

fn envelope<'de, A: MapAccess<'de>>(
    mut map: A,
    to: &mut Data<'de>,
) -> Result<Envelope<'de>, A::Error> {
    let (mut specversion, mut id, mut source, mut r#type) = (None, None, None, None);
    let (mut time, mut is_read, mut later) = (None, false, None);
    while let Some(Text(key)) = map.next_key()? {
        match &*key {
            "specversion" => put(&mut specversion, "specversion", &mut map)?,
            "id" => put(&mut id, "id", &mut map)?,
            "source" => put(&mut source, "source", &mut map)?,
            "type" => put(&mut r#type, "type", &mut map)?,
            "time" => put(&mut time, "time", &mut map)?,
            "data" if is_read || later.is_some() => {
                return Err(de::Error::duplicate_field("data"));
            }
            "data" => match &r#type {
                Some(Text(known)) => {
                    map.next_value_seed(OfType { r#type: known, to })?;
                    is_read = true;
                }
                None => put::<&RawValue, A>(&mut later, "data", &mut map)?,
            },
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
    }
    let missing = <A::Error as de::Error>::missing_field;
    let Text(specversion) = specversion.ok_or_else(|| missing("specversion"))?;
    let Text(id) = id.ok_or_else(|| missing("id"))?;
    let Text(source) = source.ok_or_else(|| missing("source"))?;
    let Text(r#type) = r#type.ok_or_else(|| missing("type"))?;
    let time = time.ok_or_else(|| missing("time"))?;
    if let Some(later) = later {
        let mut text = serde_json::Deserializer::from_str(later.get());
        OfType { r#type: &r#type, to }.deserialize(&mut text).map_err(de::Error::custom)?;
    } else if !is_read {
        return Err(missing("data"));
    }
    Ok(Envelope { specversion, id, source, r#type, time })
}

/// Reads a field that there is one of.
fn put<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    slot: &mut Option<T>,
    name: &'static str,
    map: &mut A,
) -> Result<(), A::Error> {
    if slot.is_some() {
        return Err(de::Error::duplicate_field(name));
    }
    *slot = Some(map.next_value()?);
    Ok(())
}

/// The data of an event of a type.
struct OfType<'t, 'to, 'de> {
    r#type: &'t str,
    to: &'to mut Data<'de>,
}

impl<'de> DeserializeSeed<'de> for OfType<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OfType<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("struct Common")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let Data { common, kind } = self.to;
        let rest = MapAccessDeserializer::new(Rest { map, common });
        match kind_of(self.r#type) {
            Some((name, "v1")) => Kind::read(name, rest, kind)?,
            _ => drop(IgnoredAny::deserialize(rest)?),
        }
        self.to.common.missing().map_or(Ok(()), |name| Err(de::Error::missing_field(name)))
    }
}

/// What the data of every kind has, as far as it was found.
#[derive(Default)]
pub(super) struct Common<'a> {
    pub(super) chain: Option<Text<'a>>,
    pub(super) epoch: Option<u64>,
    pub(super) seq: Option<u64>,
    pub(super) prev: Option<Digest>,
    pub(super) applied: Option<u64>,
    session: Option<Option<SessionId>>,
    session_seq: Option<Option<u64>>,
    actor: Option<Option<Actor>>,
    target: Option<Option<TargetAsWas>>,
    policy: Option<Option<PolicyRef>>,
}

impl<'de> Common<'de> {
    /// Takes a field that all events have; false when it is another.
    fn take<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "chain" => put(&mut self.chain, "chain", map)?,
            "epoch" => put(&mut self.epoch, "epoch", map)?,
            "seq" => put(&mut self.seq, "seq", map)?,
            "prev" => put(&mut self.prev, "prev", map)?,
            "applied" => put(&mut self.applied, "applied", map)?,
            "session" => put(&mut self.session, "session", map)?,
            "session_seq" => put(&mut self.session_seq, "session_seq", map)?,
            "actor" => put(&mut self.actor, "actor", map)?,
            "target" => put(&mut self.target, "target", map)?,
            "policy" => put(&mut self.policy, "policy", map)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// A field that every event has, and this has not.
    fn missing(&self) -> Option<&'static str> {
        let each = [
            ("chain", self.chain.is_some()),
            ("epoch", self.epoch.is_some()),
            ("seq", self.seq.is_some()),
            ("prev", self.prev.is_some()),
            ("applied", self.applied.is_some()),
        ];
        each.into_iter().find(|(_, is)| !is).map(|(name, _)| name)
    }

    /// Whom and what the event is about.
    pub(super) fn about(self) -> About {
        About {
            session: self.session.flatten(),
            session_seq: self.session_seq.flatten(),
            actor: self.actor.flatten(),
            target: self.target.flatten(),
            policy: self.policy.flatten(),
        }
    }
}

/// The fields that are left for the kind.
struct Rest<'f, 'de, A> {
    map: A,
    common: &'f mut Common<'de>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Rest<'_, 'de, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        while let Some(Text(key)) = self.map.next_key()? {
            if !self.common.take(&key, &mut self.map)? {
                return seed.deserialize(key.into_deserializer()).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}
