//! What clients did and were told, as the shared oracles read it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use parking_lot::Mutex;
use proto::entry::ApprovalId;
use serde_json::json;

use crate::invariants::forbidden_after_t::{Allowed, Forbidden};
use crate::invariants::healed::Probe;
use crate::invariants::history::{Operation, Outcome};
use crate::invariants::linearizable::{
    Approvals, Asked, Calls, LockCall, Locks, Policies, PolicyCall, PolicyReply, Told as Answered,
};
use crate::live::Ran;

/// When a call was made and answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) invoked: Duration,
    pub(crate) returned: Duration,
}

/// A command that is held.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) node: String,
    pub(crate) session: String,
    pub(crate) command: u64,
    pub(crate) digest: String,
    pub(crate) text: String,
}

/// All that clients were told.
#[derive(Default)]
pub(crate) struct Told(Mutex<Inner>);

#[derive(Clone, Default)]
pub(super) struct Inner {
    pub(super) approvals: BTreeMap<String, Calls<Approvals>>,
    pub(super) policies: Calls<Policies>,
    pub(super) locks: BTreeMap<String, Calls<Locks>>,
    pub(super) forbidden: BTreeMap<String, Forbidden>,
    pub(super) allowed: Vec<Allowed>,
    /// What was acknowledged, in the words of the control chain.
    pub(super) acknowledged: BTreeSet<String>,
    /// Events of nodes about held commands.
    pub(super) events: Vec<String>,
    pub(super) ran: Vec<Ran>,
    pub(super) probes: Vec<Probe>,
    pub(super) violations: Vec<String>,
}

fn operation<Call, Reply>(
    client: &str,
    Span { invoked, returned }: Span,
    call: Call,
    outcome: Outcome<Reply>,
) -> Operation<Call, Reply> {
    Operation { client: client.to_owned(), invoked, returned, call, outcome }
}

impl Told {
    pub(super) fn all(&self) -> Inner {
        self.0.lock().clone()
    }

    /// A request stands; from now on its world may end it by itself.
    pub(crate) fn requested(&self, id: ApprovalId, client: &str, span: Span, count: usize) {
        use crate::invariants::linearizable::Seen;
        let mut told = self.0.lock();
        told.acknowledged.insert(format!("approval.requested {id}"));
        let calls = told.approvals.entry(format!("approval {id}")).or_default();
        let (call, reply) = (Asked::Request { count }, Answered::Stands(Seen::Open));
        calls.push(operation(client, span, call, Outcome::Done(reply)));
        calls.push(operation("its world", span, Asked::End, Outcome::Unknown));
    }

    pub(crate) fn approval(
        &self,
        id: ApprovalId,
        client: &str,
        span: Span,
        call: Asked,
        outcome: Outcome<Answered>,
    ) {
        let operation = operation(client, span, call, outcome);
        self.0.lock().approvals.entry(format!("approval {id}")).or_default().push(operation);
    }

    /// An approval was spent: its command runs.
    pub(crate) fn spent(&self, id: ApprovalId, held: &Held, index: u64, at: Duration) {
        let mut told = self.0.lock();
        told.acknowledged.insert(format!("approval.consumed {id}"));
        let Held { node, session, command, digest, text } = held;
        let mut event = |kind: &str, more: serde_json::Value| {
            let mut data = json!({
                "chain": node, "session": session, "command": command, "digest": digest,
            });
            if let (Some(data), Some(more)) = (data.as_object_mut(), more.as_object()) {
                data.extend(more.clone());
            }
            let event = json!({ "type": format!("io.sallyport.{kind}.v1"), "data": data });
            told.events.push(event.to_string());
        };
        event("command.released", json!({ "approval": id.0, "applied": index }));
        event("command.started", json!({}));
        told.ran.push(Ran { command: text.clone(), at, was_recorded: None });
    }

    /// A command is held.
    pub(crate) fn held(&self, held: &Held) {
        let Held { node, session, command, digest, text } = held;
        let data = json!({
            "chain": node, "session": session, "command": command, "digest": digest,
            "text": text, "verdict": "hold",
        });
        let event = json!({ "type": "io.sallyport.command.judged.v1", "data": data });
        self.0.lock().events.push(event.to_string());
    }

    pub(crate) fn policy(
        &self,
        client: &str,
        span: Span,
        call: PolicyCall,
        outcome: Outcome<PolicyReply>,
    ) {
        self.0.lock().policies.push(operation(client, span, call, outcome));
    }

    pub(crate) fn lock(&self, key: &str, span: Span, call: LockCall, outcome: Outcome<bool>) {
        let operation = operation("somebody", span, call, outcome);
        self.0.lock().locks.entry(key.to_owned()).or_default().push(operation);
    }

    pub(crate) fn locks(&self) -> Vec<String> {
        self.0.lock().locks.keys().cloned().collect()
    }

    pub(crate) fn acknowledged(&self, what: String) {
        self.0.lock().acknowledged.insert(what);
    }

    /// A lock forbids something, until it was asked to be lifted.
    pub(crate) fn forbids(&self, key: &str, forbidden: Forbidden) {
        self.0.lock().forbidden.insert(key.to_owned(), forbidden);
    }

    pub(crate) fn permits(&self, key: &str, at: Duration) {
        if let Some(forbidden) = self.0.lock().forbidden.get_mut(key) {
            forbidden.lifted = Some(forbidden.lifted.map_or(at, |before| before.min(at)));
        }
    }

    pub(crate) fn allowed(&self, allowed: Allowed) {
        self.0.lock().allowed.push(allowed);
    }

    pub(crate) fn probed(&self, probe: Probe) {
        self.0.lock().probes.push(probe);
    }

    pub(crate) fn violated(&self, what: String) {
        self.0.lock().violations.push(what);
    }
}
