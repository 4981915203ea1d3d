//! Takes lines of any chains in any interleaving, and hands each to its chain.

use std::collections::{BTreeMap, BTreeSet};

use proto::event::{EVENT_LIMIT, Event, Head};
use proto::ids::{Chain, Digest, Name};

use crate::approvals::Approvals;
use crate::chain::{ChainState, Fed};
use crate::fault::Fault;
use crate::finding::{At, Finding, Findings, Place};
use crate::gaps::Gaps;
use crate::keys::Keys;
use crate::note::BadNote;
use crate::report::{Report, Tally};
use crate::seal_fault::SealFault;
use crate::seals::Seals;
use crate::session_roots::SessionRoots;
use crate::tree::{Range, leaf};

/// How many chains a record may have; events of further ones are unreadable.
const CHAINS_LIMIT: usize = 1024;

/// How many foreign clusters are told apart.
const CLUSTERS_LIMIT: usize = 64;

/// Checks a record line by line. Memory is bounded: what has closed is forgotten.
#[derive(Debug, Default)]
pub struct Verifier {
    cluster: Option<Name>,
    partial: bool,
    expected: BTreeMap<Chain, Head>,
    chains: BTreeMap<Chain, ChainState>,
    foreign: BTreeSet<Name>,
    approvals: Approvals,
    gaps: Gaps,
    seals: Seals,
    roots: SessionRoots,
    starts: BTreeSet<Chain>,
    begun: bool,
    learnt: bool,
    findings: Findings,
    tally: Tally,
}

impl Verifier {
    /// How far a clock may go back before somebody should look, in milliseconds.
    pub const CLOCK_TOLERANCE_MS: u64 = 5 * 60 * 1000;

    /// A verifier of a whole record: each node's chain begins with its first event.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The record is a part: chains may start anywhere, and the report says where.
    #[must_use]
    pub fn partial(mut self) -> Self {
        self.partial = true;
        self
    }

    /// The cluster whose record it must be; otherwise that of the first event.
    #[must_use]
    pub fn expect_cluster(mut self, cluster: Name) -> Self {
        self.cluster = Some(cluster);
        self
    }

    /// An event that is known from elsewhere to be in the record, e.g. the head of an earlier
    /// report. This alone shows that an end was cut off or written anew.
    #[must_use]
    pub fn expect_head(mut self, chain: Chain, head: Head) -> Self {
        self.expected.insert(chain, head);
        self
    }

    /// The public keys that are believed; without them those that the record names are taken, which
    /// proves only that it agrees with itself.
    #[must_use]
    pub fn believe(mut self, keys: Keys) -> Self {
        self.seals.believe(keys);
        self
    }

    /// The public keys that came with the record.
    #[must_use]
    pub fn registered(mut self, keys: Keys) -> Self {
        self.seals.register(keys);
        self
    }

    /// A checkpoint of a chain as a signed note, from the record or from elsewhere.
    ///
    /// # Errors
    /// [`BadNote`] when it is none.
    pub fn checkpoint(mut self, note: &str, place: Option<Place>) -> Result<Self, BadNote> {
        self.seals.note(note, place)?;
        Ok(self)
    }

    /// The chain may begin anywhere: what was before is known to be gone. The report says where it
    /// begins.
    #[must_use]
    pub fn starts(mut self, chain: Chain) -> Self {
        self.starts.insert(chain);
        self
    }

    /// Something that was found beside the events, e.g. of a file that holds them.
    pub fn found(&mut self, place: Place, fault: SealFault) {
        let turn = self.findings.turn();
        let (event, place) = (None, Some(place));
        self.findings.put(turn, Finding { event, place, fault: Fault::Seal(fault) });
    }

    /// Something that cannot be verified, and why.
    pub fn doubt(&mut self, why: String) {
        self.seals.doubt(why);
    }

    /// The tree over what is before the first event of a chain that is here.
    #[must_use]
    pub fn edge(mut self, chain: Chain, before: u64, tree: Range) -> Self {
        self.seals.edge(chain, before, tree);
        self
    }

    /// Learns of checkpoints and keys from an event, before the record is fed: then each is
    /// compared with the events that it covers, wherever in the record it is.
    pub fn learn(&mut self, place: &Place, bytes: &[u8]) {
        self.begin();
        self.learnt = true;
        if let Ok(event) = read(bytes) {
            let at = At { event: event.id.clone(), place: place.clone() };
            self.seals.learn(&event, &at, &mut self.findings);
        }
    }

