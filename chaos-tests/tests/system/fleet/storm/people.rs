//! What people do in a storm, each in a thread of their own. Faults may refuse or end whatever they
//! do: nobody is surprised, and what they saw is written down.

use std::thread::Scope;
use std::time::Duration;

use anyhow::Result;
use chaos_tests::invariants::forbidden_after_t::{Allowed, Forbidden};
use chaos_tests::invariants::history::{Operation, Outcome};
use chaos_tests::invariants::linearizable::{Asked, LockCall, PolicyCall, PolicyReply, Seen, Told};
use chaos_tests::live::fleet::{ALLOWED, BLOCKED, EDITOR, Fleet, HELD, HELD_BY_TWO, Word};
use chaos_tests::live::{LONG, marker, since_boot, until};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

use super::super::marked;
use super::history::History;

/// How long a client waits for a short command.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a client waits for an approval until it leaves.
const WAITS: Duration = Duration::from_secs(6);

/// Somebody in the storm.
struct Somebody<'a> {
    fleet: &'a Fleet,
    history: &'a History,
    random: StdRng,
}

/// Lets everybody come; they leave when the history is stopped.
pub(super) fn come<'scope>(
    scope: &'scope Scope<'scope, '_>,
    fleet: &'scope Fleet,
    history: &'scope History,
    random: &mut StdRng,
) {
    let mut one = |act: fn(&mut Somebody<'_>) -> Result<()>| {
        let random = StdRng::seed_from_u64(random.random());
        let mut somebody = Somebody { fleet, history, random };
        scope.spawn(move || {
            while history.goes_on() {
                // What fails is what the storm does; what must hold is judged from the history.
                act(&mut somebody).ok();
            }
        });
    };
    one(|alice| alice.runs("alice"));
    one(|eve| eve.beats("eve"));
    one(|alice| alice.asks("alice"));
    one(|dora| dora.asks("dora"));
    one(|bob| bob.rules("bob"));
    one(|carol| carol.rules("carol"));
    one(|ed| ed.edits());
    one(|ed| ed.locks());
}

fn operation<C, R>(
    client: &str,
    invoked: Duration,
    call: C,
    outcome: Outcome<R>,
) -> Operation<C, R> {
    let (client, returned) = (client.to_owned(), since_boot());
    Operation { client, invoked, returned, call, outcome }
}

/// An answer with a reply of its own when it was done or refused with some code.
fn reply<R>(word: &Word, done: R, told: &[(&str, R)]) -> Outcome<R>
where
    R: Clone,
{
    let of_code = told.iter().find(|(code, _)| word.refused_with(code));
    match (&word.outcome, of_code) {
        (Outcome::Done(()), _) => Outcome::Done(done),
        (_, Some((_, reply))) => Outcome::Done(reply.clone()),
        (Outcome::Refused, None) => Outcome::Refused,
        (Outcome::Unknown, None) => Outcome::Unknown,
    }
}

