//! Takes lines of any chains in any interleaving, and hands each to its chain.

use std::collections::{BTreeMap, BTreeSet};

use proto::event::{EVENT_LIMIT, Event, Head};
use proto::ids::{Chain, Digest, Name};

use crate::approvals::Approvals;
use crate::chain::{ChainState, Fed};
use crate::fault::Fault;
use crate::finding::{At, Finding, Findings, Place};
use crate::gaps::Gaps;
use crate::report::{Report, Tally};

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

    /// Takes the exact bytes of one event, without a line's end. Events of one chain come in the
    /// chain's order; chains may be interleaved in any way.
    pub fn feed(&mut self, place: Place, bytes: &[u8]) {
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
            let state = ChainState::new(&event, self.partial, expected);
            self.chains.insert(event.id.chain.clone(), state);
        }
        if let Some(chain) = self.chains.get_mut(&event.id.chain) {
            self.gaps.on(&event);
            if chain.skips_to(&event) {
                self.approvals.excuse(event.applied);
            }
            self.approvals.on(&event, &at, self.partial, &mut self.findings);
            let fed = Fed { event: &event, hash: sha256(bytes), at };
            chain.feed(&fed, &self.gaps, &mut self.findings, &mut self.tally);
        }
    }

    fn unreadable(&mut self, place: Place, why: String) {
        let turn = self.findings.turn();
        let fault = Fault::Unreadable { why };
        self.findings.put(turn, Finding { event: None, place: Some(place), fault });
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
        self.approvals.finish(self.partial, &mut self.findings);
        let (findings, findings_left_out, tampered) = self.findings.into_parts();
        Report {
            tampered,
            chains,
            findings,
            findings_left_out,
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
