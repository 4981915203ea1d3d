//! Policy: one YAML document, checked once and compiled.
//!
//! [`Policy`] is a proof: its fields are private and only [`Policy::parse`] makes one, so whoever
//! holds one holds a document that was checked. Nothing here reads a file, a clock or a command.

pub mod cases;
mod check;
mod columns;
mod compile;
mod condition;
mod errors;
mod files;
mod forward;
mod grants;
mod limits;
mod parts;
mod patterns;
mod places;
mod raw;
mod sql;
mod words;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use proto::ids::Digest;

pub(crate) use condition::{Evaluation, Part, Shell, Text, Truth, UNKNOWN, places, writes};
pub use errors::{PolicyError, PolicyErrors, Warning};
pub use grants::{Granted, NoGrant, TargetFacts, Who};
pub use parts::{
    Approval, ApprovalRules, ColumnMask, Commands, Covers, Derived, Limits, Opaque, Output,
    Permission, Predicates, RecordRules, SessionLimits, StreamDown, Unattended, Uploads,
};
pub(crate) use parts::{Checked, Rule};
pub use places::Place;

/// The longest document, in bytes.
pub const DOCUMENT_LIMIT: usize = 1024 * 1024;
/// The most entries in one section.
pub const ENTRY_LIMIT: usize = 1000;
/// How deep `not` may lie in `not`.
pub const NOT_LIMIT: usize = 8;
/// The longest regular expression or glob, in bytes.
pub const PATTERN_LIMIT: usize = 4096;
/// The largest compiled regular expression, in bytes.
pub const COMPILED_LIMIT: usize = 1024 * 1024;
/// The most regular expressions in one document.
pub const PATTERN_COUNT_LIMIT: usize = 1000;

/// A policy that was checked.
#[derive(Debug)]
pub struct Policy {
    text: Arc<str>,
    digest: Digest,
    checked: parts::Checked,
}

impl Policy {
    /// Checks a document. `detectors` says whether a detector of that name exists; `file_name` is
    /// what errors call the document.
    ///
    /// # Errors
    /// Everything that is wrong, each with line and column; of what is no document of this form
    /// at all, the first thing.
    pub fn parse(
        file_name: &str,
        text: &str,
        detectors: &dyn Fn(&str) -> bool,
    ) -> Result<(Self, Vec<Warning>), PolicyErrors> {
        let document = errors::document(file_name, text)?;
        let (checked, warnings) = check::check(file_name, document, detectors)?;
        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.as_ref());
        Ok((Self { text: text.into(), digest: Digest(bytes), checked }, warnings))
    }

    /// SHA-256 of the text.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The document as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Limits of sessions.
    #[must_use]
    pub fn sessions(&self) -> SessionLimits {
        self.checked.sessions
    }

    /// The JSON Schema of a document.
    #[must_use]
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(raw::Document).to_value()
    }

    /// Whether a role of this person permits it.
    #[must_use]
    pub fn allows(&self, who: &Who<'_>, permission: Permission) -> bool {
        let roles = &self.checked.roles;
        roles.iter().any(|role| role.may.contains(&permission) && role.who.holds(who))
    }

    /// Whether somebody has a permission only through roles that need a second person.
    #[must_use]
    pub fn needs_second_person(&self, who: &Who<'_>, permission: Permission) -> bool {
        let roles = &self.checked.roles;
        let mut having =
            roles.iter().filter(|role| role.may.contains(&permission) && role.who.holds(who));
        having.clone().next().is_some() && having.all(|role| role.second_person)
    }

    pub(crate) fn checked(&self) -> &parts::Checked {
        &self.checked
    }
}
