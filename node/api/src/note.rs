//! Records what people ask of the API, before it is answered.

use std::time::Duration;

use proto::event::{About, Actor, Draft, Kind};
use proto::refusal::Code;
use store_log::{AppendError, RefusedBecause, Share, Urgency};

use crate::refuse::Refused;
use crate::state::Api;

/// How long the record may take to keep an event.
const RECORD_DEADLINE: Duration = Duration::from_secs(10);

/// Records an event about somebody, and waits until it is kept.
pub(crate) async fn note(api: &Api, actor: Option<Actor>, kind: Kind) -> Result<(), Refused> {
    let view = api.view();
    let share = match &actor {
        Some(actor) => Share::of_person(actor.person.as_str()),
        None => Share::STRANGERS,
    };
    let policy = view.policy.as_ref().map(|(_, reference)| *reference);
    let about = About { actor, policy, ..About::default() };
    let time = api.given.clock.now().utc;
    let draft = Draft { time, applied: view.applied, about, kind };
    let appending = api.given.record.append(&draft, share, Urgency::Ordinary).map_err(refused)?;
    match tokio::time::timeout(RECORD_DEADLINE, appending.pending).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(refused(error)),
        Err(_) => Err(Refused::plain(Code::RecordUnconfirmed)),
    }
}

fn refused(error: AppendError) -> Refused {
    tracing::warn!(%error, "the record did not keep an event of the API");
    Refused::plain(match error {
        AppendError::Refused(RefusedBecause::Full | RefusedBecause::ShareUsedUp) => {
            Code::RecordFull
        }
        AppendError::Refused(_) => Code::RecordUnavailable,
        AppendError::Unknown => Code::RecordUnconfirmed,
        AppendError::TooLarge(_) => Code::BadRequest,
    })
}
