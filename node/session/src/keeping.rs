//! Keeps events and waits for their receipts, with deadlines. A lost answer is asked for again
//! under the same event until the deadline; then nobody knows, and nothing goes on.

use std::sync::Arc;
use std::time::Duration;

use node_gate::Append;
use proto::reading::Durability;
use proto::refusal::{Code, Told};
use store_log::{AppendError, Appending, Pending, Receipt, RefusedBecause};
use tokio::time::{Instant, timeout_at};

use crate::ports::Record;

/// How long a receipt is waited for. Disks were measured to stall for a second; ten are an outage.
pub(crate) const RECORD_DEADLINE: Duration = Duration::from_secs(10);

/// How long is waited before a log whose queue is full is asked again: about one sync.
const BUSY_PAUSE: Duration = Duration::from_millis(5);

/// Keeps one event. A log whose queue is full slows whoever writes to it; it does not end them.
pub(crate) async fn append(record: &Arc<dyn Record>, append: &Append) -> Result<Appending, Told> {
    let deadline = Instant::now() + RECORD_DEADLINE;
    loop {
        match record.append(&append.draft, append.share, append.urgency) {
            Err(AppendError::Refused(RefusedBecause::Busy)) if Instant::now() < deadline => {
                tokio::time::sleep(BUSY_PAUSE).await;
            }
            other => return other.map_err(told),
        }
    }
}

/// Waits for an event's receipt, as durable as it is needed.
pub(crate) async fn receipt(
    record: &Arc<dyn Record>,
    pending: Pending,
    needed: Durability,
) -> Result<Receipt, Told> {
    let deadline = Instant::now() + RECORD_DEADLINE;
    let kept = receipt_by(record, pending, deadline).await?;
    if needed < Durability::Replicated {
        return Ok(kept);
    }
    // A stream that is known to be down makes nobody wait.
    let replicating = record.replicate(kept).map_err(told)?;
    match timeout_at(deadline, replicating).await {
        Ok(Ok(replicated)) => Ok(replicated),
        // It may have it or not; what it is known to have is all that counts.
        Ok(Err(_)) => Err(told(AppendError::Refused(RefusedBecause::NoStream))),
        Err(_) => Err(told(AppendError::Unknown)),
    }
}

async fn receipt_by(
    record: &Arc<dyn Record>,
    mut pending: Pending,
    deadline: Instant,
) -> Result<Receipt, Told> {
    loop {
        match timeout_at(deadline, &mut pending).await {
            Ok(Ok(receipt)) => return Ok(receipt),
            // Asking again is answered from what is kept, or refused by a log that stopped, so
            // this loop ends; the deadline bounds it against a backend that does neither.
            Ok(Err(AppendError::Unknown)) if Instant::now() < deadline => {
                pending = record.ask_again(pending).map_err(told)?;
                tokio::task::yield_now().await;
            }
            Ok(Err(error)) => return Err(told(error)),
            Err(_) => return Err(Told::plain(Code::RecordUnconfirmed)),
        }
    }
}

/// What a client is told when an event is not kept.
pub(crate) fn told(error: AppendError) -> Told {
    let code = match error {
        AppendError::Refused(RefusedBecause::Full | RefusedBecause::ShareUsedUp) => {
            Code::RecordFull
        }
        AppendError::Refused(RefusedBecause::NoStream) => Code::StreamDown,
        AppendError::Refused(_) => Code::RecordUnavailable,
        AppendError::Unknown => Code::RecordUnconfirmed,
        AppendError::TooLarge(_) => Code::CommandTooLong,
    };
    metrics::counter!("sallyport_record_refusals_total", "code" => code.to_string()).increment(1);
    Told::plain(code)
}
