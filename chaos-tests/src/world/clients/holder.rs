//! People who run commands that are held, and people who rule on them; some of them cheat.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use consensus_raft::Answer;
use consensus_state::{Denied, Reply, Status};
use parking_lot::Mutex;
use proto::entry::{
    ApprovalConsumption, ApprovalId, ApprovalRequest, ApprovalRevocation, ApprovalRuling,
    ApprovalWithdrawal, AskedRule, By, CommandRef, Covered, Entry, Ruling, SessionClosing,
    SessionOpening, Withdrawn,
};
use proto::ids::{Digest, Epoch, Name, SessionId};

use super::{PEOPLE, TARGETS, name, now, propose, read};
use crate::invariants::history::Outcome;
use crate::invariants::linearizable::{Asked, Seen, Told};
use crate::world::machine::Machine;
use crate::world::network::Id;
use crate::world::oracles::{CLOCK_BOUND, Held};
use crate::world::runtime::{self, OUTSIDE, sleep};
use crate::world::stage::Stage;

/// The last number of a session, by machine and epoch.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<BTreeMap<(Id, Epoch), u64>>);

impl Sessions {
    fn next(&self, machine: Id, epoch: Epoch) -> u64 {
        let mut numbers = self.0.lock();
        let number = numbers.entry((machine, epoch)).or_default();
        *number += 1;
        *number
    }
}

/// One session of somebody.
struct Session {
    stage: Arc<Stage>,
    machine: Arc<Machine>,
    person: Name,
    opening: SessionOpening,
}

/// Opens sessions and runs commands in them, as long as things break.
pub(crate) async fn hold(stage: Arc<Stage>, sessions: Arc<Sessions>, person: &'static str) {
    while stage.breaks() {
        sleep(runtime::draw(|dice| dice.millis(100, 1500))).await;
        let Some(machine) = stage.any() else { continue };
        let Some(epoch) = machine.serves() else { continue };
        let number = sessions.next(machine.id, epoch);
        let policy = machine.look(|node| {
            node.with_state(|state| state.policy().map_or(0, |policy| policy.revision))
        });
        let opening = SessionOpening {
            node: machine.name.clone(),
            epoch,
            session: SessionId::new(&machine.name, epoch, number),
            person: name(person),
            target: name(runtime::draw(|dice| dice.pick(TARGETS)).expect("targets")),
            login: "deploy".to_owned(),
            policy_revision: policy.unwrap_or(0),
            per_person: 20,
        };
        let (_, opened) = propose(&machine, Entry::SessionOpen(opening.clone())).await;
        let is_open = |answer: &Answer| answer.reply == Reply::SessionOpened;
        if !matches!(&opened, Outcome::Done(answer) if is_open(answer)) {
            continue;
        }
        let (stage, person) = (Arc::clone(&stage), name(person));
        let session = Session { stage, machine, person, opening };
        for command in 1..=runtime::draw(|dice| dice.between(1, 3)) {
            session.run(command).await;
        }
        if runtime::draw(|dice| dice.permille(700)) {
            let session_id = session.opening.session.clone();
            let close = Entry::SessionClose(SessionClosing { session: session_id });
            drop(propose(&session.machine, close).await);
        }
    }
}

