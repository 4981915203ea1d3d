//! A held command in its session: asking for an approval, waiting for it, spending it.
//!
//! Every way out tells the gate; what is asked for is withdrawn on all of them but one. Nothing is
//! waited for without a bound: the request ends, the session ends, or contact is over.

use std::future::Future;
use std::time::Duration;

use consensus_state::{Approval, Asked, Denied, Reply, State, Status};
use node_enforce::mask::mask_by_default;
use node_gate::{Ask, Input, Output};
use proto::entry::{ApprovalConsumption, ApprovalId, Entry, Ruling, Withdrawn};
use proto::refusal::{Code, Told};
use proto::time::Utc;
use tokio::time::Instant;

use super::{Session, TICK, contact_lost, ending};
use crate::approvers;
use crate::live::{Doing, Ended};
use crate::ports::{ControlError, ControlExt};
use crate::spending::{self, Unspent};
use crate::tether::changed;
use crate::waiting::Waiting;

/// What the gate wants done next, or what the driver is told when it cannot be asked.
type Outputs = Result<Vec<Output>, Told>;

impl Session {
    /// Takes an approval that the session has already and that covers the command, or asks for one
    /// and waits until something came of it.
    pub(super) async fn ask(&mut self, ask: &Ask, waiting: &mut dyn Waiting) -> Outputs {
        let names = ask.rule_names();
        let held = self
            .ports
            .control
            .look(|state| state.session_approval(&self.id, &names).map(|approval| approval.id));
        match held {
            Some(approval) => self.tell(Input::Approved(approval)),
            None => self.request(ask, waiting).await,
        }
    }

    async fn request(&mut self, ask: &Ask, waiting: &mut dyn Waiting) -> Outputs {
        let people = self.ports.control.views().borrow().people.clone();
        let approvers = match approvers::of(ask, &people) {
            Ok(approvers) => approvers,
            Err(told) => return self.tell(Input::NotApproved(told)),
        };
        let entry = Entry::ApprovalRequested(ask.request(approvers));
        let control = self.ports.control.clone();
        let reply = match self.patiently(waiting, control.propose(entry)).await {
            Ok(reply) => reply,
            Err(outputs) => {
                // If it stands already, it is withdrawn; if not, it ends with the session.
                self.asks = control.look(|state| asked_by(state, ask));
                return outputs;
            }
        };
        let approval = match reply {
            Ok(Reply::Approval(approval)) => approval,
            Ok(Reply::Refused(Denied::PolicyChanged { .. })) => return self.catch_up(),
            Ok(Reply::Refused(denied)) => return self.tell(Input::NotApproved(refused(&denied))),
            Ok(_) => return self.tell(Input::NotApproved(Told::plain(Code::Internal))),
            Err(error) => return self.tell(Input::NotApproved(error.told())),
        };
        self.asks = Some(approval);
        self.listed.doing(Doing::Waiting { approval });
        self.say_what_is_asked(ask, approval, waiting);
        self.until_ruled(approval, ask.expires, waiting).await
    }

    fn say_what_is_asked(&self, ask: &Ask, approval: ApprovalId, waiting: &mut dyn Waiting) {
        let expires =
            self.ports.control.look(|state| state.approval(approval).map(|one| one.expires));
        let until =
            expires.map_or_else(String::new, |expires| format!(" until {}", minute(expires)));
        waiting.tell(Told::new(Code::Held, ask.why.clone()));
        let text = format!(
            "It waits as approval {approval}{until}. Whoever may approve it runs: \
             sallyport approvals approve {approval} --reason …"
        );
        waiting.tell(Told::new(Code::Held, text));
    }

