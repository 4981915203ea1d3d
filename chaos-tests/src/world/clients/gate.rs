//! What stands in front of the targets on each machine: it lets a session go on as long as the node
//! had contact within T, and what the node knows does not forbid it.

use std::sync::Arc;
use std::time::Duration;

use consensus_state::State;
use proto::entry::SessionOpening;
use proto::ids::Epoch;

use crate::invariants::forbidden_after_t::Allowed;
use crate::world::machine::{Machine, Node};
use crate::world::runtime::{self, sleep};
use crate::world::stage::Stage;

/// Lets things through, as long as things break.
pub(crate) async fn guard(stage: Arc<Stage>, machine: Arc<Machine>) {
    while stage.breaks() {
        sleep(runtime::draw(|dice| dice.millis(50, 300))).await;
        let told = Arc::clone(&stage);
        machine.call(|node, epoch| async move { pass(&told, &node, epoch) }).await;
    }
}

fn pass(stage: &Stage, node: &Node, epoch: Epoch) {
    let contact = *node.contact().borrow();
    let bound = node.with_state(State::contact);
    let fresh = |sent_at: Duration| runtime::now().saturating_sub(sent_at) < bound;
    if !contact.is_some_and(|contact| fresh(contact.sent_at)) {
        return;
    }
    let me = node.identity().node;
    node.with_state(|state| {
        for session in state.open_sessions() {
            let SessionOpening { session, person, target, node, epoch: of, .. } = &session.opening;
            let mine = *node == me && *of == epoch;
            if mine && state.locked(person, target, node).is_none() {
                stage.told.allowed(Allowed {
                    what: format!("output of {session}"),
                    subjects: vec![
                        format!("person {person}"),
                        format!("target {target}"),
                        format!("node {node}"),
                        "everything".to_owned(),
                    ],
                    at: super::now(),
                });
            }
        }
    });
}
