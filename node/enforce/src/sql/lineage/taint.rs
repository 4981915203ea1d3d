//! What an expression is made of, as far as masks are concerned.

use std::collections::BTreeSet;

use super::catalog::Mask;

/// What an expression is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Taint {
    /// Masked columns.
    pub(super) from: BTreeSet<Mask>,
    /// It is that column, and nothing else.
    pub(super) is: Option<Mask>,
    /// A function that cannot be seen into.
    pub(super) opaque: bool,
}

impl Taint {
    /// A masked column itself.
    pub(super) fn column(mask: Mask) -> Self {
        Self { from: BTreeSet::from([mask]), is: Some(mask), opaque: false }
    }

    /// Something made of masked columns.
    pub(super) fn of(from: BTreeSet<Mask>) -> Self {
        Self { from, is: None, opaque: false }
    }

    /// What nothing is known of.
    pub(super) fn unknown() -> Self {
        Self { opaque: true, ..Self::default() }
    }

    pub(super) fn is_clean(&self) -> bool {
        self.from.is_empty() && !self.opaque
    }

    /// Takes something in: what comes out is no column any more.
    pub(super) fn add(&mut self, other: Self) {
        self.from.extend(other.from);
        (self.is, self.opaque) = (None, self.opaque || other.opaque);
    }

    /// One or the other, as in a UNION: a column, when each is that column or holds nothing of any.
    pub(super) fn or(self, other: Self) -> Self {
        let is = match (self.is, other.is) {
            (Some(one), Some(two)) if one == two => Some(one),
            (Some(one), None) if other.is_clean() => Some(one),
            (None, Some(two)) if self.is_clean() => Some(two),
            _ => None,
        };
        let mut both = self;
        both.add(other);
        Self { is, ..both }
    }
}
