//! Entries that replace policy, people and targets, each as a whole.

use rkyv::{Archive, Deserialize as RkyvDeserialize, Serialize as RkyvSerialize};

use super::By;
use super::nodes::entry_structs;
use crate::ids::{Digest, Name};
use crate::person::Person;
use crate::target::Target;

entry_structs! {
    /// A policy comes into force.
    struct PolicySetting {
        /// The document's exact text.
        document: String,
        /// SHA-256 of the text.
        digest: Digest,
        /// The revision it must follow, when the editor said which one they saw.
        expected_revision: Option<u64>,
        /// Who sets it.
        by: By,
    }
    /// A policy that a second person must agree to.
    struct PolicyProposal {
        /// What comes into force then; always with the revision that it follows.
        setting: PolicySetting,
        /// Who may agree, as they were; whoever asks is never among them.
        approvers: Vec<Name>,
        /// How long the request stands, in milliseconds.
        expires_ms: u64,
    }
    /// The people of the cluster.
    struct PeopleSetting {
        /// All of them.
        people: Vec<Person>,
        /// The revision it must follow, when the editor said which one they saw.
        expected_revision: Option<u64>,
        /// Who sets them.
        by: By,
    }
    /// The targets of the cluster.
    struct TargetsSetting {
        /// All of them.
        targets: Vec<Target>,
        /// The revision it must follow, when the editor said which one they saw.
        expected_revision: Option<u64>,
        /// Who sets them.
        by: By,
    }
}
