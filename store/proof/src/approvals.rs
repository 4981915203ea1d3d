//! Held commands against the control chain: each that ran took an approval that was asked for it,
//! satisfied by somebody else, and spent once.
//!
//! The two chains come in any interleaving, so that the comparison is made at the end. A record
//! without its control chain, or a part of one, cannot be compared; nor can approvals from before a
//! gap of that chain.

use std::collections::BTreeMap;

use proto::entry::{ApprovalId, Ruling};
use proto::event::{ApprovalConsumed, ApprovalRequested, CommandReleased, Event, Kind};
use proto::ids::{Chain, Digest, SessionId};

use crate::fault::Fault;
use crate::finding::{At, Findings};

/// How many approvals and released commands are compared; of further ones nothing is said.
const APPROVALS_LIMIT: usize = 1_000_000;

/// What the control chain says of one approval.
#[derive(Debug)]
struct Asked {
    /// The command; absent for a policy.
    command: Option<(SessionId, u64, Digest)>,
    person: String,
    covers_session: bool,
    satisfied: bool,
    over: bool,
    spent: bool,
}

/// A held command that its node let go.
#[derive(Debug)]
struct LetGo {
    session: SessionId,
    command: u64,
    approval: ApprovalId,
    digest: Digest,
    at: At,
}

#[derive(Debug, Default)]
pub(crate) struct Approvals {
    asked: BTreeMap<ApprovalId, Asked>,
    /// What each command took.
    taken: BTreeMap<(SessionId, u64), (ApprovalId, Digest)>,
    releases: Vec<LetGo>,
    control: bool,
    /// What was asked for before this control index may be in a part of the chain that is not here.
    excused: u64,
}

impl Approvals {
    /// Events of the control chain are not here, up to a control index.
    pub(crate) fn excuse(&mut self, before: u64) {
        self.excused = self.excused.max(before);
    }

    pub(crate) fn on(&mut self, event: &Event, at: &At, partial: bool, findings: &mut Findings) {
        let control = event.id.chain == Chain::Control;
        self.control |= control;
        match &event.kind {
            Some(Kind::CommandReleased(released)) if !control => self.released(event, released, at),
            Some(kind) if control => self.decided(kind, at, partial, findings),
            _ => {}
        }
    }

    fn released(&mut self, event: &Event, released: &CommandReleased, at: &At) {
        let Some(session) = event.about.session.clone() else { return };
        if self.releases.len() < APPROVALS_LIMIT {
            let CommandReleased { command, approval, digest, .. } = *released;
            self.releases.push(LetGo { session, command, approval, digest, at: at.clone() });
        }
    }

    fn decided(&mut self, kind: &Kind, at: &At, partial: bool, findings: &mut Findings) {
        match kind {
            Kind::ApprovalRequested(requested) => self.requested(requested),
            Kind::ApprovalRuled(ruled) => {
                let Some(asked) = self.asked.get_mut(&ruled.approval) else { return };
                asked.over |= ruled.ruling == Ruling::Deny;
                asked.satisfied |= ruled.satisfied;
                if asked.person == ruled.person.as_str() {
                    findings.push(at, Fault::SelfApproved { approval: ruled.approval });
                }
            }
            Kind::ApprovalConsumed(consumed) => self.consumed(consumed, at, partial, findings),
            Kind::ApprovalWithdrawn(event) => self.ends(event.approval),
            Kind::ApprovalExpired(event) => self.ends(event.approval),
            Kind::ApprovalRevoked(event) => self.ends(event.approval),
            _ => {}
        }
    }

    fn requested(&mut self, requested: &ApprovalRequested) {
        if self.asked.len() >= APPROVALS_LIMIT {
            return;
        }
        let command = requested.command.as_ref();
        let asked = Asked {
            command: command.map(|held| (held.session.clone(), held.command, held.digest)),
            person: requested.person.clone(),
            covers_session: requested.for_ms.is_some(),
            satisfied: false,
            over: false,
            spent: false,
        };
        self.asked.insert(requested.approval, asked);
    }

    fn ends(&mut self, approval: ApprovalId) {
        if let Some(asked) = self.asked.get_mut(&approval) {
            asked.over = true;
        }
    }

    fn consumed(
        &mut self,
        consumed: &ApprovalConsumed,
        at: &At,
        partial: bool,
        findings: &mut Findings,
    ) {
        let approval = consumed.approval;
        let full = self.asked.len() >= APPROVALS_LIMIT;
        let command = consumed.by_session.clone().zip(consumed.by_command).zip(consumed.digest);
        match self.asked.get_mut(&approval) {
            Some(asked) => {
                let exact = asked.command.clone() == command.clone().map(flat);
                let own = exact || asked.covers_session;
                if !asked.satisfied || asked.over || !own {
                    findings.push(at, Fault::SpentUnapproved { approval });
                } else if asked.spent && !asked.covers_session {
                    findings.push(at, Fault::SpentTwice { approval });
                }
                asked.spent = true;
            }
            // It may have been asked for before the part that is here.
            None if partial || full || approval.0 < self.excused => {}
            None => findings.push(at, Fault::SpentUnapproved { approval }),
        }
        if let Some(((session, command), digest)) = command
            && self.taken.len() < APPROVALS_LIMIT
        {
            self.taken.insert((session, command), (approval, digest));
        }
    }

    /// Compares what was let go with what was spent on it.
    pub(crate) fn finish(self, partial: bool, findings: &mut Findings) {
        let full = self.taken.len() >= APPROVALS_LIMIT;
        if !self.control || partial || full {
            return;
        }
        for release in self.releases {
            let LetGo { session, command, approval, digest, at } = release;
            let taken = self.taken.get(&(session.clone(), command));
            if taken.is_none() && approval.0 < self.excused {
                continue;
            }
            if taken != Some(&(approval, digest)) {
                findings.push(&at, Fault::ReleasedUnapproved { session, command, approval });
            }
        }
    }
}

fn flat(((session, command), digest): ((SessionId, u64), Digest)) -> (SessionId, u64, Digest) {
    (session, command, digest)
}
