//! Oracles: what must be true of a run, judged from what it left behind. One file each, pure, and
//! each shown to fail on a seeded bad input. Simulations and real faults share them.
//!
//! An empty answer means that the invariant holds; each line otherwise is one violation.

pub mod acknowledged_once;
pub mod chain;
pub mod forbidden_after_t;
pub mod healed;
pub mod held_once;
pub mod history;
pub mod in_stream_once;
pub mod linearizable;
pub mod no_secret_anywhere;
pub mod recorded_before_done;
pub mod views_equal;

use std::collections::BTreeMap;

use serde_json::Value;

/// Events as they were read: exact lines and what is in them.
#[derive(Clone, Debug, Default)]
pub struct Events {
    lines: Vec<(String, Value)>,
}

/// A line that is not an event.
#[derive(Debug)]
pub struct NotAnEvent(pub String);

impl Events {
    /// Reads lines of JSON.
    ///
    /// # Errors
    /// [`NotAnEvent`] with the line.
    pub fn read<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Self, NotAnEvent> {
        let mut events = Self::default();
        events.read_on(lines)?;
        Ok(events)
    }

    /// Reads more lines, which come after those that were read before.
    ///
    /// # Errors
    /// [`NotAnEvent`] with the line; those before it were read.
    pub fn read_on<'a>(
        &mut self,
        lines: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), NotAnEvent> {
        for line in lines {
            match serde_json::from_str(line) {
                Ok(json) => self.lines.push((line.to_owned(), json)),
                Err(_) => return Err(NotAnEvent(line.to_owned())),
            }
        }
        Ok(())
    }

    /// The exact last line of each chain.
    #[must_use]
    pub fn heads(&self) -> Vec<&str> {
        let lines = self.lines.iter();
        // Of lines with the same key the last one stays.
        let last: BTreeMap<_, _> =
            lines.map(|(line, event)| (event["source"].as_str(), line.as_str())).collect();
        last.into_values().collect()
    }

    /// The events of several readers, each once: all nodes keep the control chain.
    #[must_use]
    pub fn united(readers: impl IntoIterator<Item = Self>) -> Self {
        let mut seen = std::collections::HashSet::new();
        let mut lines: Vec<_> = readers.into_iter().flat_map(|reader| reader.lines).collect();
        lines.retain(|(line, _)| seen.insert(line.clone()));
        Self { lines }
    }

    /// The chains, by name, and the last place of each.
    #[must_use]
    pub fn chains(&self) -> BTreeMap<&str, u64> {
        let mut chains = BTreeMap::new();
        for (_, event) in &self.lines {
            let chain = event["data"]["chain"].as_str().unwrap_or_default();
            let last = chains.entry(chain).or_insert(0);
            *last = event["data"]["seq"].as_u64().unwrap_or(0).max(*last);
        }
        chains
    }

    /// All events.
    pub fn all(&self) -> impl Iterator<Item = &Value> {
        self.lines.iter().map(|(_, event)| event)
    }

    /// The exact lines of one chain: a node's name, or `control`.
    pub fn of_chain(&self, chain: &str) -> impl Iterator<Item = &str> {
        let lines = self.lines.iter().filter(move |(_, event)| event["data"]["chain"] == chain);
        lines.map(|(line, _)| line.as_str())
    }

    /// The exact lines.
    pub fn exact(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(|(line, _)| line.as_str())
    }

    /// Chain and id of each event: what must be unique.
    pub fn ids(&self) -> impl Iterator<Item = String> {
        self.lines.iter().map(|(_, event)| format!("{}#{}", event["source"], event["id"]))
    }

    /// The data of all events of a kind, e.g. `command.judged`.
    pub fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Value> {
        let wanted = format!("io.sallyport.{kind}.v1");
        let events = self.lines.iter().map(|(_, event)| event);
        events.filter(move |event| event["type"] == wanted.as_str()).map(|event| &event["data"])
    }
}

#[cfg(test)]
mod tests;
