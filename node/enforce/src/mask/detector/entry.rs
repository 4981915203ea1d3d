//! What is said of a detector: its entry in the list, declared beside what finds it.

use super::example::Example;
use crate::mask::plan::Class;

/// How sure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// Its shape alone says so, or its check digits are wrong.
    Low,
    /// A key, a name or a frame beside it says so.
    Medium,
    /// Its check digits are right, its public prefix is nobody else's, or its value is known.
    High,
}

impl Confidence {
    /// Its name in reports: `low`, `medium` or `high`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// A detector, as `sallyport detectors list` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DetectorInfo {
    /// Stable name, used in policy and in the record.
    pub name: &'static str,
    /// The class that switches it; `None` for known values, which nothing switches off.
    pub class: Option<Class>,
    /// A rule must name it: naming its class does not switch it on.
    pub only_by_name: bool,
    /// What it finds, in one line.
    pub description: &'static str,
    /// How sure what it finds is, unless check digits say otherwise.
    pub confidence: Confidence,
    pub(super) examples: &'static [&'static str],
    pub(super) others: &'static [&'static str],
}

impl DetectorInfo {
    /// Texts in which it finds something.
    pub fn examples(&self) -> impl Iterator<Item = Example> {
        self.examples.iter().map(|written| Example::read(written))
    }

    /// Texts that resemble these, in which it finds nothing.
    pub fn counter_examples(&self) -> impl Iterator<Item = String> {
        self.others.iter().map(|written| Example::read(written).text)
    }
}
