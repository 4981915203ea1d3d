//! Changes of the control plane, as people ask for them: who asks, why, and what became of it.

use consensus_state::Reply;
use node_enforce::mask::mask_by_default;
use node_identity::Principal;
use node_session::ControlError;
use proto::entry::{By, Entry};
use proto::refusal::{Code, Told};

use crate::caller::Caller;
use crate::refuse::Refused;
use crate::state::Api;

/// The longest reason, in bytes.
const REASON_BYTES: usize = consensus_state::limits::REASON_BYTES;

/// Who asks, as entries name them.
pub(crate) fn by(caller: &Caller) -> Result<By, Refused> {
    match &caller.principal {
        Some(Principal::Admin) => Ok(By::Administrator),
        Some(Principal::Person(subject)) => Ok(By::Person(subject.person.clone())),
        None => Err(Refused::plain(Code::NotAuthenticated)),
    }
}

/// Why somebody does something, fit for the record: what looks like a secret in it is masked.
pub(crate) fn reason(text: &str) -> Result<String, Refused> {
    let text = text.trim();
    if text.is_empty() || text.len() > REASON_BYTES {
        let text = format!("say why, in 1 to {REASON_BYTES} bytes: the reason is recorded");
        return Err(Refused::new(Code::BadRequest, text));
    }
    let mut masked = mask_by_default(text);
    masked.truncate(masked.floor_char_boundary(REASON_BYTES));
    Ok(masked)
}

/// Asks for a change, and waits until it is made.
pub(crate) async fn propose(api: &Api, entry: Entry) -> Result<Reply, Refused> {
    match api.given.control.propose(entry).await {
        Ok(Reply::Refused(denied)) => Err(denied.into()),
        Ok(reply) => Ok(reply),
        Err(error) => Err(failed(&error)),
    }
}

/// A change that was not made, or perhaps was.
pub(crate) fn failed(error: &ControlError) -> Refused {
    tracing::warn!(%error, "a change was asked for and not made");
    and_now(error.told())
}

/// Says also what still works, or what to do, when a change found no majority or was not answered.
pub(crate) fn and_now(mut told: Told) -> Refused {
    let more = match told.code {
        Code::NoQuorum => {
            ": nothing was changed. What this node knows can still be read here; changes are taken \
             again once a majority of the nodes is up and connected (`sallyport cluster status`)"
        }
        Code::OutcomeUnknown => ": the answer was lost. Look whether it was before you ask again",
        _ => "",
    };
    told.text.push_str(more);
    told.into()
}
