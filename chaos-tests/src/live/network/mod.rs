//! A small network of our own: hosts that are network namespaces, on one bridge in a namespace
//! that is ours too, and ways between them that can be cut.
//!
//! Nothing of it is seen from outside: no interface is made in the machine's own namespace, and
//! addresses of 10.77.0.0/24 exist only inside. It goes with its guard, also when a test panics.
//! It must never touch a namespace, an interface or a rule that it did not make. Needs root.

mod cuts;
mod host;

pub use host::Host;

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::process::run;
use super::secrets::marker;
use super::wait::SHORT;

/// How many hosts there is room for: addresses end with 1 to 254.
const HOSTS_LIMIT: u8 = 254;

/// The bridge's host in names.
const BRIDGE: &str = "bridge";

/// Why there can be no network on this machine; none when there can.
#[must_use]
pub fn unavailable() -> Option<String> {
    let root = rustix::process::geteuid().is_root();
    (!root).then(|| "network namespaces need root, and this is not root".to_owned())
}

/// A network with its hosts.
#[derive(Debug)]
pub struct Network {
    /// What the names of all its namespaces begin with.
    prefix: String,
    hosts: Vec<Host>,
    /// Ways that are cut: from whom, to whom.
    cuts: Mutex<BTreeSet<(String, String)>>,
}

impl Network {
    /// Makes one without hosts.
    ///
    /// # Errors
    /// When namespaces cannot be made.
    pub fn new() -> Result<Self> {
        let random = marker().replace("mark-", "");
        let prefix = format!("sallyport-{}-{}", std::process::id(), &random[..8]);
        let network = Self { prefix, hosts: Vec::new(), cuts: Mutex::default() };
        let bridge = network.namespace(BRIDGE);
        ip(&["netns", "add", &bridge])?;
        ip(&["-n", &bridge, "link", "add", "br0", "type", "bridge"])?;
        ip(&["-n", &bridge, "link", "set", "br0", "up"])?;
        Ok(network)
    }

    fn namespace(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    /// Adds a host; its name is its own.
    ///
    /// # Errors
    /// When it cannot be made, or there are too many.
    pub fn add(&mut self, name: &str) -> Result<Host> {
        ensure!(
            name != BRIDGE && self.hosts.iter().all(|host| host.name != name),
            "{name} is taken"
        );
        let number = u8::try_from(self.hosts.len() + 1)?;
        ensure!(number <= HOSTS_LIMIT, "at most {HOSTS_LIMIT} hosts");
        let host = Host::new(name, self.namespace(name), number);
        let (own, bridge) = (host.namespace.clone(), self.namespace(BRIDGE));
        ip(&["netns", "add", &own])?;
        // From here on the guard has something to take away.
        self.hosts.push(host.clone());
        let port = format!("port{number}");
        let peer = ["peer", "name", &port, "netns", &bridge];
        ip(&[&["-n", &own, "link", "add", "eth0", "type", "veth"][..], &peer].concat())?;
        ip(&["-n", &bridge, "link", "set", &port, "master", "br0", "up"])?;
        ip(&["-n", &own, "address", "add", &format!("{}/24", host.address), "dev", "eth0"])?;
        for link in ["lo", "eth0"] {
            ip(&["-n", &own, "link", "set", link, "up"])?;
        }
        Ok(host)
    }

    /// Cuts the way from each of some hosts to each of others; what goes the other way passes.
    ///
    /// # Errors
    /// When a rule cannot be set.
    pub fn cut_one_way(&self, from: &[&str], to: &[&str]) -> Result<()> {
        self.change(|cuts| {
            for (one, other) in from.iter().flat_map(|one| to.iter().map(move |to| (one, to))) {
                if one != other {
                    cuts.insert(((*one).to_owned(), (*other).to_owned()));
                }
            }
        })
    }

    /// Cuts both ways between some hosts and others.
    ///
    /// # Errors
    /// When a rule cannot be set.
    pub fn cut(&self, some: &[&str], others: &[&str]) -> Result<()> {
        self.cut_one_way(some, others)?;
        self.cut_one_way(others, some)
    }

    /// Opens all ways again.
    ///
    /// # Errors
    /// When a rule cannot be taken away.
    pub fn heal(&self) -> Result<()> {
        self.change(BTreeSet::clear)
    }

    fn change(&self, change: impl FnOnce(&mut BTreeSet<(String, String)>)) -> Result<()> {
        let mut cuts = self.cuts.lock().unwrap_or_else(PoisonError::into_inner);
        let before = cuts.clone();
        change(&mut cuts);
        cuts::enforce(&self.hosts, &before, &cuts)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let names = self.hosts.iter().map(|host| host.namespace.clone());
        for namespace in names.chain([self.namespace(BRIDGE)]) {
            // Whatever still runs in there descends from what a test started; it may be over.
            end_all(&namespace).ok();
            ip(&["netns", "delete", &namespace]).ok();
        }
    }
}

/// Ends every process that has a namespace of ours as its own.
fn end_all(namespace: &str) -> Result<()> {
    let listed = run(Command::new("ip").args(["netns", "pids", namespace]), Vec::new(), SHORT)?;
    for pid in listed.text().split_whitespace() {
        let pid = Pid::from_raw(pid.parse()?).context("a process has a positive id")?;
        kill_process(pid, Signal::KILL).ok();
    }
    Ok(())
}

/// Runs `ip`.
fn ip(arguments: &[&str]) -> Result<()> {
    let said = run(Command::new("ip").args(arguments), Vec::new(), SHORT)
        .context("network tests need iproute2")?;
    ensure!(said.status.success(), "ip {}: {}", arguments.join(" "), said.said());
    Ok(())
}
