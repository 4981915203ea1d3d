//! The replicated stream as its operator sees it: who may do what, and that it is as it must be.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use node_session::Clock as _;
use node_session::clock::SystemClock;
use proto::ids::Name;
use proto::refusal::Code;
use serde_json::json;
use store_jetstream::{Difference, Fault, Holder, Keys, NotAKey, Provisioned, Servers, Wanted};

use crate::arguments::Listing;
use crate::failure::{Failure, Outcome};
use crate::output::{self, Column};
use crate::private::write_private;

const STREAMS: &[Column] =
    &[("ID", "/id"), ("STATE", "/state"), ("REPLICAS", "/replicas"), ("CHANGED", "/changed")];

/// Make the streams as they must be, or say what differs
#[derive(Args, Debug)]
pub(crate) struct Provision {
    /// The servers, e.g. nats://nats-1:4222,nats://nats-2:4222
    #[arg(long, value_name = "URL", value_delimiter = ',', required = true)]
    nats: Vec<String>,
    /// The cluster whose events they are for
    #[arg(long)]
    cluster: Name,
    /// The credentials of the record's operator, if the servers ask for some
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,
    /// Those of the operator of what subscribers read; the same, if absent
    #[arg(long, value_name = "FILE")]
    events_credentials: Option<PathBuf>,
    /// The certificate of the authority that vouches for the servers
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// On how many servers each event must be
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=5))]
    replicas: u64,
    /// The most bytes that the record may take; as much as the servers have, if absent
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(i64).range(1_048_576..))]
    max_bytes: Option<i64>,
    /// Change a stream that is there and differs
    #[arg(long)]
    update: bool,
    #[command(flatten)]
    listing: Listing,
}

/// Make the keys that decide who may do what at the servers, and what the servers are told of them
///
/// accounts.conf is included by each server's configuration and holds no secret. Keep keys.txt away
/// from nodes and servers.
#[derive(Args, Debug)]
pub(crate) struct MakeKeys {
    /// Into which directory; made, or empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Let somebody in at the servers: write a credentials file
#[derive(Args, Debug)]
pub(crate) struct Credential {
    /// The keys that `events keys` made
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,
    /// The cluster
    #[arg(long, required_unless_present = "subscriber")]
    cluster: Option<Name>,
    /// A node: it may publish its own chain, and the control chain
    #[arg(long, value_name = "NODE", conflicts_with_all = ["publisher", "subscriber"])]
    node: Option<Name>,
    /// A node: it may publish what subscribers read
    #[arg(long, value_name = "NODE", conflicts_with = "subscriber")]
    publisher: Option<Name>,
    /// Somebody who may read what subscribers read
    #[arg(long, value_name = "NAME", required_unless_present_any = ["node", "publisher"])]
    subscriber: Option<String>,
    /// Into which file, which must not be there
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Makes the streams.
pub(crate) async fn provision(asked: Provision) -> Outcome {
    let Provision { nats, cluster, replicas, max_bytes, update, listing, ca, .. } = &asked;
    let record = read(asked.credentials.as_deref())?;
    let events = match &asked.events_credentials {
        Some(file) => read(Some(file))?,
        None => record.clone(),
    };
    let servers = |credentials: Option<String>| Servers {
        urls: nats.clone(),
        credentials,
        authority: ca.clone(),
        name: "sallyport events provision".to_owned(),
        inbox: Holder::RecordOperator.inbox(),
    };
    let wanted = [
        (Wanted::record(cluster, *replicas), servers(record), max_bytes.unwrap_or(-1)),
        (Wanted::events(cluster, *replicas), servers(events), -1),
    ];
    let mut rows = Vec::new();
    for (wanted, servers, max_bytes) in wanted {
        let done = store_jetstream::provision(&servers, &wanted, max_bytes, *update).await;
        let (state, changed) = match done.map_err(|fault| failed(&fault))? {
            Provisioned::Made => ("made", String::new()),
            Provisioned::AsItMustBe => ("as it must be", String::new()),
            Provisioned::Changed(fields) => ("changed", names(&fields)),
        };
        rows.push(json!({
            "id": wanted.name, "state": state, "replicas": replicas, "changed": changed,
        }));
    }
    output::rows(listing.output, STREAMS, &rows)
}

/// Makes keys, and the operators' credentials.
pub(crate) fn keys(asked: &MakeKeys) -> Outcome {
    let (out, now) = (&asked.out, seconds());
    let made = DirBuilder::new().recursive(true).mode(0o700).create(out);
    made.map_err(|error| Failure::file(out, &error))?;
    let keys = Keys::make();
    let unfit = |error: NotAKey| Failure::new(Code::Internal, error);
    write_private(&out.join("keys.txt"), keys.to_text().map_err(unfit)?.as_bytes())?;
    let accounts = keys.server_configuration(now).map_err(unfit)?;
    write_private(&out.join("accounts.conf"), accounts.as_bytes())?;
    for holder in [Holder::RecordOperator, Holder::EventsOperator] {
        let text = keys.issue(&holder, now).map_err(unfit)?;
        write_private(&out.join(format!("{}.creds", holder.name())), text.as_bytes())?;
    }
    output::print(&format!(
        "{0}/accounts.conf is for the servers; {0}/keys.txt is for nobody else\n",
        out.display()
    ))
}

/// Lets somebody in.
pub(crate) fn credential(asked: Credential) -> Outcome {
    let Credential { keys, cluster, node, publisher, subscriber, out } = asked;
    let text = fs::read_to_string(&keys).map_err(|error| Failure::file(&keys, &error))?;
    let unfit = |error: NotAKey| {
        Failure::new(Code::ConfigurationWrong, format!("{}: {error}", keys.display()))
    };
    let holder = match (cluster, node, publisher, subscriber) {
        (Some(cluster), Some(node), _, _) => Holder::Node { cluster, node },
        (Some(cluster), None, Some(node), _) => Holder::Publisher { cluster, node },
        (_, None, None, Some(name)) => Holder::Subscriber { name },
        _ => {
            return Err(Failure::Usage("for whom: --node, --publisher or --subscriber".to_owned()));
        }
    };
    let issued = Keys::from_text(&text).and_then(|keys| keys.issue(&holder, seconds()));
    write_private(&out, issued.map_err(unfit)?.as_bytes())
}

fn read(file: Option<&Path>) -> Outcome<Option<String>> {
    let read = |file: &Path| fs::read_to_string(file).map_err(|error| Failure::file(file, &error));
    file.map(read).transpose()
}

fn failed(fault: &Fault) -> Failure {
    node_daemon::stream_fault(fault).into()
}

fn names(fields: &[Difference]) -> String {
    fields.iter().map(|one| one.field.as_str()).collect::<Vec<_>>().join(", ")
}

/// Seconds since 1970, for when a credential was issued.
fn seconds() -> u64 {
    u64::try_from(SystemClock.now().utc.0 / 1_000_000).unwrap_or(0)
}
