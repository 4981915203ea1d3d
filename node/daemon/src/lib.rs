//! One node: its configuration, its data directory, and how its parts are put together.
//!
//! Nothing is decided here that a part decides, and no part is used before what it depends on is
//! durable.

mod app;
mod certificates;
mod config;
mod credentials;
mod directory;
mod documents;
mod drain;
mod errors;
mod keys;
mod logging;
mod myself;
mod ready;
mod secrets;
mod signals;

pub use app::{VERSION, run};
pub use config::{Config, ConfigError, Documents, RawDev, check};
pub use errors::Error;
pub use logging::{BadFilter, start as logging};
pub use ready::Ready;
pub use secrets::random;

#[cfg(test)]
mod tests;
