//! What readers see of the state: compiled once for each change, replaced as a whole.

use std::sync::Arc;

use consensus_state::{Changed, State};
use node_enforce::policy::Policy;
use node_identity::Directory;

use crate::ports::View;

/// Compiles a policy's text. It was checked before it was proposed, so a failure is told as text.
pub type Compile = dyn Fn(&str) -> Result<Policy, String> + Send + Sync;

/// The view of a state; what did not change is shared with the view before.
///
/// # Errors
/// The compiler's, when the policy in force does not compile.
pub fn view(
    state: &State,
    before: Option<&View>,
    changed: Changed,
    compile: &dyn Fn(&str) -> Result<Arc<Policy>, String>,
) -> Result<View, String> {
    let policy = match before {
        Some(before) if !changed.policy => before.policy.clone(),
        _ => match state.policy() {
            Some(revision) => Some((compile(&revision.document)?, revision.reference())),
            None => None,
        },
    };
    let people = match before {
        Some(before) if !changed.people => before.people.clone(),
        _ => {
            let people: Vec<_> = state.people().cloned().collect();
            Arc::new(Directory::new(&people))
        }
    };
    let targets = match before {
        Some(before) if !changed.targets => before.targets.clone(),
        _ => {
            let targets = state.targets();
            Arc::new(
                targets.map(|target| (target.name.clone(), Arc::new(target.clone()))).collect(),
            )
        }
    };
    let locks = match before {
        Some(before) if !changed.locks => before.locks.clone(),
        _ => Arc::new(state.locks().cloned().collect()),
    };
    let applied = state.applied();
    let since = |changed: bool, before: Option<u64>| before.filter(|_| !changed);
    Ok(View {
        applied,
        contact: state.contact(),
        policy,
        people,
        targets,
        locks,
        approvals: since(changed.approvals, before.map(|view| view.approvals)).unwrap_or(applied),
        nodes: since(changed.nodes, before.map(|view| view.nodes)).unwrap_or(applied),
    })
}
