//! Where the columns of a statement come from, and what of that is masked.
//!
//! The database itself says what its names mean: its rewritten tree of a statement has each view
//! expanded and each name resolved. What that tree does not show is never taken for unmasked: it
//! is hidden, or the statement is refused. Decides nothing about who may run what, and sees no
//! value.

mod catalog;
mod copy;
mod effects;
mod nodes;
mod steps;
mod taint;
mod trace;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use catalog::{Catalog, Function, Mask, Relation, Rows};
pub use copy::CopyForm;
pub use steps::{Step, What, steps};
use trace::{Given, Trace, Traced};

use crate::policy::{Derived, Predicates};

/// Why nothing is known of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotSeen(pub &'static str);

/// Why a statement must not run: fit for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Exposes(pub &'static str);

/// How the values of a column are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// As they are, but for what content masks find in them.
    Plain,
    /// Replaced by a mask of the plan; the type's number in `pg_type`.
    Replaced {
        /// Which mask.
        rule: u16,
        /// The type.
        kind: u32,
    },
    /// Not at all: null.
    Hidden,
}

/// A column of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output {
    /// How its values are shown.
    pub shown: Shown,
    /// The table and column that the server must name for it, or it was another statement.
    pub origin: (u32, i16),
}

/// What a statement gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outputs {
    /// Nothing that is masked.
    Plain,
    /// Nobody knows what: nothing of it is shown.
    Hidden,
    /// These columns.
    Columns(Arc<[Output]>),
    /// What a cursor of this name gives.
    Cursor(String),
}

/// What may be shown of errors and notices while a statement runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Says {
    /// All of them.
    Plain,
    /// Those about names and grammar, in which no values are.
    Names,
    /// None.
    Nothing,
}

/// What is known of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineage {
    /// What it gives.
    pub outputs: Outputs,
    /// What may be shown of what is said meanwhile.
    pub says: Says,
    /// How its rows are copied out, when they are.
    pub copy: Option<CopyForm>,
}

impl Lineage {
    /// Of a statement that has nothing to do with masked columns.
    #[must_use]
    pub fn plain() -> Self {
        Self { outputs: Outputs::Plain, says: Says::Plain, copy: None }
    }

    /// Of a statement of which nothing is known.
    #[must_use]
    pub fn hidden() -> Self {
        Self { outputs: Outputs::Hidden, says: Says::Nothing, copy: None }
    }

    /// Whether any value may be replaced.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        match &self.outputs {
            Outputs::Plain => true,
            Outputs::Columns(columns) => columns.iter().all(|one| one.shown == Shown::Plain),
            Outputs::Hidden | Outputs::Cursor(_) => false,
        }
    }
}

/// Lineage out of the server's tree.
///
/// # Errors
/// [`NotSeen`] when the tree is not understood.
pub fn trace(tree: &str, catalog: &Catalog) -> Result<Result<Lineage, Exposes>, NotSeen> {
    const UNKNOWN: NotSeen = NotSeen("the server's tree cannot be followed");
    let tree = nodes::read(tree)?;
    let traced = Trace::new(catalog).statement(&tree).ok_or(UNKNOWN)?;
    Ok(judge(traced, catalog))
}

fn judge(traced: Traced, catalog: &Catalog) -> Result<Lineage, Exposes> {
    if let Some(why) = traced.carried {
        return Err(Exposes(why));
    }
    if traced.asked.iter().any(|mask| mask.predicates == Predicates::Block) {
        return Err(Exposes("it chooses, orders or groups rows by a masked column"));
    }
    let outputs: Result<Vec<Output>, Exposes> =
        traced.given.iter().map(|given| output(given, catalog)).collect();
    let says = match (traced.opaque, traced.touched.is_empty()) {
        (true, _) => Says::Nothing,
        (false, false) => Says::Names,
        (false, true) => Says::Plain,
    };
    Ok(Lineage { outputs: Outputs::Columns(outputs?.into()), says, copy: None })
}

fn output(given: &Given, catalog: &Catalog) -> Result<Output, Exposes> {
    let Given { taint, kind, origin } = given;
    let shown = match taint.is {
        _ if taint.is_clean() => Shown::Plain,
        Some(mask) => match mask.rule {
            Some(rule) => Shown::Replaced { rule, kind: *kind },
            None => Shown::Hidden,
        },
        None => {
            let mut masks =
                taint.from.iter().copied().chain(catalog.every_mask().filter(|_| taint.opaque));
            if masks.any(|mask| mask.derived == Derived::Block) {
                return Err(Exposes(DERIVED));
            }
            Shown::Hidden
        }
    };
    Ok(Output { shown, origin: *origin })
}

/// Why an expression over masked columns does not run where policy says so.
const DERIVED: &str = "a column of it is made of masked columns, or by what cannot be seen into";
