//! The proof that bytes have been through the masker.
//!
//! [`Masked`] has no public constructor: `mask/` alone makes it. Nothing else may share this file,
//! because privacy ends at the module.

use bytes::Bytes;

/// Bytes as a target (or a person) sent them: not fit for a client, a record or a log line.
#[derive(Clone, Copy)]
pub struct Raw<'a>(&'a [u8]);

impl<'a> Raw<'a> {
    /// Marks bytes as unmasked.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(in crate::mask) fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl std::fmt::Debug for Raw<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Raw({} bytes)", self.0.len())
    }
}

/// Bytes that have been through the masker, and may be shown.
///
/// ```
/// # use node_enforce::mask::Masked;
/// fn show(masked: &Masked) -> usize { masked.bytes().len() }
/// ```
///
/// It cannot be made from raw bytes:
///
/// ```compile_fail
/// # use node_enforce::mask::Masked;
/// let forged = Masked { bytes: bytes::Bytes::from_static(b"raw") };
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Masked {
    bytes: Bytes,
}

impl Masked {
    pub(in crate::mask) fn new(bytes: Bytes) -> Self {
        Self { bytes }
    }

    /// The masked bytes.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl std::fmt::Debug for Masked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Masked({} bytes)", self.bytes.len())
    }
}
