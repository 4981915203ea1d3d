//! `archive`: sealed segments of the record in a directory, kept for as long as was promised.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use proto::event::Event;
use proto::ids::{Chain, Name};
use proto::refusal::Code;
use proto::time::Utc;
use ring::signature::Ed25519KeyPair;
use serde::Serialize;
use store_archive::{Archive as Store, Error, Hold, Kept, Pruned, Sealed, Sealer, SealerOptions};
use store_proof::checkpoint::{Checkpoint, origin};
use store_proof::note::Note;
use zeroize::Zeroizing;

use super::sessions::instant;
use crate::archive::Archive as Export;
use crate::arguments::Listing;
use crate::failure::{Failure, Outcome};
use crate::output::{self, Column};

const COLUMNS: &[Column] = &[
    ("ID", "/id"),
    ("CHAIN", "/chain"),
    ("FIRST", "/first"),
    ("LAST", "/last"),
    ("FROM", "/from"),
    ("TO", "/to"),
    ("BYTES", "/bytes"),
    ("HOLD", "/hold"),
];

/// Sealed segments of the record in a directory, kept for as long as was promised.
#[derive(Debug, Subcommand)]
pub(crate) enum Archive {
    /// Seal an export into segments with signed manifests; what is sealed already is passed over
    ///
    /// `audit verify DIR` verifies an archive, `audit prove EVENT DIR` proves out of it.
    Seal {
        /// A directory of `events export`
        export: PathBuf,
        /// The directory of the archive; made when it is not there
        #[arg(long, value_name = "DIR")]
        into: PathBuf,
        /// The signing key of the node that seals: `keys/signing.key` of its data directory
        #[arg(long, value_name = "FILE")]
        signing_key: PathBuf,
        /// The name of that node
        #[arg(long, value_name = "NAME")]
        node: Name,
        /// How many days everything is kept at least; it is never lowered
        #[arg(long, value_name = "DAYS")]
        retention: Option<u64>,
        #[command(flatten)]
        listing: Listing,
    },
    /// List the segments, by chain and place
    List {
        /// The directory of the archive
        directory: PathBuf,
        #[command(flatten)]
        listing: Listing,
    },
    /// Take away whole segments that are old enough, from the start of each chain
    Prune {
        /// The directory of the archive
        directory: PathBuf,
        /// Those whose events are all older than so many days; never fewer than its retention
        #[arg(long, value_name = "DAYS")]
        older_than: u64,
        /// Only say what would go
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        listing: Listing,
    },
    /// Keep something until the hold is lifted, however old it is
    Hold {
        /// The directory of the archive
        directory: PathBuf,
        /// The name of the hold
        name: Name,
        /// Why
        #[arg(long)]
        reason: String,
        /// Only this chain: the name of a node, or `control`
        #[arg(long, value_name = "CHAIN")]
        chain: Option<String>,
        /// Only events of this instant or later
        #[arg(long, value_name = "TIME", value_parser = instant)]
        from: Option<Utc>,
        /// Only events before this instant
        #[arg(long, value_name = "TIME", value_parser = instant)]
        to: Option<Utc>,
    },
    /// Lift a hold
    Lift {
        /// The directory of the archive
        directory: PathBuf,
        /// The name of the hold
        name: Name,
    },
}

/// One segment, as lists show it.
#[derive(Serialize)]
struct Row {
    id: String,
    chain: Chain,
    first: u64,
    last: u64,
    from: Utc,
    to: Utc,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold: Option<Name>,
}

/// Runs one of them.
pub(crate) fn run(archive: Archive) -> Outcome {
    match archive {
        Archive::Seal { export, into, signing_key, node, retention, listing } => {
            let sealed = seal(&export, &into, &signing_key, &node, retention)?;
            tell(listing, sealed.iter().map(|one| row(one, None)).collect())
        }
        Archive::List { directory, listing } => {
            let store = open(&directory)?;
            let segments = store.segments().map_err(failed)?;
            let rows = segments.iter().map(|one| row(one, holds(&store, one)));
            tell(listing, rows.collect())
        }
        Archive::Prune { directory, older_than, dry_run, listing } => {
            let now = node_session::Clock::now(&node_session::clock::SystemClock).utc;
            let store = open(&directory)?;
            let Pruned { gone, kept } = store.prune(older_than, now, dry_run).map_err(failed)?;
            for (sealed, why) in kept {
                if let Kept::Held(hold) = why {
                    let place = sealed.events.display().to_string();
                    output::tell(&format!("{place} and what is behind it stays: hold {hold}"));
                }
            }
            tell(listing, gone.iter().map(|one| row(one, None)).collect())
        }
        Archive::Hold { directory, name, reason, chain, from, to } => {
            let chain = chain.map(|text| chain_of(&text)).transpose()?;
            let hold = Hold { id: name, reason, chain, from, to };
            open(&directory)?.hold(hold).map_err(failed)
        }
        Archive::Lift { directory, name } => open(&directory)?.lift(&name).map_err(failed),
    }
}

