//! A client's connection between its login and its end: one loop that never waits for a write, so
//! that neither side can hold the other up.
//!
//! The order is the promise: a statement is judged first, and what is sent of it comes out of its
//! permit; what the database says leaves only as releases of the session.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use node_enforce::mask::{Place, SILENT};
use node_gate::Ending;
use node_session::seal::Meter;
use node_session::{Over, Session};
use proto::event::{Counted, Stream};
use proto::refusal::{Code, Told};
use tokio::sync::oneshot;

use super::back::Canceller;
use super::cancel::Key;
use super::leg::Leg;
use super::lens::Lens;
use super::limits::{self, heard};
use super::node::Node;
use crate::attempts::Pace;
use crate::codec::frame::{BadFrame, HEADER_BYTES, whole};
use crate::codec::places::{Finder, Malformed};
use crate::codec::read;
use crate::codec::write::{self, Severity};
use crate::config::{TARGET_MESSAGE_BYTES, WAITING_BYTES};
use crate::conversation::{Conversation, Passed};
use crate::table::{self, Columns};
use crate::unsent::Unsent;
use crate::veil::Sight;

/// How many places of values a connection keeps room for while nothing runs.
const RESTING_PLACES: usize = 64;

/// How a connection ends.
#[derive(Debug)]
pub(super) enum End {
    /// The client said goodbye, or went without a word.
    ClientLeft,
    /// The database closed its connection.
    TargetLost,
    /// The gateway ends it, and says why.
    Told(Told),
}

impl From<Told> for End {
    fn from(told: Told) -> Self {
        Self::Told(told)
    }
}

/// What happened while nothing could be done.
enum Moved {
    Bytes,
    ClientGone,
    TargetGone,
    Cancelled,
    /// The command has run for as long as policy lets it.
    OutOfTime,
    /// The database has heard that it is to stop.
    Stopped,
    Drained,
    /// What was permitted was not written in time: there was no contact, or no room.
    TooLate,
}

/// A client's connection.
pub(super) struct Served {
    pub(super) node: Arc<Node>,
    pub(super) session: Session,
    pub(super) client: Leg,
    pub(super) target: Leg,
    pub(super) talk: Conversation,
    pub(super) key: Key,
    pub(super) canceller: Option<Arc<Canceller>>,
    /// A portal that no client can make: running it makes the database fail, and with it the
    /// transaction that a refused statement would have been part of, as any other error does.
    pub(super) refused: Vec<u8>,
    /// What was copied in.
    pub(super) input: Option<Meter>,
    /// What the database said was wrong with the command.
    pub(super) error: Option<Vec<u8>>,
    pub(super) places: Vec<Place>,
    /// What was permitted and is not written yet.
    pub(super) unsent: Unsent,
    /// What is known of what may be seen of the database.
    pub(super) lens: Lens,
    /// What was found out of the statement that is sent next.
    pub(super) looked: Arc<[Sight]>,
    /// What the client was told when the command was stopped.
    pub(super) stopped: Option<Told>,
    /// The database is being asked to stop: until it has heard that, nothing else is sent, or it
    /// could stop that.
    pub(super) stopping: Option<oneshot::Receiver<()>>,
    /// It is asked once more then.
    pub(super) stop_again: bool,
    pub(super) pace: Pace,
}

impl Served {
    /// Serves until it ends.
    pub(super) async fn run(&mut self) -> End {
        loop {
            match self.step().await {
                Ok(()) => {}
                Err(end) => return end,
            }
        }
    }

    async fn step(&mut self) -> Result<(), End> {
        // Everything that can be done is done before anything is waited for: so what belongs
        // together is written together.
        loop {
            let asked = self.requests().await?;
            let answered = self.answers().await?;
            if !asked && !answered {
                break;
            }
        }
        match self.wait().await? {
            Moved::Bytes => Ok(()),
            Moved::ClientGone => Err(End::ClientLeft),
            Moved::TargetGone => {
                // What it said last is still told.
                while self.answers().await? {}
                Err(End::TargetLost)
            }
            Moved::Cancelled => {
                self.stop();
                Ok(())
            }
            Moved::OutOfTime => {
                self.talk.allowance.is_late();
                self.stop();
                Ok(())
            }
            Moved::Stopped => {
                self.stop_is_heard();
                Ok(())
            }
            Moved::Drained => Err(Told::plain(Code::Draining).into()),
            Moved::TooLate => Err(Told::plain(Code::PermitExpired).into()),
        }
    }

