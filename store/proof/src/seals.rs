//! The record against its signed checkpoints: each chain's tree is made anew and compared with
//! every checkpoint that is known of it, wherever that comes from.
//!
//! What somebody rewrote with right hashes shows here and nowhere else. Behind the last checkpoint
//! nothing is proven, and the report says from where on.

use std::collections::BTreeMap;

use proto::event::{CheckpointSealed, Event, Kind};
use proto::ids::{Chain, Digest, EventId, Name};
use proto::time::Utc;

use crate::checkpoint::{Checkpoint, origin};
use crate::fault::Fault;
use crate::finding::{At, Finding, Findings, Place};
use crate::gaps::jumps_from;
use crate::keys::{Keys, Signed};
use crate::note::{BadNote, Key, Note};
use crate::proof::note;
use crate::report::SealReport;
use crate::seal_fault::SealFault;
use crate::tree::Range;

/// How many checkpoints of one chain are compared; of more, the newest.
const CLAIMS_LIMIT: usize = 1 << 20;

/// How many reasons why something was not verified are told.
const REASONS_LIMIT: usize = 100;

/// The control chain grows by a majority, and a majority signs it each second. Without one it
/// stands still for as long as it will, and may be late once more when it goes on. So what counts
/// is in how many spans of time, of so many microseconds, it has events that no checkpoint covers.
const SPAN_US: i64 = 10_000_000;
/// In so many spans it is no delay any more.
const SPANS_LIMIT: u32 = 6;

/// What somebody has signed about a chain.
#[derive(Clone, Debug)]
struct Claim {
    base: u64,
    root: Digest,
    head: Digest,
    /// Where it is said.
    event: Option<EventId>,
    place: Option<Place>,
}

/// The tree of one chain, as far as it was read.
#[derive(Debug)]
struct Tree {
    base: u64,
    range: Range,
    last: EventId,
    head: Digest,
    /// The last event that a checkpoint was found right for.
    covered: u64,
    /// Events are missing at its start, or it was found wrong: nothing can be compared.
    useless: bool,
    /// The start is gone: what is here is compared by the hash of the last event.
    headless: bool,
    /// In how many spans of time there are events that no checkpoint covers, and the last of them.
    uncovered_spans: u32,
    last_span: i64,
}

impl Tree {
    fn uncovered(&mut self, time: Utc) {
        let span = time.0.div_euclid(SPAN_US);
        if self.uncovered_spans == 0 || span != self.last_span {
            self.uncovered_spans += 1;
            self.last_span = span;
        }
    }

    fn is_whole(&self) -> bool {
        !self.useless && !self.headless
    }

    fn is_long_uncovered(&self) -> bool {
        self.uncovered_spans >= SPANS_LIMIT
    }
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Seals {
    believed: Option<Keys>,
    registered: Keys,
    /// Keys and checkpoints came with the record.
    given: bool,
    notes: Vec<(Checkpoint, Note, Option<Place>)>,
    claims: BTreeMap<Chain, BTreeMap<u64, Claim>>,
    edges: BTreeMap<Chain, (u64, Range)>,
    /// The smallest checkpoint that came as a note.
    oldest: BTreeMap<Chain, (u64, Option<Place>)>,
    trees: BTreeMap<Chain, Tree>,
    unverified: Vec<String>,
}

impl Seals {
    pub(crate) fn believe(&mut self, keys: Keys) {
        self.believed = Some(keys);
    }

    pub(crate) fn register(&mut self, keys: Keys) {
        (self.registered, self.given) = (keys, true);
    }

    /// The tree before the first event of a chain that is here.
    pub(crate) fn edge(&mut self, chain: Chain, before: u64, tree: Range) {
        self.edges.insert(chain, (before, tree));
    }

    /// Takes a checkpoint as a signed note.
    pub(crate) fn note(&mut self, text: &str, place: Option<Place>) -> Result<(), BadNote> {
        let note: Note = text.parse()?;
        let checkpoint: Checkpoint = note.text.parse()?;
        self.notes.push((checkpoint, note, place));
        Ok(())
    }

    pub(crate) fn doubt(&mut self, why: String) {
        if self.unverified.len() < REASONS_LIMIT && !self.unverified.contains(&why) {
            self.unverified.push(why);
        }
    }

    /// The keys of a name: the believed ones, else those that the record itself names.
    fn keys(&self) -> &Keys {
        self.believed.as_ref().unwrap_or(&self.registered)
    }

    /// Checks the notes, before anything is read.
    pub(crate) fn begin(&mut self, findings: &mut Findings) {
        for (checkpoint, note, place) in std::mem::take(&mut self.notes) {
            let chain = checkpoint.chain.clone();
            let name = origin(&checkpoint.cluster, &chain);
            let is_control = chain == Chain::Control;
            let asked = (!is_control).then_some(name.as_str());
            let signed = self.keys().check(&note, asked);
            let (count, majority) = match signed {
                Signed::By(count) if !is_control => (count, 1),
                Signed::By(count) => (count, self.keys().majority()),
                other => {
                    self.wrongly(other, &name, None, place.clone(), findings);
                    continue;
                }
            };
            if count < majority {
                self.doubt(format!("the checkpoint of {chain} is signed by {count} nodes only"));
            }
            let Checkpoint { base, root, head, size, .. } = checkpoint;
            let oldest = self.oldest.entry(chain.clone()).or_insert((size, place.clone()));
            if size < oldest.0 {
                *oldest = (size, place.clone());
            }
            self.claim(&chain, size, Claim { base, root, head, event: None, place }, findings);
        }
    }

