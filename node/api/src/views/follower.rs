//! One home that follows the node's record.
//!
//! It reads the record at its own pace and keeps nobody waiting: a home that is slow or away only
//! falls behind, and says so.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use proto::api::{ChainFolded, ViewsStatus};
use proto::ids::{Chain, Name};
use proto::refusal::{Code, Told};
use proto::time::Utc;
use store_log::{Backend, Position, ReadError, Stored};
use store_views::{
    Begins, Delivered, Hold, Home, HomeError, Projector, Reached, STEP_EVENTS, Standing,
};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::foreign::Earlier;
use crate::tail::Tail;

/// How many records are folded at a time: as many as one step takes; the fewer steps, the less
/// often rows are written that later events change again.
const BATCH: usize = STEP_EVENTS;
/// So many bytes at a time, about.
const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// How many records are read at a time.
const READ: usize = 256;

/// How long is waited for more once there is something: what comes within is one step, and one of
/// two events costs as much as one of a hundred.
const GATHER: Duration = Duration::from_millis(100);

/// How often a home is told that there is nothing new.
const BEAT: Duration = Duration::from_secs(2);

/// How long a home that cannot be used is left alone: at first, and at most.
const FIRST_REST: Duration = Duration::from_millis(200);
const LONGEST_REST: Duration = Duration::from_secs(10);

/// By how much the system prefers everybody else to the thread that folds.
const LATER: i32 = 10;

/// Why the views do not follow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FollowError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The home cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// What came before the record cannot be read.
    #[error("{0}")]
    Earlier(Told),
}

impl From<Told> for FollowError {
    fn from(told: Told) -> Self {
        Self::Earlier(told)
    }
}

impl FollowError {
    /// As it is told.
    #[must_use]
    pub fn told(&self) -> Told {
        let code = match self {
            Self::Log(_) => Code::RecordDamaged,
            Self::Home(HomeError::Damaged(_)) => Code::ViewsDamaged,
            Self::Home(_) => Code::ViewsUnreachable,
            Self::Earlier(told) => return told.clone(),
        };
        Told::new(code, self.to_string())
    }
}

/// A home, and how far the record is in it.
pub struct Follower {
    node: Name,
    name: &'static str,
    log: Arc<dyn Backend>,
    folding: Mutex<Folding>,
    /// What is told; never held while folding.
    said: Mutex<ViewsStatus>,
    /// Whether the home is told at times that there is nothing new.
    beats: bool,
    anew: Mutex<Option<Anew>>,
    asked: Notify,
}

/// The home is to be folded anew, beginning with what is not in the record any more.
#[derive(Clone)]
struct Anew(Option<Earlier>);

struct Folding {
    projector: Projector<Box<dyn Home>>,
    /// Everything up to here was offered; nothing while that is not known.
    position: Option<Position>,
    /// The furthest that it ever was.
    furthest: Position,
    /// The gap that the record was read again for.
    reread: Option<u64>,
}

impl Follower {
    /// A home that has not been looked at.
    #[must_use]
    pub fn new(node: &Name, log: Arc<dyn Backend>, home: Box<dyn Home>) -> Self {
        let name = home.name();
        let begins = Begins::WhereTheSourceDoes;
        let projector = Projector::new(home, format!("journal of {node}"), begins);
        let said = ViewsStatus {
            id: name.to_owned(),
            node: node.clone(),
            state: "starting".to_owned(),
            position: 0,
            last: 0,
            behind: 0,
            at: None,
            chains: Vec::new(),
            problem: None,
        };
        Self {
            node: node.clone(),
            name,
            log,
            folding: Mutex::new(Folding {
                projector,
                position: None,
                furthest: Position(0),
                reread: None,
            }),
            said: Mutex::new(said),
            beats: false,
            anew: Mutex::new(None),
            asked: Notify::new(),
        }
    }

