//! One connection to the stream's servers: JetStream's requests in their own words, with deadlines.
//!
//! Requests are written here rather than taken from the client library, because what matters is
//! what the server says and not what a library makes of it. A connection that broke is given up as
//! a whole: the next one looks at everything anew.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::client::{RequestError, RequestErrorKind};
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event, HeaderMap, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::derived::{header, headers_of};
use crate::fault::Fault;

/// The oldest server that keeps what it is asked to.
pub const LEAST_VERSION: &str = "2.12.0";

/// How long a connection may take.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// How long an answer may take. Disks were measured to stall for two seconds.
pub(crate) const ANSWER_DEADLINE: Duration = Duration::from_secs(5);

/// Error codes of JetStream's API.
const STREAM_NOT_FOUND: u64 = 10059;
const MESSAGE_NOT_FOUND: u64 = 10037;
const NOT_THE_LAST: [u64; 3] = [10070, 10071, 10164];
const DUPLICATE_IN_BATCH: u64 = 10201;
/// Limits that were reached, by the server's words: the codes differ between its versions.
const FULL: [&str; 5] =
    ["maximum bytes", "maximum messages", "resource", "no space", "store failed"];

/// Where the stream is, and as whom one comes.
#[derive(Clone, Debug)]
pub struct Servers {
    /// `nats://HOST:PORT` or `tls://HOST:PORT`.
    pub urls: Vec<String>,
    /// The text of a credentials file, when the servers ask for one.
    pub credentials: Option<String>,
    /// The file of the authority that vouches for the servers; the machine's own, if absent.
    pub authority: Option<PathBuf>,
    /// What servers call this connection.
    pub name: String,
    /// The beginning of the subjects that answers come to.
    pub inbox: String,
}

/// One message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// Where it goes.
    pub(crate) subject: String,
    /// What a server knows it by.
    pub(crate) id: String,
    /// The exact bytes.
    pub(crate) bytes: Bytes,
    /// A header of its own.
    pub(crate) note: Option<(&'static str, String)>,
}

/// What must be last where messages go, or none of them is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fence {
    /// The last message of the subject, all of them to one subject; 0 for none.
    Subject(u64),
    /// The last message of the stream.
    Stream(u64),
}

/// How messages that are published at once hang together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Together {
    /// The stream takes all of them or none.
    Batch,
    /// Each is taken only if the one before it is the last message of the whole stream, by its id.
    /// So nothing can come in between, and whoever knows that the last was taken knows it of all.
    /// When it was not, some of the first may have been.
    Row,
}

/// What became of messages that were published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The stream has them; the last one is at this sequence.
    Kept(u64),
    /// The chain's last message is not the one that was expected.
    Conflict,
    /// A message with this id is known already, which does not say that it is still there.
    Duplicate,
    /// The stream is full.
    Full(String),
    /// Nobody knows.
    Unknown,
    /// Refused for good.
    Refused(String),
}

/// The last message of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Last {
    /// Where in the stream.
    pub(crate) sequence: u64,
    /// The exact bytes.
    pub(crate) bytes: Vec<u8>,
}

/// A connection.
pub(crate) struct Link {
    client: Client,
    broken: watch::Receiver<bool>,
    batches: AtomicU64,
}