    fn wrongly(
        &mut self,
        signed: Signed,
        name: &str,
        event: Option<EventId>,
        place: Option<Place>,
        findings: &mut Findings,
    ) {
        let fault = match signed {
            Signed::Badly(name) => SealFault::BadSignature { name },
            Signed::ByAnotherKey(name) => SealFault::AnotherKey { name },
            Signed::By(_) | Signed::ByStrangers => {
                return self.doubt(format!("no key of {name} is known"));
            }
        };
        let turn = findings.turn();
        findings.put(turn, Finding { event, place, fault: Fault::Seal(fault) });
    }

    fn claim(&mut self, chain: &Chain, size: u64, claim: Claim, findings: &mut Findings) {
        let claims = self.claims.entry(chain.clone()).or_default();
        if let Some(known) = claims.get(&size) {
            if known.root != claim.root {
                let fault = SealFault::TwoHistories { chain: chain.clone(), size };
                let turn = findings.turn();
                let Claim { event, place, .. } = claim;
                findings.put(turn, Finding { event, place, fault: Fault::Seal(fault) });
            }
            return;
        }
        claims.insert(size, claim);
        if claims.len() > CLAIMS_LIMIT {
            claims.pop_first();
        }
        self.compare(chain, findings);
    }

    /// Takes what an event says about keys and checkpoints; so a record may be read once for that
    /// before it is read for all else.
    pub(crate) fn learn(&mut self, event: &Event, at: &At, findings: &mut Findings) {
        if event.id.chain != Chain::Control {
            return;
        }
        match &event.kind {
            Some(Kind::NodeRegistered(registered)) => {
                let Ok(key) = registered.key.parse::<Key>() else { return };
                let known = self.registered.of(key.name()).any(|known| *known == key);
                let believed = self.believed.as_ref();
                let foreign = believed.is_some_and(|keys| {
                    let mut named = keys.of(key.name()).peekable();
                    named.peek().is_some() && !named.any(|known| *known == key)
                });
                if foreign {
                    let name = key.name().to_owned();
                    findings.push(at, Fault::Seal(SealFault::AnotherKey { name }));
                }
                if !known {
                    self.registered.former.push(key);
                }
            }
            Some(Kind::CheckpointSealed(seal)) => self.sealed(&event.cluster, seal, at, findings),
            _ => {}
        }
    }

    fn sealed(
        &mut self,
        cluster: &Name,
        seal: &CheckpointSealed,
        at: &At,
        findings: &mut Findings,
    ) {
        let chain = Chain::Node(seal.node.clone());
        let known = self.claims.get(&chain).and_then(|claims| claims.get(&seal.size));
        if known.is_some_and(|known| known.event.as_ref() == Some(&at.event)) {
            return;
        }
        let name = origin(cluster, &chain);
        let keys = self.keys();
        let note = note(cluster, seal, keys.of(&name));
        let signed = note.map_or(Signed::ByStrangers, |note| keys.check(&note, Some(&name)));
        let (event, place) = (Some(at.event.clone()), Some(at.place.clone()));
        if !matches!(signed, Signed::By(_)) {
            return self.wrongly(signed, &name, event, place, findings);
        }
        let CheckpointSealed { base, root, head, size, .. } = *seal;
        self.claim(&chain, size, Claim { base, root, head, event, place }, findings);
    }

    /// Takes the next event of a chain into its tree.
    pub(crate) fn take(
        &mut self,
        event: &Event,
        leaf: Digest,
        hash: Digest,
        findings: &mut Findings,
    ) {
        let id = &event.id;
        if !self.trees.contains_key(&id.chain) {
            let claims = self.claims.get(&id.chain);
            let base = claims.and_then(|claims| claims.values().next()).map_or(0, |one| one.base);
            let edge = self.edges.get(&id.chain).filter(|(before, _)| before + 1 == id.seq);
            let range = edge.map_or_else(|| Range::at(0), |(_, tree)| tree.clone());
            let headless = edge.is_none() && id.seq > base + 1;
            // The control chain counts its leaves, so that a place of it is no leaf's number.
            let start = if headless { id.seq - 1 - base } else { 0 };
            let range = if headless { Range::at(start) } else { range };
            self.trees.insert(
                id.chain.clone(),
                Tree {
                    base,
                    range,
                    last: id.clone(),
                    head: Digest::ZERO,
                    covered: 0,
                    useless: false,
                    headless,
                    uncovered_spans: 0,
                    last_span: 0,
                },
            );
        }
        let Some(tree) = self.trees.get_mut(&id.chain) else { return };
        let begun = tree.range.end() > tree.range.begin();
        if id.seq <= tree.base || (begun && id.seq <= tree.last.seq) {
            return;
        }
        let jumps = jumps_from(event) == Some(tree.last.seq);
        if begun && id.seq != tree.last.seq + 1 && !jumps {
            // The chain names the hole, when the node did not state it.
            tree.useless |= id.chain != Chain::Control;
            tree.headless = true;
            tree.range = Range::at(id.seq - 1 - tree.base);
        }
        tree.range.push(leaf);
        (tree.last, tree.head) = (id.clone(), hash);
        tree.uncovered(event.time);
        self.compare(&id.chain.clone(), findings);
    }

