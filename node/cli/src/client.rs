//! A client of the API: HTTPS with the gateway's own CA, refusals as they are told.

use std::time::Duration;

use proto::api::{FIRST_POSITION_HEADER, LAST_POSITION_HEADER, Page};
use proto::refusal::{Code, Told};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::arguments::Gateway;
use crate::context::{Context, resolve};
use crate::failure::{Failure, Outcome};

/// How long connecting may take.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// How long the server may say nothing in the middle of an answer. One that is followed is silent
/// for as long as nothing happens.
const SILENCE_DEADLINE: Duration = Duration::from_secs(120);
/// The longest line of a stream, in bytes: an event, with room to spare.
const LINE_LIMIT: usize = 1024 * 1024;

/// A client of one gateway.
pub(crate) struct Client {
    http: reqwest::Client,
    context: Context,
}

impl Client {
    /// The client that the arguments, the environment or the saved login mean.
    pub(crate) fn new(gateway: &Gateway) -> Outcome<Self> {
        Self::with(resolve(gateway)?)
    }

    /// A client of a known gateway.
    pub(crate) fn with(context: Context) -> Outcome<Self> {
        let wrong = |error: reqwest::Error| {
            Failure::new(Code::ConfigurationWrong, format!("the CA's certificate: {error}"))
        };
        let certificate = reqwest::Certificate::from_pem(context.ca.as_bytes()).map_err(wrong)?;
        let http = reqwest::Client::builder()
            .use_rustls_tls()
            .tls_built_in_root_certs(false)
            .add_root_certificate(certificate)
            .https_only(true)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_DEADLINE)
            .build()
            .map_err(wrong)?;
        Ok(Self { http, context })
    }

    /// Which gateway it is.
    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// Reads one value.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Outcome<T> {
        let response = self.send(self.request(Method::GET, path)).await?;
        response.json().await.map_err(|error| self.lost(&error))
    }

    /// Reads one text.
    pub(crate) async fn text(&self, path: &str) -> Outcome<String> {
        let response = self.send(self.request(Method::GET, path)).await?;
        response.text().await.map_err(|error| self.lost(&error))
    }

    /// Sends a value, reads another.
    pub(crate) async fn post<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Outcome<T> {
        let response = self.send(self.request(Method::POST, path).json(body)).await?;
        response.json().await.map_err(|error| self.lost(&error))
    }

    /// Sends a value, reads bytes.
    pub(crate) async fn bytes<B: Serialize>(&self, path: &str, body: &B) -> Outcome<Vec<u8>> {
        let response = self.send(self.request(Method::POST, path).json(body)).await?;
        let bytes = response.bytes().await.map_err(|error| self.lost(&error))?;
        Ok(bytes.to_vec())
    }

    /// All rows of a list, page by page.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Outcome<Vec<T>> {
        let mut rows = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let mut request = self.request(Method::GET, path).query(query);
            if let Some(after) = &after {
                request = request.query(&[("after", after)]);
            }
            let response = self.send(request).await?;
            let page: Page<T> = response.json().await.map_err(|error| self.lost(&error))?;
            rows.extend(page.items);
            after = page.next;
            if after.is_none() {
                return Ok(rows);
            }
        }
    }

    /// A stream of lines.
    pub(crate) async fn lines(&self, path: &str, query: &[(&str, String)]) -> Outcome<Lines> {
        let response = self.send(self.request(Method::GET, path).query(query)).await?;
        let said = |name: &str| -> Option<u64> {
            response.headers().get(name)?.to_str().ok()?.parse().ok()
        };
        let first = said(FIRST_POSITION_HEADER).unwrap_or(1);
        let last = said(LAST_POSITION_HEADER).unwrap_or(0);
        let followed = query.iter().any(|(name, value)| *name == "follow" && value == "true");
        let patience = if followed { None } else { Some(SILENCE_DEADLINE) };
        Ok(Lines { response, first, last, patience, buffer: Vec::new(), at: 0 })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.context.url));
        match &self.context.token {
            Some(token) => request.bearer_auth(token.as_str()),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder) -> Outcome<Response> {
        let answer = tokio::time::timeout(SILENCE_DEADLINE, request.send()).await;
        let answer = answer.map_err(|_| {
            let text = format!("{} does not answer; is the node healthy?", self.context.url);
            Failure::new(Code::ServerUnreachable, text)
        })?;
        let response = answer.map_err(|error| self.lost(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        match response.json::<Told>().await {
            Ok(told) => Err(Failure::Told(hint(told))),
            Err(_) => Err(self.unexpected(status)),
        }
    }

    fn unexpected(&self, status: StatusCode) -> Failure {
        let text = format!("{} answered {status}; is it a Sallyport gateway?", self.context.url);
        Failure::new(Code::ServerUnreachable, text)
    }

    fn lost(&self, error: &reqwest::Error) -> Failure {
        let mut text = format!("{}: {error}", self.context.url);
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        Failure::new(Code::ServerUnreachable, text)
    }
}

/// What to do about a refusal, where a client knows better than the server.
fn hint(mut told: Told) -> Told {
    let todo = match told.code {
        Code::NotAuthenticated => "; log in with `sallyport login`, or set SALLYPORT_TOKEN",
        Code::NotPermitted => "; `sallyport whoami` shows what they permit",
        _ => "",
    };
    told.text.push_str(todo);
    told
}

/// A stream of lines.
pub(crate) struct Lines {
    response: Response,
    /// The first position that the log held when the stream began.
    pub(crate) first: u64,
    /// The log's last position when the stream began.
    pub(crate) last: u64,
    patience: Option<Duration>,
    buffer: Vec<u8>,
    at: usize,
}

impl Lines {
    /// How many events the whole log has at least; more when what was taken away from its start
    /// was given from elsewhere.
    pub(crate) fn least(&self) -> u64 {
        (self.last + 1).saturating_sub(self.first)
    }

    /// Whether so many events can be the whole log.
    pub(crate) fn may_be(&self, events: u64) -> bool {
        events == self.least() || self.first > 1 && events > self.least()
    }

    /// The next line, without its end; nothing at the end of the stream.
    pub(crate) async fn next(&mut self) -> Outcome<Option<Vec<u8>>> {
        let broken = |text: &str| {
            let text = format!("the stream broke off ({text}); see `sallyport journal status`");
            Failure::new(Code::ServerUnreachable, text)
        };
        let mut searched = self.at;
        loop {
            let rest = self.buffer.get(searched..).unwrap_or_default();
            if let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer[self.at..searched + end].to_vec();
                self.at = searched + end + 1;
                return Ok(Some(line));
            }
            self.buffer.drain(..self.at);
            self.at = 0;
            searched = self.buffer.len();
            if searched > LINE_LIMIT {
                return Err(broken("a line is too long"));
            }
            let chunk = match self.patience {
                Some(patience) => tokio::time::timeout(patience, self.response.chunk())
                    .await
                    .map_err(|_| broken("the gateway is silent"))?,
                None => self.response.chunk().await,
            };
            match chunk.map_err(|error| broken(&error.to_string()))? {
                Some(bytes) => self.buffer.extend_from_slice(&bytes),
                None if self.buffer.is_empty() => return Ok(None),
                None => return Err(broken("it ended within a line")),
            }
        }
    }
}
