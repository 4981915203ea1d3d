//! Views of the record in memory: folded from the log at the start, and from then on with it.
//!
//! They hold nothing that the log does not hold, and nothing is decided by them.

use std::sync::{Arc, RwLock, RwLockReadGuard};

use proto::event::Event;
use store_log::{Backend, Position, ReadError};
use store_views::{CommandState, SessionsView};
use tokio_util::sync::CancellationToken;

use crate::tail::Tail;

/// How many records are folded at a time.
const BATCH: usize = 512;

/// The views, and the log that they follow.
pub struct Views {
    log: Arc<dyn Backend>,
    sessions: RwLock<SessionsView>,
}

impl Views {
    /// Views of a log that has not been looked at.
    #[must_use]
    pub fn new(log: Arc<dyn Backend>) -> Self {
        Self { log, sessions: RwLock::default() }
    }

    /// Folds all that the log holds by now. It reads the disk, so it must not be called where
    /// others wait.
    ///
    /// # Errors
    /// [`ReadError`] when the log cannot be read; the views then show what they showed before.
    pub fn catch_up(&self) -> Result<(), ReadError> {
        loop {
            // Held while reading, so that two that catch up at once do not read twice.
            let mut sessions = self.sessions.write().unwrap_or_else(|lock| lock.into_inner());
            let from = Position(sessions.cursor()).next();
            if from > self.log.usage().last {
                return Ok(());
            }
            let batch = self.log.read(from, BATCH)?;
            if batch.is_empty() {
                return Ok(());
            }
            for stored in batch {
                let position = stored.position.0;
                let event = Event::read(&stored.bytes)
                    .map_err(|error| ReadError::Damaged { position, what: error.to_string() })?;
                sessions.fold(position, &event);
            }
        }
    }

    /// Commands that were let run and whose end the record does not show.
    #[must_use]
    pub fn unknown_outcomes(&self) -> u64 {
        let sessions = self.sessions();
        let commands = sessions.rows().flat_map(|session| &session.commands);
        let unfinished = commands.filter(|command| {
            matches!(
                command.state,
                CommandState::Judged | CommandState::Running | CommandState::OutcomeUnknown
            )
        });
        unfinished.count() as u64
    }

    pub(crate) fn sessions(&self) -> RwLockReadGuard<'_, SessionsView> {
        self.sessions.read().unwrap_or_else(|lock| lock.into_inner())
    }
}

/// Folds what comes, until the node stops: so that who asks finds little left to fold.
pub(crate) async fn follow(views: Arc<Views>, mut tail: Tail, stop: CancellationToken) {
    loop {
        let next = Position(views.sessions().cursor()).next();
        let more = tokio::select! {
            () = stop.cancelled() => false,
            more = tail.reaches(next) => more,
        };
        if !more {
            return;
        }
        if let Err(error) = caught_up(&views).await {
            tracing::error!(%error, "the views do not follow the record any more");
            return;
        }
    }
}

/// Folds all that the log holds by now, elsewhere than on the runtime.
pub(crate) async fn caught_up(views: &Arc<Views>) -> Result<(), ReadError> {
    let views = views.clone();
    match tokio::task::spawn_blocking(move || views.catch_up()).await {
        Ok(caught_up) => caught_up,
        Err(error) => Err(ReadError::Failed(error.to_string())),
    }
}
