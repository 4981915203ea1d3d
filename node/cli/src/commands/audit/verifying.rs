//! `audit verify`: each archive, or the gateway's record, against its chains and checkpoints.
//!
//! An archive is read twice: checkpoints are learnt before the events that they cover.

use std::path::{Path, PathBuf};

use memchr::memmem::Finder;
use proto::api::Seals;
use proto::event::Head;
use proto::refusal::{Code, Told};
use serde::Serialize;
use store_archive::Checked;
use store_proof::keys::Keys;
use store_proof::note::BadNote;
use store_proof::{Place, Report, SealFault, Verifier};

use super::KnownHead;
use super::proving::keys_of;
use crate::archive::read_seals;
use crate::arguments::{Gateway, Listing};
use crate::commands::events::MORE_TRIES;
use crate::failure::{Failure, Outcome};
use crate::output::{self, Format};
use crate::source::Source;
use crate::terminal::safe;

/// So much of an event is looked at to see its kind.
const TYPE_WITHIN: usize = 512;

/// What the types of events about keys or checkpoints begin with.
const SPEAK_OF_SEALS: [&str; 2] =
    ["io.sallyport.checkpoint.sealed.", "io.sallyport.node.registered."];

/// What is known beside the record.
pub(super) struct Asked {
    pub(super) partial: bool,
    pub(super) heads: Vec<KnownHead>,
    pub(super) keys: Option<Keys>,
    /// Files of checkpoints from elsewhere.
    pub(super) known: Vec<PathBuf>,
}

/// What is said of one archive.
#[derive(Serialize)]
struct Said<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    archive: Option<String>,
    /// Whether the keys were given; else the record's own were believed.
    keys_given: bool,
    #[serde(flatten)]
    report: &'a Report,
}

/// Verifies, and says what was found.
pub(super) async fn verify(
    archives: &[PathBuf],
    gateway: &Gateway,
    asked: Asked,
    listing: Listing,
) -> Outcome {
    let sources: Vec<_> = match archives {
        [] => vec![None],
        archives => archives.iter().map(|path| Some(path.as_path())).collect(),
    };
    let mut reports = Vec::with_capacity(sources.len());
    for archive in sources {
        reports.push((archive, report_of(archive, gateway, &asked).await?));
    }
    for (archive, report) in &reports {
        tell(*archive, report, asked.keys.is_some(), listing)?;
    }
    if reports.iter().any(|(_, report)| report.tampered) {
        let text = "the record is not the one that was written; see the findings";
        return Err(Failure::new(Code::TamperingFound, text));
    }
    let doubts = doubts(&reports);
    if !doubts.is_empty() {
        return Err(Failure::Unverified(Told::new(Code::NotVerified, doubts.join("\n"))));
    }
    Ok(())
}

/// What could not be verified: of each archive, and of all together.
fn doubts(reports: &[(Option<&Path>, Report)]) -> Vec<String> {
    let mut doubts: Vec<_> =
        reports.iter().flat_map(|(_, report)| report.unverified.iter().cloned()).collect();
    if reports.len() > 1 {
        let sealed = reports.iter().flat_map(|(_, report)| &report.seals);
        for one in sealed.filter(|one| !one.here) {
            let of_it = reports.iter().flat_map(|(_, report)| &report.seals);
            let here = of_it.filter(|other| other.chain == one.chain).any(|other| other.here);
            let text = format!("chain {} is in none of the archives", one.chain);
            if !here && !doubts.contains(&text) {
                doubts.push(text);
            }
        }
    }
    doubts
}

/// Verifies one archive, or the gateway's record.
pub(super) async fn report_of(
    archive: Option<&Path>,
    gateway: &Gateway,
    asked: &Asked,
) -> Outcome<Report> {
    // Before the events: what is sealed by now is in the record.
    let mut source = Source::open(archive, gateway).await?;
    let seals = source.seals().await?;
    let mut verifier = known(&source, seals.as_ref(), asked)?;
    let finders = SPEAK_OF_SEALS.map(Finder::new);
    while source.advance().await? {
        if speaks_of_seals(source.bytes(), &finders) {
            verifier.learn(&source.place(), source.bytes());
        }
    }
    let mut source = Source::open(archive, gateway).await?;
    for _ in 0..MORE_TRIES {
        while source.advance().await? {
            verifier.feed(source.place(), source.bytes());
        }
        // A gateway keeps events of the control chain a moment after they are signed.
        if !verifier.wants_more() || !source.more().await? {
            break;
        }
    }
    Ok(verifier.finish())
}

