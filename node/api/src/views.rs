//! The audit views of a node: folded from its record at the start, and from then on with it.
//!
//! They hold nothing that the log does not hold, and nothing is decided by them.

mod follower;

use std::sync::Arc;

use bytes::Bytes;
use proto::api::ViewsStatus;
use proto::ids::{Name, SessionId};
use store_log::Backend;
use store_views::{
    Command, End, Home, HomeError, Key, NodeLife, Session, SessionRow, Table, Tabled, end_of, life,
    session_row,
};
use tokio_util::sync::CancellationToken;

pub use follower::{FollowError, Follower};

use crate::foreign::Earlier;
use crate::tail::Tail;

/// How many sessions a list shows, the newest.
pub(crate) const SESSIONS_LIMIT: usize = 10_000;
/// How many commands of a session are shown, the newest.
const COMMANDS_LIMIT: i64 = 1000;

/// The views of a node: those that it keeps itself, and those that it folds elsewhere too.
pub struct Views {
    node: Name,
    embedded: Arc<Follower>,
    others: Vec<Arc<Follower>>,
}

impl Views {
    /// Views of a log that has not been looked at, kept in a home of this node's own.
    #[must_use]
    pub fn new(node: &Name, log: Arc<dyn Backend>, home: Box<dyn Home>) -> Self {
        let embedded = Arc::new(Follower::new(node, log, home));
        Self { node: node.clone(), embedded, others: Vec::new() }
    }

    /// The same log, folded into another home too.
    #[must_use]
    pub fn and(mut self, other: Follower) -> Self {
        self.others.push(Arc::new(other));
        self
    }

    /// Folds all that the log holds by now into the node's own home. It reads the disk, so it must
    /// not be called where others wait.
    ///
    /// # Errors
    /// [`FollowError`] when the log or the home cannot be read; the views then show what they
    /// showed before.
    pub fn catch_up(&self) -> Result<(), FollowError> {
        self.embedded.catch_up()
    }

    /// Commands that were let run and whose end the record does not show, of the newest sessions.
    ///
    /// # Errors
    /// [`FollowError`] when they cannot be read.
    pub fn unknown_outcomes(&self) -> Result<u64, FollowError> {
        let newest = self
            .embedded
            .read(|home| home.newest(Table::Sessions, self.node.as_str(), SESSIONS_LIMIT))?;
        let unfinished = newest.iter().filter_map(Session::of).map(|session| session.unfinished);
        Ok(u64::try_from(unfinished.sum::<i64>()).unwrap_or(0))
    }

    /// How each home is.
    #[must_use]
    pub fn status(&self) -> Vec<ViewsStatus> {
        self.followers().map(Follower::status).collect()
    }

    /// Has a home folded anew; whether there is one of that name. The status shows how far it is.
    #[must_use]
    pub(crate) fn rebuild(&self, home: &str, earlier: Option<Earlier>) -> bool {
        let found = self.followers().find(|follower| follower.name() == home);
        found.map(|follower| follower.rebuild(earlier)).is_some()
    }

    /// The last place of another node's chain that is in the node's own views.
    pub(crate) fn reached(&self, node: &Name) -> Result<u64, FollowError> {
        let cursors = self.embedded.read(|home| home.cursors())?;
        let of_node = cursors.into_iter().find(|(chain, _)| chain == node.as_str());
        Ok(of_node.map_or(0, |(_, cursor)| cursor.seq))
    }

    /// Folds events of another node's chain into the node's own views; says how many were new.
    pub(crate) fn fold_foreign(&self, events: &[Bytes]) -> Result<usize, FollowError> {
        self.embedded.fold_foreign(&self.node, events)
    }

    pub(crate) fn followers(&self) -> impl Iterator<Item = &Follower> {
        std::iter::once(&*self.embedded).chain(self.others.iter().map(|other| &**other))
    }

    /// This node's own sessions, the newest first; only those that go on, if so asked. They have no
    /// commands.
    pub(crate) fn sessions(
        &self,
        live: bool,
        limit: usize,
    ) -> Result<Vec<SessionRow>, FollowError> {
        self.embedded.read(|home| sessions(home, self.node.as_str(), live, limit))
    }

    /// Sessions of other nodes whose chains are folded here, in no order.
    pub(crate) fn foreign_sessions(&self, live: bool) -> Result<Vec<SessionRow>, FollowError> {
        self.embedded.read(|home| {
            let mut shown = Vec::new();
            for (chain, _) in home.cursors()? {
                if chain != self.node.as_str() {
                    shown.extend(sessions(home, &chain, live, SESSIONS_LIMIT)?);
                }
            }
            Ok(shown)
        })
    }

