//! A gateway on a free port, with everything in memory, and clients for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use node_enforce::mask::{KnownValue, MaskKey};
use node_session::clock::SystemClock;
use node_session::seal::{AuditKey, DigestKey};
use node_session::{Clock, Control, CredentialError, KnownValues, Ports, Sessions};
use parking_lot::Mutex;
use proto::entry::{By, Entry, PeopleSetting, PolicySetting, TargetsSetting};
use proto::event::{Event, Kind, Outcome};
use proto::ids::{Digest, Name};
use proto::person::Person;
use proto::target::{CredentialSource, HostKeys, Target as KnownTarget, TargetKind};
use proto::time::Moment;
use russh::client::{self, Handle, Msg};
use russh::keys::{Algorithm, PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::{Channel, ChannelMsg, Sig};
use store_log::memory::Memory;
use store_log::{Backend, Position};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::plane;
use super::target::Target;
use super::tied::Tied;
use crate::{Credentials, KeyExchange, Limits, SshConfig};

/// How many channels a connection of the rig may have open.
pub(super) const CHANNELS: usize = 6;
/// How many bytes the rig's target takes before it is to ask for more; `russh`'s default.
pub(super) const TARGET_WINDOW: u64 = 2 << 20;
/// T of the rig's cluster.
pub(super) const CONTACT: Duration = Duration::from_millis(plane::CONTACT_MS);
const POLICY: &str = "
version: 1
grants:
  - { name: eng, who: { groups: [engineering] }, targets: {}, as: [deploy], channels: [exec, shell] }
rules:
  - name: no-env
    when: { shell: { programs: [printenv] } }
    then: block
    message: Ask the platform team.
  - name: second-pair-of-eyes
    when: { shell: { programs: [echo], arguments: [held] } }
    then: hold
    approval: { by: { groups: [dba] } }
  - name: soon-over
    when: { shell: { programs: [echo], arguments: [soon] } }
    then: hold
    approval: { by: { groups: [dba] }, expires: 1s }
";

pub(super) struct Rig {
    pub(super) target: Target,
    /// How the cluster knows it.
    pub(super) web: KnownTarget,
    pub(super) keys: Arc<Keys>,
    /// Another key that lets in.
    pub(super) rotated: Arc<PrivateKey>,
    pub(super) record: Arc<Memory>,
    pub(super) control: Arc<Tied>,
    pub(super) sessions: Arc<Sessions>,
    pub(super) clock: Arc<LeapingClock>,
    pub(super) drain: CancellationToken,
    pub(super) person: Arc<PrivateKey>,
    pub(super) stranger: Arc<PrivateKey>,
    address: std::net::SocketAddr,
    serving: JoinHandle<()>,
    _spool: tempfile::TempDir,
}

fn kinds(record: &Memory) -> Vec<Kind> {
    let stored = record.read(Position(1), usize::MAX).expect("readable");
    let kind = |bytes: &[u8]| Event::read(bytes).expect("an event").kind.expect("a known kind");
    stored.iter().map(|stored| kind(&stored.bytes)).collect()
}

/// How the commands and sessions of a rig ended.
pub(super) struct Endings {
    pub(super) finished: Vec<String>,
    pub(super) closed: Vec<String>,
    /// How many bytes of input each command was given.
    pub(super) input: Vec<u64>,
}

pub(super) fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn person_in(called: &str, group: &str, ssh_keys: Vec<String>) -> Person {
    let (name, groups) = (name(called), vec![name(group)]);
    Person { name, groups, ssh_keys, password_hash: None }
}

fn new_key() -> PrivateKey {
    PrivateKey::random(&mut rand::rng(), Algorithm::Ed25519).expect("a key")
}

pub(super) fn line(key: &PrivateKey) -> String {
    node_identity::keys::one_line(key.public_key()).expect("a line")
}

/// The system's clock, and how far it was put forward.
#[derive(Default)]
pub(super) struct LeapingClock(Mutex<Duration>);

impl LeapingClock {
    /// Puts it forward.
    pub(super) fn leap(&self, by: Duration) {
        *self.0.lock() += by;
    }
}

impl Clock for LeapingClock {
    fn now(&self) -> Moment {
        let mut now = SystemClock.now();
        now.elapsed += *self.0.lock();
        now
    }
}

/// The gateway's keys for its targets.
pub(super) struct Keys {
    /// The one that lets in, unless it is gone.
    right: Mutex<Option<Arc<PrivateKey>>>,
    wrong: Arc<PrivateKey>,
    clock: Arc<LeapingClock>,
}

impl Keys {
    /// Puts another one in its place, or none.
    pub(super) fn change(&self, right: Option<Arc<PrivateKey>>) {
        *self.right.lock() = right;
    }

    fn right(&self, target: &KnownTarget) -> Result<Arc<PrivateKey>, CredentialError> {
        let gone = || CredentialError {
            target: target.name.to_string(),
            reason: "no such file".to_owned(),
        };
        self.right.lock().clone().ok_or_else(gone)
    }
}

impl Credentials for Keys {
    fn private_key(&self, target: &KnownTarget) -> Result<Arc<PrivateKey>, CredentialError> {
        match target.name.as_str() {
            "locked" => Ok(self.wrong.clone()),
            // As if it took this long to dial: more than a permit is good for.
            "slow" => {
                self.clock.leap(Duration::from_secs(16));
                self.right(target)
            }
            "keyless" => {
                let target = target.name.to_string();
                Err(CredentialError { target, reason: "no such file".to_owned() })
            }
            _ => self.right(target),
        }
    }
}

struct NoSecrets;

impl KnownValues for NoSecrets {
    fn of(&self, _: &KnownTarget) -> Vec<KnownValue> {
        Vec::new()
    }
}

fn known(called: &str, address: &str, key: &PrivateKey) -> KnownTarget {
    KnownTarget {
        name: name(called),
        kind: TargetKind::Ssh,
        address: address.to_owned(),
        labels: BTreeMap::new(),
        host_keys: HostKeys::Pinned(vec![line(key)]),
        credential: CredentialSource::File(String::new()),
        logins: vec!["deploy".to_owned()],
    }
}

/// What the cluster agrees on first.
fn entries(people: Vec<Person>, targets: Vec<KnownTarget>) -> Vec<Entry> {
    let (by, expected_revision) = (By::Administrator, None);
    let digest = ring::digest::digest(&ring::digest::SHA256, POLICY.as_bytes());
    let digest = Digest(digest.as_ref().try_into().expect("32 bytes"));
    let document = POLICY.to_owned();
    vec![
        Entry::PolicySet(PolicySetting { document, digest, expected_revision, by: by.clone() }),
        Entry::PeopleSet(PeopleSetting { people, expected_revision, by: by.clone() }),
        Entry::TargetsSet(TargetsSetting { targets, expected_revision, by }),
    ]
}

async fn sessions(
    record: &Arc<Memory>,
    clock: Arc<LeapingClock>,
    entries: Vec<Entry>,
) -> (Arc<Sessions>, Arc<Tied>) {
    let node = name("gw-1");
    let (control, log) = plane::found(name("test"), &node, clock.clone(), record).await;
    for entry in entries {
        control.propose(entry).await.expect("applied");
    }
    let control = Arc::new(Tied::new(control));
    let sessions = Arc::new(Sessions::new(Ports {
        node,
        record: log,
        control: control.clone(),
        clock,
        known: Arc::new(NoSecrets),
        seal: AuditKey::generate().public(),
        digest: DigestKey::new(&[1; 32]),
        mask: MaskKey::new([2; 32]),
    }));
    (sessions, control)
}

impl Rig {
    pub(super) async fn start() -> Self {
        Self::with(Limits::default()).await
    }

    pub(super) async fn with(limits: Limits) -> Self {
        let (host_key, right, person) = (new_key(), Arc::new(new_key()), Arc::new(new_key()));
        let rotated = Arc::new(new_key());
        let admitted = [&right, &rotated].map(|key| key.public_key().clone());
        let target = Target::start(host_key.clone(), admitted).await;
        let up = target.address.to_string();
        // A port that was just given back has nobody behind it.
        let down = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let down = down.local_addr().expect("an address").to_string();
        let web = known("web-1", &up, &host_key);
        let targets = vec![
            web.clone(),
            known("locked", &up, &host_key),
            known("keyless", &up, &host_key),
            known("slow", &up, &host_key),
            known("impostor", &up, &new_key()),
            known("down", &down, &host_key),
        ];
        let people = vec![
            person_in("alice", "engineering", vec![line(&person)]),
            person_in("bob", "dba", Vec::new()),
        ];
        let record = Arc::new(Memory::new());
        let clock = Arc::new(LeapingClock::default());
        let (sessions, control) = sessions(&record, clock.clone(), entries(people, targets)).await;
        let spool = tempfile::tempdir().expect("a folder");
        let keys = Arc::new(Keys {
            right: Mutex::new(Some(right)),
            wrong: Arc::new(new_key()),
            clock: clock.clone(),
        });
        let config = SshConfig {
            host_key: new_key(),
            credentials: keys.clone(),
            spool_directory: spool.path().to_owned(),
            key_exchange: KeyExchange::Any,
            limits: Limits { channels: CHANNELS, ..limits },
        };
        let drain = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let served = crate::serve(listener, config, sessions.clone(), drain.clone());
        let serving = tokio::spawn(served);
        let stranger = Arc::new(new_key());
        Self {
            target,
            web,
            keys,
            rotated,
            record,
            control,
            sessions,
            clock,
            drain,
            person,
            stranger,
            address,
            serving,
            _spool: spool,
        }
    }

    pub(super) async fn client(&self, user: &str) -> Client {
        let (handle, let_in) = self.try_client(user, &self.person).await;
        assert!(let_in, "{user} is let in");
        Client { handle }
    }

    pub(super) async fn try_client(
        &self,
        user: &str,
        key: &Arc<PrivateKey>,
    ) -> (Handle<Anybody>, bool) {
        let config = Arc::new(client::Config::default());
        let mut handle =
            client::connect(config, self.address, Anybody).await.expect("a connection");
        let key = PrivateKeyWithHashAlg::new(key.clone(), None);
        let result = handle.authenticate_publickey(user, key).await.expect("an answer");
        (handle, result.success())
    }

    /// Everything that was recorded.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        kinds(&self.record)
    }

    /// Drains, and waits until the listener has nothing left.
    pub(super) async fn stop(self) -> Endings {
        self.drain.cancel();
        self.serving.await.expect("served");
        let mut endings = Endings { finished: Vec::new(), closed: Vec::new(), input: Vec::new() };
        let mut opened = 0;
        for kind in kinds(&self.record) {
            match kind {
                Kind::SessionOpened(_) => opened += 1,
                Kind::SessionClosed(closed) => endings.closed.push(closed.reason),
                Kind::CommandFinished(finished) => {
                    endings.input.push(finished.input.bytes);
                    endings.finished.push(match finished.outcome {
                        Outcome::Exited(status) => format!("exited {status}"),
                        Outcome::Signalled(name) => format!("signalled {name}"),
                        Outcome::Refused(told) => format!("refused {}", told.code),
                        Outcome::ClientLeft => "client_left".to_owned(),
                        Outcome::Failed(told) => format!("failed {}", told.code),
                    });
                }
                _ => {}
            }
        }
        assert_eq!(opened, endings.closed.len(), "every session that was opened is closed");
        endings
    }
}

