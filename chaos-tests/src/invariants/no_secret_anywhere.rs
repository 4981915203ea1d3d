//! O8: no secret byte string in a client's stream, a replay, an export, an event, a log line, a
//! metric or a file of the node.
//!
//! A secret that is split over windows of output is still a secret: windows are joined first.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Events;

/// How much of a file is looked at for having been written, in bytes.
const BLOCK: usize = 4096;

/// Secrets, and places where they must not be.
#[derive(Debug, Default)]
pub struct Places {
    places: Vec<(String, Vec<u8>)>,
}

impl Places {
    /// Adds a place and all the bytes in it.
    pub fn add(&mut self, place: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.places.push((place.into(), bytes.into()));
    }

    /// Adds a file's bytes without the blocks that were never written: a preallocated journal has
    /// many, and no secret holds a zero byte.
    pub fn add_sparse(&mut self, place: impl Into<String>, bytes: &[u8]) {
        let zeroes = [0; BLOCK];
        let written = bytes.chunks(BLOCK).filter(|block| **block != zeroes[..block.len()]);
        self.add(place, written.collect::<Vec<_>>().concat());
    }

    /// Adds events: their lines, and each command's output joined from its windows.
    pub fn add_events(&mut self, place: &str, events: &Events) {
        for line in events.exact() {
            self.add(format!("{place}: an event"), line);
        }
        let mut joined: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for window in events.of_kind("output.released") {
            let of = format!("{} {} {}", window["session"], window["command"], window["stream"]);
            let text = window["text"].as_str().map(|text| text.as_bytes().to_vec());
            let coded = window["base64"].as_str().and_then(|text| STANDARD.decode(text).ok());
            joined.entry(of).or_default().extend(text.or(coded).unwrap_or_default());
        }
        for (of, bytes) in joined {
            self.add(format!("{place}: output of {of}"), bytes);
        }
    }

    /// Places that hold a secret; the secret is not repeated.
    #[must_use]
    pub fn violations(&self, secrets: &[&str]) -> Vec<String> {
        let mut violations = Vec::new();
        for (place, bytes) in &self.places {
            for (number, secret) in secrets.iter().enumerate() {
                if holds(bytes, secret.as_bytes()) {
                    violations.push(format!("secret {number} is in {place}"));
                }
            }
        }
        violations
    }
}

fn holds(bytes: &[u8], secret: &[u8]) -> bool {
    assert!(!secret.is_empty(), "an empty secret is everywhere");
    memchr::memmem::find(bytes, secret).is_some()
}
