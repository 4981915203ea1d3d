//! This node's own sessions, for itself and for the other nodes that ask.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use node_session::{Doing, NotWatched, Seen, Watching};
use proto::api::{SessionListed, Watched};
use proto::entry::By;
use proto::event::Stream;
use proto::ids::SessionId;
use proto::refusal::{Code, Told};
use store_views::SessionRow;

use crate::state::Api;
use crate::views::{Views, caught_up};

/// A watcher of one of this node's sessions.
pub struct Watch(Option<Watching>);

impl Watch {
    /// What comes next; [`Watched::Over`] is the last.
    pub async fn next(&mut self) -> Option<Watched> {
        match self.0.as_mut()?.next().await {
            Some(Seen::Output { stream, bytes }) => Some(piece(stream, &bytes)),
            Some(Seen::Missed { bytes }) => Some(Watched::Missed { bytes }),
            None => {
                self.0 = None;
                Some(Watched::Over)
            }
        }
    }
}

impl Api {
    /// The sessions that this node served, as its record has them, the oldest first; only those
    /// that go on, if so asked, and at most the newest `limit`.
    ///
    /// # Errors
    /// [`Code::RecordDamaged`] when the record cannot be read.
    pub async fn own_sessions(&self, live: bool, limit: usize) -> Result<Vec<SessionListed>, Told> {
        let read = move |views: &Views| views.sessions(live, limit);
        let newest = caught_up(&self.given.views, read).await.map_err(|error| {
            tracing::error!(%error, "the views cannot be read");
            error.told()
        })?;
        let doing: BTreeMap<SessionId, String> = {
            let live = self.given.live.list().into_iter();
            live.map(|session| (session.id, doing(session.doing))).collect()
        };
        let oldest_first = newest.iter().rev();
        Ok(oldest_first.map(|row| listed(row, doing.get(&row.id))).collect())
    }

    /// What is let through in one of this node's sessions, from now on.
    ///
    /// # Errors
    /// [`Told`] when it is not live here, or watched by too many.
    pub fn watch_own(&self, session: &SessionId) -> Result<Watch, Told> {
        match self.given.live.watch(session) {
            Ok(watching) => Ok(Watch(Some(watching))),
            Err(NotWatched::NotLive) => Err(not_live()),
            Err(why @ NotWatched::TooMany) => {
                Err(Told::new(Code::TooManyRequests, why.to_string()))
            }
        }
    }

    /// Ends one of this node's sessions; whether it was live.
    #[must_use]
    pub fn kill_own(&self, session: &SessionId, by: &By, reason: &str) -> bool {
        tracing::info!(%session, %by, "a session is ended by an operator");
        self.given.live.kill(session, by, reason).is_ok()
    }
}

/// What a caller is told about a session that does not go on.
pub(crate) fn not_live() -> Told {
    let text = "no such session is live; see `sallyport sessions list --state open`";
    Told::new(Code::NotFound, text)
}

pub(crate) fn listed(row: &SessionRow, doing: Option<&String>) -> SessionListed {
    SessionListed {
        id: row.id.clone(),
        state: row.state.to_string(),
        person: row.person.clone(),
        target: row.target.clone(),
        login: row.login.clone(),
        channel: Some(row.channel),
        grant: Some(row.grant.clone()),
        from: row.from.clone(),
        opened: row.opened,
        closed: row.closed,
        reason: row.reason.clone(),
        node: row.node.clone(),
        epoch: row.epoch,
        commands_judged: Some(row.commands_judged),
        doing: doing.cloned(),
    }
}

fn doing(doing: Doing) -> String {
    match doing {
        Doing::Nothing => "idle".to_owned(),
        Doing::Waiting { approval } => format!("waiting for approval {approval}"),
        Doing::Running { command } => format!("running command {command}"),
    }
}

fn piece(stream: Stream, bytes: &[u8]) -> Watched {
    match std::str::from_utf8(bytes) {
        Ok(text) => Watched::Seen { stream, text: Some(text.to_owned()), base64: None },
        Err(_) => Watched::Seen { stream, text: None, base64: Some(STANDARD.encode(bytes)) },
    }
}