fn known(source: &Source, seals: Option<&Seals>, asked: &Asked) -> Outcome<Verifier> {
    let wrong = |error: BadNote| Failure::new(Code::NotVerified, error);
    let mut verifier = Verifier::new();
    if asked.partial || source.manifest().is_some_and(|manifest| manifest.partial) {
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
    for known in &asked.heads {
        verifier = verifier.expect_head(known.chain.clone(), known.head);
    }
    if let Some(keys) = &asked.keys {
        verifier = verifier.believe(keys.clone());
    }
    let own = seals.map(keys_of).transpose()?;
    for start in source.manifest().iter().flat_map(|manifest| &manifest.starts) {
        verifier = verifier.starts(start.chain.clone());
        let (chain, seq) = (&start.chain, start.seq);
        verifier.doubt(format!("what was in chain {chain} before event {seq} is not here"));
    }
    let keys = asked.keys.as_ref().or(own.as_ref());
    verifier = segments(source, verifier, keys.unwrap_or(&Keys::default()))?;
    if let Some(seals) = seals {
        verifier = verifier.registered(own.clone().unwrap_or_default());
        for note in notes(seals) {
            verifier = verifier.checkpoint(note, source.place_of_seals()).map_err(wrong)?;
        }
    }
    for path in &asked.known {
        let place = Place::File { file: path.display().to_string().into() };
        for note in notes(&read_seals(path)?) {
            verifier = verifier.checkpoint(note, Some(place.clone())).map_err(wrong)?;
        }
    }
    Ok(verifier)
}

/// Checks the files of an archive of segments against their manifests, and takes from them where
/// each chain begins.
fn segments(source: &Source, mut verifier: Verifier, keys: &Keys) -> Outcome<Verifier> {
    let mut chain = None;
    for sealed in source.segments() {
        let place = Place::File { file: sealed.manifest.display().to_string().into() };
        let checked = sealed.check(keys);
        match checked.map_err(|error| Failure::new(Code::ArchiveUnreadable, error))? {
            Checked::Good => {}
            Checked::Differs(what) => {
                verifier.found(place, SealFault::FileDiffers { what: what.to_owned() });
            }
            Checked::AnotherKey(name) => verifier.found(place, SealFault::AnotherKey { name }),
            Checked::BadSignature(name) => verifier.found(place, SealFault::BadSignature { name }),
            Checked::Unknown => verifier.doubt(format!("no key that signed {place} is known")),
        }
        let segment = &sealed.segment;
        let begins = chain.replace(segment.chain.clone()).as_ref() != Some(&segment.chain);
        if begins && segment.first > 1 {
            verifier = verifier.starts(segment.chain.clone());
            if let Some(tree) = segment.before.clone().filter(|tree| tree.end() > 0) {
                verifier = verifier.edge(segment.chain.clone(), segment.first - 1, tree);
            }
        }
    }
    Ok(verifier)
}

fn notes(seals: &Seals) -> impl Iterator<Item = &String> {
    seals.chains.iter().map(|one| &one.note).chain(&seals.control)
}

/// Whether an event may be one about keys or checkpoints.
fn speaks_of_seals(bytes: &[u8], names: &[Finder<'_>]) -> bool {
    let head = &bytes[..bytes.len().min(TYPE_WITHIN)];
    names.iter().any(|name| name.find(head).is_some())
}

fn tell(archive: Option<&Path>, report: &Report, keys_given: bool, listing: Listing) -> Outcome {
    if Format::or_fitting(listing.output) == Format::Table {
        return output::print(&text(archive, report, keys_given));
    }
    let archive = archive.map(|path| path.display().to_string());
    output::one(listing.output, &Said { archive, keys_given, report })
}

fn text(archive: Option<&Path>, report: &Report, keys_given: bool) -> String {
    let mut text = String::new();
    let mut line = |words: String| {
        text.push_str(&safe(&words));
        text.push('\n');
    };
    if let Some(archive) = archive {
        line(format!("{}:", archive.display()));
    }
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
    for one in &report.seals {
        let by = if keys_given { "by keys that were given" } else { "by the record's own keys" };
        line(match (one.here, one.covered) {
            (false, _) => format!("chain {}: sealed up to {}, and not here", one.chain, one.sealed),
            (true, 0) => format!("chain {}: no checkpoint of it could be compared", one.chain),
            (true, covered) => format!("chain {}: proven up to {covered} {by}", one.chain),
        });
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
    for why in &report.unverified {
        line(format!("not verified: {why}"));
    }
    let verdict = if report.tampered { "TAMPERING FOUND" } else { "no tampering found" };
    line(verdict.to_owned());
    text
}