    /// The home is told at times that there is nothing new, so that those who read it know.
    #[must_use]
    pub fn beating(mut self) -> Self {
        self.beats = true;
        self
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// How far it is.
    pub(crate) fn status(&self) -> ViewsStatus {
        let mut said = self.said.lock().clone();
        said.last = self.log.usage().last.0;
        said.behind = said.last.saturating_sub(said.position);
        if self.anew.lock().is_some() {
            "rebuilding".clone_into(&mut said.state);
        }
        said
    }

    /// Has it folded anew, as soon as nobody folds.
    pub(super) fn rebuild(&self, earlier: Option<Earlier>) {
        *self.anew.lock() = Some(Anew(earlier));
        self.asked.notify_one();
    }

    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&mut dyn Home) -> Result<T, HomeError>,
    ) -> Result<T, FollowError> {
        let mut folding = self.folding.lock();
        Ok(read(&mut **folding.projector.home())?)
    }

    /// Folds events of another node's chain; says how many were new. Those of this node's record
    /// come from there alone.
    pub(super) fn fold_foreign(&self, own: &Name, events: &[Bytes]) -> Result<usize, FollowError> {
        let mut folding = self.folding.lock();
        for bytes in events {
            let delivered = Delivered::read(bytes)
                .map_err(|error| ReadError::Damaged { position: 0, what: error.to_string() })?;
            let chain = &delivered.event.id.chain;
            if matches!(chain, Chain::Node(node) if node != own) {
                folding.projector.offer_from_one(delivered);
            }
        }
        let mut folded = 0;
        while folding.projector.in_line() > 0 {
            folded += folding.projector.fold(None)?.0;
        }
        Ok(folded)
    }

    /// Folds all that the log holds by now. After each step whoever waits to read has their turn,
    /// but while less is in the home than they could read before.
    pub(crate) fn catch_up(&self) -> Result<(), FollowError> {
        let until = self.log.usage().last;
        let mut was_damaged = false;
        let mut folding = self.folding.lock();
        loop {
            let mut result = self.step(&mut folding, until);
            if let Err(FollowError::Home(HomeError::Damaged(why))) = &result
                && !std::mem::replace(&mut was_damaged, true)
            {
                tracing::error!(home = self.name, why, "the views are damaged, and folded anew");
                let again = folding.projector.home().start_anew();
                folding.position = None;
                folding.projector.rewind();
                result = again.map(|()| true).map_err(Into::into);
            }
            if let Err(error) = &result {
                folding.position = None;
                let mut said = self.said.lock();
                "waiting".clone_into(&mut said.state);
                said.problem = Some(error.told());
            }
            self.measure();
            if !result? {
                return Ok(());
            }
            let position = folding.position.unwrap_or_default();
            if position >= folding.furthest {
                folding.furthest = position;
                MutexGuard::bump(&mut folding);
            }
        }
    }

    /// Folds as much as is folded at a time; whether there may be more up to `until`.
    fn step(&self, folding: &mut Folding, until: Position) -> Result<bool, FollowError> {
        self.begin_anew(folding)?;
        let position = match folding.position {
            Some(position) => position,
            None => Position(folding.projector.look()?.position),
        };
        folding.position = Some(position);
        let position = self.rewound(folding).unwrap_or(position);
        let last = self.log.usage().last;
        if position >= until && !self.again(folding) {
            if self.beats && position >= last {
                let at = Utc(0);
                let reached = Reached { position: position.0, last: last.0, at };
                folding.projector.fold(Some(reached))?;
            }
            self.say(folding, last);
            return Ok(false);
        }
        // What was before is not in the record any more.
        let from = folding.position.unwrap_or_default().next().max(self.log.usage().first);
        let batch = self.batch(from)?;
        let Some(end) = batch.last().map(|stored| stored.position) else {
            self.say(folding, last);
            return Ok(false);
        };
        let mut at = Utc(0);
        for stored in batch {
            let position = stored.position.0;
            let delivered = Delivered::read(&stored.bytes)
                .map_err(|error| ReadError::Damaged { position, what: error.to_string() })?;
            at = delivered.event.time;
            folding.projector.offer(delivered);
        }
        let reached = Reached { position: end.0, last: last.0, at };
        folding.projector.fold(Some(reached))?;
        while folding.projector.in_line() > 0 {
            folding.projector.fold(None)?;
        }
        folding.position = Some(end);
        self.rewound(folding);
        self.say(folding, last);
        Ok(true)
    }

    /// Drops what is folded, if that was asked for, and folds what came before the record. Only
    /// when all of that is done it is not asked for any more.
    fn begin_anew(&self, folding: &mut Folding) -> Result<(), FollowError> {
        let Some(Anew(earlier)) = self.anew.lock().clone() else { return Ok(()) };
        let chains = [Chain::Control, Chain::Node(self.node.clone())];
        folding.projector.forget(&chains)?;
        folding.position = None;
        if let Some(earlier) = earlier {
            earlier.read(|events| {
                for delivered in events {
                    folding.projector.offer(delivered);
                }
                while folding.projector.in_line() > 0 {
                    folding.projector.fold(None)?;
                }
                Ok::<_, FollowError>(())
            })?;
        }
        self.begins_again();
        *self.anew.lock() = None;
        Ok(())
    }

    /// The record is read from its start: until it is read, nobody is told that it was.
    fn begins_again(&self) {
        let mut said = self.said.lock();
        "catching up".clone_into(&mut said.state);
        said.position = 0;
    }

    /// What the log holds from a position on, as much as is folded at a time.
    fn batch(&self, from: Position) -> Result<Vec<Stored>, ReadError> {
        let (mut batch, mut bytes, mut from) = (Vec::new(), 0, from);
        while batch.len() < BATCH && bytes < BATCH_BYTES {
            let read = self.log.read(from, READ.min(BATCH - batch.len()))?;
            let Some(last) = read.last() else { break };
            from = last.position.next();
            bytes += read.iter().map(|stored| stored.bytes.len()).sum::<usize>();
            batch.extend(read);
        }
        Ok(batch)
    }

    /// Reads the record from its start, if somebody else set a chain back.
    fn rewound(&self, folding: &mut Folding) -> Option<Position> {
        folding.projector.is_set_back().then(|| {
            tracing::info!(home = self.name, "another node folds anew; the record is read again");
            folding.projector.rewind();
            folding.position = Some(Position(0));
            self.begins_again();
            Position(0)
        })
    }

    /// Whether the record must be read again: somebody else who folds into the same home dropped
    /// what this node passed over. A gap that is still there then is one of the record.
    fn again(&self, folding: &mut Folding) -> bool {
        let gap = folding.projector.standings().into_iter().find_map(|chain| match chain.hold {
            Some(Hold::Gap { expected, .. }) => Some(expected),
            _ => None,
        });
        if gap.is_none() || gap == folding.reread {
            return false;
        }
        folding.reread = gap;
        folding.projector.rewind();
        folding.position = Some(Position(0));
        self.begins_again();
        true
    }

    fn say(&self, folding: &Folding, last: Position) {
        let standings = folding.projector.standings();
        let position = folding.position.unwrap_or_default().0;
        let held = standings.iter().find(|chain| chain.hold.is_some());
        let mut said = self.said.lock();
        let state = match held {
            Some(_) => "held",
            None if position >= last.0 => "following",
            None => "catching up",
        };
        state.clone_into(&mut said.state);
        said.position = position;
        said.at = standings.iter().filter_map(|chain| Some(chain.cursor.as_ref()?.at)).max();
        said.problem = held.and_then(|chain| {
            let text = format!("chain {}: {}", chain.chain, chain.hold?);
            Some(Told::new(Code::ViewsHeld, text))
        });
        said.chains = standings.iter().map(folded).collect();
    }

    fn measure(&self) {
        let status = self.status();
        #[expect(clippy::cast_precision_loss, reason = "a gauge is no account")]
        let gauge = |name: &'static str, value: u64| {
            metrics::gauge!(name, "home" => self.name).set(value as f64);
        };
        gauge("sallyport_views_position", status.position);
        gauge("sallyport_views_behind_events", status.behind);
        gauge("sallyport_views_held", u64::from(status.state == "held"));
        gauge("sallyport_views_waiting", u64::from(status.state == "waiting"));
    }
}

