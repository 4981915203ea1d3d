//! Sessions that open and end, and who was let in.

use proto::event::{
    AdminDenied, Event, LoginFailed, LoginSucceeded, SessionClosed, SessionOpened, SessionRefused,
};
use proto::ids::Chain;

use super::{TEXT_LIMIT, WORDS_LIMIT, count, event_id, text, word, words};
use crate::tables::{Login, Session};
use crate::working::Working;

pub(super) fn opened(rows: &mut Working, event: &Event, opened: &SessionOpened) {
    let about = &event.about;
    let (Some(id), Some(actor), Some(target)) = (&about.session, &about.actor, &about.target)
    else {
        return;
    };
    let labels = target.labels.iter().take(WORDS_LIMIT);
    let make = || Session {
        chain: event.id.chain.to_string(),
        id: word(id.as_str()),
        person: actor.person.to_string(),
        groups: words(actor.groups.iter().map(|group| group.as_str())),
        target: target.name.to_string(),
        target_kind: target.kind.to_string(),
        labels: labels.map(|(name, value)| (word(name), word(value))).collect(),
        login: word(&target.login),
        channel: channel(opened),
        granted_by: word(&opened.grant),
        from_address: actor.from.as_deref().map(word),
        connection: count(opened.connection),
        policy_revision: about.policy.map(|policy| count(policy.revision)),
        opened_at: event.time,
        closed_at: None,
        reason: None,
        node: event.id.chain.to_string(),
        epoch: count(event.id.epoch.0),
        applied: count(event.applied),
        commands: 0,
        blocked: 0,
        held: 0,
        unfinished: 0,
        event: event_id(event),
    };
    rows.change_or(&word(id.as_str()), make, |_| {});
}

/// The word that the event itself says.
fn channel(opened: &SessionOpened) -> String {
    let word = serde_json::to_value(opened.channel).ok();
    word.and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

pub(super) fn closed(rows: &mut Working, event: &Event, closed: &SessionClosed) {
    let Some(id) = &event.about.session else { return };
    rows.change::<Session>(&word(id.as_str()), |session| {
        // What has ended stays ended.
        if session.closed_at.is_none() {
            session.closed_at = Some(event.time);
            session.reason = Some(text(&closed.reason, TEXT_LIMIT));
        }
    });
}

pub(super) fn logged_in(rows: &mut Working, event: &Event, login: &LoginSucceeded) {
    rows.put(Login {
        method: Some(word(&login.method)),
        service: Some(word(&login.service)),
        connection: login.connection.map(count),
        ..somebody(event)
    });
}

pub(super) fn not_logged_in(rows: &mut Working, event: &Event, login: &LoginFailed) {
    rows.put(Login {
        claimed: Some(word(&login.claimed)),
        method: Some(word(&login.method)),
        service: Some(word(&login.service)),
        from_address: Some(word(&login.from)),
        credential: login.credential.as_deref().map(word),
        reason: Some(text(&login.reason, TEXT_LIMIT)),
        ..somebody(event)
    });
}

pub(super) fn refused(rows: &mut Working, event: &Event, refused: &SessionRefused) {
    rows.put(Login {
        connection: Some(count(refused.connection)),
        asked: Some(text(&refused.asked, TEXT_LIMIT)),
        told_code: Some(refused.told.code.to_string()),
        reason: Some(text(&refused.reason, TEXT_LIMIT)),
        ..somebody(event)
    });
}

pub(super) fn denied(rows: &mut Working, event: &Event, denied: &AdminDenied) {
    rows.put(Login {
        service: Some("api".to_owned()),
        asked: Some(text(&denied.endpoint, TEXT_LIMIT)),
        reason: Some(text(&format!("missing: {}", denied.missing), TEXT_LIMIT)),
        ..somebody(event)
    });
}

/// What every such row says of the event and whom it is about.
fn somebody(event: &Event) -> Login {
    let actor = event.about.actor.as_ref();
    let node = match &event.id.chain {
        Chain::Node(node) => node.to_string(),
        Chain::Control => String::new(),
    };
    Login {
        chain: event.id.chain.to_string(),
        id: event_id(event),
        at: event.time,
        kind: event.name.clone(),
        node,
        person: actor.map(|actor| actor.person.to_string()),
        claimed: None,
        method: None,
        service: None,
        from_address: actor.and_then(|actor| actor.from.as_deref().map(word)),
        credential: actor.and_then(|actor| actor.credential.as_deref().map(word)),
        connection: None,
        asked: None,
        told_code: None,
        reason: None,
    }
}
