//! Stopping in good order: nothing new, time for what runs, then an end that everybody is told.
//! A node whose replica stopped ends without that time: it could act on nothing that is decided.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use node_session::Sessions;
use proto::refusal::{Code, Told};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::errors::Error;
use crate::myself::Myself;
use crate::signals::Signals;

/// What a client is told whose command waits for an approval.
const NOT_WAITED_FOR: &str = "The gateway is shutting down: the request for an approval was \
                              withdrawn, and the command did not run. Run it again to ask anew.";

/// How long sessions that were told to end may take to say their last words.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Waits for a signal, then ends what waits for approvals and lets all other sessions end; a second
/// signal ends them at once. Gives the reason.
///
/// # Errors
/// [`Error::Stopped`] when the replica stopped by itself.
pub(crate) async fn drain(
    config: &Config,
    mut signals: Signals,
    sessions: &Sessions,
    myself: &Arc<Myself>,
    stop: CancellationToken,
    mut serving: JoinHandle<()>,
) -> Result<&'static str, Error> {
    let reason = tokio::select! {
        reason = signals.next() => reason,
        ended = &mut serving => {
            tracing::error!(?ended, "the SSH listener ended by itself");
            return Ok("the SSH listener ended");
        }
        why = myself.replica.stopped() => {
            tracing::error!(why, "the replicated log stopped: the node ends");
            stop.cancel();
            end(sessions, &mut signals, &mut serving).await;
            return Err(Error::Stopped(why));
        }
    };
    let live = sessions.live().count();
    tracing::info!(reason, live, "the node drains");
    myself.draining.store(true, Ordering::Relaxed);
    stop.cancel();
    // Before anything is waited for: somebody may rule in an hour or never, and while this node
    // leads or follows as usual, all others hear of it at once.
    sessions.live().end_waiting(&Told::new(Code::Draining, NOT_WAITED_FOR));
    tokio::select! {
        ended = &mut serving => {
            told(ended);
            return Ok(reason);
        }
        _ = signals.next() => tracing::warn!("told to stop again: sessions are ended at once"),
        () = tokio::time::sleep(config.drain) => {
            tracing::warn!(live = sessions.live().count(), "sessions are ended");
        }
    }
    end(sessions, &mut signals, &mut serving).await;
    Ok(reason)
}

/// Ends all sessions, and gives them time for their last words.
async fn end(sessions: &Sessions, signals: &mut Signals, serving: &mut JoinHandle<()>) {
    sessions.live().end_all(&Told::plain(Code::Draining));
    tokio::select! {
        ended = &mut *serving => return told(ended),
        _ = signals.next() => {}
        () = tokio::time::sleep(LAST_WORDS) => {}
    }
    tracing::warn!(live = sessions.live().count(), "sessions are left without an end");
    serving.abort();
}

fn told(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "the SSH listener ended badly");
    }
}