impl Session {
    async fn run(&self, number: u64) {
        let Self { stage, machine, person, opening } = self;
        let SessionOpening { node, epoch, session, .. } = opening.clone();
        let digest = Digest([runtime::draw(|dice| dice.any()).to_le_bytes()[0]; 32]);
        let command = CommandRef { node, epoch, session, command: number, digest };
        let policy_revision = machine.look(|node| {
            node.with_state(|state| state.policy().map_or(0, |policy| policy.revision))
        });
        let rules = rules(person);
        let count = rules.iter().map(|rule| rule.count as usize).max().unwrap_or(1);
        let held = Held {
            node: command.node.to_string(),
            session: command.session.to_string(),
            command: number,
            digest: digest.to_string(),
            text: format!("run {} {number}", command.session),
        };
        let request = ApprovalRequest {
            command,
            person: person.clone(),
            target: opening.target.clone(),
            login: opening.login.clone(),
            text: held.text.clone(),
            incomplete: false,
            policy_revision: policy_revision.unwrap_or(0),
            rules,
            covered: Covered::Command,
            expires_ms: runtime::draw(|dice| dice.between(800, 30_000)),
        };
        stage.told.held(&held);
        stage.applied.asks(&request.command.session, number);
        let entry = Entry::ApprovalRequested(request.clone());
        let (span, outcome) = propose(machine, entry).await;
        let Outcome::Done(Answer { reply: Reply::Approval(id), .. }) = outcome else { return };
        stage.told.requested(id, person.as_str(), span, count);
        for _ in 0..runtime::draw(|dice| dice.between(1, 5)) {
            let ruling = rule(Arc::clone(stage), id, person.clone());
            drop(runtime::spawn_in(OUTSIDE, ruling));
        }
        let last = span.returned + Duration::from_millis(request.expires_ms) + CLOCK_BOUND;
        self.take(id, &request, &held, last).await;
    }

    /// Takes what was approved, in good order or not.
    async fn take(&self, id: ApprovalId, request: &ApprovalRequest, held: &Held, last: Duration) {
        let longest = if runtime::draw(|dice| dice.permille(100)) { 20_000 } else { 3000 };
        sleep(runtime::draw(|dice| dice.millis(0, longest))).await;
        let stage = &self.stage;
        look(stage, id).await;
        if runtime::draw(|dice| dice.permille(120)) {
            let because = Withdrawn::ClientLeft;
            let entry = Entry::ApprovalWithdrawn(ApprovalWithdrawal { approval: id, because });
            let (span, outcome) = propose(&self.machine, entry).await;
            if !matches!(outcome, Outcome::Refused) {
                // It may have been over before.
                stage.told.approval(id, "who asked", span, Asked::End, Outcome::Unknown);
            }
        }
        let other = stage.any().unwrap_or_else(|| Arc::clone(&self.machine));
        let mut command = request.command.clone();
        if runtime::draw(|dice| dice.permille(150)) {
            command.digest = Digest([0xff; 32]);
            self.consume(&self.machine, id, request, &command, held, last).await;
        }
        let command = &request.command;
        if runtime::draw(|dice| dice.permille(400)) {
            let one = self.consume(&self.machine, id, request, command, held, last);
            let two = self.consume(&other, id, request, command, held, last);
            tokio::join!(biased; one, two);
        } else {
            self.consume(&self.machine, id, request, command, held, last).await;
        }
        if runtime::draw(|dice| dice.permille(300)) {
            sleep(runtime::draw(|dice| dice.millis(0, 3000))).await;
            self.consume(&other, id, request, command, held, last).await;
            look(stage, id).await;
        }
    }

    async fn consume(
        &self,
        machine: &Arc<Machine>,
        id: ApprovalId,
        request: &ApprovalRequest,
        command: &CommandRef,
        held: &Held,
        last: Duration,
    ) {
        let current = machine.look(|node| {
            node.with_state(|state| state.policy().map_or(0, |policy| policy.revision))
        });
        let consumption = ApprovalConsumption {
            approval: id,
            command: command.clone(),
            policy_revision: current.unwrap_or(0),
            rules: request.rules.iter().map(|rule| rule.rule.clone()).collect(),
        };
        let (span, outcome) = propose(machine, Entry::ApprovalConsumed(consumption)).await;
        let told = &self.stage.told;
        let outcome = match outcome {
            Outcome::Done(Answer { index, reply }) => match reply {
                Reply::Consumed { .. } => {
                    told.spent(id, held, index, now());
                    if span.invoked > last {
                        told.violated(format!("approval {id} was spent long after its time"));
                    }
                    Outcome::Done(Told::Stands(Seen::Consumed))
                }
                Reply::Refused(
                    Denied::ApprovalOver(_) | Denied::NotApproved | Denied::UnknownApproval(_),
                ) => Outcome::Done(Told::Over),
                _ => Outcome::Refused,
            },
            Outcome::Refused => Outcome::Refused,
            Outcome::Unknown => Outcome::Unknown,
        };
        told.approval(id, self.person.as_str(), span, Asked::Consume, outcome);
    }
}

