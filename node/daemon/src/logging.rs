//! Structured logs on standard error: text on a terminal, one JSON object a line elsewhere.
//!
//! Nothing that came from a client or a target is ever logged: ids, names, codes and counts only.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// A filter that is not one.
#[derive(Debug, thiserror::Error)]
#[error("--log: {text:?} is not a filter such as info or info,node_ssh=debug: {reason}")]
pub struct BadFilter {
    /// What was written.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Starts logging, once for a process; a second call changes nothing.
///
/// # Errors
/// [`BadFilter`] when the filter is not one.
pub fn start(filter: &str) -> Result<(), BadFilter> {
    let bad = |error: tracing_subscriber::filter::ParseError| BadFilter {
        text: filter.to_owned(),
        reason: error.to_string(),
    };
    // What the stream's library says of each connection is said by name elsewhere.
    let filter = format!("async_nats=warn,{filter}");
    let parsed = EnvFilter::builder().parse(filter).map_err(bad)?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .with_target(false)
        .with_writer(std::io::stderr);
    let started = if std::io::stderr().is_terminal() {
        log.try_init()
    } else {
        log.json().flatten_event(true).try_init()
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
    Ok(())
}
