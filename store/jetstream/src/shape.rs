//! How the streams must be, and how that is compared with what a server says they are.
//!
//! A server that does not know a field drops it without a word. So nothing is believed but what is
//! read back.

use proto::event::EVENT_LIMIT;
use proto::ids::Name;
use serde_json::{Map, Value, json};

use crate::fault::Difference;
use crate::subject::{event_subjects, record_subjects};

/// The stream of the record.
pub const RECORD: &str = "SALLYPORT_RECORD";

/// The stream for subscribers.
pub const EVENTS: &str = "SALLYPORT_EVENTS";

/// How long subscribers may be away, in nanoseconds: a week.
const SUBSCRIBERS_NS: u64 = 7 * 24 * 60 * 60 * 1_000_000_000;

/// How long a server knows which events it had, in nanoseconds: two minutes.
const DUPLICATES_NS: u64 = 2 * 60 * 1_000_000_000;

/// Room for headers beside the largest event, in bytes.
const HEADER_BYTES: usize = 4096;

/// A stream as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: &'static str,
    fields: Map<String, Value>,
    /// Of how many servers each message must be on, at least.
    replicas: u64,
}

impl Wanted {
    /// The record of a cluster, on at least so many servers, of at most so many bytes (-1: as much
    /// as the servers have).
    #[must_use]
    pub fn record(cluster: &Name, replicas: u64) -> Self {
        let fields = json!({
            "name": RECORD,
            "subjects": [record_subjects(cluster)],
            "retention": "limits",
            "storage": "file",
            // What is full refuses: nothing that was taken is thrown away.
            "discard": "new",
            "discard_new_per_subject": false,
            "max_age": 0,
            "max_msgs": -1,
            "max_msgs_per_subject": -1,
            "max_msg_size": EVENT_LIMIT + HEADER_BYTES,
            "duplicate_window": DUPLICATES_NS,
            "deny_delete": true,
            "deny_purge": true,
            "allow_rollup_hdrs": false,
            "allow_msg_ttl": false,
            "allow_msg_counter": false,
            "allow_msg_schedules": false,
            "allow_direct": true,
            "allow_atomic": true,
            "mirror_direct": false,
            "no_ack": false,
            "sealed": false,
            "mirror": null,
            "sources": null,
            "republish": null,
            "subject_transform": null,
            "subject_delete_marker_ttl": null,
            "persist_mode": null,
        });
        let Value::Object(fields) = fields else { unreachable!("a literal object") };
        Self { name: RECORD, fields, replicas }
    }

    /// What subscribers of a cluster read, on at least so many servers. It is derived from the
    /// record: what is too old, or too much, goes.
    #[must_use]
    pub fn events(cluster: &Name, replicas: u64) -> Self {
        let mut wanted = Self::record(cluster, replicas);
        wanted.name = EVENTS;
        let different = [
            ("name", json!(EVENTS)),
            ("subjects", json!([event_subjects(cluster)])),
            ("discard", json!("old")),
            ("max_age", json!(SUBSCRIBERS_NS)),
        ];
        for (field, value) in different {
            wanted.fields.insert(field.to_owned(), value);
        }
        wanted
    }

    /// What a server is asked to make.
    #[must_use]
    pub fn request(&self, max_bytes: i64) -> Value {
        let mut fields = self.fields.clone();
        fields.retain(|_, value| !value.is_null() && *value != Value::Bool(false));
        fields.insert("num_replicas".to_owned(), self.replicas.into());
        fields.insert("max_bytes".to_owned(), max_bytes.into());
        fields.insert("max_consumers".to_owned(), (-1).into());
        Value::Object(fields)
    }

    /// Every field of a server's answer that is not as it must be.
    #[must_use]
    pub fn differences(&self, config: &Value) -> Vec<Difference> {
        let mut differences: Vec<_> = self
            .fields
            .iter()
            .filter(|(field, wanted)| !same(config.get(field.as_str()), wanted))
            .map(|(field, wanted)| {
                difference(field, config.get(field.as_str()), wanted.to_string())
            })
            .collect();
        let replicas = config.get("num_replicas");
        if replicas.and_then(Value::as_u64).is_none_or(|count| count < self.replicas) {
            let wanted = format!("{} or more", self.replicas);
            differences.push(difference("num_replicas", replicas, wanted));
        }
        differences
    }
}

fn difference(field: &str, is: Option<&Value>, wanted: String) -> Difference {
    let is = is.map_or_else(|| "nothing".to_owned(), Value::to_string);
    Difference { field: field.to_owned(), is, wanted }
}

/// Whether a field is as it must be. What a server leaves out is off, nothing or zero; anything
/// else that is wanted must be there.
fn same(is: Option<&Value>, wanted: &Value) -> bool {
    match (is, wanted) {
        (None, Value::Null | Value::Bool(false)) => true,
        (None, other) => other.as_i64() == Some(0),
        (Some(Value::Array(listed)), Value::Null) => listed.is_empty(),
        (Some(Value::String(mode)), Value::Null) => mode == "default",
        (Some(is), wanted) => is == wanted,
    }
}