/// Who must approve. Somebody may put themselves among them.
fn rules(person: &Name) -> Vec<AskedRule> {
    let cheats = runtime::draw(|dice| dice.permille(150));
    let approvers = PEOPLE.iter().map(|one| name(one)).filter(|one| cheats || one != person);
    let approvers: Vec<_> = approvers.collect();
    let count = runtime::draw(|dice| u32::try_from(dice.between(1, 2)).unwrap_or(1));
    vec![AskedRule { rule: "second-pair-of-eyes".to_owned(), count, approvers }]
}

/// Somebody rules on a request after a while, perhaps twice, perhaps on their own.
async fn rule(stage: Arc<Stage>, id: ApprovalId, asker: Name) {
    let who = runtime::draw(|dice| dice.pick(PEOPLE)).expect("people");
    let ruling = match runtime::draw(|dice| dice.below(20)) {
        0 => return revoke(&stage, id).await,
        1 => Ruling::Deny,
        _ => Ruling::Approve,
    };
    let who = if runtime::draw(|dice| dice.permille(150)) { asker } else { name(who) };
    for _ in 0..runtime::draw(|dice| dice.between(1, 2)) {
        sleep(runtime::draw(|dice| dice.millis(0, 1500))).await;
        let Some(machine) = stage.any() else { continue };
        let by = By::Person(who.clone());
        let entry = ApprovalRuling { approval: id, by, ruling, reason: String::new() };
        let (span, outcome) = propose(&machine, Entry::ApprovalRuled(entry)).await;
        let outcome = match outcome {
            Outcome::Done(answer) => match answer.reply {
                Reply::Ruled { status } => Outcome::Done(Told::Stands(seen(status))),
                Reply::Refused(Denied::ApprovalOver(_) | Denied::UnknownApproval(_)) => {
                    Outcome::Done(Told::Over)
                }
                Reply::Refused(Denied::AlreadyRuled(_)) => Outcome::Done(Told::AlreadyRuled),
                _ => Outcome::Refused,
            },
            Outcome::Refused => Outcome::Refused,
            Outcome::Unknown => Outcome::Unknown,
        };
        let call = match ruling {
            Ruling::Approve => Asked::Approve(who.to_string()),
            Ruling::Deny => Asked::Deny(who.to_string()),
        };
        stage.told.approval(id, who.as_str(), span, call, outcome);
    }
}

async fn revoke(stage: &Arc<Stage>, id: ApprovalId) {
    sleep(runtime::draw(|dice| dice.millis(0, 5000))).await;
    let Some(machine) = stage.any() else { return };
    let (by, reason) = (By::Administrator, String::new());
    let entry = Entry::ApprovalRevoked(ApprovalRevocation { approval: id, by, reason });
    let (span, outcome) = propose(&machine, entry).await;
    let outcome = match outcome {
        Outcome::Done(answer) => match answer.reply {
            Reply::Done => Outcome::Done(Told::Stands(Seen::Ended)),
            Reply::Refused(Denied::ApprovalOver(_) | Denied::UnknownApproval(_)) => {
                Outcome::Done(Told::Over)
            }
            _ => Outcome::Refused,
        },
        Outcome::Refused => Outcome::Refused,
        Outcome::Unknown => Outcome::Unknown,
    };
    stage.told.approval(id, "administrator", span, Asked::End, outcome);
}

/// How a request stands, read at any machine.
async fn look(stage: &Arc<Stage>, id: ApprovalId) {
    let Some(machine) = stage.any() else { return };
    let (span, status) =
        read(&machine, move |state| state.approval(id).map(|approval| approval.status)).await;
    if let Some(Some(status)) = status {
        let told = Outcome::Done(Told::Stands(seen(status)));
        stage.told.approval(id, "a reader", span, Asked::Read, told);
    }
}

fn seen(status: Status) -> Seen {
    match status {
        Status::Open => Seen::Open,
        Status::Approved => Seen::Approved,
        Status::Denied => Seen::Denied,
        Status::Consumed { .. } => Seen::Consumed,
        Status::Withdrawn(_) | Status::Expired | Status::Revoked => Seen::Ended,
    }
}
