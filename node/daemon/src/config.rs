//! A node's configuration: what was written, and what it means. Everything else sees only the
//! latter.

mod checked;
mod events;
mod node;
mod notifications;
mod raw;
mod views;

pub use checked::{Config, ConfigError, Documents, SecretSources, StreamConfig, check};
#[cfg(test)]
pub(crate) use node::parse;
pub use node::{read_file as read, schema};
pub(crate) use notifications::{Address, Notification};
pub use raw::RawDev;
pub(crate) use views::{PasswordFrom, PostgresViews};
