//! Why a node cannot log in to a target.

/// Why there is no credential. The text is for the operator's log; clients see only a code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no credential for {target}: {reason}")]
pub struct CredentialError {
    /// Which target.
    pub target: String,
    /// Why.
    pub reason: String,
}