    /// What is put in line next must begin to be written by then, or not at all.
    pub(super) fn must_go_by(&mut self, until: Duration) {
        self.unsent.permitted(self.target.put_bytes(), until);
    }

    async fn wait(&mut self) -> Result<Moved, End> {
        let Self { node, session, client, target, talk, key, unsent, stopping, .. } = self;
        let drains = talk.is_quiet();
        let until = talk.allowance.until().filter(|_| talk.runs());
        let clock = &node.sessions.ports().clock;
        let moved = async {
            tokio::select! {
                biased;
                () = node.drain.cancelled(), if drains => Moved::Drained,
                () = key.ring.heard() => Moved::Cancelled,
                () = heard(stopping) => Moved::Stopped,
                () = limits::over(clock.as_ref(), until) => Moved::OutOfTime,
                moved = poll_fn(|context| {
                    // Whenever this goes on, above all after a loss of contact.
                    if unsent.is_late(target.written_bytes(), clock.elapsed()) {
                        return Poll::Ready(Moved::TooLate);
                    }
                    poll_move(client, target, context)
                }) => moved,
            }
        };
        session.meanwhile(moved).await.map_err(|Over(told)| End::Told(told))
    }

    /// Passes on what the database says; whether it said anything.
    async fn answers(&mut self) -> Result<bool, End> {
        let mut any = false;
        while !self.client.is_full() {
            let Some(batch) = self.batch()? else { break };
            any = true;
            self.pass(&batch).await?;
            // What goes no further.
            drop(self.target.take(batch.left_out));
            if batch.stops {
                self.stop();
            }
            if batch.fails_copy {
                self.fail_copy();
            }
            if let Some(told) = batch.instead {
                if self.talk.has_command() {
                    self.stopped = Some(told.clone());
                }
                let mut out = Vec::new();
                write::told(&mut out, Severity::Error, &told);
                self.client.put_slice(&out);
            }
            if std::mem::take(&mut self.talk.veil.defined) {
                self.node.defined();
            }
            if let Some(failed) = self.talk.take_over() {
                self.ended(failed).await?;
            }
        }
        Ok(any)
    }

    /// Looks through the whole messages that have arrived.
    fn batch(&mut self) -> Result<Option<Batch>, End> {
        let arrived = self.target.arrived();
        let mut batch = Batch { columns: self.talk.columns_now(), ..Batch::default() };
        self.places.clear();
        while batch.bytes < WAITING_BYTES {
            let at = batch.bytes;
            let Some(frame) = whole(&arrived[at..], TARGET_MESSAGE_BYTES).map_err(bad_frame)?
            else {
                break;
            };
            let body = &arrived[at + HEADER_BYTES..at + frame.bytes];
            let finder = Finder { places: &mut self.places, at };
            let passed = self.talk.answered(frame.kind, body, finder).map_err(malformed)?;
            if frame.kind == b'E' && passed == Passed::On && self.talk.has_command() {
                let silent = self.talk.veil.hides(body);
                self.error = Some(shown(body, silent));
            }
            if passed != Passed::On {
                batch.ends_with(passed, frame.bytes)?;
                break;
            }
            batch.rows += u64::from(frame.kind == b'D');
            batch.bytes += frame.bytes;
        }
        if let Columns::Bound(_) = batch.columns {
            batch.columns = self.talk.columns_now();
        }
        Ok((batch.bytes > 0 || batch.left_out > 0).then_some(batch))
    }

    async fn pass(&mut self, batch: &Batch) -> Result<(), End> {
        if batch.bytes == 0 {
            return Ok(());
        }
        let messages: Bytes = self.target.take(batch.bytes);
        let release = self.session.values(messages, &self.places, batch.rows)?;
        if self.session.records_rows() {
            let shown = table::shown(release.bytes(), batch.columns.clone());
            self.session.results(&shown).await?;
        }
        self.client.put(release.into_bytes());
        Ok(())
    }