/// A client's side of a connection that believes any host key.
pub(super) struct Anybody;

impl client::Handler for Anybody {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        Ok(true)
    }
}

pub(super) struct Client {
    pub(super) handle: Handle<Anybody>,
}

/// What a client heard of a command.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) output: String,
    pub(super) errors: String,
    pub(super) status: Option<u32>,
    pub(super) signal: Option<String>,
    /// Bytes that came after the exit status: there must be none.
    pub(super) late: usize,
}

impl Heard {
    pub(super) fn status(output: &str, errors: &str, status: u32) -> Self {
        let (output, errors) = (output.to_owned(), errors.to_owned());
        Self { output, errors, status: Some(status), ..Self::default() }
    }

    pub(super) fn signal(name: &str) -> Self {
        Self { signal: Some(name.to_owned()), ..Self::default() }
    }
}

impl Client {
    pub(super) async fn exec(&self, command: &str) -> Channel<Msg> {
        let channel = self.handle.channel_open_session().await.expect("a channel");
        channel.exec(true, command).await.expect("sent");
        channel
    }

    pub(super) async fn run(&self, command: &str, input: &str) -> Heard {
        let channel = self.exec(command).await;
        channel.data(input.as_bytes()).await.expect("sent");
        channel.eof().await.expect("sent");
        hear(channel).await
    }
}