fn seal(
    export: &Path,
    into: &Path,
    key: &Path,
    node: &Name,
    retention: Option<u64>,
) -> Outcome<Vec<Sealed>> {
    let export = Export::open(export)?;
    let cluster = export.manifest.as_ref().and_then(|manifest| manifest.cluster.clone());
    let cluster = cluster.ok_or_else(|| {
        let text = "only a directory of `events export` is sealed: it has no manifest";
        Failure::new(Code::ArchiveUnreadable, text)
    })?;
    let pair = signing_key(key)?;
    let mut store = if Store::is_there(into) {
        open(into)?
    } else {
        Store::create(into, cluster.clone(), retention.unwrap_or(0)).map_err(failed)?
    };
    if let Some(days) = retention {
        store.keep_for(days).map_err(failed)?;
    }
    let name = origin(&cluster, &Chain::Node(node.clone()));
    let bases = bases(&export);
    let options = SealerOptions::default();
    let mut sealer = Sealer::new(&store, &name, &pair, bases, options).map_err(failed)?;
    let mut lines = export.lines()?;
    while lines.advance()? {
        let line = lines.line();
        let event = Event::read(line);
        let event = event.map_err(|error| Failure::new(Code::ArchiveUnreadable, error))?;
        sealer.take(&event, line).map_err(failed)?;
    }
    let sealed = sealer.finish().map_err(failed)?;
    export.copy_beside(into)?;
    Ok(sealed)
}

/// Where the tree of each chain begins, as the checkpoints of the export say.
fn bases(export: &Export) -> BTreeMap<Chain, u64> {
    let seals = export.seals.iter();
    let notes =
        seals.flat_map(|seals| seals.chains.iter().map(|one| &one.note).chain(&seals.control));
    let checkpoints = notes.filter_map(|note| {
        let note: Note = note.parse().ok()?;
        note.text.parse::<Checkpoint>().ok()
    });
    checkpoints.map(|checkpoint| (checkpoint.chain, checkpoint.base)).collect()
}

fn signing_key(path: &Path) -> Outcome<Ed25519KeyPair> {
    let seed = fs::read(path).map(Zeroizing::new).map_err(|error| Failure::file(path, &error))?;
    Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| {
        let text = format!("{}: it is no signing key of a node", path.display());
        Failure::new(Code::ConfigurationWrong, text)
    })
}

fn chain_of(text: &str) -> Outcome<Chain> {
    if text == "control" {
        return Ok(Chain::Control);
    }
    text.parse()
        .map(Chain::Node)
        .map_err(|error: proto::ids::NotAName| Failure::Usage(format!("--chain: {error}")))
}

fn open(directory: &Path) -> Outcome<Store> {
    Store::open(directory).map_err(failed)
}

fn failed(error: Error) -> Failure {
    let code = match error {
        Error::File { .. } | Error::Damaged { .. } => Code::ArchiveUnreadable,
        Error::OtherCluster { .. } => Code::WrongCluster,
        Error::Gap { .. } => Code::NotVerified,
        Error::TooYoung { .. } | Error::RetentionLowered { .. } | Error::Hold(_) => {
            Code::ConfigurationWrong
        }
    };
    Failure::new(code, error)
}

/// The first hold that covers a segment.
fn holds(store: &Store, sealed: &Sealed) -> Option<Name> {
    store.holds().iter().find(|hold| hold.covers(&sealed.segment)).map(|hold| hold.id.clone())
}

fn row(sealed: &Sealed, hold: Option<Name>) -> Row {
    let segment = &sealed.segment;
    Row {
        id: format!("{}/{}", segment.chain, segment.first),
        chain: segment.chain.clone(),
        first: segment.first,
        last: segment.last,
        from: segment.from,
        to: segment.to,
        bytes: segment.bytes,
        hold,
    }
}

fn tell(listing: Listing, rows: Vec<Row>) -> Outcome {
    output::rows(listing.output, COLUMNS, &rows)
}