impl Link {
    /// Connects, and looks whether the server is new enough.
    pub(crate) async fn open(servers: &Servers) -> Result<Self, Fault> {
        let (breaks, broken) = watch::channel(false);
        let mut options = ConnectOptions::new()
            .name(&servers.name)
            .custom_inbox_prefix(&servers.inbox)
            .connection_timeout(CONNECT_DEADLINE)
            .request_timeout(Some(ANSWER_DEADLINE))
            .event_callback(move |event| {
                let breaks = breaks.clone();
                async move {
                    if matches!(event, Event::Disconnected | Event::Closed | Event::LameDuckMode) {
                        breaks.send_replace(true);
                    }
                }
            });
        if let Some(text) = &servers.credentials {
            let unfit = |error: std::io::Error| Fault::Credentials(error.to_string());
            options = options.credentials(text).map_err(unfit)?;
        }
        if let Some(authority) = &servers.authority {
            options = options.add_root_certificates(authority.clone()).require_tls(true);
        }
        let connecting = options.connect(servers.urls.as_slice());
        let client = tokio::time::timeout(CONNECT_DEADLINE * 2, connecting)
            .await
            .map_err(|_| Fault::Unreachable("no answer in time".to_owned()))?
            .map_err(|error| match error.kind() {
                ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
                    Fault::Unauthorized(error.to_string())
                }
                _ => Fault::Unreachable(error.to_string()),
            })?;
        let version = client.server_info().version;
        if !is_new_enough(&version) {
            return Err(Fault::TooOld { is: version });
        }
        Ok(Self { client, broken, batches: AtomicU64::new(0) })
    }

    /// The server's version.
    pub(crate) fn version(&self) -> String {
        self.client.server_info().version
    }

    /// Completes when the connection is lost.
    pub(crate) async fn lost(&self) -> Fault {
        let mut broken = self.broken.clone();
        // The sender lives as long as the client.
        let lost = broken.wait_for(|broken| *broken).await.is_ok();
        Fault::Unreachable(if lost { "the connection was lost" } else { "closed" }.to_owned())
    }

    /// Whether the connection is lost.
    pub(crate) fn is_lost(&self) -> bool {
        *self.broken.borrow()
    }

    /// Asks JetStream's API.
    pub(crate) async fn ask(&self, what: &str, body: &Value) -> Result<Value, Fault> {
        let request = Request::new().payload(body.to_string().into());
        let answer = self.client.send_request(format!("$JS.API.{what}"), request).await;
        let message = answer.map_err(|error| unanswered(&error))?;
        let answer: Value = serde_json::from_slice(&message.payload)
            .map_err(|error| Fault::Refused(format!("an answer that is no JSON: {error}")))?;
        Ok(answer)
    }

    /// A stream's configuration and state, as the server has them.
    pub(crate) async fn stream_info(&self, stream: &str) -> Result<Value, Fault> {
        let answer = self.ask(&format!("STREAM.INFO.{stream}"), &json!({})).await?;
        match ApiError::of(&answer) {
            None => Ok(answer),
            Some(error) if error.err_code == STREAM_NOT_FOUND => {
                Err(Fault::Missing(stream.to_owned()))
            }
            Some(error) => Err(Fault::Refused(error.description)),
        }
    }

    /// The last message of a subject, from the stream's leader.
    pub(crate) async fn last(&self, stream: &str, subject: &str) -> Result<Option<Last>, Fault> {
        let answer = self
            .ask(&format!("STREAM.MSG.GET.{stream}"), &json!({ "last_by_subj": subject }))
            .await?;
        match ApiError::of(&answer) {
            None => {}
            Some(error) if error.err_code == MESSAGE_NOT_FOUND => return Ok(None),
            Some(error) if error.err_code == STREAM_NOT_FOUND => {
                return Err(Fault::Missing(stream.to_owned()));
            }
            Some(error) => return Err(Fault::Refused(error.description)),
        }
        let strange = || Fault::Refused("a message without sequence and data".to_owned());
        let message = answer.get("message").ok_or_else(strange)?;
        let sequence = message.get("seq").and_then(Value::as_u64).ok_or_else(strange)?;
        let data = message.get("data").and_then(Value::as_str).unwrap_or_default();
        let bytes = BASE64.decode(data).map_err(|_| strange())?;
        Ok(Some(Last { sequence, bytes }))
    }

    /// A header of a message, when it has it.
    pub(crate) async fn header_of(
        &self,
        stream: &str,
        sequence: u64,
        name: &str,
    ) -> Result<Option<String>, Fault> {
        let message = self.message(stream, sequence).await?;
        let headers = message.as_ref().and_then(headers_of);
        Ok(headers.and_then(|headers| header(&headers, name)))
    }

    /// When the servers took a message, in their words; none when there is none.
    pub(crate) async fn taken(&self, stream: &str, sequence: u64) -> Result<Option<String>, Fault> {
        let message = self.message(stream, sequence).await?;
        let time = message.as_ref().and_then(|message| message.get("time")?.as_str());
        Ok(time.map(str::to_owned))
    }

    /// A message, from the stream's leader, in the API's words.
    async fn message(&self, stream: &str, sequence: u64) -> Result<Option<Value>, Fault> {
        let answer =
            self.ask(&format!("STREAM.MSG.GET.{stream}"), &json!({ "seq": sequence })).await?;
        match ApiError::of(&answer) {
            Some(error) if error.err_code == MESSAGE_NOT_FOUND => Ok(None),
            Some(error) => Err(Fault::Refused(error.description)),
            None => Ok(answer.get("message").cloned()),
        }
    }

    /// Publishes messages, if what is last there is what is expected.
    pub(crate) async fn publish(
        &self,
        stream: &str,
        fence: Fence,
        together: Together,
        messages: &[Message],
    ) -> Answer {
        let Some((last, before)) = messages.split_last() else {
            return Answer::Refused("nothing was to be published".to_owned());
        };
        let batch = (together == Together::Batch && !before.is_empty()).then(|| {
            let count = self.batches.fetch_add(1, Ordering::Relaxed);
            // Who is at it twice under one name must not be in one batch.
            let client = self.client.server_info().client_id;
            format!("{}-{client}-{count}", last.id.chars().take(32).collect::<String>())
        });
        let headers = |place: usize, message: &Message| {
            let mut headers = HeaderMap::new();
            headers.insert("Nats-Msg-Id", message.id.as_str());
            headers.insert("Nats-Expected-Stream", stream);
            match fence {
                Fence::Subject(after) if place == 1 => {
                    let after = after.to_string();
                    headers.insert("Nats-Expected-Last-Subject-Sequence", after.as_str());
                }
                Fence::Stream(after) if place == 1 => {
                    headers.insert("Nats-Expected-Last-Sequence", after.to_string().as_str());
                }
                _ if together == Together::Row => {
                    let after = messages[place - 2].id.as_str();
                    headers.insert("Nats-Expected-Last-Msg-Id", after);
                }
                _ => {}
            }
            if let Some((name, value)) = &message.note {
                headers.insert(*name, value.as_str());
            }
            if let Some(batch) = &batch {
                headers.insert("Nats-Batch-Id", batch.as_str());
                headers.insert("Nats-Batch-Sequence", place.to_string().as_str());
            }
            headers
        };
        for (message, place) in before.iter().zip(1..) {
            let headers = headers(place, message);
            let bytes = message.bytes.clone();
            let subject = message.subject.clone();
            let sent = self.client.publish_with_headers(subject, headers, bytes).await;
            if sent.is_err() {
                // The commit of a batch is not sent; of a row the stream may keep some.
                return Answer::Unknown;
            }
        }
        let mut headers = headers(messages.len(), last);
        if batch.is_some() {
            headers.insert("Nats-Batch-Commit", "1");
        }
        let request = Request::new().headers(headers).payload(last.bytes.clone());
        match self.client.send_request(last.subject.clone(), request).await {
            Ok(message) => answer(stream, &message.payload),
            Err(_) => Answer::Unknown,
        }
    }

    /// The client itself.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }
}

