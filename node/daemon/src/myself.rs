//! What the node says of itself: whether commands run, its metrics, the credentials that it lacks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use consensus_raft::Replica;
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use node_api::Node;
use node_session::{Clock, Control};
use proto::api::StreamStatus;
use proto::refusal::{Code, Told};
use proto::target::Target;
use store_jetstream::Stream;
use store_log::{Backend, Health};
use zeroize::Zeroizing;

use crate::credentials::NodeCredentials;
use crate::streaming::{self, Notes};

/// Latencies are counted in these buckets, in seconds.
const SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Starts metrics for this process.
///
/// # Errors
/// [`BuildError`] when they were started before.
pub(crate) fn metrics() -> Result<PrometheusHandle, BuildError> {
    PrometheusBuilder::new().set_buckets(SECONDS)?.install_recorder()
}

/// Whether this is what is wrong with a stream.
fn is(stream: &StreamStatus, code: Code) -> bool {
    stream.problem.as_ref().is_some_and(|told| told.code == code)
}

/// The node itself.
pub(crate) struct Myself {
    /// The journal of events.
    pub record: Arc<dyn Backend>,
    /// The node's part in agreeing.
    pub replica: Arc<Replica>,
    /// Credentials for targets.
    pub credentials: Arc<NodeCredentials>,
    /// The control plane, for its contact.
    pub control: Arc<dyn Control>,
    /// The replicated stream, where there is one.
    pub stream: Option<(Arc<Stream>, Arc<Notes>)>,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// Whether a target's host key may be believed when it is first seen.
    pub trusts_on_first_use: bool,
    /// Metrics.
    pub metrics: PrometheusHandle,
    /// Set when the node drains.
    pub draining: AtomicBool,
}

impl Node for Myself {
    fn troubles(&self) -> Vec<Told> {
        let mut troubles = Vec::new();
        match self.record.health() {
            Health::Good => {}
            Health::Full => troubles.push(Told::new(
                Code::RecordFull,
                "the record is full, so nothing runs: make room, or raise its quota",
            )),
            Health::Stopped(reason) => troubles.push(Told::new(
                Code::RecordUnavailable,
                format!("the record stopped, so nothing runs until a restart: {reason}"),
            )),
        }
        if let Err(why) = self.replica.running() {
            let text = format!("the replicated log stopped, so nothing runs: {why}");
            troubles.push(Told::new(Code::LogDamaged, text));
        }
        let age = self.clock.now().elapsed.saturating_sub(self.control.contact().borrow().sent_at);
        if age > self.control.views().borrow().contact {
            troubles.push(Told::new(
                Code::ContactLost,
                "the node has no contact with the majority, so nothing opens here",
            ));
        }
        if self.draining.load(Ordering::Relaxed) {
            troubles.push(Told::plain(Code::Draining));
        }
        troubles
    }

    fn metrics(&self) -> String {
        let usage = self.record.usage();
        let gauge = |name: &'static str, value: u64| {
            #[expect(clippy::cast_precision_loss, reason = "a gauge is no account")]
            metrics::gauge!(name).set(value as f64);
        };
        gauge("sallyport_record_used_bytes", usage.used);
        gauge("sallyport_record_quota_bytes", usage.quota);
        gauge("sallyport_record_archived_bytes", usage.archived);
        gauge("sallyport_record_last_position", usage.last.0);
        if let Some(stream) = self.stream() {
            gauge("sallyport_stream_acknowledged", stream.acknowledged);
            gauge("sallyport_stream_unacknowledged", stream.unacknowledged);
            gauge("sallyport_stream_oldest_ms", stream.oldest_ms.unwrap_or(0));
            gauge("sallyport_stream_suffices", stream.suffices);
            gauge("sallyport_stream_full", u64::from(is(&stream, Code::StreamFull)));
            gauge("sallyport_stream_forked", u64::from(is(&stream, Code::StreamForked)));
        }
        gauge("sallyport_healthy", u64::from(self.troubles().is_empty()));
        self.metrics.run_upkeep();
        self.metrics.render()
    }

    fn stream(&self) -> Option<StreamStatus> {
        self.stream.as_ref().map(|(stream, notes)| streaming::status(stream, notes))
    }

    fn problem_of(&self, target: &Target) -> Option<String> {
        self.credentials.problem_of(target)
    }

    fn variable(&self, name: &str) -> Option<Zeroizing<String>> {
        self.credentials.variable(name)
    }

    fn trusts_on_first_use(&self) -> bool {
        self.trusts_on_first_use
    }
}