fn folded(standing: &Standing) -> ChainFolded {
    let cursor = standing.cursor.as_ref();
    ChainFolded {
        chain: standing.chain.clone(),
        begins: cursor.map_or(0, |cursor| cursor.begins),
        seq: cursor.map_or(0, |cursor| cursor.seq),
        at: cursor.map_or(Utc(0), |cursor| cursor.at),
        held: standing.hold.map(|hold| hold.to_string()),
    }
}

/// Waits until there is something new, and what comes with it.
async fn gathered(tail: &mut Tail, next: Position) -> bool {
    let more = tail.reaches(next).await;
    tokio::time::sleep(GATHER).await;
    more
}

/// Whoever asks a thread of its own to catch up; what came of it, as a text.
type Asking = oneshot::Sender<Option<String>>;

/// A thread that catches up when it is asked to, behind everybody who has something else to do.
fn folds(follower: &Arc<Follower>) -> std::io::Result<mpsc::Sender<Asking>> {
    let (asks, mut asked) = mpsc::channel::<Asking>(1);
    let follower = follower.clone();
    let run = move || {
        // Linux counts this for each thread by itself. Where it is not let, it is like all others.
        rustix::process::nice(LATER).ok();
        while let Some(asking) = asked.blocking_recv() {
            let failed = follower.catch_up().err().map(|error| error.to_string());
            // Whoever does not listen any more stops.
            drop(asking.send(failed));
        }
    };
    std::thread::Builder::new().name("views".to_owned()).spawn(run)?;
    Ok(asks)
}

