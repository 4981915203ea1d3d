//! Reads a stream's configuration back and compares it.

use serde_json::Value;

use crate::fault::Fault;
use crate::link::Link;
use crate::shape::Wanted;

/// What a stream says of itself that a node cares about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Described {
    /// When it was made: another instant is another stream.
    pub(crate) created: String,
    /// On how many servers each message is.
    pub(crate) replicas: u64,
}

/// Looks whether a stream is as it must be.
pub(crate) async fn verify(link: &Link, wanted: &Wanted) -> Result<Described, Fault> {
    let info = link.stream_info(wanted.name).await?;
    let nothing = Value::Null;
    let config = info.get("config").unwrap_or(&nothing);
    let differences = wanted.differences(config);
    if !differences.is_empty() {
        return Err(Fault::Misconfigured { stream: wanted.name.to_owned(), differences });
    }
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(Described {
        created: text(info.get("created")),
        replicas: config.get("num_replicas").and_then(Value::as_u64).unwrap_or(0),
    })
}
