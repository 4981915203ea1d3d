//! Proofs for third parties: made out of a record, and checked with public keys alone.

use std::fs;
use std::path::Path;

use proto::api::Seals;
use proto::ids::EventId;
use proto::refusal::Code;
use store_proof::keys::{KEYS_LIMIT, Keys};
use store_proof::proof::{NotProven, PROOF_LIMIT, Proof};
use store_proof::prover::{Finder, NoProof};

use crate::arguments::{Gateway, Listing};
use crate::client::Client;
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::private::write_private;
use crate::source::Source;

/// Writes the public keys.
pub(super) async fn keys(gateway: &Gateway, out: Option<&Path>) -> Outcome {
    let seals: Seals = Client::new(gateway)?.get("/v1/seals").await?;
    let text = format!("# public keys of the cluster {}\n{}", seals.cluster, keys_of(&seals)?);
    match out {
        Some(path) => write_private(path, text.as_bytes()),
        None => output::print(&text),
    }
}

/// The keys that a cluster, or an archive of it, names.
pub(super) fn keys_of(seals: &Seals) -> Outcome<Keys> {
    let mut keys = Keys::default();
    for one in &seals.keys {
        let key = one.key.parse().map_err(|error| Failure::new(Code::NotVerified, error))?;
        let list = if one.member { &mut keys.members } else { &mut keys.former };
        list.push(key);
    }
    Ok(keys)
}

/// Reads a file of public keys.
pub(super) fn read_keys(path: &Path) -> Outcome<Keys> {
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::new(Code::NotVerified, format!("{}: {error}", path.display()))
    };
    let about = fs::metadata(path).map_err(|error| wrong(&error))?;
    if about.len() > KEYS_LIMIT as u64 {
        return Err(wrong(&"it is too large for a file of keys"));
    }
    let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
    text.parse().map_err(|error| wrong(&error))
}

/// The proof in a file; nothing when the file, or directory, is something else.
pub(super) fn proof_in(path: &Path) -> Option<Outcome<Proof>> {
    let about = fs::metadata(path).ok()?;
    if !about.is_file() || about.len() > PROOF_LIMIT as u64 {
        return None;
    }
    let bytes = fs::read(path).ok()?;
    // Events of a record are one a line; a proof is one object that names its format.
    let named: Format = serde_json::from_slice(&bytes).ok()?;
    named.format.starts_with("sallyport-proof/").then(|| Proof::read(&bytes).map_err(not_proven))
}

#[derive(serde::Deserialize)]
struct Format {
    format: String,
}

/// Checks a proof, and says what it proves.
pub(super) fn verify(listing: Listing, proof: &Proof, keys: Option<&Keys>) -> Outcome {
    let keys = keys.ok_or_else(|| {
        let text = "a proof is worth what the keys are worth: give --keys FILE (`audit keys`)";
        Failure::new(Code::NotVerified, text)
    })?;
    let proven = proof.verify(keys).map_err(not_proven)?;
    output::one(listing.output, &proven)
}

fn not_proven(why: NotProven) -> Failure {
    let code = match why {
        NotProven::False(_) => Code::TamperingFound,
        NotProven::Unreadable(_) | NotProven::Unverified(_) => Code::NotVerified,
    };
    Failure::new(code, why)
}

/// Writes the proof of an event.
pub(super) async fn prove(
    id: EventId,
    archive: Option<&Path>,
    gateway: &Gateway,
    out: &Path,
) -> Outcome {
    let mut source = Source::open(archive, gateway).await?;
    let control = source.seals().await?.and_then(|seals| seals.control).ok_or_else(|| {
        let text = "there is no checkpoint yet that a majority of the nodes has signed";
        Failure::new(Code::NotVerified, text)
    })?;
    let mut finder = Finder::new(id, &control).map_err(|why| no_proof(&why))?;
    while let Some((_, bytes)) = source.next().await? {
        finder.feed(&bytes);
    }
    let mut prover = finder.found().map_err(|why| no_proof(&why))?;
    let mut source = Source::open(archive, gateway).await?;
    while let Some((_, bytes)) = source.next().await? {
        prover.feed(&bytes);
    }
    let proof = prover.finish().map_err(|why| no_proof(&why))?;
    let text = serde_json::to_vec_pretty(&proof);
    let text = text.map_err(|error| Failure::new(Code::Internal, error))?;
    write_private(out, &text)
}

fn no_proof(why: &NoProof) -> Failure {
    let code = match why {
        NoProof::NoEvent(_) => Code::NotFound,
        NoProof::NotCovered(_) | NoProof::Checkpoint(_) | NoProof::Missing(_) => Code::NotVerified,
    };
    Failure::new(code, why)
}