/// Listens until the channel closes.
pub(super) async fn hear(mut channel: Channel<Msg>) -> Heard {
    let mut heard = Heard::default();
    while let Some(message) = channel.wait().await {
        let over = heard.status.is_some() || heard.signal.is_some();
        match message {
            ChannelMsg::Data { data } => {
                heard.output.push_str(&String::from_utf8_lossy(&data));
                heard.late += if over { data.len() } else { 0 };
            }
            ChannelMsg::ExtendedData { data, .. } => {
                heard.errors.push_str(&String::from_utf8_lossy(&data));
                heard.late += if over { data.len() } else { 0 };
            }
            ChannelMsg::ExitStatus { exit_status } => heard.status = Some(exit_status),
            ChannelMsg::ExitSignal { signal_name, error_message, .. } => {
                assert_eq!(error_message, "", "a target's words are not masked");
                heard.signal = Some(match signal_name {
                    Sig::Custom(name) => name,
                    known => format!("{known:?}"),
                });
            }
            ChannelMsg::Close => break,
            _ => {}
        }
    }
    heard
}

/// The next bytes of output.
pub(super) async fn bytes(channel: &mut Channel<Msg>, count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < count {
        match channel.wait().await {
            Some(ChannelMsg::Data { data }) => bytes.extend_from_slice(&data),
            Some(_) => {}
            None => break,
        }
    }
    bytes
}
