//! Who may log in to what, decided from a verified key and the user part alone.
//!
//! Pure. The outside learns nothing from it: every failure is the same rejection at the same time,
//! and only the record gets the reason.

use node_enforce::policy::{TargetFacts, Who};
use node_identity::{Directory, Subject};
use node_session::View;
use proto::event::Actor;
use proto::ids::Name;
use proto::reading::Channel;
use proto::target::TargetKind;
use russh::keys::{Algorithm, PublicKey};

/// What this listener serves: a person must be granted one of these to be let in.
const SERVED: &[Channel] = &[Channel::Exec, Channel::Shell, Channel::Sftp, Channel::Forward];
/// The longest login, in bytes.
const LOGIN_BYTES: usize = 256;

/// The user part of `ssh USER@gateway`: `TARGET` or `LOGIN@TARGET`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UserPart {
    /// As whom at the target; the first login that is granted, when not said.
    pub(crate) login: Option<String>,
    /// Which target.
    pub(crate) target: Name,
}

/// Reads the user part. A login may contain `@`, a target never does.
pub(crate) fn user_part(user: &str) -> Option<UserPart> {
    let (login, target) = match user.rsplit_once('@') {
        Some((login, target)) => (Some(login), target),
        None => (None, user),
    };
    let fit = |login: &str| {
        !login.is_empty() && login.len() <= LOGIN_BYTES && !login.chars().any(char::is_control)
    };
    if !login.is_none_or(fit) {
        return None;
    }
    Some(UserPart { login: login.map(str::to_owned), target: target.parse().ok()? })
}

/// Somebody who is let in, to one target, with one login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) subject: Subject,
    pub(crate) target: Name,
    pub(crate) login: String,
}

/// Why somebody is not let in; for the record only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotLetIn {
    pub(crate) reason: String,
    /// Whose key it was, when it was anybody's.
    pub(crate) subject: Option<Subject>,
}

/// Decides a login. The caller has verified that whoever asks holds the key's private half.
pub(crate) fn decide(
    user: &str,
    key: &PublicKey,
    algorithm: &Algorithm,
    view: &View,
) -> Result<Login, NotLetIn> {
    let subject = view.people.by_key(key);
    match granted(user, subject.as_ref(), algorithm, view) {
        Ok((target, login, subject)) => Ok(Login { subject: subject.clone(), target, login }),
        Err(reason) => Err(NotLetIn { reason, subject }),
    }
}

fn granted<'a>(
    user: &str,
    subject: Option<&'a Subject>,
    algorithm: &Algorithm,
    view: &View,
) -> Result<(Name, String, &'a Subject), String> {
    if *algorithm == (Algorithm::Rsa { hash: None }) {
        return Err("the signature is made with SHA-1".to_owned());
    }
    let subject = subject.ok_or("the key is nobody's")?;
    let asked = user_part(user).ok_or("the user is not of the form LOGIN@TARGET or TARGET")?;
    let target = view.targets.get(&asked.target).ok_or("there is no such target")?;
    if target.kind != TargetKind::Ssh {
        return Err(format!("the target is of the kind {}", target.kind));
    }
    let (policy, _) = view.policy.as_ref().ok_or("there is no policy")?;
    let who = Who::new(subject.person.as_str(), &subject.groups);
    let (name, labels) = (target.name.as_str(), &target.labels);
    let facts = TargetFacts { name, kind: target.kind, labels };
    let mut reason = String::new();
    for channel in SERVED {
        match policy.grant(&who, &facts, *channel, asked.login.as_deref(), &target.logins) {
            Ok(granted) => return Ok((asked.target, granted.login, subject)),
            Err(none) => reason = none.to_string(),
        }
    }
    Err(reason)
}

/// Who they are today: a connection may outlive a key, a person or a group.
pub(crate) fn still(login: &Login, people: &Directory, from: &str) -> Option<Actor> {
    let subject = people.still(&login.subject)?;
    Some(actor(&subject, Some(from.to_owned())))
}

/// A subject as events name them.
pub(crate) fn actor(subject: &Subject, from: Option<String>) -> Actor {
    Actor {
        person: subject.person.clone(),
        issuer: subject.issuer.clone(),
        groups: subject.groups.clone(),
        from,
        credential: Some(subject.credential.clone()),
    }
}