impl Somebody<'_> {
    fn node(&mut self) -> String {
        self.fleet.names().choose(&mut self.random).cloned().unwrap_or_default()
    }

    /// Lets some time pass.
    fn rests(&mut self, most_ms: u64) -> Result<()> {
        let time = Duration::from_millis(self.random.random_range(0..most_ms));
        let begun = since_boot();
        let over = || since_boot() > begun + time || !self.history.goes_on();
        until("time passes", LONG, || Ok(over().then_some(())))
    }

    /// Runs a command that is allowed, or one that is not.
    fn runs(&mut self, person: &str) -> Result<()> {
        let node = self.node();
        let ssh = self.fleet.ssh(person, &node).with(&["-o", "ConnectTimeout=3"]);
        if self.random.random_range(0..5) == 0 {
            ssh.run_with(BLOCKED, Vec::new(), PATIENCE)?;
            return Ok(());
        }
        let marked = marked(ALLOWED);
        self.history.happened().owners.insert(marked.marker.clone(), person.to_owned());
        let ended = ssh.run_with(&marked.command, Vec::new(), PATIENCE)?;
        if ended.text() == format!("{}\n", marked.marker) {
            self.history.happened().acknowledged.markers.insert(marked.marker);
        }
        Ok(())
    }

    /// Runs a command that goes on saying something, and leaves after a while.
    fn beats(&mut self, person: &str) -> Result<()> {
        let (node, marker) = (self.node(), marker());
        self.history.happened().owners.insert(marker.clone(), person.to_owned());
        let ssh = self.fleet.ssh(person, &node).with(&["-o", "ConnectTimeout=3"]);
        let mut beats = ssh.talk(&format!("while echo {marker}; do sleep 0.1; done"))?;
        let begun = since_boot();
        let stays = Duration::from_millis(self.random.random_range(200..4000));
        let over = || since_boot() > begun + stays || !self.history.goes_on();
        until(
            "it ends",
            LONG,
            || Ok((over() || beats.process().ended()?.is_some()).then_some(())),
        )?;
        beats.process().kill().ok();
        let heard = beats.heard().into_iter().map(|said| Allowed {
            what: format!("output of {marker} through {node}"),
            subjects: vec![format!("person {person}"), format!("node {node}")],
            at: said.at,
        });
        self.history.happened().heard.extend(heard);
        Ok(())
    }

    /// Runs a command that is held, and waits for its approval for a while.
    fn asks(&mut self, person: &str) -> Result<()> {
        let program = if self.random.random_bool(0.7) { HELD } else { HELD_BY_TWO };
        let count = if program == HELD { 1 } else { 2 };
        let (node, marked) = (self.node(), marked(program));
        self.history.happened().owners.insert(marked.marker.clone(), person.to_owned());
        let ssh = self.fleet.ssh(person, &node).with(&["-o", "ConnectTimeout=3"]);
        let invoked = since_boot();
        let mut client = ssh.talk(&marked.command)?;
        let (mut told, begun) = (0, since_boot());
        loop {
            told = self.is_asked(person, &client.errors(), told, count, invoked);
            let ended = client.process().ended()?;
            let leaves = since_boot() > begun + WAITS || !self.history.goes_on();
            if ended.is_some() || leaves {
                break;
            }
            let soon = since_boot() + Duration::from_millis(20);
            until("a moment", LONG, || Ok((since_boot() > soon).then_some(())))?;
        }
        client.process().kill().ok();
        let (status, _) = client.wait(PATIENCE)?;
        self.is_asked(person, &client.errors(), told, count, invoked);
        if status.success() && client.output().trim_end() == marked.marker {
            self.is_served(person, &client.errors(), invoked);
            self.history.happened().acknowledged.markers.insert(marked.marker);
        }
        Ok(())
    }

    /// Notes the requests that a client was told of behind those that are noted; gives how many it
    /// was told of in all.
    fn is_asked(
        &self,
        person: &str,
        errors: &str,
        noted: usize,
        count: usize,
        invoked: Duration,
    ) -> usize {
        let asked = Fleet::all_asked(errors);
        for id in asked.iter().skip(noted).copied() {
            let open = Told::Stands(Seen::Open);
            let request = operation(person, invoked, Asked::Request { count }, Outcome::Done(open));
            // The client, its node, a change of policy or time may end it at any moment. It may
            // also be spent although its client sees nothing of it: its node is killed, or the
            // policy changes in that moment and another request follows.
            let may = |call| operation("the cluster", invoked, call, Outcome::Unknown);
            let mut happened = self.history.happened();
            let calls = happened.approvals.entry(id).or_default();
            calls.extend([request, may(Asked::End), may(Asked::Consume)]);
            happened.open.push((id, person.to_owned()));
        }
        asked.len()
    }

    /// A held command ran: what its client was told of last was spent.
    fn is_served(&self, person: &str, errors: &str, invoked: Duration) {
        let Some(id) = Fleet::all_asked(errors).pop() else { return };
        let spent = Outcome::Done(Told::Stands(Seen::Consumed));
        let spent = operation(person, invoked, Asked::Consume, spent);
        let mut happened = self.history.happened();
        let calls = happened.approvals.entry(id).or_default();
        calls.retain(|call| call.call != Asked::Consume);
        calls.push(spent);
    }

    /// Rules on a request, perhaps for the second time, perhaps as somebody who may not.
    fn rules(&mut self, person: &str) -> Result<()> {
        let open = self.history.happened().open.clone();
        let Some((id, asker)) = open.choose(&mut self.random).cloned() else {
            return self.rests(200);
        };
        if self.random.random_bool(0.4) {
            self.history.happened().open.retain(|(open, _)| *open != id);
        }
        let (node, number) = (self.node(), id.to_string());
        let (who, what) = match self.random.random_range(0..10) {
            0 => (person, "deny"),
            1 => (asker.as_str(), "approve"),
            2 => ("admin", "approve"),
            _ => (person, "approve"),
        };
        let invoked = since_boot();
        let word = self.fleet.ask(who, &node, &["approvals", what, &number, "--reason", "storm"]).0;
        let told = [("SP-1513", Told::AlreadyRuled), ("SP-1514", Told::Over)];
        let outcome = reply(&word, Told::Ruled, &told);
        let call = match what {
            "deny" => Asked::Deny(who.to_owned()),
            _ => Asked::Approve(who.to_owned()),
        };
        let mut happened = self.history.happened();
        if matches!(outcome, Outcome::Done(Told::Ruled)) && (who == asker || who == "admin") {
            happened.usurped.push(format!("{who} ruled on approval {id}, which {asker} asked for"));
        }
        let ruled = operation(who, invoked, call, outcome);
        happened.approvals.entry(id).or_default().push(ruled);
        Ok(())
    }

    /// Puts a policy in force that differs in its remark, if nobody else did since it looked.
    fn edits(&mut self) -> Result<()> {
        self.rests(3000)?;
        let node = self.node();
        // What it believes may be old: then it is told so.
        let expected = self.fleet.status(&node)?.policy_revision;
        let document = marker();
        let file = self.fleet.document("policy", &self.fleet.policy(&document))?;
        let (path, number) = (file.display().to_string(), expected.to_string());
        let apply = ["policy", "apply", "-f", &path, "--expect-revision", &number, "-o", "json"];
        let invoked = since_boot();
        let (word, text) = self.fleet.ask(EDITOR, &node, &apply);
        let revision = serde_json::from_str::<Value>(&text).ok();
        let revision = revision.and_then(|json| json["revision"].as_u64()).unwrap_or_default();
        let in_force = PolicyReply::InForce { revision, document: document.clone() };
        let outcome = reply(&word, in_force, &[("SP-1510", PolicyReply::Stale)]);
        let call = PolicyCall::Set { expected: Some(expected), document };
        let set = operation(EDITOR, invoked, call, outcome);
        self.history.happened().policies.push(set);
        Ok(())
    }

    /// Locks eve out for a while.
    fn locks(&mut self) -> Result<()> {
        self.rests(2000)?;
        let (node, reason) = (self.node(), marker());
        let lock = ["lock", "set", "--person", "eve", "--reason", &reason, "-o", "json"];
        let invoked = since_boot();
        let (word, text) = self.fleet.ask(EDITOR, &node, &lock);
        let committed = since_boot();
        let outcome = reply(&word, true, &[]);
        let set = operation(EDITOR, invoked, LockCall::Set, outcome.clone());
        self.history.happened().locks.entry(reason.clone()).or_default().push(set);
        if outcome != Outcome::Done(true) {
            return Ok(());
        }
        let json: Value = serde_json::from_str(&text)?;
        let id = json.get(0).unwrap_or(&json)["id"].to_string();
        self.rests(6000)?;
        let node = self.node();
        let lift = ["lock", "lift", &id, "--reason", "storm"];
        let invoked = since_boot();
        let word = self.fleet.ask(EDITOR, &node, &lift).0;
        let lifted = operation(EDITOR, invoked, LockCall::Lift, reply(&word, false, &[]));
        let mut happened = self.history.happened();
        happened.locks.entry(reason).or_default().push(lifted);
        let subject = "person eve".to_owned();
        happened.forbidden.push(Forbidden { subject, committed, lifted: Some(invoked) });
        Ok(())
    }
}
