//! `events:` of a `node.yaml`: the replicated stream, or that there is none.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::SignedDuration;
use node_identity::document::Findings;
use serde_saphyr::Spanned;

use super::checked::StreamConfig;
use super::raw::RawEvents;

/// On how many servers each event must be when it is not said.
const REPLICAS: u64 = 3;
/// The most that NATS keeps.
const REPLICAS_MOST: u64 = 5;
/// The servers' own default of `sync_interval`.
const SYNC: Duration = Duration::from_secs(2 * 60);
/// The longest that may be said.
const SYNC_LONGEST: Duration = Duration::from_secs(60 * 60);

/// What it means; `under` makes a path absolute. What is wrong is found, with its place.
pub(super) fn checked(
    findings: &mut Findings<'_>,
    written: &Spanned<RawEvents>,
    under: &dyn Fn(&Path) -> PathBuf,
) -> Option<StreamConfig> {
    let at = written.referenced;
    let RawEvents { stream, nats, credentials, publisher_credentials, ca, replicas, sync } =
        &written.value;
    if nats.is_empty() {
        let alone = credentials.is_none()
            && publisher_credentials.is_none()
            && ca.is_none()
            && replicas.is_none()
            && sync.is_none();
        if stream.as_deref() != Some("none") || !alone {
            findings.add(at, "expected { stream: none } or { nats: [\"nats://HOST:PORT\"] }");
        }
        return None;
    }
    if stream.is_some() {
        findings.add(at, "expected either stream: none or nats");
    }
    for url in nats.iter().filter(|url| !is_server(url)) {
        let what = format!("{url:?}, expected nats://HOST:PORT or tls://HOST:PORT");
        findings.add(at, what);
    }
    let replicas = replicas.unwrap_or(REPLICAS);
    if !(1..=REPLICAS_MOST).contains(&replicas) {
        findings.add(at, format!("replicas: expected 1 to {REPLICAS_MOST}"));
    }
    let sync = horizon(sync.as_deref());
    if sync.is_none() {
        findings.add(at, "sync: expected always, or a time up to 1h such as 10s");
    }
    Some(StreamConfig {
        servers: nats.clone(),
        credentials: credentials.as_deref().map(under),
        publisher_credentials: publisher_credentials.as_deref().map(under),
        authority: ca.as_deref().map(under),
        replicas,
        sync: sync?,
    })
}

/// A server, without a name or a password in it: those are in the credentials.
fn is_server(url: &str) -> bool {
    let rest = url.strip_prefix("nats://").or_else(|| url.strip_prefix("tls://"));
    let address = rest.filter(|rest| !rest.contains(['@', '/', '?']));
    address.and_then(|address| address.rsplit_once(':')).is_some_and(|(host, port)| {
        !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

fn horizon(written: Option<&str>) -> Option<Duration> {
    match written {
        None => Some(SYNC),
        Some("always") => Some(Duration::ZERO),
        Some(text) => {
            let parsed = text.parse::<SignedDuration>().ok()?;
            let horizon = Duration::try_from(parsed).ok()?;
            (!horizon.is_zero() && horizon <= SYNC_LONGEST).then_some(horizon)
        }
    }
}