/// What an acknowledgement says.
pub(crate) fn answer(stream: &str, payload: &[u8]) -> Answer {
    let Ok(said) = serde_json::from_slice::<Value>(payload) else { return Answer::Unknown };
    if let Some(error) = ApiError::of(&said) {
        let text = error.description.to_lowercase();
        return match error.err_code {
            code if NOT_THE_LAST.contains(&code) => Answer::Conflict,
            DUPLICATE_IN_BATCH => Answer::Duplicate,
            _ if FULL.iter().any(|words| text.contains(words)) => Answer::Full(error.description),
            // A batch that a change of leaders cut in two, or a server that is not ready.
            10176 | 10008 | 10023 | 10158 => Answer::Unknown,
            _ => Answer::Refused(format!("{} ({})", error.description, error.err_code)),
        };
    }
    let by_other = said.get("stream").and_then(Value::as_str) != Some(stream);
    let duplicate = said.get("duplicate").and_then(Value::as_bool).unwrap_or(false);
    match said.get("seq").and_then(Value::as_u64) {
        _ if by_other => Answer::Refused("another stream took it".to_owned()),
        Some(_) if duplicate => Answer::Duplicate,
        Some(sequence) if sequence > 0 => Answer::Kept(sequence),
        _ => Answer::Unknown,
    }
}

fn unanswered(error: &RequestError) -> Fault {
    match error.kind() {
        RequestErrorKind::TimedOut => Fault::Silent,
        RequestErrorKind::NoResponders => {
            Fault::Unreachable("the server has no JetStream, or it has no leader now".to_owned())
        }
        _ => Fault::Unreachable(error.to_string()),
    }
}

/// An error as JetStream's API says it.
#[derive(Deserialize)]
pub(crate) struct ApiError {
    #[serde(default)]
    pub(crate) err_code: u64,
    #[serde(default)]
    pub(crate) description: String,
}

impl ApiError {
    /// The error in an answer, when it is one.
    pub(crate) fn of(answer: &Value) -> Option<Self> {
        let error = answer.get("error")?;
        Some(Self::deserialize(error).unwrap_or(Self {
            err_code: 0,
            description: "an error without a description".to_owned(),
        }))
    }
}

/// Whether a version is [`LEAST_VERSION`] or newer. What cannot be read is not.
pub(crate) fn is_new_enough(version: &str) -> bool {
    let numbers = |text: &str| -> Option<Vec<u64>> {
        let text = text.split(['-', '+']).next()?;
        text.split('.').map(|number| number.parse().ok()).collect()
    };
    numbers(version) >= numbers(LEAST_VERSION) && numbers(version).is_some()
}
