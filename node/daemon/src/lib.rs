//! One node: its configuration, its data directory, and how its parts are put together.
//!
//! Nothing is decided here that a part decides, and no part is used before what it depends on is
//! durable.

mod app;
mod certificates;
mod chains;
mod cluster_secrets;
mod config;
mod credentials;
mod directory;
mod documents;
mod drain;
mod errors;
mod founding;
mod home;
mod joining;
mod logging;
mod myself;
mod notifications;
mod open;
mod peers;
mod ready;
mod replica;
mod restoring;
mod roster;
mod sealing;
mod secrets;
mod signals;
mod streaming;
mod views;
mod wall;

pub use app::{Start, VERSION, run};
pub use config::{
    Config, ConfigError, Documents, RawDev, SecretSources, StreamConfig, check, read, schema,
};
pub use errors::Error;
pub use founding::{Founded, found};
pub use logging::{BadFilter, start as logging};
pub use ready::Ready;
pub use restoring::restore;
pub use secrets::random;
pub use streaming::told as stream_fault;

#[cfg(test)]
mod tests;
