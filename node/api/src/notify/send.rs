//! Sends one hook's messages, in order: signed, tried again for a while, and then dropped.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use node_session::Clock;
use reqwest::StatusCode;
use ring::hmac;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::{HookKind, Notice};

/// The header with the second, since 1970, at which a message was signed.
pub const TIMESTAMP_HEADER: &str = "sallyport-timestamp";
/// The header with `v1=` and HMAC-SHA256, in hexadecimal, of `TIMESTAMP.BODY` under the secret.
pub const SIGNATURE_HEADER: &str = "sallyport-signature";
/// The header with the event's id: what comes twice has it twice.
const DELIVERY_HEADER: &str = "sallyport-delivery";

/// How many messages of a hook wait; more are dropped.
pub(super) const WAITING: usize = 256;

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(10);
/// How often a message is tried.
const ATTEMPTS: u32 = 6;
/// How long is waited before the second attempt; then twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The shortest secret, in bytes.
const SECRET_BYTES: usize = 16;

/// A hook that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// Not an address that may be sent to.
    #[error("the URL of a hook is https://…; http://… is taken for this machine only")]
    Url,
    /// The secret is too short to sign with.
    #[error("the secret of a hook has at least {SECRET_BYTES} bytes")]
    Secret,
    /// The certificates cannot be used.
    #[error("the certificates of a hook: {0}")]
    Certificates(String),
    /// The client cannot be made.
    #[error("a hook's client: {0}")]
    Client(String),
}

/// What a hook is made of.
pub struct HookOptions {
    /// What logs and metrics call it: its URL may be a secret.
    pub name: String,
    /// Where messages go.
    pub url: Zeroizing<String>,
    /// Who reads them.
    pub kind: HookKind,
    /// What they are signed with.
    pub secret: Zeroizing<Vec<u8>>,
    /// Whether the masked text of a command is in them.
    pub include_text: bool,
    /// The certificates that vouch for the other side, PEM.
    pub authorities: Vec<u8>,
    /// What the id of an approval is put behind to make a link.
    pub link: String,
    /// How long is waited before the second attempt; the usual, when absent.
    pub first_pause: Option<Duration>,
}

/// Where messages go, and how.
pub struct Hook {
    name: String,
    url: Zeroizing<String>,
    kind: HookKind,
    key: hmac::Key,
    include_text: bool,
    link: String,
    first_pause: Duration,
    http: reqwest::Client,
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hook({})", self.name)
    }
}

impl Hook {
    /// A hook.
    ///
    /// # Errors
    /// [`HookError`].
    pub fn new(options: HookOptions) -> Result<Self, HookError> {
        let url = reqwest::Url::parse(&options.url).map_err(|_| HookError::Url)?;
        let is_here = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        if url.scheme() != "https" && !(url.scheme() == "http" && is_here) {
            return Err(HookError::Url);
        }
        if options.secret.len() < SECRET_BYTES {
            return Err(HookError::Secret);
        }
        let client = |error: reqwest::Error| HookError::Client(error.to_string());
        let mut builder = reqwest::Client::builder()
            .use_rustls_tls()
            .tls_built_in_root_certs(false)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(ATTEMPT);
        if is_here {
            builder = builder.no_proxy();
        }
        let authorities = reqwest::Certificate::from_pem_bundle(&options.authorities)
            .map_err(|error| HookError::Certificates(error.to_string()))?;
        for authority in authorities {
            builder = builder.add_root_certificate(authority);
        }
        Ok(Self {
            name: options.name,
            url: options.url,
            kind: options.kind,
            key: hmac::Key::new(hmac::HMAC_SHA256, &options.secret),
            include_text: options.include_text,
            link: options.link,
            first_pause: options.first_pause.unwrap_or(FIRST_PAUSE),
            http: builder.build().map_err(client)?,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The body of a message.
    fn body(&self, notice: &Notice) -> String {
        let link = format!("{}{}", self.link, notice.id);
        notice.body(self.kind, &link, self.include_text).to_string()
    }

    /// `v1=` and the code over a message.
    fn signature(&self, timestamp: &str, body: &str) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(timestamp.as_bytes());
        context.update(b".");
        context.update(body.as_bytes());
        let mut signature = "v1=".to_owned();
        for byte in context.sign().as_ref() {
            signature.push_str(&format!("{byte:02x}"));
        }
        signature
    }
}

/// What became of one attempt.
enum Attempt {
    Taken,
    /// The other side will not take it, however often it is sent.
    Refused(String),
    Failed(String),
}

/// Sends what comes, in order, until the node stops.
pub(super) async fn deliver(
    hook: Hook,
    mut notices: mpsc::Receiver<Notice>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) {
    loop {
        let next = tokio::select! {
            () = stop.cancelled() => None,
            next = notices.recv() => next,
        };
        let Some(notice) = next else { return };
        tokio::select! {
            () = stop.cancelled() => return,
            () = persist(&hook, &notice, &*clock) => {}
        }
    }
}

/// Sends one message until it is taken, or it is given up.
async fn persist(hook: &Hook, notice: &Notice, clock: &dyn Clock) {
    let body = hook.body(notice);
    let mut pause = hook.first_pause;
    for attempt in 1..=ATTEMPTS {
        match once(hook, notice, &body, clock).await {
            Attempt::Taken => {
                let hook = hook.name.clone();
                metrics::counter!("sallyport_notifications_sent_total", "hook" => hook)
                    .increment(1);
                return;
            }
            Attempt::Refused(why) => return dropped(&hook.name, &why),
            Attempt::Failed(why) if attempt == ATTEMPTS => return dropped(&hook.name, &why),
            Attempt::Failed(why) => {
                tracing::debug!(hook = hook.name, why, attempt, "a notification is tried again");
            }
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}

async fn once(hook: &Hook, notice: &Notice, body: &str, clock: &dyn Clock) -> Attempt {
    // Anew for each attempt: whoever checks it refuses old ones.
    let timestamp = clock.now().utc.0.div_euclid(1_000_000).to_string();
    let request = hook
        .http
        .post(hook.url.as_str())
        .header(http::header::CONTENT_TYPE, "application/json")
        .header(SIGNATURE_HEADER, hook.signature(&timestamp, body))
        .header(TIMESTAMP_HEADER, timestamp)
        .header(DELIVERY_HEADER, &notice.delivery)
        .body(body.to_owned());
    match request.send().await {
        Ok(response) if response.status().is_success() => Attempt::Taken,
        Ok(response) => {
            let status = response.status();
            let again = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
            let why = format!("it was answered {status}");
            if again { Attempt::Failed(why) } else { Attempt::Refused(why) }
        }
        // Without the URL, which may be a secret.
        Err(error) => Attempt::Failed(error.without_url().to_string()),
    }
}

/// A message that nobody gets.
pub(super) fn dropped(hook: &str, why: &str) {
    tracing::warn!(hook, why, "a notification is dropped");
    let hook = hook.to_owned();
    metrics::counter!("sallyport_notifications_dropped_total", "hook" => hook).increment(1);
}
