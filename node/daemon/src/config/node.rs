//! `node.yaml`: what one node of a fleet does. Every mistake is named with its line and column.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::path::Path;
use std::time::Duration;

use jiff::SignedDuration;
use node_identity::Problems;
use node_identity::document::{Findings, read};
use node_ssh::KeyExchange;
use proto::ids::{Chain, Name};
use serde_saphyr::Spanned;

use super::checked::{
    Advertise, CONTACT, Config, DRAIN, Documents, JOURNAL_QUOTA, LONGEST_DRAIN, Listen,
    SMALLEST_QUOTA, SecretSources,
};
use super::notifications::checked;
use super::raw::{RawKeyExchange, RawNode};
use super::views;
use crate::errors::Error;

/// T may be this short: shorter, and a stall of a disk ends sessions.
const SHORTEST_CONTACT: Duration = Duration::from_secs(2);
/// T may be this long: longer, and a revoked person works on for too long.
const LONGEST_CONTACT: Duration = Duration::from_secs(5 * 60);

/// The JSON Schema of the document.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(RawNode)
}

/// Reads a `node.yaml`.
///
/// # Errors
/// [`Error`], with the place of what is wrong.
pub fn read_file(file: &Path) -> Result<Config, Error> {
    let unread = |error| Error::ConfigurationFile { file: file.to_path_buf(), error };
    Ok(parse(file, &std::fs::read_to_string(file).map_err(unread)?)?)
}

/// What a `node.yaml` means. Relative paths are relative to `file`.
///
/// # Errors
/// [`Problems`], each with its place.
pub(crate) fn parse(file: &Path, text: &str) -> Result<Config, Problems> {
    let shown = file.display().to_string();
    let raw: RawNode = read(&shown, text)?;
    let mut findings = Findings::new(&shown);
    let base = file.parent().unwrap_or(Path::new(""));
    let under = |path: &Path| std::path::absolute(base.join(path)).unwrap_or(base.join(path));
    let node = findings.check(&raw.name, raw.name.value.parse::<Name>());
    if raw.name.value == Chain::Control.to_string() {
        findings
            .add(raw.name.referenced, "`control` is the control plane's, expected another name");
    }
    let cluster = raw.cluster.as_ref().and_then(|name| findings.check(name, name.value.parse()));
    let ssh = listen(&mut findings, &raw.listen.ssh);
    let postgres = raw.listen.postgres.as_ref().and_then(|written| listen(&mut findings, written));
    let api = listen(&mut findings, &raw.listen.api);
    let peers = listen(&mut findings, &raw.listen.cluster);
    let advertised_api = advertised(&mut findings, raw.advertise.api.as_ref(), &raw.listen.api);
    let advertised_cluster =
        advertised(&mut findings, raw.advertise.cluster.as_ref(), &raw.listen.cluster);
    let stream = super::events::checked(&mut findings, &raw.events, &under);
    let contact = duration(&mut findings, raw.contact.as_ref(), CONTACT);
    if let Some(written) = &raw.contact
        && !(SHORTEST_CONTACT..=LONGEST_CONTACT).contains(&contact)
    {
        findings.add(written.referenced, "expected 2s to 5m");
    }
    let drain = duration(&mut findings, raw.drain.as_ref(), DRAIN);
    if let Some(written) = raw.drain.as_ref().filter(|_| drain > LONGEST_DRAIN) {
        findings.add(written.referenced, "expected at most 24h");
    }
    let journal_quota = raw.journal_quota.as_ref().map_or(JOURNAL_QUOTA, |quota| quota.value);
    if let Some(written) = raw.journal_quota.as_ref().filter(|_| journal_quota < SMALLEST_QUOTA) {
        findings.add(written.referenced, format!("expected at least {SMALLEST_QUOTA} bytes"));
    }
    let secrets = SecretSources {
        environment: raw.secrets.env,
        files: raw.secrets.files.as_deref().map(under),
        anywhere: false,
    };
    let notifications = checked(&mut findings, &raw.notifications, &under);
    let views = views::checked(&mut findings, &raw.views, &under);
    let (Some(node), Some(ssh), Some(api), Some(peers)) = (node, ssh, api, peers) else {
        return Err(findings.give_up());
    };
    findings.finish(Config {
        node,
        cluster,
        data: under(&raw.data.value),
        listen: Listen { ssh, postgres, api, cluster: Some(peers) },
        advertise: Advertise { cluster: advertised_cluster, api: advertised_api },
        documents: Documents::default(),
        journal_quota,
        drain,
        contact,
        client_ca: raw.client_ca.as_deref().map(under),
        key_exchange: match raw.ssh.key_exchange {
            RawKeyExchange::Any => KeyExchange::Any,
            RawKeyExchange::PostQuantum => KeyExchange::PostQuantum,
        },
        secrets,
        notifications,
        views,
        stream,
        trust_on_first_use: false,
    })
}

fn listen(findings: &mut Findings<'_>, written: &Spanned<String>) -> Option<SocketAddr> {
    let text = &written.value;
    let resolved = text.to_socket_addrs().ok().and_then(|mut found| found.next());
    let expected = "expected HOST:PORT that this machine can resolve, such as 0.0.0.0:2222";
    findings.check(written, resolved.ok_or(expected))
}

/// What is told to others: as it was written, or where it listens.
fn advertised(
    findings: &mut Findings<'_>,
    written: Option<&Spanned<String>>,
    listening: &Spanned<String>,
) -> Option<String> {
    let Some(written) = written else {
        let wildcard =
            listening.value.parse::<SocketAddr>().is_ok_and(|at| at.ip().is_unspecified());
        if wildcard {
            let what = "listens on every address, expected an `advertise` that others can reach";
            findings.add(listening.referenced, what);
        }
        return None;
    };
    let is_address = written.value.rsplit_once(':').is_some_and(|(host, port)| {
        let wildcard = host.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified());
        !host.is_empty() && !wildcard && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    let expected = "expected HOST:PORT that others can reach, such as gw-1.internal:7400";
    findings.check(written, is_address.then(|| written.value.clone()).ok_or(expected))
}

fn duration(
    findings: &mut Findings<'_>,
    written: Option<&Spanned<String>>,
    default: Duration,
) -> Duration {
    let Some(written) = written else { return default };
    let parsed = written.value.parse::<SignedDuration>().ok();
    let parsed = parsed.and_then(|duration| Duration::try_from(duration).ok());
    findings.check(written, parsed.ok_or("expected a duration such as 15s")).unwrap_or(default)
}
