//! How a policy comes into force: checked, then decided under the very policy that says who may.
//!
//! It must never be proposed without the revision by which the editor was judged: a role that
//! came to need a second person in the meantime would be passed by.

use std::time::Duration;

use consensus_state::{Denied, Reply};
use node_enforce::mask::is_detector;
use node_enforce::policy::{Permission, Policy, Who};
use node_identity::{Directory, Principal};
use node_session::View;
use proto::api::PolicyApplied;
use proto::entry::{Entry, PolicyProposal, PolicySetting};
use proto::ids::Name;
use proto::refusal::Code;

use crate::caller::{Caller, may};
use crate::change::{by, failed};
use crate::refuse::Refused;
use crate::state::Api;

/// How long a policy waits for a second person.
const WAITS: Duration = Duration::from_secs(24 * 60 * 60);

/// How often it is tried anew when others change the policy at the same time.
const ATTEMPTS: usize = 3;

/// A policy that somebody wants in force.
pub(crate) struct Wanted {
    /// What errors call it.
    pub file: String,
    /// Its text.
    pub document: String,
    /// The revision that the editor saw.
    pub expected_revision: Option<u64>,
}

/// Brings it into force, or has it wait.
pub(crate) async fn enact(
    api: &Api,
    caller: &Caller,
    wanted: Wanted,
) -> Result<PolicyApplied, Refused> {
    let (policy, warnings) = checked(api, &wanted).await?;
    let digest = policy.digest();
    let warnings: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    for _ in 0..ATTEMPTS {
        let view = api.view();
        let current = view.policy.as_ref().map_or(0, |(_, reference)| reference.revision);
        let expected = wanted.expected_revision.unwrap_or(current);
        let setting = PolicySetting {
            document: wanted.document.clone(),
            digest,
            expected_revision: Some(expected),
            by: by(caller)?,
        };
        // Judged by another revision than the editor expects, it would be refused in any case.
        let entry = if expected == current && needs_second_person(&view, caller)? {
            Entry::PolicyProposed(proposal(&view, caller, setting)?)
        } else {
            Entry::PolicySet(setting)
        };
        let applied = |revision, changed, approval| {
            let warnings = warnings.clone();
            PolicyApplied { digest, revision, changed, approval, warnings }
        };
        return match api.given.control.propose(entry).await {
            Ok(Reply::Policy(revision)) => Ok(applied(revision, true, None)),
            Ok(Reply::Approval(approval)) => Ok(applied(current, false, Some(approval))),
            Ok(Reply::Refused(Denied::StaleRevision { .. }))
                if wanted.expected_revision.is_none() =>
            {
                continue;
            }
            Ok(Reply::Refused(denied)) => Err(denied.into()),
            Ok(_) => Ok(applied(current, false, None)),
            Err(error) => Err(failed(&error)),
        };
    }
    let text = "others change the policy at this moment; look at it again";
    Err(Refused::new(Code::StaleRevision, text))
}

async fn checked(
    api: &Api,
    wanted: &Wanted,
) -> Result<(Policy, Vec<node_enforce::policy::Warning>), Refused> {
    let turn = api.documents.acquire().await;
    let _turn = turn.map_err(|_| Refused::plain(Code::Draining))?;
    let (file, text) = (wanted.file.clone(), wanted.document.clone());
    let checking = move || Policy::parse(&file, &text, &is_detector);
    let checked = tokio::task::spawn_blocking(checking).await;
    let checked = checked.map_err(|error| Refused::new(Code::Internal, error.to_string()))?;
    checked.map_err(|errors| Refused::new(Code::PolicyWrong, errors.to_string()))
}

/// Whether the editor may only propose. The administrator is no role of any policy.
fn needs_second_person(view: &View, caller: &Caller) -> Result<bool, Refused> {
    let policy = view.policy.as_ref().map(|(policy, _)| &**policy);
    match &caller.principal {
        Some(Principal::Admin) => Ok(false),
        // The guard saw an earlier view, perhaps one that still permitted it.
        Some(principal) if !may(principal, policy, Permission::Policy) => {
            Err(Refused::plain(Code::NotPermitted))
        }
        Some(Principal::Person(subject)) => Ok(policy.is_some_and(|policy| {
            let who = Who::new(subject.person.as_str(), &subject.groups);
            policy.needs_second_person(&who, Permission::Policy)
        })),
        None => Err(Refused::plain(Code::NotAuthenticated)),
    }
}

fn proposal(
    view: &View,
    caller: &Caller,
    setting: PolicySetting,
) -> Result<PolicyProposal, Refused> {
    let editor = by(caller)?;
    let policy = view.policy.as_ref().map(|(policy, _)| &**policy);
    let approvers = editors(policy, &view.people, editor.person());
    if approvers.is_empty() {
        let text = "your role needs a second person to agree, and there is nobody else who may \
                    change the policy";
        return Err(Refused::new(Code::SecondPersonNeeded, text));
    }
    let expires_ms = u64::try_from(WAITS.as_millis()).unwrap_or(u64::MAX);
    Ok(PolicyProposal { setting, approvers, expires_ms })
}

/// Everybody who may change the policy, but the one who does.
fn editors(policy: Option<&Policy>, people: &Directory, but: Option<&Name>) -> Vec<Name> {
    let Some(policy) = policy else { return Vec::new() };
    let may = |person: &&proto::person::Person| {
        let who = Who::new(person.name.as_str(), &person.groups);
        Some(&person.name) != but && policy.allows(&who, Permission::Policy)
    };
    let editors = people.people().filter(may).map(|person| person.name.clone());
    editors.take(consensus_state::limits::APPROVERS).collect()
}
