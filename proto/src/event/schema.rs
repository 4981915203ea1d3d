//! JSON Schemas of the events, made from the types that write them.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::About;
use super::kinds::data_schemas;
use crate::ids::Digest;

// For the schema alone; `stamp` and `read` hold the same fields.
/// The event's place in its chain, what it is about, and what happened.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "{K}Data")]
pub(super) struct Data<K> {
    /// The chain: a node's name, or `control`.
    chain: String,
    /// The node's epoch; 0 in the control chain.
    epoch: u64,
    /// The place in the chain, from 1.
    seq: u64,
    /// SHA-256 of the bytes of the event before it, zeroes for the first.
    prev: Digest,
    /// The control index that the node had applied.
    applied: u64,
    #[serde(flatten)]
    about: About,
    #[serde(flatten)]
    kind: K,
}

/// The schema of each kind: its name, e.g. `command.judged.v1`, and a JSON Schema of the event.
#[must_use]
pub fn schemas() -> Vec<(String, Value)> {
    data_schemas().into_iter().map(|(name, text, data)| schema(name, text, data)).collect()
}

fn schema(name: &str, text: &str, data: schemars::Schema) -> (String, Value) {
    let mut data = data.to_value();
    let definitions = data.as_object_mut().and_then(|object| {
        object.remove("$schema");
        object.remove("$defs")
    });
    let mut event = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("io.sallyport.{name}.v1"),
        "description": text,
        "type": "object",
        "required": ["specversion", "id", "source", "type", "time", "data"],
        "properties": {
            "specversion": { "const": "1.0" },
            "id": { "type": "string", "pattern": "^[0-9]+-[0-9]+$" },
            "source": { "type": "string", "pattern": "^/sallyport/[^/]+/[^/]+$" },
            "type": { "const": format!("io.sallyport.{name}.v1") },
            "subject": { "type": "string", "pattern": "^session/" },
            "time": { "type": "string", "format": "date-time" },
            "datacontenttype": { "const": "application/json" },
            "data": data,
        },
    });
    if let (Some(definitions), Some(object)) = (definitions, event.as_object_mut()) {
        object.insert("$defs".to_owned(), definitions);
    }
    (format!("{name}.v1"), event)
}