/// Has the thread catch up; why it did not, when it did not.
async fn caught_up(asks: &mpsc::Sender<Asking>) -> Option<String> {
    let (asking, answer) = oneshot::channel();
    if asks.send(asking).await.is_err() {
        return Some("the thread that folds has ended".to_owned());
    }
    answer.await.unwrap_or_else(|_| Some("the thread that folds has ended".to_owned()))
}

/// Folds what comes, until the node stops. A home that cannot be used is tried again, ever more
/// rarely; a log that cannot be read is an alarm, and is tried again too.
pub(super) async fn follow(follower: Arc<Follower>, mut tail: Tail, stop: CancellationToken) {
    let mut rest = FIRST_REST;
    let mut asks = None;
    loop {
        // One that ended, by a bug, is begun anew.
        if asks.as_ref().is_none_or(mpsc::Sender::is_closed) {
            asks = folds(&follower)
                .inspect_err(|error| tracing::error!(%error, "no thread to fold in"))
                .ok();
        }
        let failed = match &asks {
            Some(asks) => caught_up(asks).await,
            None => Some("there is no thread to fold in".to_owned()),
        };
        if let Some(error) = &failed {
            tracing::warn!(home = follower.name, error, "the views do not follow the record now");
        }
        let next = Position(follower.said.lock().position).next();
        let looked = async {
            match failed {
                None => {
                    rest = FIRST_REST;
                    tokio::select! {
                        more = gathered(&mut tail, next) => more,
                        () = tokio::time::sleep(BEAT), if follower.beats => true,
                        () = follower.asked.notified() => true,
                    }
                }
                Some(_) => {
                    tokio::time::sleep(rest).await;
                    rest = (rest * 2).min(LONGEST_REST);
                    true
                }
            }
        };
        let more = tokio::select! {
            () = stop.cancelled() => false,
            more = looked => more,
        };
        if !more {
            return;
        }
    }
}
