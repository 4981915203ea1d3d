//! A fleet: several `sallyport serve`, each on a host of its own, a real `sshd` behind them, and
//! people on a host of theirs. Faults are done to it from outside, as the world would do them.
//!
//! Everything goes with the fleet, also when a test panics: processes first, then mounts, then the
//! network. Only what it started is touched.

mod config;
mod database;
mod documents;
pub(super) mod faults;
mod gateway;
mod loan;
mod people;
mod record;
mod status;
mod words;

pub use database::{Database, Rows};
pub use documents::{
    ALLOWED, APPROVERS, BLOCKED, BYSTANDER, EDITOR, EXPIRES, HELD, HELD_BY_TWO, HELD_SHORTLY,
    POLICY, REQUESTERS,
};
pub use faults::ClockFault;
pub use gateway::Gateway;
pub use loan::{on_fleet, on_fleet_of, on_made_fleet, on_streamed_fleet};
pub use people::Waiting;
pub use status::Status;
pub use words::{Word, word};

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use self::config::{JOURNAL_QUOTA, SSH_PORT, Told};
use super::broker::Broker;
use super::keys::Key;
use super::network::{Host, Network};
use super::process::Reaped;
use super::target::Target;
use super::wait::{SHORT, until};

/// T of the fleet's cluster (promise 7).
pub const T: Duration = Duration::from_secs(3);

/// Whoever sets this in the environment keeps what fleets leave behind, to look at it.
const KEEP: &str = "SALLYPORT_CHAOS_KEEP";

/// The cluster's name.
const CLUSTER: &str = "chaos";

/// What a fleet is made of.
#[derive(Clone, Copy, Debug)]
pub struct Made {
    /// How many nodes.
    pub size: usize,
    /// Whether they publish to a broker.
    pub streamed: bool,
    /// Whether they fold the audit views into a database.
    pub viewed: bool,
    /// The most that live records of a node may take, in bytes.
    pub quota: u64,
}

impl Made {
    /// Nodes alone.
    #[must_use]
    pub fn of(size: usize) -> Self {
        Self { size, streamed: false, viewed: false, quota: JOURNAL_QUOTA }
    }
}

/// A fleet with all that belongs to it.
#[derive(Debug)]
pub struct Fleet {
    // Dropped in this order: processes, then what they stand on.
    gateways: Vec<Gateway>,
    /// The broker that they publish to, when they do.
    broker: Mutex<Option<Broker>>,
    /// The database that they fold the audit views into, when they do.
    database: Mutex<Option<Database>>,
    /// The machine behind them.
    pub target: Target,
    /// The network between all of them.
    pub network: Network,
    /// Where clients run; no fault is done to it.
    outside: Host,
    keys: BTreeMap<String, Key>,
    tokens: BTreeMap<String, String>,
    admin_token: String,
    /// Whether nobody else shall get it.
    used_up: AtomicBool,
    folder: TempDir,
}

impl Fleet {
    /// Founds a cluster and lets the other nodes join; documents are in force when it is there.
    ///
    /// # Errors
    /// When a part does not start.
    pub fn start(made: Made) -> Result<Self> {
        let mut folder = TempDir::with_prefix("sallyport-fleet-")?;
        folder.disable_cleanup(std::env::var_os(KEEP).is_some());
        let mut network = Network::new()?;
        let outside = network.add("outside")?;
        let behind = network.add("target")?;
        let target = Target::start_on(&folder.path().join("target"), Some(&behind))?;
        let mut told = Told {
            secrets: target.folder.clone(),
            events: "{ stream: none }".to_owned(),
            views: String::new(),
            quota: made.quota,
        };
        let mut broker = None;
        if made.streamed {
            let started = Broker::start(folder.path(), &network.add("nats")?, CLUSTER)?;
            told.events = format!("{{ nats: [\"{}\"], replicas: 1, sync: always }}", started.url());
            broker = Some(started);
        }
        let mut database = None;
        if made.viewed {
            let started = Database::start(&network.add("postgres")?)?;
            told.views = started.views_yaml(folder.path())?;
            database = Some(started);
        }
        let mut gateways = Vec::new();
        for number in 1..=made.size {
            let host = network.add(&format!("gw-{number}"))?;
            gateways.push(Gateway::new(folder.path(), &host, &told)?);
        }
        // The last one has a disk that can be filled.
        gateways.last().context("a fleet has nodes")?.disk.make_small()?;
        let mut keys = BTreeMap::new();
        for person in documents::everybody() {
            keys.insert(person.to_owned(), Key::make(folder.path(), person)?);
        }
        let (tokens, admin_token) = (BTreeMap::new(), String::new());
        let mut fleet = Self {
            gateways,
            broker: Mutex::new(broker),
            database: Mutex::new(database),
            target,
            network,
            outside,
            keys,
            tokens,
            admin_token,
            used_up: AtomicBool::new(false),
            folder,
        };
        fleet.found()?;
        fleet.apply_documents()?;
        fleet.log_in()?;
        Ok(fleet)
    }

