//! Reads a stream in its own order, many messages at a time, without a consumer: nothing is kept
//! at the server for whoever reads, and a reader that is slow holds nobody up.
//!
//! Readers order events by chain, epoch and place, and never by the stream's sequence: after a loss
//! events are published again, behind later ones.

use bytes::Bytes;
use futures_util::StreamExt as _;
use serde_json::json;

use crate::fault::Fault;
use crate::link::{ANSWER_DEADLINE, Link};

/// So many bytes are asked for at once.
const READ_BYTES: usize = 8 * 1024 * 1024;

/// Status codes that end an answer.
const NO_MESSAGES: u16 = 404;
const END_OF_BATCH: u16 = 204;

/// One message of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Where in the stream.
    pub sequence: u64,
    /// Its subject.
    pub subject: String,
    /// The exact bytes.
    pub bytes: Bytes,
    /// When the servers took it, in their words: another message at the same sequence, after the
    /// stream lost its end, was taken at another time.
    pub taken: String,
}

/// Up to `limit` messages on subjects that match `subject`, from a sequence on; none at the end.
pub(crate) async fn read(
    link: &Link,
    stream: &str,
    subject: &str,
    from: u64,
    limit: usize,
) -> Result<Vec<Read>, Fault> {
    let client = link.client();
    let inbox = client.new_inbox();
    let broken = |error: &dyn std::fmt::Display| Fault::Unreachable(error.to_string());
    let mut answers = client.subscribe(inbox.clone()).await.map_err(|error| broken(&error))?;
    let body = json!({
        "seq": from.max(1), "next_by_subj": subject, "batch": limit, "max_bytes": READ_BYTES,
    });
    let asked = format!("$JS.API.DIRECT.GET.{stream}");
    let sent = client.publish_with_reply(asked, inbox, body.to_string().into()).await;
    sent.map_err(|error| broken(&error))?;
    let mut messages = Vec::new();
    loop {
        let answer = tokio::time::timeout(ANSWER_DEADLINE, answers.next()).await;
        let Some(answer) = answer.map_err(|_| Fault::Silent)? else {
            return Err(Fault::Unreachable("the connection was lost".to_owned()));
        };
        match answer.status.map(|status| status.as_u16()) {
            None => {}
            Some(NO_MESSAGES | END_OF_BATCH) => return Ok(messages),
            Some(503) => {
                return Err(Fault::Unreachable("the stream has no leader now".to_owned()));
            }
            Some(other) => {
                let why = answer.description.unwrap_or_default();
                return Err(Fault::Refused(format!("reading: {other} {why}")));
            }
        }
        let header = |name: &str| -> Option<String> {
            answer.headers.as_ref()?.get(name).map(ToString::to_string)
        };
        let sequence = header("Nats-Sequence").and_then(|text| text.parse().ok());
        let (Some(sequence), Some(subject)) = (sequence, header("Nats-Subject")) else {
            return Err(Fault::Refused("a message without its place".to_owned()));
        };
        let taken = header("Nats-Time-Stamp").unwrap_or_default();
        messages.push(Read { sequence, subject, bytes: answer.payload, taken });
    }
}
