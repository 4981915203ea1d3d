//! `audit`: prove that the record is whole, and that its decisions were the policy's.

pub(crate) mod page;
mod proving;
mod rederivation;
mod report;
mod verifying;

use std::path::PathBuf;
use std::str::FromStr;

use clap::Subcommand;
use proto::event::Head;
use proto::ids::{Chain, Epoch, EventId, Name};
use proto::time::Utc;

use super::sessions::instant;
use crate::arguments::{Gateway, Listing};
use crate::failure::{Failure, Outcome};
use crate::source::Source;
use crate::texts::OpeningKeys;
use rederivation::Rederivation;
use report::About;
use verifying::Asked;

/// Prove that the record is whole, and that its decisions were the policy's.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Name every edit, deletion, reordering, truncation and fork; exit status 1 for tampering
    ///
    /// Without an archive the gateway's record is read. With one no server is asked: a directory of
    /// `events export`, a file with one event a line, or a proof of `audit prove`. Exit status 3
    /// says that it could not be verified.
    Verify {
        /// Directories of `events export`, one for each node of a fleet; or a file of events, or a
        /// proof
        archive: Vec<PathBuf>,
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
        /// Public keys that are believed, as `audit keys` writes them
        #[arg(long, value_name = "FILE")]
        keys: Option<PathBuf>,
        /// Checkpoints that are known from elsewhere: `seals.json` of an earlier export. May be
        /// given again
        #[arg(long, value_name = "FILE")]
        known_seals: Vec<PathBuf>,
    },
    /// Prove to a third party that an event is in the record
    ///
    /// The proof is checked with public keys alone: `audit verify PROOF --keys FILE`.
    Prove {
        /// Which event: CHAIN/EPOCH-PLACE, e.g. gw-1/3-128
        event: KnownEvent,
        /// A directory of `events export`; the gateway's record without it
        archive: Option<PathBuf>,
        #[command(flatten)]
        gateway: Gateway,
        /// Where to write the proof
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Write rows, replays, proofs and the verifier's result for an auditor, and one page of them
    Report {
        /// Directory of `events export`, or an archive; the gateway's record without it
        archive: Option<PathBuf>,
        #[command(flatten)]
        gateway: Gateway,
        /// Only what this person did
        #[arg(long)]
        person: Option<Name>,
        /// Only what was done to this target
        #[arg(long)]
        target: Option<Name>,
        /// Only sessions opened at this instant or later
        #[arg(long, value_name = "TIME", value_parser = instant)]
        from: Option<Utc>,
        /// Only sessions opened before this instant
        #[arg(long, value_name = "TIME", value_parser = instant)]
        to: Option<Utc>,
        /// Into which directory; made, or empty
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Public keys that are believed, as `audit keys` writes them
        #[arg(long, value_name = "FILE")]
        keys: Option<PathBuf>,
    },
    /// Write the public keys of the nodes: for whoever verifies, and away from the record
    Keys {
        #[command(flatten)]
        gateway: Gateway,
        /// Where to write them; standard output without it
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
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

/// An event as reports name it: CHAIN/EPOCH-PLACE.
#[derive(Clone, Debug)]
pub(crate) struct KnownEvent(EventId);

impl FromStr for KnownEvent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected CHAIN/EPOCH-PLACE, e.g. gw-1/3-128".to_owned();
        let (chain, place) = text.split_once('/').ok_or_else(expected)?;
        let (epoch, seq) = place.split_once('-').ok_or_else(expected)?;
        let chain = match chain {
            "control" => Chain::Control,
            node => Chain::Node(node.parse().map_err(|_| expected())?),
        };
        let epoch = Epoch(epoch.parse().map_err(|_| expected())?);
        Ok(Self(EventId { chain, epoch, seq: seq.parse().map_err(|_| expected())? }))
    }
}

/// Runs one of them.
pub(crate) async fn run(audit: Audit) -> Outcome {
    match audit {
        Audit::Verify { archive, gateway, listing, partial, expect_head, keys, known_seals } => {
            let verified = async {
                let keys = keys.as_deref().map(proving::read_keys).transpose()?;
                if let [only] = &archive[..]
                    && let Some(proof) = proving::proof_in(only)
                {
                    return proving::verify(listing, &proof?, keys.as_ref());
                }
                let asked = Asked { partial, heads: expect_head, keys, known: known_seals };
                verifying::verify(&archive, &gateway, asked, listing).await
            };
            verified.await.map_err(Failure::unverified)
        }
        Audit::Prove { event, archive, gateway, out } => {
            proving::prove(event.0, archive.as_deref(), &gateway, &out).await
        }
        Audit::Report { archive, gateway, person, target, from, to, out, keys } => {
            let keys = keys.as_deref().map(proving::read_keys).transpose()?;
            let asked = Asked { partial: false, heads: Vec::new(), keys, known: Vec::new() };
            let about = About { person, target, from, to, out };
            report::report(about, archive.as_deref(), &gateway, &asked).await
        }
        Audit::Keys { gateway, out } => proving::keys(&gateway, out.as_deref()).await,
        Audit::Rederive { archive, gateway, listing, audit_key, digest_key } => {
            let keys = OpeningKeys::read(audit_key.as_deref(), digest_key.as_deref())?;
            let source = Source::open(archive.as_deref(), &gateway).await?;
            let mut rederivation = Rederivation::new(source, keys);
            rederivation.run().await?;
            rederivation.tell(listing)
        }
    }
}
