//! `events`: the record itself, as exact bytes, and the stream that carries it to everybody else.

mod stream;

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{BufWriter, IsTerminal as _, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Subcommand;
use proto::api::Seals;
use proto::event::{Event, Kind};
use proto::ids::{Chain, Digest, Name};
use proto::refusal::Code;
use proto::time::Utc;
use store_proof::{Place, Report, Verifier};

use super::sessions::instant;
use crate::archive::{ChainHead, ChainStart, EVENTS, MANIFEST, Manifest, POLICIES, SEALS};
use crate::arguments::Gateway;
use crate::client::{Client, Lines};
use crate::failure::{Failure, Outcome};
use crate::private::write_private;
use crate::source::policy;
use crate::terminal::safe;

/// How often what a checkpoint covers and a gateway has not given yet is asked for again.
pub(crate) const MORE_TRIES: usize = 20;

/// How long is waited before that.
pub(crate) const MORE_PAUSE: Duration = Duration::from_millis(100);

/// Recorded events, as they are in the record.
#[derive(Debug, Subcommand)]
pub(crate) enum Events {
    /// Show the newest events; exact JSON when it is not a terminal. Asking for them is recorded
    Tail {
        #[command(flatten)]
        gateway: Gateway,
        /// Wait for events to come
        #[arg(short, long)]
        follow: bool,
        /// Only these kinds, e.g. command.judged,command.finished
        #[arg(long, value_delimiter = ',')]
        kind: Vec<String>,
        /// Only events of this session
        #[arg(long)]
        session: Option<String>,
        /// How many of the newest events to look at
        #[arg(short = 'n', long, default_value_t = 20)]
        lines: u64,
    },
    /// Write the record into a directory that `audit verify` and `audit rederive` take
    ///
    /// events.jsonl holds the exact bytes, policies/ every policy that an event names, seals.json
    /// the public keys and signed checkpoints, manifest.json counts and the last event of each
    /// chain. That you export it is recorded.
    Export {
        #[command(flatten)]
        gateway: Gateway,
        /// Into which directory; made, or empty
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Only events of this instant or later, e.g. 2026-01-31T09:30:00Z
        #[arg(long, value_name = "TIME", value_parser = instant)]
        from: Option<Utc>,
        /// Only events before this instant
        #[arg(long, value_name = "TIME", value_parser = instant)]
        to: Option<Utc>,
        /// Also the chain of this node, out of the replicated stream: it may be gone for ever. May
        /// be given again
        #[arg(long, value_name = "NAME", conflicts_with_all = ["from", "to"])]
        node: Vec<Name>,
        /// Only what the gateway's node holds, also when the start of its record is nowhere any
        /// more
        #[arg(long)]
        from_here: bool,
    },
    Provision(stream::Provision),
    Keys(stream::MakeKeys),
    Credential(stream::Credential),
}

/// Runs one of them.
pub(crate) async fn run(events: Events) -> Outcome {
    match events {
        Events::Tail { gateway, follow, kind, session, lines } => {
            let mut query = vec![("tail", lines.to_string())];
            if follow {
                query.push(("follow", "true".to_owned()));
            }
            if !kind.is_empty() {
                query.push(("kind", kind.join(",")));
            }
            query.extend(session.map(|session| ("session", session)));
            tail(Client::new(&gateway)?.lines("/v1/events", &query).await?).await
        }
        Events::Export { gateway, out, from, to, node, from_here } => {
            let asked = Asked { from, to, nodes: node, from_here };
            export(&Client::new(&gateway)?, &out, &asked).await
        }
        Events::Provision(asked) => stream::provision(asked).await,
        Events::Keys(asked) => stream::keys(&asked),
        Events::Credential(asked) => stream::credential(asked),
    }
}

async fn tail(mut lines: Lines) -> Outcome {
    let for_a_person = std::io::stdout().is_terminal();
    while let Some(line) = lines.next().await? {
        let mut out = std::io::stdout().lock();
        if for_a_person {
            writeln!(out, "{}", summary(&line))?;
        } else {
            out.write_all(&line)?;
            out.write_all(b"\n")?;
        }
        out.flush()?;
    }
    Ok(())
}

/// One line for a person, safe for a terminal.
pub(crate) fn summary(line: &[u8]) -> String {
    let event = match Event::read(line) {
        Ok(event) => event,
        Err(error) => return format!("? {}", safe(&error.to_string())),
    };
    let about = &event.about;
    let mut parts = vec![event.time.to_string(), event.id.to_string(), event.name.clone()];
    parts.extend(about.session.as_ref().map(ToString::to_string));
    parts.extend(about.actor.as_ref().map(|actor| actor.person.to_string()));
    let target = about.target.as_ref();
    parts.extend(target.map(|target| format!("{}@{}", target.login, target.name)));
    parts.extend(event.kind.as_ref().and_then(detail));
    safe(&parts.join("  ")).into_owned()
}

fn detail(kind: &Kind) -> Option<String> {
    Some(match kind {
        Kind::CommandJudged(judged) => {
            let text: String = judged.text.chars().take(200).collect();
            format!("{} {text}", judged.verdict)
        }
        Kind::CommandFinished(finished) => format!("{:?}", finished.outcome),
        Kind::OutputReleased(released) => {
            let bytes = released.text.as_ref().or(released.base64.as_ref()).map_or(0, String::len);
            format!("{:?} at {} ({bytes} characters)", released.stream, released.offset)
        }
        Kind::FileTransferred(passed) => {
            let (read, written) = (passed.read.bytes, passed.written.bytes);
            format!("of {}: {read} bytes read, {written} written", passed.command)
        }
        Kind::ForwardClosed(closed) => {
            let (sent, got) = (closed.to_target.bytes, closed.to_client.bytes);
            format!("of {}: {sent} bytes to the target, {got} to the client", closed.command)
        }
        Kind::SessionClosed(closed) => closed.reason.clone(),
        Kind::SessionRefused(refused) => format!("{}: {}", refused.asked, refused.reason),
        Kind::LoginFailed(failed) => {
            format!("{} {} from {}: {}", failed.service, failed.claimed, failed.from, failed.reason)
        }
        Kind::CredentialIssued(issued) => format!("{} {}", issued.service, issued.id),
        Kind::LoginSucceeded(login) => format!("{} by {}", login.service, login.method),
        Kind::PolicyChanged(policy) => format!("revision {} by {}", policy.revision, policy.by),
        Kind::AuditExported(exported) => exported.query.clone(),
        Kind::AdminDenied(denied) => format!("{} needs {}", denied.endpoint, denied.missing),
        Kind::ReplayViewed(viewed) => viewed.viewed.to_string(),
        _ => return None,
    })
}

/// What is to be exported.
struct Asked {
    from: Option<Utc>,
    to: Option<Utc>,
    /// Nodes whose chains are taken out of the replicated stream.
    nodes: Vec<Name>,
    from_here: bool,
}

async fn export(client: &Client, out: &Path, asked: &Asked) -> Outcome {
    empty_directory(out)?;
    let Asked { from, to, .. } = asked;
    let mut query = Vec::new();
    query.extend(from.map(|from| ("from", from.to_string())));
    query.extend(to.map(|to| ("to", to.to_string())));
    let partial = !query.is_empty();
    query.extend(asked.from_here.then(|| ("here", "true".to_owned())));
    // Before the events: what is sealed by now is in the record.
    let seals: Seals = client.get("/v1/seals").await?;
    let copying = Copying { client, path: out.join(EVENTS), partial, nodes: &asked.nodes };
    let (report, events, digests) = copying.copy(&query, &seals).await?;
    let policies = out.join(POLICIES);
    empty_directory(&policies)?;
    let (mut kept, mut missing) = (Vec::new(), Vec::new());
    for digest in digests {
        match policy(client, &digest).await? {
            Some(text) => {
                write_private(&policies.join(format!("{digest}.yaml")), text.as_bytes())?;
                kept.push(digest);
            }
            None => missing.push(digest),
        }
    }
    let text = serde_json::to_vec_pretty(&seals);
    let text = text.map_err(|error| Failure::new(Code::Internal, error))?;
    write_private(&out.join(SEALS), &text)?;
    let manifest = Manifest {
        cluster: report.chains.first().map(|chain| chain.cluster.clone()),
        version: node_daemon::VERSION.to_owned(),
        partial,
        from: from.map(|from| from.to_string()),
        to: to.map(|to| to.to_string()),
        events,
        policies: kept,
        policies_missing: missing,
        starts: if partial { Vec::new() } else { starts(&report) },
        heads: heads(&report),
    };
    let text = serde_json::to_vec_pretty(&manifest);
    let text = text.map_err(|error| Failure::new(Code::Internal, error))?;
    // Last: an archive that has a manifest is whole.
    write_private(&out.join(MANIFEST), &text)?;
    let policies = manifest.policies.len();
    crate::output::print(&format!("{events} events and {policies} policies in {}\n", out.display()))
}

/// Writes events into a file.
struct Copying<'a> {
    client: &'a Client,
    path: PathBuf,
    partial: bool,
    nodes: &'a [Name],
}

