//! The protocol's bytes (PostgreSQL documentation, "Message Formats"): framing of our own, which
//! decodes only what is inspected. Pure; nothing here believes a length before it is checked.

pub(crate) mod frame;
pub(crate) mod places;
pub(crate) mod read;
pub(crate) mod startup;
pub(crate) mod write;