    /// The command is over: the record says how.
    pub(super) async fn ended(&mut self, failed: bool) -> Result<(), End> {
        if let Some(error) = self.error.take() {
            // For the record; the client has it already, as the protocol says it.
            drop(self.session.output(Stream::Errors, &error).await?);
        }
        let ending = match self.stopped.take() {
            Some(told) => Ending::Refused(told),
            None => Ending::Exited(u32::from(failed)),
        };
        let input = self.passed();
        if self.places.capacity() > RESTING_PLACES {
            self.places = Vec::new();
        }
        drop(self.session.ended(ending, input).await?);
        Ok(())
    }

    /// What was copied in by the command.
    pub(super) fn passed(&mut self) -> Counted {
        self.input.take().map_or_else(Counted::default, |meter| meter.total())
    }
}

/// Whole messages that may go on together.
#[derive(Default)]
struct Batch {
    bytes: usize,
    rows: u64,
    columns: Columns,
    /// What the client gets in place of the message behind them.
    instead: Option<Told>,
    /// How many bytes the message behind them has, which goes no further.
    left_out: usize,
    /// Whether the database is to be asked to stop.
    stops: bool,
    /// Whether the database waits for a copy that does not come.
    fails_copy: bool,
}

impl Batch {
    fn ends_with(&mut self, passed: Passed, bytes: usize) -> Result<(), End> {
        self.left_out = bytes;
        match passed {
            Passed::On => {}
            Passed::Instead(told) => self.instead = Some(told),
            Passed::Stop => self.stops = true,
            Passed::Nowhere(fails_copy) => self.fails_copy = fails_copy,
            Passed::Unfit(why) => {
                let text = format!("{why}: the gateway could not read what comes next.");
                return Err(Told::new(Code::SettingRefused, text).into());
            }
        }
        Ok(())
    }
}

fn bad_frame(error: BadFrame) -> End {
    tracing::warn!(%error, "a database's message is not passed on");
    let code = match error {
        BadFrame::TooLarge { .. } => Code::MessageTooLarge,
        BadFrame::Length { .. } => Code::TargetLost,
    };
    Told::plain(code).into()
}

fn malformed(error: Malformed) -> End {
    tracing::warn!(%error, "a database does not keep to the protocol");
    Told::plain(Code::TargetLost).into()
}

/// An error as the record shows it; it is masked on its way there. What the client is not shown of
/// it is not in the record either.
fn shown(body: &[u8], silent: bool) -> Vec<u8> {
    let mut line = Vec::new();
    if silent {
        line.extend_from_slice(read::field(body, b'C').unwrap_or_default());
        line.extend_from_slice(format!(" {SILENT}\n").as_bytes());
        return line;
    }
    for (letter, between) in [(b'C', &b" "[..]), (b'M', b"\n"), (b'D', b"\n"), (b'H', b"\n")] {
        if let Some(value) = read::field(body, letter) {
            line.extend_from_slice(value);
            line.extend_from_slice(between);
        }
    }
    line
}

/// Writes and reads whatever goes without waiting; done when there is something new to look at.
fn poll_move(client: &mut Leg, target: &mut Leg, context: &mut Context<'_>) -> Poll<Moved> {
    let was_full = (client.is_full(), target.is_full());
    if let Poll::Ready(Err(_)) = client.poll_flush(context) {
        return Poll::Ready(Moved::ClientGone);
    }
    if let Poll::Ready(Err(_)) = target.poll_flush(context) {
        return Poll::Ready(Moved::TargetGone);
    }
    let mut moved = was_full != (client.is_full(), target.is_full());
    match target.poll_fill(context) {
        Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Moved::TargetGone),
        Poll::Ready(Ok(_)) => moved = true,
        Poll::Pending => {}
    }
    match client.poll_fill(context) {
        Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Moved::ClientGone),
        Poll::Ready(Ok(_)) => moved = true,
        Poll::Pending => {}
    }
    if moved { Poll::Ready(Moved::Bytes) } else { Poll::Pending }
}