    fn found(&mut self) -> Result<()> {
        let founded = self.gateways[0].init()?;
        self.admin_token = fs::read_to_string(founded.admin_token_file)?.trim().to_owned();
        let ready = self.gateways[0].start()?;
        let mut file = Some(founded.join_token_file);
        for at in 1..self.gateways.len() {
            let file = match file.take() {
                Some(file) => file,
                None => self.join_file(&format!("join-{at}"))?,
            };
            let host_key = self.gateways[at].join(&file)?.host_key;
            ensure!(host_key == ready.host_key, "all nodes present one host key");
        }
        self.pin(&ready.host_key)?;
        self.await_voters()
    }

    /// Trusts the fleet's host key on every node, and no other.
    fn pin(&self, host_key: &str) -> Result<()> {
        let line = |gateway: &Gateway| format!("[{}]:{SSH_PORT} {host_key}\n", gateway.address());
        let lines: String = self.gateways.iter().map(line).collect();
        Ok(fs::write(self.path("known_hosts"), lines)?)
    }

    fn join_file(&self, name: &str) -> Result<PathBuf> {
        let file = self.folder.path().join(name);
        let path = file.to_str().context("a temporary folder's name is text")?;
        self.administer("gw-1", &["cluster", "join-token", "--out", path])?;
        Ok(file)
    }

    /// Waits until all nodes vote and all know the leader.
    fn await_voters(&self) -> Result<()> {
        until("all nodes vote", SHORT, || {
            let all = self.names().iter().all(|name| {
                self.status(name).is_ok_and(|status| {
                    status.leader.is_some() && status.voters.len() == self.gateways.len()
                })
            });
            Ok(all.then_some(()))
        })
    }

    /// Runs a command of the command line as the administrator, through a node, and expects that
    /// it is done.
    ///
    /// # Errors
    /// When it is not done.
    pub fn administer(&self, through: &str, arguments: &[&str]) -> Result<String> {
        let said = self.call(through, &self.admin_token, arguments)?;
        let words = arguments.join(" ");
        ensure!(said.status.success(), "{words} through {through}: {}", said.said());
        Ok(said.text())
    }

    /// Runs a command of the command line as the administrator, through a node.
    ///
    /// # Errors
    /// When it does not end.
    pub fn try_administer(&self, through: &str, arguments: &[&str]) -> Result<Reaped> {
        self.call(through, &self.admin_token, arguments)
    }

    /// The names of all nodes.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.gateways.iter().map(|gateway| gateway.name().to_owned()).collect()
    }

    /// A node.
    ///
    /// # Panics
    /// When there is none of this name.
    #[must_use]
    pub fn gateway(&self, name: &str) -> &Gateway {
        let found = self.gateways.iter().find(|gateway| gateway.name() == name);
        found.expect("a node of this name")
    }

    /// Where clients run.
    #[must_use]
    pub fn outside(&self) -> &Host {
        &self.outside
    }

    /// All nodes.
    pub fn gateways(&self) -> impl Iterator<Item = &Gateway> {
        self.gateways.iter()
    }

    /// Says that no other test shall get this fleet: its record has become long, or its nodes are
    /// not as they are in the field.
    pub fn use_up(&self) {
        self.used_up.store(true, Ordering::Relaxed);
    }

    /// Does something to the broker.
    ///
    /// # Errors
    /// When there is none, or what was done to it fails.
    pub fn broker<T>(&self, act: impl FnOnce(&mut Broker) -> Result<T>) -> Result<T> {
        act(self.lock_broker().as_mut().context("this fleet has no stream")?)
    }

    /// Does something to the database.
    ///
    /// # Errors
    /// When there is none, or what was done to it fails.
    pub fn database<T>(&self, act: impl FnOnce(&mut Database) -> Result<T>) -> Result<T> {
        act(self.lock_database().as_mut().context("this fleet has no database")?)
    }

    fn lock_broker(&self) -> MutexGuard<'_, Option<Broker>> {
        self.broker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_database(&self) -> MutexGuard<'_, Option<Database>> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file of the fleet.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
