//! Says when the log has grown, to everybody who follows it.
//!
//! One task looks at the log's last synced position; followers wait on a watch. The log itself has
//! no such event to await: its completions belong to those who appended.

use std::sync::Arc;
use std::time::Duration;

use store_log::{Backend, Position};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often the log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The end of the log, as it moves.
#[derive(Clone, Debug)]
pub(crate) struct Tail {
    last: watch::Receiver<Position>,
}

impl Tail {
    /// Starts looking, until it is cancelled.
    #[must_use]
    pub(crate) fn start(log: Arc<dyn Backend>, stop: CancellationToken) -> Self {
        let (sender, last) = watch::channel(log.usage().last);
        tokio::spawn(async move {
            let mut look = tokio::time::interval(LOOK_EVERY);
            look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    _ = look.tick() => {}
                }
                let last = log.usage().last;
                sender.send_if_modified(|known| {
                    let grown = *known != last;
                    *known = last;
                    grown
                });
            }
        });
        Self { last }
    }

    /// Waits until the log holds a record at this position; false when it never will, because the
    /// node stops.
    pub(crate) async fn reaches(&mut self, position: Position) -> bool {
        self.last.wait_for(|last| *last >= position).await.is_ok()
    }
}
