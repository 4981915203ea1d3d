//! The network between machines: messages are late, lost, doubled and pass each other, and links
//! are cut one way or both.
//!
//! A message is on its way by itself: whoever sent it may be gone when it arrives, and whoever it
//! is for may have started again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use consensus_raft::{CallError, Member, Replica, Transport};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use proto::peer::raft::{Request, Response};
use tokio::sync::oneshot;

use super::oracles::Promises;
use super::runtime::{self, OUTSIDE, Process, Seeded, Sleep, sleep};

/// A machine's Raft id.
pub(crate) type Id = u64;

/// How links behave that are not cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// How long a message takes at most, in milliseconds.
    pub(crate) delay_ms: u64,
    /// So many of a thousand are lost.
    pub(crate) lost: u64,
    /// So many of a thousand come twice.
    pub(crate) doubled: u64,
}

/// A quiet network.
pub(crate) const CALM: Weather = Weather { delay_ms: 2, lost: 0, doubled: 0 };

/// Whoever listens at an address now.
#[derive(Clone)]
struct Listener {
    process: Process,
    replica: Weak<Replica<Seeded>>,
}

/// All links.
pub(crate) struct Network {
    listeners: Mutex<BTreeMap<Id, Listener>>,
    weather: Mutex<Weather>,
    /// Links, from the first to the second, on which nothing arrives.
    cut: Mutex<BTreeSet<(Id, Id)>>,
    /// Links on which one message in three takes up to so many milliseconds more.
    slow: Mutex<BTreeMap<(Id, Id), u64>>,
    promises: Arc<Promises>,
}

impl Network {
    pub(crate) fn new(promises: Arc<Promises>) -> Arc<Self> {
        Arc::new(Self {
            listeners: Mutex::default(),
            weather: Mutex::new(CALM),
            cut: Mutex::default(),
            slow: Mutex::default(),
            promises,
        })
    }

    pub(crate) fn listen(&self, id: Id, process: Process, replica: &Arc<Replica<Seeded>>) {
        let replica = Arc::downgrade(replica);
        self.listeners.lock().insert(id, Listener { process, replica });
    }

    pub(crate) fn set_weather(&self, weather: Weather) {
        *self.weather.lock() = weather;
    }

    pub(crate) fn cut(&self, from: Id, to: Id) {
        self.cut.lock().insert((from, to));
    }

    pub(crate) fn mend(&self, from: Id, to: Id) {
        self.cut.lock().remove(&(from, to));
    }

    pub(crate) fn slow(&self, from: Id, to: Id, more_ms: u64) {
        self.slow.lock().insert((from, to), more_ms);
    }

    pub(crate) fn heal(&self) {
        self.cut.lock().clear();
        self.slow.lock().clear();
        self.set_weather(CALM);
    }

    /// How long a message takes; nothing when it is lost.
    fn way(&self, from: Id, to: Id) -> Option<Duration> {
        let (weather, slow) = (*self.weather.lock(), self.slow.lock().get(&(from, to)).copied());
        let time = runtime::draw(|dice| {
            let most = if dice.permille(50) { weather.delay_ms * 20 } else { weather.delay_ms };
            let more = if dice.permille(330) { slow.unwrap_or(0) } else { 0 };
            let time = dice.millis(0, most.max(1)) + dice.millis(0, more);
            (!dice.permille(weather.lost)).then_some(time)
        });
        time.filter(|_| !self.cut.lock().contains(&(from, to)))
    }

    /// Who is there, if anybody.
    fn listener(&self, at: Id) -> Option<(Process, Arc<Replica<Seeded>>)> {
        let Listener { process, replica } = self.listeners.lock().get(&at).cloned()?;
        let replica = replica.upgrade().filter(|_| runtime::lives(process))?;
        Some((process, replica))
    }

    /// Brings a request to a machine; its answer comes when it has one.
    fn deliver(&self, from: Id, to: Id, request: Request) -> Option<oneshot::Receiver<Response>> {
        let (process, replica) = self.listener(to)?;
        let promises = Arc::clone(&self.promises);
        Some(runtime::spawn_in(process, async move {
            let asked = request.ask.clone();
            let response = replica.handle(from, request).await;
            if runtime::lives(runtime::current()) {
                promises.answered(to, &asked, &response.tell);
            }
            response
        }))
    }

    /// A message on its way there and back.
    async fn carry(
        self: Arc<Self>,
        from: Id,
        to: Id,
        request: Request,
    ) -> Result<Response, CallError> {
        let lost = || std::future::pending::<Result<Response, CallError>>();
        let Some(there) = self.way(from, to) else { return lost().await };
        sleep(there).await;
        let doubled = self.weather.lock().doubled;
        if runtime::draw(|dice| dice.permille(doubled)) {
            let (network, again) = (Arc::clone(&self), request.clone());
            let later = runtime::draw(|dice| dice.millis(0, 500));
            drop(runtime::spawn_in(OUTSIDE, async move {
                sleep(later).await;
                drop(network.deliver(from, to, again));
            }));
        }
        let Some(answer) = self.deliver(from, to, request) else {
            return Err(CallError::Unreachable(format!("gw-{to}")));
        };
        // Whoever dies meanwhile breaks the connection.
        let answer = answer.await.map_err(|_| CallError::TimedOut)?;
        let Some(back) = self.way(to, from) else { return lost().await };
        sleep(back).await;
        Ok(answer)
    }
}

/// One machine's way to the others.
pub(crate) struct Port {
    pub(crate) me: Id,
    pub(crate) network: Arc<Network>,
}

impl Transport for Port {
    fn call(
        &self,
        to: &Member,
        request: Request,
        deadline: Duration,
    ) -> BoxFuture<'static, Result<Response, CallError>> {
        let (me, to, network) = (self.me, to.raft_id, Arc::clone(&self.network));
        async move {
            if !runtime::lives(runtime::current()) {
                return Err(CallError::TimedOut);
            }
            network.promises.asked(me, &request.ask);
            let carried = Arc::clone(&network).carry(me, to, request);
            let answer = runtime::spawn_in(OUTSIDE, async move {
                tokio::select! {
                    biased;
                    answer = carried => answer,
                    () = Sleep::lasting(deadline) => Err(CallError::TimedOut),
                }
            });
            answer.await.unwrap_or(Err(CallError::TimedOut))
        }
        .boxed()
    }
}
