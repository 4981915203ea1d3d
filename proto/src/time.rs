//! Time as a value: nothing here reads a clock.

use std::fmt;
use std::time::Duration;

use rkyv::{Archive, Deserialize as RkyvDeserialize, Serialize as RkyvSerialize};
use schemars::JsonSchema;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A UTC instant in microseconds since 1970; RFC 3339 in text.
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
    JsonSchema,
    Archive,
    RkyvSerialize,
    RkyvDeserialize,
)]
#[schemars(with = "String")]
pub struct Utc(pub i64);

/// Text that is not an instant.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{text:?} is not an instant such as 2026-01-31T09:30:00Z")]
pub struct NotAnInstant {
    /// What was written.
    pub text: String,
}

impl std::str::FromStr for Utc {
    type Err = NotAnInstant;

    fn from_str(text: &str) -> Result<Self, NotAnInstant> {
        text.parse::<jiff::Timestamp>()
            .map(|instant| Self(instant.as_microsecond()))
            .map_err(|_| NotAnInstant { text: text.to_owned() })
    }
}

impl Serialize for Utc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// From text where it stands, without an allocation.
impl<'de> Deserialize<'de> for Utc {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Utc;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Utc, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instant = jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::MAX);
        write!(f, "{instant:.6}")
    }
}

impl TryFrom<String> for Utc {
    type Error = NotAnInstant;

    fn try_from(text: String) -> Result<Self, NotAnInstant> {
        text.parse()
    }
}

impl From<Utc> for String {
    fn from(utc: Utc) -> Self {
        utc.to_string()
    }
}

/// Now, as the edge says it to the pure core.
///
/// Two clocks that must not be mixed: `utc` is for people and may jump; `elapsed` is for deadlines,
/// never goes back and runs on through suspend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock.
    pub utc: Utc,
    /// Minutes that local time is ahead of UTC, for rules about the time of day.
    pub offset_minutes: i16,
    /// Time since an arbitrary start, on a clock that counts suspend.
    pub elapsed: Duration,
}
