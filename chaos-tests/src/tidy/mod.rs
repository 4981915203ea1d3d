//! House rules as tests. A rule reads sources (or the list of packages) and names each place that
//! breaks it; it never changes a file. Each rule is shown to fail on a small bad example.

pub mod calls;
pub mod coverage;
pub mod edges;
pub mod engines;
pub mod exceptions;
pub mod files;
pub mod packages;
pub mod rust;
pub mod sizes;
pub mod sources;

use std::fmt;

/// One place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file or package.
    pub place: String,
    /// The line, from 1; 0 when it is about the whole.
    pub line: usize,
    /// What is wrong, and what to do.
    pub what: String,
}

impl Finding {
    /// About a whole file or package.
    pub fn whole(place: &str, what: impl Into<String>) -> Self {
        Self { place: place.to_owned(), line: 0, what: what.into() }
    }

    /// About one line.
    pub fn at(place: &str, line: usize, what: impl Into<String>) -> Self {
        Self { place: place.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.place, self.line, self.what)
    }
}

#[cfg(test)]
mod tests;