    /// Waits until everybody who must has approved, or until that cannot be any more.
    async fn until_ruled(
        &mut self,
        approval: ApprovalId,
        expires: Duration,
        waiting: &mut dyn Waiting,
    ) -> Outputs {
        // The cluster ends the request; this only bounds the waiting for it.
        let late = Instant::now() + expires + self.judged_by.contact * 2;
        let control = self.ports.control.clone();
        let ruled = async {
            let mut views = control.views();
            loop {
                let seen = views.borrow_and_update().approvals;
                let became = control.look(|state| state.approval(approval).map(became));
                match became {
                    Some(Became::Open) => {}
                    Some(other) => return other,
                    // It ended so long ago that it is not kept any more.
                    None => return Became::Over(Told::plain(Code::ApprovalExpired)),
                }
                while views.borrow().approvals == seen {
                    changed(&mut views).await;
                }
            }
        };
        let in_time = tokio::time::timeout_at(late, ruled);
        let became = match self.patiently(waiting, in_time).await {
            Ok(became) => {
                became.unwrap_or_else(|_| Became::Over(Told::plain(Code::ApprovalExpired)))
            }
            Err(outputs) => return outputs,
        };
        match became {
            Became::Approved(by) => {
                waiting.tell(Told::new(Code::Held, format!("Approved by {by}: it goes.")));
                self.tell(Input::Approved(approval))
            }
            Became::Open => self.tell(Input::NotApproved(Told::plain(Code::Internal))),
            Became::Outdated => self.outdated(),
            Became::Over(told) => {
                self.asks = None;
                self.listed.doing(Doing::Nothing);
                self.tell(Input::NotApproved(told))
            }
        }
    }

    /// Spends an approval on the held command.
    pub(super) async fn spend(
        &mut self,
        asked: ApprovalConsumption,
        ask: &Ask,
        waiting: &mut dyn Waiting,
    ) -> Outputs {
        let (control, tether) = (self.ports.control.clone(), self.tether.clone());
        let approval = asked.approval;
        let spent = async {
            loop {
                // Without contact it waits: nothing is let go.
                tether.fresh().await;
                match spending::spend(&*control, asked.clone()).await {
                    // Nothing was spent, so it may be tried again for as long as it may wait.
                    Err(Unspent::NoReply(ControlError::NoQuorum)) => tether.next_contact().await,
                    other => return other,
                }
            }
        };
        let spent = match self.patiently(waiting, spent).await {
            Ok(spent) => spent,
            Err(outputs) => return outputs,
        };
        match spent {
            Ok(consumption) => {
                self.asks = None;
                self.say_of_the_stream()?;
                self.tell(Input::Consumed(consumption, self.tether.leash()))
            }
            Err(Unspent::Denied(Denied::PolicyChanged { .. })) => self.catch_up(),
            // What the session had already does not hold any more: it asks after all.
            Err(Unspent::Denied(_)) if self.asks.is_none() => self.request(ask, waiting).await,
            Err(Unspent::Denied(denied)) => {
                let became = self.ports.control.look(|state| state.approval(approval).map(became));
                let told = match became {
                    Some(Became::Outdated) => return self.outdated(),
                    Some(Became::Over(told)) => told,
                    _ => refused(&denied),
                };
                self.asks = None;
                self.tell(Input::NotApproved(told))
            }
            // It may be spent or not. Once or never: so never.
            Err(Unspent::NoReply(error)) => self.tell(Input::NotApproved(error.told())),
        }
    }

    /// Another policy ended the request before this session heard of that policy.
    fn outdated(&mut self) -> Outputs {
        self.asks = None;
        self.listed.doing(Doing::Nothing);
        self.catch_up()
    }

    /// The control plane judged by a newer policy than this session: so it judges again.
    fn catch_up(&mut self) -> Outputs {
        let view = self.ports.control.views().borrow().clone();
        match self.judge_again(view) {
            Ok(outputs) if !outputs.is_empty() => Ok(outputs),
            Ok(_) => self.tell(Input::NotApproved(Told::plain(Code::StaleRevision))),
            Err(ended) => self.end_held(ended),
        }
    }

