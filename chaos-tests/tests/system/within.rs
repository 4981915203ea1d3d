//! A gateway within the test's process: its SSH listener with limits of the test's choice, over a
//! log in memory whose answers can be held back; everything else is as it is in a node.

mod alone;

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use chaos_tests::live::{Client, Ended, Key, Target as RealTarget};
use node_enforce::mask::{KnownValue, MaskKey};
use node_enforce::policy::Policy;
use node_session::clock::SystemClock;
use node_session::seal::{AuditKey, DigestKey};
use node_session::{Control, CredentialError, KnownValues, Ports, Sessions};
use node_ssh::{Credentials, KeyExchange, Limits, SshConfig, serve};
use proto::entry::{By, Entry, PeopleSetting, PolicySetting, TargetsSetting};
use proto::ids::{Epoch, Name};
use proto::person::Person;
use proto::target::{CredentialSource, HostKeys, Target, TargetKind};
use russh::keys::PrivateKey;
use store_log::Log;
use store_log::memory::Memory;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::alone::Alone;

struct Given(Arc<PrivateKey>);

impl Credentials for Given {
    fn private_key(&self, _: &Target) -> Result<Arc<PrivateKey>, CredentialError> {
        Ok(self.0.clone())
    }
}

impl KnownValues for Given {
    fn of(&self, _: &Target) -> Vec<KnownValue> {
        Vec::new()
    }
}

/// What a test may choose.
#[derive(Default)]
pub(crate) struct Choice {
    pub(crate) limits: Limits,
    pub(crate) key_exchange: KeyExchange,
}

/// A gateway, a real target behind it, and a person's client.
pub(crate) struct Within {
    pub(crate) target: RealTarget,
    pub(crate) client: Client,
    /// The port that the gateway listens on.
    pub(crate) port: u16,
    /// The person's key.
    pub(crate) person: Key,
    pub(crate) events: Arc<Memory>,
    drain: CancellationToken,
    _folder: TempDir,
}

impl Drop for Within {
    fn drop(&mut self) {
        self.drain.cancel();
    }
}

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn private(key: &Key) -> Result<PrivateKey> {
    russh::keys::load_secret_key(&key.file, None).context("a key of ssh-keygen")
}

fn entries(target: &RealTarget, person: &Key) -> Result<[Entry; 3]> {
    let by = || By::Administrator;
    let document = format!(
        "version: 1\ngrants:\n  - {{ name: all, who: {{}}, targets: {{}}, as: [{}], channels: [exec] }}\n",
        target.login
    );
    let parsed = Policy::parse("policy", &document, &|_| true);
    let digest = parsed.map_err(|errors| anyhow::anyhow!("{errors}"))?.0.digest();
    let alice = Person {
        name: name("alice"),
        groups: Vec::new(),
        ssh_keys: vec![person.public.clone()],
        password_hash: None,
    };
    let web = Target {
        name: name("web-1"),
        kind: TargetKind::Ssh,
        address: target.address(),
        labels: BTreeMap::new(),
        host_keys: HostKeys::Pinned(vec![target.host_key.public.clone()]),
        credential: CredentialSource::File("given".to_owned()),
        logins: vec![target.login.clone()],
    };
    Ok([
        Entry::PolicySet(PolicySetting { document, digest, expected_revision: None, by: by() }),
        Entry::PeopleSet(PeopleSetting { people: vec![alice], expected_revision: None, by: by() }),
        Entry::TargetsSet(TargetsSetting { targets: vec![web], expected_revision: None, by: by() }),
    ])
}

/// A gateway in this process, in front of a real target; its record can be made to fall silent.
pub(crate) async fn start(choice: Choice) -> Result<Within> {
    let folder = TempDir::with_prefix("sallyport-")?;
    let target = RealTarget::start(&folder.path().join("target"))?;
    let person = Key::make(folder.path(), "alice")?;
    let host = Key::make(folder.path(), "gateway")?;
    let (cluster, node) = (name("test"), name("gw-1"));
    let events = Arc::new(Memory::new());
    let clock = Arc::new(SystemClock);
    let control = Arc::new(Alone::new(cluster.clone(), &node)?);
    let log = Arc::new(Log::open(events.clone(), cluster, node.clone(), Epoch(1))?);
    for entry in entries(&target, &person)? {
        control.propose(entry).await?;
    }
    let given = Arc::new(Given(Arc::new(private(&target.credential)?)));
    let sessions = Sessions::new(Ports {
        node,
        record: log,
        control,
        clock,
        known: given.clone(),
        seal: AuditKey::generate().public(),
        digest: DigestKey::new(&[1; 32]),
        mask: MaskKey::new([2; 32]),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let known_hosts = folder.path().join("known_hosts");
    fs::write(&known_hosts, format!("[127.0.0.1]:{port} {}\n", host.public))?;
    let config = SshConfig {
        host_key: private(&host)?,
        credentials: given,
        spool_directory: folder.path().to_owned(),
        key_exchange: choice.key_exchange,
        limits: choice.limits,
    };
    let drain = CancellationToken::new();
    tokio::spawn(serve(listener, config, Arc::new(sessions), drain.clone()));
    let user = format!("{}@web-1", target.login);
    let client = Client::new(user, port.to_string(), person.file.clone(), known_hosts);
    Ok(Within { target, client, port, person, events, drain, _folder: folder })
}

/// Runs a command with a client, beside everything that the gateway does.
pub(crate) async fn run(client: &Client, command: &'static str) -> Result<Ended> {
    let client = client.clone();
    tokio::task::spawn_blocking(move || client.run(command)).await?
}
