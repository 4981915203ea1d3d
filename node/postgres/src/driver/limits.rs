//! What ends a statement from without: its limits, and whoever cancels it.

use std::time::Duration;

use node_session::Clock;
use proto::refusal::{Code, Told};
use tokio::sync::oneshot;

use super::serve::Served;
use crate::codec::write;
use crate::config::CONNECT_DEADLINE;

impl Served {
    /// Whether the client may run one more statement now.
    pub(super) fn keeps_pace(&mut self) -> Result<(), Told> {
        let Some(most) = self.session.statements_per_second() else { return Ok(()) };
        let now = self.node.sessions.ports().clock.elapsed();
        if self.pace.count(most, now) {
            return Ok(());
        }
        metrics::counter!("sallyport_postgres_statements_too_fast_total").increment(1);
        let text = format!("Policy lets a connection run {most} statements within a second.");
        Err(Told::new(Code::LimitReached, text))
    }

    /// A statement begins that was permitted.
    pub(super) fn begins(&mut self) {
        let now = self.node.sessions.ports().clock.elapsed();
        self.talk.allowance.begin(self.session.limits(), now);
    }

    /// A statement goes on that waited for its client.
    pub(super) fn goes_on(&mut self) {
        let now = self.node.sessions.ports().clock.elapsed();
        self.talk.allowance.go_on(now);
    }

    /// Asks the database to end what runs. Nothing is sent to it until it has heard that: its
    /// signal may come late, and would end the statement behind.
    pub(super) fn stop(&mut self) {
        // One that is under way may have been about another statement.
        self.stop_again = self.stopping.is_some();
        if !self.stop_again {
            self.stopping = self.ask_to_end();
        }
    }

    /// The database has heard it, or cannot be told in time.
    pub(super) fn stop_is_heard(&mut self) {
        self.stopping = None;
        if std::mem::take(&mut self.stop_again) {
            self.stopping = self.ask_to_end();
        }
    }

    /// Nobody will send what the database waits for.
    pub(super) fn fail_copy(&mut self) {
        let mut out = Vec::new();
        write::message(&mut out, b'f', |out| write::text(out, b"the statement was stopped"));
        self.target.put_slice(&out);
    }

    /// Asks the database to end what runs, beside everything else.
    pub(super) fn cancel(&self) {
        drop(self.ask_to_end());
    }

    fn ask_to_end(&self) -> Option<oneshot::Receiver<()>> {
        let canceller = self.canceller.clone().filter(|_| !self.talk.is_quiet())?;
        let (heard, hears) = oneshot::channel();
        tokio::spawn(async move {
            let asked = tokio::time::timeout(CONNECT_DEADLINE, canceller.cancel()).await;
            if !matches!(asked, Ok(Ok(()))) {
                tracing::debug!("a database does not hear a cancel request");
            }
            drop(heard);
        });
        Some(hears)
    }
}

/// Waits until the database has heard that it is to stop, or cannot be told; for ever, when nobody
/// asked it to.
pub(super) async fn heard(stopping: &mut Option<oneshot::Receiver<()>>) {
    match stopping {
        Some(hears) => drop(hears.await),
        None => std::future::pending().await,
    }
}

/// Waits for a moment of the elapsed clock; for ever, when there is none.
pub(super) async fn over(clock: &dyn Clock, until: Option<Duration>) {
    match until {
        Some(until) => tokio::time::sleep(until.saturating_sub(clock.elapsed())).await,
        None => std::future::pending().await,
    }
}