    /// Does something for as long as the held command may wait. What ends the waiting is told to
    /// the gate; its answer is the error.
    async fn patiently<T>(
        &mut self,
        waiting: &mut dyn Waiting,
        work: impl Future<Output = T>,
    ) -> Result<T, Outputs> {
        tokio::pin!(work);
        let mut tick = tokio::time::interval(TICK);
        let tether = self.tether.clone();
        loop {
            let ended = tokio::select! {
                biased;
                ended = ending(&mut self.listed.end) => Some(ended),
                because = waiting.leaves() => return Err(self.tell(Input::Withdrawn(because))),
                () = changed(&mut self.rules) => {
                    let view = self.rules.borrow_and_update().clone();
                    match self.judge_again(view) {
                        Ok(outputs) if outputs.is_empty() => None,
                        Ok(outputs) => return Err(Ok(outputs)),
                        Err(ended) => Some(ended),
                    }
                }
                () = tether.over() => Some(contact_lost()),
                _ = tick.tick() => self.tick(),
                done = &mut work => return Ok(done),
            };
            if let Some(ended) = ended {
                return Err(self.end_held(ended));
            }
        }
    }

    fn end_held(&mut self, ended: Ended) -> Outputs {
        let because = match ended.told.code {
            Code::ContactLost | Code::Draining => Withdrawn::NodeLost,
            _ => Withdrawn::SessionEnded,
        };
        let told = self.end(ended);
        let mut outputs = vec![Output::Withdraw(because)];
        outputs.extend(self.tell(Input::NotApproved(told))?);
        Ok(outputs)
    }
}

/// The request for a command, when it stands.
fn asked_by(state: &State, ask: &Ask) -> Option<ApprovalId> {
    let mut approvals = state.approvals();
    let of_command = |approval: &&Approval| match &approval.asked {
        Asked::Command(request) => request.command == ask.command,
        Asked::Policy(_) => false,
    };
    approvals.find(of_command).map(|approval| approval.id)
}

/// What a request is to whoever waits for it.
enum Became {
    Open,
    /// By whom.
    Approved(String),
    /// A newer policy ended it: the command is judged again.
    Outdated,
    Over(Told),
}

fn became(approval: &Approval) -> Became {
    let by = |ruling: Ruling| {
        let said = approval.rulings.iter().filter(move |ruled| ruled.ruling == ruling);
        said.map(|ruled| (ruled.person.to_string(), ruled.reason.clone())).collect::<Vec<_>>()
    };
    match approval.status {
        Status::Open => Became::Open,
        Status::Approved => {
            let people: Vec<_> =
                by(Ruling::Approve).into_iter().map(|(person, _)| person).collect();
            Became::Approved(people.join(", "))
        }
        Status::Denied => Became::Over(match by(Ruling::Deny).into_iter().next_back() {
            Some((person, reason)) if reason.is_empty() => {
                Told::new(Code::ApprovalDenied, format!("The approval was denied by {person}."))
            }
            Some((person, reason)) => {
                let reason = mask_by_default(&reason);
                let text = format!("The approval was denied by {person}: {reason}");
                Told::new(Code::ApprovalDenied, text)
            }
            None => Told::plain(Code::ApprovalDenied),
        }),
        Status::Expired => Became::Over(Told::plain(Code::ApprovalExpired)),
        Status::Revoked => Became::Over(Told::plain(Code::ApprovalRevoked)),
        Status::Withdrawn(Withdrawn::PolicyChanged) => Became::Outdated,
        Status::Withdrawn(because) => {
            let text = format!("The request for an approval was withdrawn: {because}.");
            Became::Over(Told::new(Code::ApprovalWithdrawn, text))
        }
        // Only this session could have spent it, and it has not heard so.
        Status::Consumed { .. } => Became::Over(Told::plain(Code::OutcomeUnknown)),
    }
}

/// What the client is told when the control plane does not take a request or a spending.
fn refused(denied: &Denied) -> Told {
    Told::new(denied.code(), format!("The command does not run: {denied}."))
}

/// An instant to the second, as people read it.
fn minute(instant: Utc) -> String {
    let text = instant.to_string();
    let cut = text.split('.').next().unwrap_or(&text);
    format!("{} UTC", cut.replace('T', " "))
}
