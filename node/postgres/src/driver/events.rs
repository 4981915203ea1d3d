//! Records logins: nothing waits for these events, and nothing is let through by them.

use node_identity::{Subject, certificates};
use node_session::names;
use proto::event::{About, Actor, Draft, Kind, LoginFailed, LoginSucceeded};
use store_log::{Share, Urgency};

use super::node::Node;
use crate::login::actor;

/// How many bytes of the claimed name are recorded.
const CLAIMED_BYTES: usize = 256;
/// How somebody shows who they are.
pub(super) const PASSWORD: &str = "password";
pub(super) const CERTIFICATE: &str = "certificate";
const SERVICE: &str = "postgres";

/// Somebody was let in.
pub(super) fn let_in(node: &Node, subject: &Subject, from: &str, connection: u64) {
    metrics::counter!("sallyport_postgres_logins_total", "result" => "succeeded").increment(1);
    let actor = actor(subject, Some(from.to_owned()));
    let share = Share::of_person(actor.person.as_str());
    let is_certificate = subject.credential.starts_with(certificates::PREFIX);
    let method = if is_certificate { CERTIFICATE } else { PASSWORD };
    let kind = Kind::LoginSucceeded(LoginSucceeded {
        method: method.to_owned(),
        service: SERVICE.to_owned(),
        connection: Some(connection),
    });
    keep(node, Some(actor), kind, share);
}

/// Somebody was not let in. Nobody has shown who they are, so it is a stranger's event.
pub(super) fn not_let_in(node: &Node, claimed: &str, from: &str, method: &str, reason: String) {
    metrics::counter!("sallyport_postgres_logins_total", "result" => "failed").increment(1);
    let kind = Kind::LoginFailed(LoginFailed {
        method: method.to_owned(),
        service: SERVICE.to_owned(),
        claimed: names::masked(claimed, CLAIMED_BYTES),
        reason,
        from: from.to_owned(),
        credential: None,
    });
    keep(node, None, kind, Share::STRANGERS);
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