    fn begin(&mut self) {
        if !std::mem::replace(&mut self.begun, true) {
            self.seals.begin(&mut self.findings);
        }
    }

    /// Takes the exact bytes of one event, without a line's end. Events of one chain come in the
    /// chain's order; chains may be interleaved in any way.
    pub fn feed(&mut self, place: Place, bytes: &[u8]) {
        self.begin();
        let event = match read(bytes) {
            Ok(event) => event,
            Err(why) => return self.unreadable(place, why),
        };
        let cluster = self.cluster.get_or_insert_with(|| event.cluster.clone());
        let at = At { event: event.id.clone(), place };
        if *cluster != event.cluster {
            let (expected, found) = (cluster.clone(), event.cluster.clone());
            if self.foreign.len() < CLUSTERS_LIMIT && self.foreign.insert(found.clone()) {
                self.findings.push(&at, Fault::ForeignCluster { expected, found });
            }
            return;
        }
        if !self.chains.contains_key(&event.id.chain) {
            if self.chains.len() == CHAINS_LIMIT {
                return self.unreadable(at.place, "too many chains in one record".to_owned());
            }
            let expected = self.expected.remove(&event.id.chain);
            let partial = self.partial || self.starts.contains(&event.id.chain);
            let state = ChainState::new(&event, partial, expected);
            self.chains.insert(event.id.chain.clone(), state);
        }
        if let Some(chain) = self.chains.get_mut(&event.id.chain) {
            self.gaps.on(&event);
            if chain.skips_to(&event) {
                self.approvals.excuse(event.applied);
            }
            let partial = self.partial || self.starts.contains(&Chain::Control);
            self.approvals.on(&event, &at, partial, &mut self.findings);
            if !self.learnt {
                self.seals.learn(&event, &at, &mut self.findings);
            }
            let (hash, leaf) = (sha256(bytes), leaf(bytes));
            self.roots.on(&event, leaf, &at, &mut self.findings);
            self.seals.take(&event, leaf, hash, &mut self.findings);
            let fed = Fed { event: &event, hash, at };
            chain.feed(fed, &self.gaps, &mut self.findings, &mut self.tally);
        }
    }

    fn unreadable(&mut self, place: Place, why: String) {
        let turn = self.findings.turn();
        let fault = Fault::Unreadable { why };
        self.findings.put(turn, Finding { event: None, place: Some(place), fault });
    }

    /// Whether the control chain is shorter so far than what was signed of it.
    #[must_use]
    pub fn wants_more(&self) -> bool {
        self.seals.want_more()
    }

    /// Says what was found.
    #[must_use]
    pub fn finish(mut self) -> Report {
        let mut chains = Vec::with_capacity(self.chains.len());
        for state in self.chains.into_values() {
            chains.extend(state.finish(&self.gaps, &mut self.findings, &mut self.tally));
        }
        for (chain, head) in self.expected {
            let turn = self.findings.turn();
            let event = proto::ids::EventId { chain, epoch: proto::ids::Epoch(0), seq: 0 };
            let fault = Fault::Truncated { expected: head.seq, found: 0 };
            self.findings.put(turn, Finding { event: Some(event), place: None, fault });
        }
        let without_start = self.partial || self.starts.contains(&Chain::Control);
        self.approvals.finish(without_start, &mut self.findings);
        let (seals, unverified) = self.seals.finish(self.partial, &mut self.findings);
        let (findings, findings_left_out, tampered) = self.findings.into_parts();
        Report {
            tampered,
            chains,
            findings,
            findings_left_out,
            seals,
            unverified,
            sessions: self.tally.sessions,
            unfinished_commands: self.tally.unfinished,
            unfinished_left_out: self.tally.unfinished_left_out,
        }
    }
}

fn read(bytes: &[u8]) -> Result<Event, String> {
    if bytes.len() > EVENT_LIMIT {
        return Err(format!("{} bytes are more than an event may have", bytes.len()));
    }
    let event = Event::read(bytes).map_err(|error| error.to_string())?;
    if event.id.seq == 0 {
        return Err("not an event: places begin with 1".to_owned());
    }
    Ok(event)
}

fn sha256(bytes: &[u8]) -> Digest {
    let mut digest = [0; 32];
    digest.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    Digest(digest)
}
