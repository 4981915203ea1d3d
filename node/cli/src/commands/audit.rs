//! `audit`: prove that the record is whole, and that its decisions were the policy's.

mod rederivation;

use std::path::PathBuf;
use std::str::FromStr;

use clap::Subcommand;
use proto::event::Head;
use proto::ids::Chain;
use proto::refusal::Code;
use store_proof::{Report, Verifier};

use crate::arguments::{Gateway, Listing};
use crate::failure::{Failure, Outcome};
use crate::output::{self, Format};
use crate::source::Source;
use crate::terminal::safe;
use rederivation::{OpeningKeys, Rederivation};

/// Prove that the record is whole, and that its decisions were the policy's.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Name every edit, deletion, reordering, truncation and fork; exit status 1 for tampering
    ///
    /// Without an archive the gateway's record is read. With one no server is asked: a directory of
    /// `events export`, or a file with one event a line.
    Verify {
        /// A directory of `events export`, or a file of events
        archive: Option<PathBuf>,
        #[command(flatten)]
        gateway: Gateway,
        #[command(flatten)]
        listing: Listing,
        /// The archive is a part of the record: chains may start anywhere
        #[arg(long)]
        partial: bool,
        /// An event that is known to be in the record, e.g. from an earlier run: CHAIN:PLACE:HASH.
        /// This alone shows that an end was cut off; may be given again
        #[arg(long, value_name = "CHAIN:PLACE:HASH")]
        expect_head: Vec<KnownHead>,
    },
    /// Derive every recorded decision again; exit status 1 for a difference
    Rederive {
        /// A directory of `events export`; the gateway's record without it
        archive: Option<PathBuf>,
        #[command(flatten)]
        gateway: Gateway,
        #[command(flatten)]
        listing: Listing,
        /// The audit key: sealed commands are opened and read again
        #[arg(long, value_name = "FILE")]
        audit_key: Option<PathBuf>,
        /// The digest key: digests of sealed commands are compared as well
        #[arg(long, value_name = "FILE", requires = "audit_key")]
        digest_key: Option<PathBuf>,
    },
}

/// An event that is known to be in the record.
#[derive(Clone, Debug)]
pub(crate) struct KnownHead {
    chain: Chain,
    head: Head,
}

impl FromStr for KnownHead {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected CHAIN:PLACE:HASH as `audit verify` prints it".to_owned();
        let mut parts = text.split(':');
        let (Some(chain), Some(seq), Some(hash), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(expected());
        };
        let chain = match chain {
            "control" => Chain::Control,
            node => Chain::Node(node.parse().map_err(|_| expected())?),
        };
        let seq = seq.parse().map_err(|_| expected())?;
        let hash = hash.parse().map_err(|_| expected())?;
        Ok(Self { chain, head: Head { seq, hash: Some(hash) } })
    }
}

/// Runs one of them.
pub(crate) async fn run(audit: Audit) -> Outcome {
    match audit {
        Audit::Verify { archive, gateway, listing, partial, expect_head } => {
            let source = Source::open(archive.as_deref(), &gateway).await?;
            let report = verify(source, partial, expect_head).await?;
            tell_report(listing, &report)
        }
        Audit::Rederive { archive, gateway, listing, audit_key, digest_key } => {
            let keys = OpeningKeys::read(audit_key.as_deref(), digest_key.as_deref())?;
            let source = Source::open(archive.as_deref(), &gateway).await?;
            let mut rederivation = Rederivation::new(source, keys);
            rederivation.run().await?;
            rederivation.tell(listing)
        }
    }
}

async fn verify(mut source: Source, partial: bool, expected: Vec<KnownHead>) -> Outcome<Report> {
    let mut verifier = Verifier::new();
    if partial || source.manifest().is_some_and(|manifest| manifest.partial) {
        verifier = verifier.partial();
    }
    if let Some(manifest) = source.manifest() {
        for head in &manifest.heads {
            let known = Head { seq: head.seq, hash: Some(head.hash) };
            verifier = verifier.expect_head(head.chain.clone(), known);
        }
        if let Some(cluster) = &manifest.cluster {
            verifier = verifier.expect_cluster(cluster.clone());
        }
    }
    for known in expected {
        verifier = verifier.expect_head(known.chain, known.head);
    }
    while let Some((place, bytes)) = source.next().await? {
        verifier.feed(place, &bytes);
    }
    Ok(verifier.finish())
}

fn tell_report(listing: Listing, report: &Report) -> Outcome {
    if Format::or_fitting(listing.output) == Format::Table {
        output::print(&report_text(report))?;
    } else {
        output::one(listing.output, report)?;
    }
    if report.tampered {
        let text = "the record is not the one that was written; see the findings";
        return Err(Failure::new(Code::TamperingFound, text));
    }
    Ok(())
}

fn report_text(report: &Report) -> String {
    let mut text = String::new();
    let mut line = |words: String| {
        text.push_str(&safe(&words));
        text.push('\n');
    };
    for finding in &report.findings {
        line(finding.to_string());
    }
    if report.findings_left_out > 0 {
        line(format!("and {} more findings", report.findings_left_out));
    }
    for chain in &report.chains {
        let since = chain.starts_at.map_or(String::new(), |at| format!(", from place {at} on"));
        line(format!(
            "chain {}: {} events{since}; head {}:{}:{}",
            chain.chain, chain.events, chain.chain, chain.last.seq, chain.head
        ));
    }
    let sessions = &report.sessions;
    line(format!(
        "sessions: {} opened, {} closed, {} without an end, {} open, {} refused",
        sessions.opened, sessions.closed, sessions.without_end, sessions.open, sessions.refused
    ));
    for command in &report.unfinished_commands {
        let what = if command.open { "may still run" } else { "outcome unknown" };
        line(format!("command {} of session {}: {what}", command.command, command.session));
    }
    let verdict = if report.tampered { "TAMPERING FOUND" } else { "no tampering found" };
    line(verdict.to_owned());
    text
}
