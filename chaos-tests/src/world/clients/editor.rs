//! Somebody who edits the policy, and looks at it.

use std::sync::Arc;

use consensus_state::{Denied, Reply, State};
use proto::entry::{By, Entry, PolicySetting};
use proto::ids::Digest;
use ring::digest::{SHA256, digest};

use super::{PEOPLE, name, propose, read};
use crate::invariants::history::Outcome;
use crate::invariants::linearizable::{PolicyCall, PolicyReply};
use crate::world::runtime::{self, sleep};
use crate::world::stage::Stage;

fn current(state: &State) -> (u64, String) {
    let policy = state.policy();
    policy.map_or((0, String::new()), |now| (now.revision, now.document.to_string()))
}

/// Edits and reads, as long as things break.
pub(crate) async fn edit(stage: Arc<Stage>, who: String) {
    let mut number = 0_u64;
    while stage.breaks() {
        sleep(runtime::draw(|dice| dice.millis(500, 9000))).await;
        let Some(machine) = stage.any() else { continue };
        let (span, seen) = read(&machine, current).await;
        let Some((revision, document)) = seen else { continue };
        let in_force = PolicyReply::InForce { revision, document };
        stage.told.policy(&who, span, PolicyCall::Read, Outcome::Done(in_force));
        if runtime::draw(|dice| dice.permille(500)) {
            continue;
        }
        number += 1;
        let document = format!("version: 1 # {who} {number}");
        let expected = runtime::draw(|dice| (!dice.permille(200)).then_some(revision));
        set(&stage, &who, document, expected).await;
    }
}

/// Sets a policy at any machine.
pub(crate) async fn set(stage: &Arc<Stage>, who: &str, document: String, expected: Option<u64>) {
    let Some(machine) = stage.any() else { return };
    let bytes = digest(&SHA256, document.as_bytes());
    let digest = Digest(bytes.as_ref().try_into().expect("32 bytes"));
    let person = runtime::draw(|dice| dice.pick(PEOPLE)).expect("people");
    let by = if runtime::draw(|dice| dice.permille(500)) {
        By::Administrator
    } else {
        By::Person(name(person))
    };
    let setting =
        PolicySetting { document: document.clone(), digest, expected_revision: expected, by };
    let (span, outcome) = propose(&machine, Entry::PolicySet(setting)).await;
    let outcome = match outcome {
        Outcome::Done(answer) => match answer.reply {
            Reply::Policy(revision) => {
                stage.told.acknowledged(format!("policy.changed {digest}"));
                let document = document.clone();
                Outcome::Done(PolicyReply::InForce { revision, document })
            }
            Reply::Refused(Denied::StaleRevision { .. }) => Outcome::Done(PolicyReply::Stale),
            _ => Outcome::Refused,
        },
        Outcome::Refused => Outcome::Refused,
        Outcome::Unknown => Outcome::Unknown,
    };
    stage.told.policy(who, span, PolicyCall::Set { expected, document }, outcome);
}