    /// Where a session is in the chain of its node: the node, the place of the event that opened
    /// it, and the last place that is folded.
    pub(crate) fn place(&self, id: &SessionId) -> Result<Option<(Name, u64, u64)>, FollowError> {
        let node = chain_of(id).and_then(|chain| chain.parse::<Name>().ok());
        let Some(node) = node else { return Ok(None) };
        let until = self.reached(&node)?;
        self.embedded.read(|home| {
            let key = Key::new(Table::Sessions, id.as_str());
            let found = home.rows(node.as_str(), &[key])?;
            let event = found.first().and_then(Session::of).map(|session| session.event.clone());
            let place = event.and_then(|event| event.rsplit_once('-')?.1.parse().ok());
            Ok(place.map(|place| (node.clone(), place, until)))
        })
    }

    /// One session with its newest commands.
    pub(crate) fn session(&self, id: &SessionId) -> Result<Option<SessionRow>, FollowError> {
        let Some(chain) = chain_of(id) else { return Ok(None) };
        self.embedded.read(|home| {
            let found = home.rows(chain, &[Key::new(Table::Sessions, id.as_str())])?;
            let Some(session) = found.first().and_then(Session::of) else { return Ok(None) };
            let end = ended(home, chain, session)?;
            let before = format!("{id}/{}", session.commands.saturating_sub(COMMANDS_LIMIT).max(0));
            let limit = usize::try_from(COMMANDS_LIMIT).unwrap_or(usize::MAX);
            let rows = home.scan(Table::Commands, chain, Some(&before), limit)?;
            let commands = rows.iter().filter_map(Command::of);
            let own = commands.take_while(|command| command.session == session.id);
            Ok(session_row(session, end.as_ref(), &own.cloned().collect::<Vec<_>>()))
        })
    }
}

/// The chain that a session's id names: `<node>-<epoch>-<count>`.
fn chain_of(id: &SessionId) -> Option<&str> {
    let (rest, _) = id.as_str().rsplit_once('-')?;
    Some(rest.rsplit_once('-')?.0)
}

/// The newest sessions of a chain, without their commands.
fn sessions(
    home: &mut dyn Home,
    chain: &str,
    live: bool,
    limit: usize,
) -> Result<Vec<SessionRow>, HomeError> {
    let newest = home.newest(Table::Sessions, chain, limit.min(SESSIONS_LIMIT))?;
    let mut shown = Vec::new();
    for session in newest.iter().filter_map(Session::of) {
        let end = ended(home, chain, session)?;
        if !live || end.is_none() {
            shown.extend(session_row(session, end.as_ref(), &[]));
        }
    }
    Ok(shown)
}

/// How a session ended, if it did.
fn ended(home: &mut dyn Home, chain: &str, session: &Session) -> Result<Option<End>, HomeError> {
    if session.closed_at.is_some() {
        return Ok(end_of(session, None, None, None));
    }
    let own = life(&session.node, session.epoch);
    let later = home.scan(Table::Nodes, chain, Some(&own), 1)?;
    let own = home.rows(chain, &[Key::new(Table::Nodes, own)])?;
    let member = home.rows("control", &[Key::new(Table::Nodes, life(&session.node, 0))])?;
    let of = |rows: &[store_views::Row]| rows.first().and_then(NodeLife::of).cloned();
    Ok(end_of(session, of(&own).as_ref(), of(&later).as_ref(), of(&member).as_ref()))
}

/// Folds what comes, until the node stops: so that who asks finds little left to fold.
pub(crate) fn follow(views: &Arc<Views>, tail: &Tail, stop: &CancellationToken) {
    for follower in std::iter::once(&views.embedded).chain(&views.others) {
        tokio::spawn(follower::follow(follower.clone(), tail.clone(), stop.clone()));
    }
}

/// Folds all that the log holds by now, elsewhere than on the runtime, and reads.
pub(crate) async fn caught_up<T: Send + 'static>(
    views: &Arc<Views>,
    read: impl FnOnce(&Views) -> Result<T, FollowError> + Send + 'static,
) -> Result<T, FollowError> {
    let views = views.clone();
    let work = move || {
        views.catch_up()?;
        read(&views)
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(FollowError::Log(store_log::ReadError::Failed(error.to_string()))),
    }
}
