//! Finds out where a forward leads: the addresses of names, and which targets are there.
//!
//! What is found is judged with the forward, and the target is sent to the addresses and not to
//! the name, so that nobody can let the name lead elsewhere in between. A name that is not known
//! here is for the target to look up.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use node_enforce::forward::{ADDRESSES_LIMIT, Address, Asked, Host, TARGETS_LIMIT};
use parking_lot::Mutex;
use proto::reading::ForwardOperation;
use proto::target::Target;
use tokio::time::{Instant, timeout_at};

use super::super::node::Node;
use crate::forward::{Known, Machine, is_own, place, port, targets};

/// How long all look-ups for a forward may take together.
const DEADLINE: Duration = Duration::from_secs(2);
/// How long an answer is believed.
const BELIEVED: Duration = Duration::from_secs(30);
/// How many names are looked up at a time.
const AT_A_TIME: usize = 16;
/// How many addresses of a name are looked at: with more, it may lead anywhere.
const ADDRESSES: usize = 64;
/// How many names are remembered.
const NAMES: usize = 4096;

/// What was looked up a moment ago, for all forwards of a node.
#[derive(Default)]
pub(in super::super) struct Names(Mutex<HashMap<String, (Instant, Vec<IpAddr>)>>);

impl Names {
    fn known(&self, name: &str) -> Option<Vec<IpAddr>> {
        let names = self.0.lock();
        let (found, at) = names.get(name)?;
        (found.elapsed() < BELIEVED).then(|| at.clone())
    }

    /// Where a name leads; nowhere when that is not known in time.
    async fn at(&self, name: &str, until: Instant) -> Vec<IpAddr> {
        if let Some(at) = self.known(name) {
            return at;
        }
        let found = timeout_at(until, tokio::net::lookup_host((name, 0))).await;
        let Ok(found) = found else { return Vec::new() };
        // That there is none is believed as long.
        let found = found.into_iter().flatten().map(|address| address.ip().to_canonical());
        let mut at: Vec<IpAddr> = Vec::new();
        for address in found {
            if !at.contains(&address) {
                at.push(address);
            }
            if at.len() > ADDRESSES {
                at.clear();
                break;
            }
        }
        let mut names = self.0.lock();
        if names.len() >= NAMES {
            names.clear();
        }
        names.insert(name.to_owned(), (Instant::now(), at.clone()));
        at
    }
}

/// What is to be judged: an address with where it leads.
pub(super) async fn find(
    node: &Arc<Node>,
    own: &Target,
    address: Address,
    operation: ForwardOperation,
) -> Asked {
    let mut asked = Asked { operation, address, at: Vec::new(), targets: Vec::new() };
    if operation == ForwardOperation::Listen {
        return asked;
    }
    let until = Instant::now() + DEADLINE;
    if let Address::Place { host: Host::Name(name), .. } = &asked.address
        && !is_local(&asked.address)
    {
        asked.at = node.names.at(name, until).await;
        asked.at.truncate(ADDRESSES_LIMIT);
    }
    let Some(port) = port(&asked.address) else { return asked };
    let view = node.view();
    let there = |target: &&Arc<Target>| place(target).is_some_and(|(_, other)| other == port);
    let mut near: Vec<Target> =
        view.targets.values().filter(there).map(|target| Target::clone(target)).collect();
    near.push(own.clone());
    look_up(node, &near, until).await;
    let mut known: Vec<Known> = near.iter().map(|target| locate(node, target)).collect();
    if let Some(own) = known.pop() {
        asked.targets = targets(&asked.address, &asked.at, &is_here, &own, &known);
        asked.targets.truncate(TARGETS_LIMIT);
    }
    asked
}

fn is_local(address: &Address) -> bool {
    matches!(address, Address::Place { host, .. } if host.is_local())
}

/// Looks up the names of targets that are not known yet.
async fn look_up(node: &Arc<Node>, targets: &[Target], until: Instant) {
    let names: HashSet<String> = targets
        .iter()
        .filter_map(|target| match place(target)? {
            (Some(Host::Name(name)), _) if node.names.known(&name).is_none() => Some(name),
            _ => None,
        })
        .collect();
    let looking = stream::iter(names).for_each_concurrent(AT_A_TIME, |name| async move {
        drop(node.names.at(&name, until).await);
    });
    looking.await;
}

/// Where a target is, as far as that is known.
fn locate(node: &Node, target: &Target) -> Known {
    let (host, port) = place(target).unwrap_or_default();
    let mut machine = Machine::default();
    match host {
        Some(Host::At(address)) => machine.at.push(address),
        Some(Host::Name(name)) => {
            machine.at = node.names.known(&name).unwrap_or_default();
            machine.name = Some(name);
        }
        Some(Host::Every) | None => {}
    }
    machine.is_here = machine.at.iter().any(|address| is_here(*address));
    Known { name: target.name.clone(), kind: target.kind, port, machine }
}

/// Whether an address is one of this machine's own: nobody else can wait for anything there.
fn is_here(address: IpAddr) -> bool {
    is_own(address) || UdpSocket::bind((address, 0)).is_ok()
}
