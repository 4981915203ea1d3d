//! From a command to its permit or refusal, by way of the record and, when it is held, of those who
//! may approve it.

use node_gate::{Ask, Command, CommandText, Ending, Input, Output, Permit, Preparation, Tie};
use proto::entry::ApprovalConsumption;
use proto::event::Counted;
use proto::reading::Durability;
use proto::refusal::{Code, Told};
use proto::target::TargetKind;
use store_log::{Pending, Receipt};

use super::{Session, contact_lost, ending};
use crate::keeping;
use crate::live::Doing;
use crate::waiting::{Patient, Waiting};

/// What the gate waits for next.
enum Next {
    /// Its event, to be kept.
    Record(Result<(Pending, Durability), Told>),
    /// Its event is kept in its place, which is all that policy asks.
    Queued(Receipt),
    Ask(Box<Ask>),
    Spend(Box<ApprovalConsumption>),
    Forward(Permit),
    Refuse(Told),
}

impl Session {
    /// Judges a command. The permit comes only after the verdict is durable, and, when a rule holds
    /// the command, after an approval was spent on it: until then whoever waits is told what for.
    ///
    /// It may be dropped while it waits: then nothing runs, and what was asked for is withdrawn
    /// when the session closes.
    ///
    /// # Errors
    /// What to tell the client: the command does not run.
    pub async fn judge(
        &mut self,
        text: Vec<u8>,
        waiting: &mut dyn Waiting,
    ) -> Result<Permit, Told> {
        let text = self.text(text)?;
        self.contact().await?;
        self.catch_up_with_record().await?;
        let view = self.ports.control.views().borrow().clone();
        drop(self.judge_again(view).map_err(|ended| self.end(ended))?);
        let sealed = self
            .sealer
            .seal(&self.id, self.gate.next_command(), text.bytes())
            .map_err(|error| Told::new(Code::Internal, error))?;
        let digest = self.ports.digest.digest(text.bytes());
        let command = Command { text, digest, sealed };
        self.say_of_the_stream()?;
        let mut outputs = self.tell(Input::Command(command, self.tether.leash()))?;
        let mut asked_for = None;
        let ruling = loop {
            outputs = match self.next(outputs).await? {
                Next::Record(Ok((pending, needed))) => {
                    match keeping::receipt(&self.ports.record, pending, needed).await {
                        Ok(receipt) => self.tell(Input::Recorded(receipt))?,
                        Err(told) => self.tell(Input::NotRecorded(told))?,
                    }
                }
                Next::Queued(receipt) => self.tell(Input::Recorded(receipt))?,
                Next::Record(Err(told)) => self.tell(Input::NotRecorded(told))?,
                Next::Ask(ask) => self.ask(asked_for.insert(*ask), waiting).await?,
                Next::Spend(asked) => {
                    let ask = asked_for.as_ref().ok_or_else(|| Told::plain(Code::Internal))?;
                    self.spend(*asked, ask, waiting).await?
                }
                Next::Forward(permit) => break Ok(permit),
                Next::Refuse(told) => break Err(told),
            };
        };
        if ruling.is_ok() {
            self.listed.doing(Doing::Running { command: self.gate.last_command() });
        }
        let verdict = if ruling.is_ok() { "allowed" } else { "refused" };
        metrics::counter!("sallyport_commands_total", "verdict" => verdict).increment(1);
        ruling
    }

    /// Whether the target may prepare a text, from which nothing runs yet. One that is blocked is
    /// judged as a command, so that the record says so; no command may be under way then.
    ///
    /// # Errors
    /// What to tell the client: the text is not sent.
    pub async fn prepare(&mut self, text: Vec<u8>) -> Result<Preparation, Told> {
        if let Some(preparation) = self.look(text.clone()).await? {
            return Ok(preparation);
        }
        let permit = self.judge(text, &mut Patient).await?;
        // The policy changed in between. What is not sent was not run, and says so.
        drop(permit);
        let told = Told::plain(Code::PermitExpired);
        self.ended(Ending::Refused(told.clone()), Counted::default()).await?;
        Err(told)
    }

    /// Whether a target may be asked something that only looks at what is there. Nothing is given
    /// of what is blocked: it is to be judged as a command, so that the record says so.
    ///
    /// # Errors
    /// What to tell the client: it is not asked.
    pub async fn look(&mut self, text: Vec<u8>) -> Result<Option<Preparation>, Told> {
        let checked = self.text(text)?;
        self.contact().await?;
        let view = self.ports.control.views().borrow().clone();
        drop(self.judge_again(view).map_err(|ended| self.end(ended))?);
        let now = self.ports.clock.now();
        Ok(self.gate.prepare(checked, self.tether.leash(), now))
    }

    fn text(&self, text: Vec<u8>) -> Result<CommandText, Told> {
        let taken = match self.target.kind {
            TargetKind::Postgres => CommandText::of_statement(text),
            TargetKind::Ssh | TargetKind::Kubernetes => CommandText::new(text),
        };
        taken.map_err(|long| Told::new(Code::CommandTooLong, long.to_string()))
    }

    /// Tells the gate whether the replicated stream takes events: what policy asks depends on it.
    pub(super) fn say_of_the_stream(&mut self) -> Result<(), Told> {
        let up = self.ports.record.has_stream();
        self.tell(Input::StreamUp(up)).map(drop)
    }

    /// Waits out a loss of contact before anything is decided.
    async fn contact(&mut self) -> Result<(), Told> {
        if self.ended.is_none() && self.tether.tie() == Tie::Fresh {
            return Ok(());
        }
        let tether = self.tether.clone();
        let ended = tokio::select! {
            biased;
            () = tether.fresh() => return Ok(()),
            () = tether.over() => contact_lost(),
            ended = ending(&mut self.listed.end) => ended,
        };
        Err(self.end(ended))
    }

    /// Does what the gate says, up to what it waits for.
    async fn next(&mut self, outputs: Vec<Output>) -> Result<Next, Told> {
        let mut next = None;
        let mut refused = None;
        for output in outputs {
            match output {
                Output::Append(append) if refused.is_none() => {
                    match keeping::append(&self.ports.record, &append).await {
                        Ok(kept) => {
                            next = match append.answer {
                                Some(Durability::Queued) => {
                                    self.in_flight.push_back(kept.pending);
                                    Some(Next::Queued(kept.queued))
                                }
                                Some(needed) => Some(Next::Record(Ok((kept.pending, needed)))),
                                None => next,
                            };
                        }
                        Err(told) => refused = Some(told),
                    }
                }
                Output::Append(_) => {}
                Output::Withdraw(because) => self.withdraw(because),
                Output::Ask(ask) => next = Some(Next::Ask(ask)),
                Output::Spend(asked) => next = Some(Next::Spend(asked)),
                Output::Forward(permit) => next = Some(Next::Forward(permit)),
                Output::Refuse(refusal) => next = Some(Next::Refuse(refusal.told().clone())),
                Output::End(told) => next = Some(Next::Refuse(told)),
                Output::Keep(..) | Output::Release(_) => return Err(Told::plain(Code::Internal)),
            }
        }
        match (next, refused) {
            // The last word of a refused command is not kept: it does not run all the same.
            (Some(Next::Refuse(told)), _) => Ok(Next::Refuse(told)),
            (_, Some(told)) => Ok(Next::Record(Err(told))),
            (Some(next), None) => Ok(next),
            (None, None) => Err(Told::plain(Code::Internal)),
        }
    }
}
