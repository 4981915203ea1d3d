//! Records logins: nothing waits for these events, and nothing is let through by them.

use proto::event::{About, Actor, Draft, Kind, LoginFailed, LoginSucceeded};
use store_log::{Share, Urgency};

use super::node::Node;
use crate::login::{Login, NotLetIn, actor};
use node_session::names;

/// How many bytes of the claimed name are recorded.
const CLAIMED_BYTES: usize = 256;
const METHOD: &str = "ssh-key";
const SERVICE: &str = "ssh";

/// Somebody was let in.
pub(super) fn let_in(node: &Node, login: &Login, from: &str, connection: u64) {
    metrics::counter!("sallyport_ssh_logins_total", "result" => "succeeded").increment(1);
    let actor = actor(&login.subject, Some(from.to_owned()));
    let share = Share::of_person(actor.person.as_str());
    let kind = Kind::LoginSucceeded(LoginSucceeded {
        method: METHOD.to_owned(),
        service: SERVICE.to_owned(),
        connection: Some(connection),
    });
    keep(node, Some(actor), kind, share);
}

/// Somebody was not let in. `credential` is the fingerprint of the key they showed.
pub(super) fn not_let_in(
    node: &Node,
    claimed: &str,
    from: &str,
    credential: Option<String>,
    not: NotLetIn,
) {
    metrics::counter!("sallyport_ssh_logins_total", "result" => "failed").increment(1);
    // Whoever has no key of anybody's fills the strangers' part of the quota and nobody else's.
    let share = match &not.subject {
        Some(subject) => Share::of_person(subject.person.as_str()),
        None => Share::STRANGERS,
    };
    let about = not.subject.map(|subject| actor(&subject, Some(from.to_owned())));
    let kind = Kind::LoginFailed(LoginFailed {
        method: METHOD.to_owned(),
        service: SERVICE.to_owned(),
        claimed: names::masked(claimed, CLAIMED_BYTES),
        reason: not.reason,
        from: from.to_owned(),
        credential,
    });
    keep(node, about, kind, share);
}

fn keep(node: &Node, actor: Option<Actor>, kind: Kind, share: Share) {
    let ports = node.sessions.ports();
    let applied = node.view().applied;
    let about = About { actor, ..About::default() };
    let draft = Draft { time: ports.clock.now().utc, applied, about, kind };
    if let Err(error) = ports.record.append(&draft, share, Urgency::Ordinary) {
        tracing::warn!(kind = draft.kind.name(), %error, "a login is not recorded");
    }
}