    /// Compares a tree with the checkpoint of its size, when there is one.
    fn compare(&mut self, chain: &Chain, findings: &mut Findings) {
        let Some(tree) = self.trees.get_mut(chain).filter(|tree| !tree.useless) else { return };
        let claims = self.claims.get(chain);
        let Some(claim) = claims.and_then(|claims| claims.get(&tree.range.end())) else { return };
        let is_it =
            if tree.headless { claim.head == tree.head } else { claim.root == tree.range.root() };
        if claim.base == tree.base && is_it {
            (tree.covered, tree.uncovered_spans) = (tree.last.seq, 0);
            return;
        }
        if tree.headless && *chain == Chain::Control {
            // Its places may jump, so the number of leaves before it is a guess.
            return;
        }
        tree.useless = true;
        let (first, last) = (tree.covered.max(tree.base) + 1, tree.last.seq);
        let fault = Fault::Seal(SealFault::Rewritten { first, last });
        let turn = findings.turn();
        let (event, place) = (Some(tree.last.clone()), claim.place.clone());
        findings.put(turn, Finding { event, place, fault });
    }

    /// Whether the control chain is shorter so far than what was signed of it.
    pub(crate) fn want_more(&self) -> bool {
        let newest = self.claims.get(&Chain::Control).and_then(|claims| claims.last_key_value());
        let tree = self.trees.get(&Chain::Control);
        let short = |(size, tree): (u64, &Tree)| size > tree.range.end() && tree.is_whole();
        newest.map(|(size, _)| *size).zip(tree).is_some_and(short)
    }

    /// Names what is shorter than what was signed, and says what was not verified.
    pub(crate) fn finish(
        mut self,
        partial: bool,
        findings: &mut Findings,
    ) -> (Vec<SealReport>, Vec<String>) {
        let mut reports = Vec::new();
        for (chain, claims) in std::mem::take(&mut self.claims) {
            let Some((&size, newest)) = claims.last_key_value() else { continue };
            let sealed = newest.base + size;
            let Some(tree) = self.trees.get(&chain) else {
                reports.push(SealReport { chain, sealed, covered: 0, here: false });
                continue;
            };
            if !tree.useless && !partial {
                self.compare_ends(&chain, tree, size, newest, findings);
            }
            let covered = tree.covered;
            if tree.headless && covered == 0 && !partial {
                self.doubt(format!("the start of chain {chain} is not here"));
            }
            reports.push(SealReport { chain, sealed, covered, here: true });
        }
        let sealed = |chain: &Chain| reports.iter().any(|one| one.chain == *chain);
        if let Some(tree) = self.trees.get(&Chain::Control)
            && !partial
            && !sealed(&Chain::Control)
        {
            let signs = !(self.registered.members.is_empty() && self.registered.former.is_empty());
            if signs && (!self.given || tree.is_long_uncovered()) {
                self.doubt("there is no checkpoint of the control chain".to_owned());
            }
        }
        (reports, self.unverified)
    }

    /// A chain's end against the newest checkpoint of it.
    fn compare_ends(
        &self,
        chain: &Chain,
        tree: &Tree,
        size: u64,
        newest: &Claim,
        findings: &mut Findings,
    ) {
        let (found, expected) = (tree.last.seq, newest.base + size);
        let mut put = |event: EventId, place: Option<Place>, fault: Fault| {
            let turn = findings.turn();
            findings.put(turn, Finding { event: Some(event), place, fault });
        };
        let old = |covers: u64, newer: u64| {
            Fault::Seal(SealFault::OldCheckpoint { chain: chain.clone(), covers, newer })
        };
        if size > tree.range.end() && (tree.is_whole() || *chain != Chain::Control) {
            let epoch = tree.last.epoch;
            let event = EventId { chain: chain.clone(), epoch, seq: expected };
            put(event, newest.place.clone(), Fault::Truncated { expected, found });
            if let Some((oldest, place)) = self.oldest.get(chain).filter(|(at, _)| *at < size) {
                let fault = old(newest.base + oldest, expected);
                put(tree.last.clone(), place.clone(), fault);
            }
        }
        if *chain == Chain::Control && tree.is_long_uncovered() && tree.covered > 0 {
            put(tree.last.clone(), newest.place.clone(), old(tree.covered, found));
        }
    }
}