/// What was written.
struct Written {
    file: BufWriter<fs::File>,
    verifier: Verifier,
    events: u64,
    digests: BTreeSet<Digest>,
    chains: BTreeSet<Chain>,
}

impl Written {
    /// Writes all lines of an answer, and learns what a manifest says of them.
    async fn add(&mut self, lines: &mut Lines, path: &Path) -> Outcome {
        let failed = |error: std::io::Error| Failure::file(path, &error);
        while let Some(line) = lines.next().await? {
            self.events += 1;
            self.verifier.feed(Place::Position(self.events), &line);
            if let Ok(event) = Event::read(&line) {
                self.digests.extend(event.about.policy.map(|policy| policy.digest));
                if let Some(Kind::PolicyChanged(changed)) = event.kind {
                    self.digests.insert(changed.digest);
                }
                self.chains.insert(event.id.chain);
            }
            self.file.write_all(&line).and_then(|()| self.file.write_all(b"\n")).map_err(failed)?;
        }
        Ok(())
    }
}

impl Copying<'_> {
    /// Writes the lines into a file.
    async fn copy(
        &self,
        query: &[(&str, String)],
        seals: &Seals,
    ) -> Outcome<(Report, u64, BTreeSet<Digest>)> {
        let failed = |error: std::io::Error| Failure::file(&self.path, &error);
        let mut options = OpenOptions::new();
        let options = options.write(true).create_new(true).mode(0o600);
        let file = options.open(&self.path).map_err(failed)?;
        let mut verifier = Verifier::new().partial();
        if let Some(note) = &seals.control {
            let wrong = |error| Failure::new(Code::NotVerified, error);
            verifier = verifier.checkpoint(note, None).map_err(wrong)?;
        }
        let file = BufWriter::with_capacity(1024 * 1024, file);
        let (events, digests, chains) = (0, BTreeSet::new(), BTreeSet::new());
        let mut written = Written { file, verifier, events, digests, chains };
        let mut lines = self.client.lines("/v1/events", query).await?;
        for _ in 0..MORE_TRIES {
            written.add(&mut lines, &self.path).await?;
            if self.partial || !written.verifier.wants_more() {
                break;
            }
            // The gateway keeps events of the control chain a moment after they are signed.
            tokio::time::sleep(MORE_PAUSE).await;
            let next = [("position", (lines.last + 1).to_string())];
            lines = self.client.lines("/v1/events", &next).await?;
        }
        if !self.partial && !lines.may_be(written.events) {
            let (events, least) = (written.events, lines.least());
            let text = format!("the gateway gave {events} of {least} events");
            return Err(Failure::new(Code::RecordUnavailable, text));
        }
        for node in self.nodes {
            if written.chains.contains(&Chain::Node(node.clone())) {
                let text = format!("--node {node}: its chain is in the export already");
                return Err(Failure::Usage(text));
            }
            let path = format!("/v1/chains/{node}/events");
            written.add(&mut self.client.lines(&path, &[]).await?, &self.path).await?;
        }
        let Written { file, verifier, events, digests, .. } = written;
        let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_all().map_err(failed)?;
        Ok((verifier.finish(), events, digests))
    }
}

/// Where chains begin whose start is gone.
fn starts(report: &Report) -> Vec<ChainStart> {
    let start = |chain: &store_proof::ChainReport| {
        Some(ChainStart { chain: chain.chain.clone(), seq: chain.starts_at? })
    };
    report.chains.iter().filter_map(start).collect()
}

/// The last event of each chain.
pub(crate) fn heads(report: &Report) -> Vec<ChainHead> {
    let head = |chain: &store_proof::ChainReport| ChainHead {
        chain: chain.chain.clone(),
        events: chain.events,
        seq: chain.last.seq,
        hash: chain.head,
    };
    report.chains.iter().map(head).collect()
}

fn empty_directory(path: &Path) -> Outcome {
    let failed = |error: std::io::Error| Failure::file(path, &error);
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(failed(error));
        }
        _ => {}
    }
    if fs::read_dir(path).map_err(failed)?.next().is_some() {
        let text = format!("{} is not empty: name a new directory", path.display());
        return Err(Failure::new(Code::ConfigurationWrong, text));
    }
    Ok(())
}
