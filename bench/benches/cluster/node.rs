//! One node of the benchmark, in a process of its own: the replica on its disk, the record that
//! keeps its control chain, and mutual TLS to its peers, put together as the daemon does. What is
//! missing are the ways in for people (SSH, the API); its clients are in this process instead.

use std::io::{BufRead as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use consensus_raft::{Config, Member, Replica, Timing};
use consensus_state::{Denied, Reply};
use node_enforce::mask::is_detector;
use node_enforce::policy::Policy;
use node_peer::{Limits, Pool, Server};
use node_session::clock::SystemClock;
use node_session::control::RaftControl;
use proto::entry::{
    By, ClusterCreation, Entry, JoinToken, NodeAddresses, NodeJoining, NodeStart, PeopleSetting,
    PolicySetting, TargetsSetting,
};
use proto::ids::{Digest, Epoch, Name};
use proto::person::Person;
use proto::target::{CredentialSource, HostKeys, Target, TargetKind};
use store_disk::raft::{RaftStore, Thread};
use store_disk::{Files, Journal, Options};
use store_log::{Backend as _, Log};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::load::{Opener, closing};
use crate::meet::{ForPeers, Wall, Way, local, record};
use crate::order::{Order, Said, Seat, Setup, read};

/// The cluster's name.
pub(crate) const CLUSTER: &str = "bench";
/// The files of a node's folder.
pub(crate) const SETUP: &str = "setup.json";
pub(crate) const KEY: &str = "key";
pub(crate) const AUTHORITY: &str = "authority";

const PERSON: &str = "alice";
const TARGET: &str = "web-1";
const POLICY: &str = "version: 1
grants:
  - { name: all, who: { users: [alice] }, targets: {}, as: [deploy], channels: [exec] }
";
/// How long is waited between two looks at what somebody else must do first.
const LOOK: Duration = Duration::from_millis(20);

pub(crate) fn name(text: &str) -> Result<Name> {
    text.parse().map_err(|error| anyhow!("{error}"))
}

/// Runs a node until its standard input ends.
pub(crate) async fn run(folder: PathBuf) -> Result<()> {
    let setup: Setup = read(&folder.join(SETUP))?;
    let opener = match open(&folder, &setup).await {
        Ok(opener) => opener,
        Err(error) => {
            say(&Said::Failed(format!("{error:#}")))?;
            return Err(error);
        }
    };
    say(&Said::Ready)?;
    let (orders, mut ordered) = tokio::sync::mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(std::result::Result::ok) {
            if orders.blocking_send(line).is_err() {
                return;
            }
        }
    });
    while let Some(line) = ordered.recv().await {
        let said = match serde_json::from_str(&line)? {
            Order::Load(load) => opener.opener.load(load).await.map(Said::Loaded),
            Order::Leader => Ok(Said::Leader(opener.replica.status().leader)),
            Order::Change => opener.change().await.map(|()| Said::Changed),
        };
        say(&said.unwrap_or_else(|error| Said::Failed(format!("{error:#}"))))?;
    }
    Ok(())
}

fn say(said: &Said) -> Result<()> {
    let mut output = std::io::stdout().lock();
    serde_json::to_writer(&mut output, said)?;
    output.write_all(b"\n")?;
    Ok(output.flush()?)
}

/// A node that takes part.
struct Open {
    replica: Arc<Replica>,
    opener: Arc<Opener>,
}

impl Open {
    /// One change, tried until it is accepted.
    async fn change(&self) -> Result<()> {
        let session = loop {
            if let Ok(session) = self.opener.open().await {
                break session;
            }
        };
        self.opener.control.tell(closing(session)).map_err(|error| anyhow!("{error}"))
    }
}

async fn open(folder: &Path, setup: &Setup) -> Result<Open> {
    let me = setup.members.iter().find(|seat| seat.raft_id == setup.me).context("my own seat")?;
    let records: Vec<_> = setup.members.iter().map(record).collect::<Result<_>>()?;
    let local = local(folder, me, records.clone())?;
    let (give, given) = watch::channel(None);
    let handler = Arc::new(ForPeers { replica: given, records });
    let server = Server::new(local.clone(), handler, Limits::default())?;
    let listener = TcpListener::bind(&me.address).await?;
    tokio::spawn(server.serve(listener, CancellationToken::new()));
    let pool = Pool::new(local, Limits::default());

    let events = folder.join("events");
    std::fs::create_dir_all(&events)?;
    let journal = Arc::new(Journal::open(&events, Options::default())?.0);
    let seen = RaftControl::observe(Box::new(compile), journal.heads().control.seq);
    let raft = folder.join("raft");
    std::fs::create_dir_all(&raft)?;
    let (store, writer) = RaftStore::open(&Files::open(&raft)?)?;
    let is_new = store.heads().identity.is_none();
    let config = Config {
        cluster: name(CLUSTER)?,
        node: name(&me.node)?,
        raft_id: me.raft_id,
        nonce: u64::from(std::process::id()),
        supports: 1,
        timing: Timing::default(),
    };
    let (disk, way) = (Arc::new(Thread::start(writer)?), Arc::new(Way(pool)));
    let replica = Replica::open(config, disk, way, seen.clone(), Arc::new(Wall)).await?;
    give.send_replace(Some(replica.clone()));
    if is_new && me.raft_id == 1 {
        found(&replica, setup).await?;
    }
    let epoch = begin(&replica, me).await?;
    let log = Arc::new(Log::open(journal, name(CLUSTER)?, name(&me.node)?, epoch)?);
    let control = Arc::new(RaftControl::new(replica.clone(), seen).await?);
    control.attach(log, Arc::new(SystemClock)).await?;
    while replica.status().voters.len() < setup.members.len() {
        tokio::time::sleep(LOOK).await;
    }
    let opener = Opener {
        control,
        node: name(&me.node)?,
        epoch,
        person: name(PERSON)?,
        target: name(TARGET)?,
        count: AtomicU64::new(0),
    };
    Ok(Open { replica, opener: Arc::new(opener) })
}

