//! What everybody in a world shares.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use proto::entry::{ClusterCreation, Entry};
use proto::ids::Digest;

use super::machine::{Machine, addresses, member};
use super::network::{Id, Network};
use super::options::Options;
use super::oracles::{Applied, Promises, Told};
use super::runtime;

/// Whoever founds the cluster.
pub(crate) const FOUNDER: Id = 1;

/// What everybody shares.
pub(crate) struct Stage {
    pub(crate) options: Options,
    pub(crate) network: Arc<Network>,
    pub(crate) promises: Arc<Promises>,
    pub(crate) applied: Arc<Applied>,
    /// What clients were told.
    pub(crate) told: Told,
    pub(crate) machines: Mutex<BTreeMap<Id, Arc<Machine>>>,
    /// From now on nothing breaks any more.
    pub(crate) heals: AtomicBool,
    notes: Mutex<Vec<String>>,
}

impl Stage {
    pub(crate) fn new(options: Options) -> Arc<Self> {
        let promises = Arc::new(Promises::default());
        Arc::new(Self {
            options,
            network: Network::new(Arc::clone(&promises)),
            promises,
            applied: Arc::default(),
            told: Told::default(),
            machines: Mutex::default(),
            heals: AtomicBool::new(false),
            notes: Mutex::default(),
        })
    }

    /// Sets a machine up; it runs from now on.
    pub(crate) fn set_up(self: &Arc<Self>, id: Id) -> Arc<Machine> {
        let machine = Machine::new(id, self);
        self.machines.lock().insert(id, Arc::clone(&machine));
        machine.switch_on();
        machine
    }

    /// Machines that take part, or should.
    pub(crate) fn machines(&self) -> Vec<Arc<Machine>> {
        let machines = self.machines.lock();
        let stays = |machine: &&Arc<Machine>| !machine.retired.load(Ordering::Relaxed);
        machines.values().filter(stays).cloned().collect()
    }

    /// Any machine that serves.
    pub(crate) fn any(&self) -> Option<Arc<Machine>> {
        let machines = self.machines();
        let serving: Vec<_> =
            machines.into_iter().filter(|machine| machine.serves().is_some()).collect();
        runtime::draw(|dice| dice.pick(&serving))
    }

    /// Whether things may still break.
    pub(crate) fn breaks(&self) -> bool {
        !self.heals.load(Ordering::Relaxed)
    }

    /// The first entry, for whoever founds the cluster.
    pub(crate) fn founds(&self, id: Id) -> Option<Entry> {
        (id == FOUNDER).then(|| {
            Entry::ClusterCreated(ClusterCreation {
                contact_ms: self.options.contact_ms,
                founder: member(id).node,
                addresses: addresses(id),
                key: Digest([1; 32]),
            })
        })
    }

    /// Something for whoever reads how a world went wrong.
    pub(crate) fn note(&self, what: String) {
        let at = runtime::now().saturating_sub(runtime::BEGINNING);
        self.notes.lock().push(format!("{at:>12.3?} {what}"));
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        self.notes.lock().clone()
    }
}
