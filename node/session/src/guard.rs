//! What watches over all sessions of a node: what they are judged by, the contact with the
//! majority, and the way back of a node that was lost.
//!
//! It only tells; each session looks itself before anything moves.

use std::sync::Arc;
use std::time::Duration;

use consensus_state::Presence;
use proto::entry::{Entry, NodeEpoch};
use proto::event::{About, Draft, Kind, QuorumLost, QuorumRegained};
use proto::refusal::{Code, Told};
use store_log::{Share, Urgency};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::live::Live;
use crate::ports::{Contact, ControlExt, View};
use crate::sessions::Ports;
use crate::tether::{Tether, changed};

/// How long a node that was lost waits before it asks again to be let back.
const RETURN_PAUSE: Duration = Duration::from_secs(1);

/// The tasks; they end when it is dropped.
#[derive(Debug)]
pub(crate) struct Guard(Vec<JoinHandle<()>>);

impl Guard {
    /// Starts to watch. What is given tells sessions when to judge themselves again, and ties them
    /// by contacts that they have heard all of.
    pub(crate) fn start(
        ports: &Arc<Ports>,
        live: &Live,
    ) -> (Self, watch::Receiver<Arc<View>>, Tether) {
        let (contact, views) = (ports.control.contact(), ports.control.views());
        let (rules, judged_by) = watch::channel(views.borrow().clone());
        let (passed, tied_by) = watch::channel(*contact.borrow());
        let tether = Tether::new(ports.clock.clone(), tied_by, &*ports.control);
        let tasks = vec![
            tokio::spawn(sift(contact, views, rules, passed)),
            tokio::spawn(watch_contact(ports.clone(), live.clone(), tether.clone())),
            tokio::spawn(come_back(ports.clone(), live.clone(), tether.clone())),
        ];
        (Self(tasks), judged_by, tether)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// Passes on the views by which sessions must judge themselves again: the control plane changes
/// with every session that opens anywhere, policy and locks do not. A contact is passed on after
/// what was decided before it: otherwise a session that was frozen would move before it hears what
/// was forbidden meanwhile.
async fn sift(
    mut contact: watch::Receiver<Contact>,
    mut views: watch::Receiver<Arc<View>>,
    rules: watch::Sender<Arc<View>>,
    passed: watch::Sender<Contact>,
) {
    loop {
        // In this order: what is seen after the contact holds all that the contact vouches for.
        let made = *contact.borrow_and_update();
        let view = views.borrow_and_update().clone();
        rules.send_if_modified(|before| {
            let differs = !view.judges_as(before);
            if differs {
                *before = view;
            }
            differs
        });
        passed.send_if_modified(|before| std::mem::replace(before, made) != made);
        tokio::select! {
            () = changed(&mut contact) => {}
            () = changed(&mut views) => {}
        }
    }
}

/// Records once when contact is lost and once when it is regained, and ends what is left of
/// sessions when it is over.
async fn watch_contact(ports: Arc<Ports>, live: Live, tether: Tether) {
    // A node that starts has had none yet, and loses none.
    tether.fresh().await;
    loop {
        tether.frozen().await;
        let lost = tether.leash();
        let since = ports.clock.elapsed().saturating_sub(lost.contact);
        tracing::warn!(?since, "no contact with the majority: sessions are frozen");
        metrics::gauge!("sallyport_quorum_contact").set(0.0);
        let (since_ms, sessions) = (millis(since), live.count() as u64);
        note(&ports, Kind::QuorumLost(QuorumLost { since_ms, sessions }));
        let over = async {
            tether.over().await;
            tracing::warn!("no contact with the majority for too long: sessions end");
            live.end_all(&Told::plain(Code::ContactLost));
            // There may be contact by now, for which to look is the other branch's business.
            std::future::pending::<()>().await;
        };
        tokio::select! {
            biased;
            () = tether.fresh() => {}
            () = over => {}
        }
        let after = ports.clock.elapsed().saturating_sub(lost.contact);
        tracing::info!(?after, "there is contact with the majority again");
        metrics::gauge!("sallyport_quorum_contact").set(1.0);
        note(&ports, Kind::QuorumRegained(QuorumRegained { after_ms: millis(after) }));
    }
}

/// A node that the others gave up for lost says that it is there, once it has ended all that they
/// have closed.
async fn come_back(ports: Arc<Ports>, live: Live, tether: Tether) {
    let mut views = ports.control.views();
    let mut seen = None;
    loop {
        let nodes = views.borrow_and_update().nodes;
        if seen != Some(nodes) && is_lost(&ports) {
            // What is open here is closed there: nothing may go on as if it were not.
            live.end_all(&Told::plain(Code::ContactLost));
            live.empty().await;
            tether.fresh().await;
            let (node, epoch) = (ports.node.clone(), ports.record.epoch());
            let answer = ports.control.propose(Entry::NodeSeen(NodeEpoch { node, epoch })).await;
            if is_lost(&ports) {
                tracing::warn!(?answer, "the node was lost, and is not let back yet");
                tokio::time::sleep(RETURN_PAUSE).await;
                continue;
            }
        }
        seen = Some(nodes);
        changed(&mut views).await;
    }
}

fn is_lost(ports: &Ports) -> bool {
    let presence = |state: &consensus_state::State| state.node(&ports.node).map(|one| one.presence);
    ports.control.look(presence) == Some(Presence::Lost)
}

fn note(ports: &Ports, kind: Kind) {
    let applied = ports.control.views().borrow().applied;
    let draft = Draft { time: ports.clock.now().utc, applied, about: About::default(), kind };
    if let Err(error) = ports.record.append(&draft, Share::NODE, Urgency::LastWords) {
        tracing::warn!(kind = draft.kind.name(), %error, "an event of the node is not recorded");
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