fn compile(text: &str) -> Result<Policy, String> {
    let parsed = Policy::parse("policy", text, &is_detector);
    parsed.map(|(policy, _)| policy).map_err(|errors| errors.to_string())
}

fn addresses(seat: &Seat) -> NodeAddresses {
    NodeAddresses { cluster: seat.address.clone(), api: seat.address.clone() }
}

fn key_of(seat: &Seat) -> Result<Digest> {
    seat.key.parse().map_err(|error| anyhow!("{error}"))
}

/// Founds the cluster, lets the others in, and says who may do what.
async fn found(replica: &Replica, setup: &Setup) -> Result<()> {
    let first = setup.members.first().context("a first member")?;
    let member = Member { raft_id: 1, node: name(&first.node)?, address: first.address.clone() };
    let creation = Entry::ClusterCreated(ClusterCreation {
        contact_ms: 15_000,
        founder: name(&first.node)?,
        addresses: addresses(first),
        key: key_of(first)?,
    });
    replica.found(member, creation).await?;
    let by = By::Administrator;
    for seat in setup.members.iter().skip(1) {
        let token = Digest([u8::try_from(seat.raft_id)?; 32]);
        let made = JoinToken { digest: token, lasts_ms: 600_000, by: by.clone() };
        let joining = NodeJoining {
            node: name(&seat.node)?,
            addresses: addresses(seat),
            key: key_of(seat)?,
            token,
            supports: 1,
        };
        done(replica, Entry::JoinTokenCreated(made)).await?;
        done(replica, Entry::NodeJoined(joining)).await?;
    }
    let policy = PolicySetting {
        document: POLICY.to_owned(),
        digest: Digest(
            ring::digest::digest(&ring::digest::SHA256, POLICY.as_bytes()).as_ref().try_into()?,
        ),
        expected_revision: None,
        by: by.clone(),
    };
    let people = PeopleSetting {
        people: vec![Person {
            name: name(PERSON)?,
            groups: Vec::new(),
            ssh_keys: Vec::new(),
            password_hash: None,
        }],
        expected_revision: None,
        by: by.clone(),
    };
    let target = Target {
        name: name(TARGET)?,
        kind: TargetKind::Ssh,
        address: "127.0.0.1:22".to_owned(),
        labels: std::collections::BTreeMap::new(),
        host_keys: HostKeys::TrustOnFirstUse,
        credential: CredentialSource::File("none".to_owned()),
        logins: vec!["deploy".to_owned()],
    };
    let targets = TargetsSetting { targets: vec![target], expected_revision: None, by };
    done(replica, Entry::PolicySet(policy)).await?;
    done(replica, Entry::PeopleSet(people)).await?;
    done(replica, Entry::TargetsSet(targets)).await
}

async fn done(replica: &Replica, entry: Entry) -> Result<()> {
    match replica.propose(entry).await?.reply {
        Reply::Refused(denied) => bail!("refused: {denied}"),
        _ => Ok(()),
    }
}

/// The node starts: it gets its next epoch and remembers it.
async fn begin(replica: &Replica, me: &Seat) -> Result<Epoch> {
    let identity = replica.identity();
    let entry = Entry::NodeStarted(NodeStart {
        node: identity.node.clone(),
        raft_id: identity.raft_id,
        last_epoch: identity.epoch,
        nonce: identity.nonce,
        supports: 1,
        version: "bench".to_owned(),
        addresses: addresses(me),
    });
    loop {
        match replica.propose(entry.clone()).await.map(|answer| answer.reply) {
            Ok(Reply::Epoch(epoch)) => {
                replica.keep_epoch(epoch).await?;
                return Ok(epoch);
            }
            // It is not a member yet, or nobody leads.
            Ok(Reply::Refused(Denied::NotAMember(_))) | Err(_) => {}
            Ok(other) => bail!("a start was answered {other:?}"),
        }
        tokio::time::sleep(LOOK).await;
    }
}
