//! A node without sockets: sessions over memory, with Alice, web-1 and a small policy.

use std::sync::Arc;
use std::time::Duration;

use consensus_state::{Reply, State};
use node_enforce::mask::{KnownValue, MaskKey};
use node_enforce::policy::Policy;
use parking_lot::Mutex;
use proto::entry::{
    ApprovalId, ApprovalRuling, By, Entry, LockScope, LockSetting, PeopleSetting, PolicySetting,
    Ruling, TargetsSetting,
};
use proto::event::{Actor, Event, Kind};
use proto::ids::{Chain, Name};
use proto::person::Person;
use proto::reading::Channel;
use proto::refusal::Told;
use proto::target::{CredentialSource, HostKeys, Target, TargetKind};
use proto::time::{Moment, Utc};
use store_log::memory::{Memory, Pretended};
use store_log::{Backend, Position};
use tokio::sync::watch;
use tokio::time::Instant;

use super::plane;
use crate::control::RaftControl;
use crate::seal::{AuditKey, DigestKey};
use crate::{
    Asked, Boxed, Clock, Contact, Control, ControlError, ControlExt, KnownValues, Patient, Ports,
    Session, Sessions, View,
};

pub(super) const POLICY: &str = "version: 1
sessions: { idle: 15m, max: 8h, per_person: 2 }
grants:
  - name: engineers
    who: { groups: [engineering] }
    targets: {}
    as: [deploy]
    channels: [exec]
rules:
  - { name: no-environment, when: { shell: { programs: [env] } }, then: block }
  - name: second-pair-of-eyes
    when: { shell: { programs: [reboot] } }
    then: hold
    approval: { by: { groups: [dba] } }
  - name: two-of-them
    when: { shell: { programs: [halt] } }
    then: hold
    approval: { by: { groups: [dba] }, count: 2, expires: 5m }
  - name: too-many
    when: { shell: { programs: [shutdown] } }
    then: hold
    approval: { by: { groups: [dba] }, count: 3 }
  - name: for-a-while
    when: { shell: { programs: [psql] } }
    then: hold
    approval: { by: { groups: [dba] }, covers: session, for: 10m }
";

/// Alice's key.
pub(super) const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

/// T in these tests, as in `dev`.
pub(super) const T: Duration = Duration::from_secs(15);

/// Longer than anything takes that a test waits for.
const PATIENCE: Duration = Duration::from_secs(20);

struct NothingKnown;

impl KnownValues for NothingKnown {
    fn of(&self, _: &Target) -> Vec<KnownValue> {
        Vec::new()
    }
}

/// A clock that runs with the runtime's, which tests can pause.
pub(super) struct TestClock(Instant);

impl TestClock {
    pub(super) fn new() -> Self {
        Self(Instant::now())
    }
}

impl Clock for TestClock {
    fn now(&self) -> Moment {
        let elapsed = Duration::from_secs(1_000) + self.0.elapsed();
        let micros = i64::try_from(elapsed.as_micros()).expect("a short test");
        Moment { utc: Utc(1_790_000_000_000_000 + micros), offset_minutes: 0, elapsed }
    }
}

/// A control plane that can be made to fail: it passes everything on to a real one, but for what a
/// test tells it to refuse, and it says when there was contact.
pub(super) struct Failing {
    real: RaftControl,
    contact: watch::Sender<Contact>,
    /// Kinds of entries that are not passed on, with the answer to them.
    refuse: Mutex<Vec<(&'static str, Answer)>>,
    /// What was told and not waited for.
    told: Mutex<Vec<Entry>>,
}

/// What a test makes of a proposal.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// It is not passed on.
    Error(ControlError),
    /// It is passed on, and its reply is lost.
    Lost,
    /// It is passed on, and its reply never comes.
    Late,
    /// It is never answered.
    Never,
}

impl Control for Failing {
    fn propose(&self, entry: Entry) -> Boxed<'_, Result<Reply, ControlError>> {
        let refuse = self.refuse.lock();
        let answer = refuse.iter().find(|(name, _)| *name == entry.name());
        match answer.map(|(_, answer)| answer.clone()) {
            None => self.real.propose(entry),
            Some(Answer::Error(error)) => Box::pin(async { Err(error) }),
            Some(Answer::Never) => Box::pin(std::future::pending()),
            Some(Answer::Late) => Box::pin(async {
                self.real.propose(entry).await?;
                std::future::pending().await
            }),
            Some(Answer::Lost) => Box::pin(async {
                self.real.propose(entry).await?;
                Err(ControlError::Unknown)
            }),
        }
    }

    fn tell(&self, entry: Entry) -> Result<(), ControlError> {
        self.told.lock().push(entry.clone());
        self.real.tell(entry)
    }

    fn read(&self) -> Boxed<'_, Result<u64, ControlError>> {
        self.real.read()
    }

    fn contact(&self) -> watch::Receiver<Contact> {
        self.contact.subscribe()
    }

    fn views(&self) -> watch::Receiver<Arc<View>> {
        self.real.views()
    }

    fn with_state(&self, look: &mut dyn FnMut(&State)) {
        self.real.with_state(look);
    }
}

pub(super) struct Node {
    pub(super) sessions: Sessions,
    pub(super) events: Arc<Memory>,
    pub(super) stream: Arc<Pretended>,
    pub(super) control: Arc<Failing>,
    pub(super) clock: Arc<TestClock>,
}

pub(super) fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

pub(super) fn asked() -> Asked {
    let actor = Actor {
        person: name("alice"),
        issuer: "file".to_owned(),
        groups: vec![name("engineering")],
        from: None,
        credential: None,
    };
    Asked { actor, target: name("web-1"), login: None, channel: Channel::Exec, connection: 1 }
}

/// Judges a command that nobody is told anything about.
pub(super) async fn judge(session: &mut Session, text: &str) -> Result<node_gate::Permit, Told> {
    session.judge(text.as_bytes().to_vec(), &mut Patient).await
}

impl Node {
    /// A node that always has contact, until a test says when it had.
    pub(super) async fn start() -> Self {
        Self::with_contact(|_| Duration::MAX).await
    }

    /// A node that has contact once, when it starts.
    pub(super) async fn tied() -> Self {
        Self::with_contact(Clock::elapsed).await
    }

    async fn with_contact(contact: impl Fn(&TestClock) -> Duration) -> Self {
        let clock = Arc::new(TestClock::new());
        let events = Arc::new(Memory::new());
        let (real, log) = plane::found(&clock, &events).await;
        let stream = Arc::new(Pretended::default());
        log.follow(stream.clone());
        let control = Arc::new(Failing {
            real,
            contact: watch::Sender::new(Contact { sent_at: contact(&clock) }),
            refuse: Mutex::default(),
            told: Mutex::default(),
        });
        let ports = Ports {
            node: name("gw-1"),
            record: log,
            control: control.clone(),
            clock: clock.clone(),
            known: Arc::new(NothingKnown),
            seal: AuditKey::generate().public(),
            digest: DigestKey::new(&[1; 32]),
            mask: MaskKey::new([2; 32]),
        };
        let node = Self { sessions: Sessions::new(ports), events, stream, control, clock };
        node.policy(POLICY).await;
        node.people(people()).await;
        node.targets(vec![web("127.0.0.1:1")]).await;
        node
    }

    pub(super) fn events(&self) -> Vec<Event> {
        let stored = self.events.read(Position(1), 1000).expect("memory is not damaged");
        stored.iter().map(|stored| Event::read(&stored.bytes).expect("an event")).collect()
    }

    /// Every event of the control plane so far, once the record has it; and what happened at the
    /// node, in its own order: the two chains reach the record each by itself.
    pub(super) async fn chains(&self) -> (Vec<Event>, Vec<Event>) {
        let last = self.control.look(|state| state.control_head().seq);
        loop {
            let (control, node): (Vec<_>, Vec<_>) =
                self.events().into_iter().partition(|event| event.id.chain == Chain::Control);
            if control.last().map_or(0, |event| event.id.seq) >= last {
                return (control, node);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// The names of the events of sessions, in order.
    pub(super) fn of_sessions(&self) -> Vec<String> {
        let events = self.events().into_iter().filter(|event| event.about.session.is_some());
        events.map(|event| event.name).collect()
    }

    /// Why sessions were closed, in order.
    pub(super) fn closed(&self) -> Vec<String> {
        let reason = |event: Event| match event.kind {
            Some(Kind::SessionClosed(closed)) => Some(closed.reason),
            _ => None,
        };
        self.events().into_iter().filter_map(reason).collect()
    }

    /// Why sessions were refused, in order.
    pub(super) fn refused(&self) -> Vec<String> {
        let reason = |event: Event| match event.kind {
            Some(Kind::SessionRefused(refused)) => Some(refused.reason),
            _ => None,
        };
        self.events().into_iter().filter_map(reason).collect()
    }

    /// Proposes something that is not refused.
    pub(super) async fn propose(&self, entry: Entry) -> Reply {
        let name = entry.name();
        match self.control.propose(entry).await.expect("memory takes it") {
            Reply::Refused(denied) => panic!("{name}: {denied}"),
            reply => reply,
        }
    }

    pub(super) async fn policy(&self, text: &str) {
        let digest = Policy::parse("policy", text, &|_| true).expect("a policy").0.digest();
        let document = text.to_owned();
        let setting = PolicySetting { document, digest, expected_revision: None, by: by() };
        self.propose(Entry::PolicySet(setting)).await;
    }

    pub(super) async fn people(&self, people: Vec<Person>) {
        let setting = PeopleSetting { people, expected_revision: None, by: by() };
        self.propose(Entry::PeopleSet(setting)).await;
    }

    pub(super) async fn targets(&self, targets: Vec<Target>) {
        let setting = TargetsSetting { targets, expected_revision: None, by: by() };
        self.propose(Entry::TargetsSet(setting)).await;
    }

    pub(super) async fn lock(&self, scope: LockScope) -> ApprovalId {
        let reason = "a secret reason".to_owned();
        let setting = LockSetting { scope, for_ms: None, reason, by: by() };
        match self.propose(Entry::LockSet(setting)).await {
            Reply::Lock(id) => id,
            other => panic!("{other:?}"),
        }
    }

    /// Somebody rules.
    pub(super) async fn rule(&self, approval: ApprovalId, who: &str, ruling: Ruling) -> Reply {
        let reason = "looks right".to_owned();
        let ruling = ApprovalRuling { approval, by: By::Person(name(who)), ruling, reason };
        self.propose(Entry::ApprovalRuled(ruling)).await
    }

    /// Waits until a request is open, and gives it.
    pub(super) async fn asked_for(&self) -> ApprovalId {
        let asked = tokio::time::timeout(PATIENCE, self.open_request());
        asked.await.expect("something is asked for")
    }

    async fn open_request(&self) -> ApprovalId {
        let mut views = self.control.views();
        loop {
            let open = self.control.look(|state| {
                let mut open = state.approvals();
                open.find(|one| one.status == consensus_state::Status::Open).map(|one| one.id)
            });
            match open {
                Some(id) => return id,
                None => views.changed().await.expect("the control plane lives"),
            }
        }
    }

    /// Waits until a session's command waits for an approval, and gives it.
    pub(super) async fn waits_for(&self) -> ApprovalId {
        let approval = self.asked_for().await;
        let waiting = crate::Doing::Waiting { approval };
        while !self.sessions.live().list().iter().any(|one| one.doing == waiting) {
            tokio::task::yield_now().await;
        }
        approval
    }

    /// What became of an approval.
    pub(super) fn status(&self, approval: ApprovalId) -> String {
        let status = |state: &State| state.approval(approval).map(|one| one.status.to_string());
        self.control.look(status).unwrap_or_else(|| "gone".to_owned())
    }

    /// Waits until the control plane has no session open.
    pub(super) async fn closed_in_control(&self) {
        // Views do not wake for sessions, of which there are many.
        let closed = async {
            while self.control.look(|state| state.open_sessions().len()) > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, closed).await.expect("sessions are closed there too");
    }

    /// There is contact now.
    pub(super) fn contact(&self) {
        self.control.contact.send_replace(Contact { sent_at: self.clock.elapsed() });
    }

    /// From now on, such entries are answered so.
    pub(super) fn refuse(&self, kind: &'static str, answer: Answer) {
        self.control.refuse.lock().push((kind, answer));
    }

    /// From now on, everything is passed on.
    pub(super) fn heal(&self) {
        self.control.refuse.lock().clear();
    }

    /// What was told to the control plane, by kind.
    pub(super) fn told(&self) -> Vec<String> {
        self.control.told.lock().iter().map(|entry| entry.name().to_owned()).collect()
    }
}

fn by() -> By {
    By::Administrator
}

pub(super) fn person(called: &str, group: &str) -> Person {
    let ssh_keys = if called == "alice" { vec![KEY.to_owned()] } else { Vec::new() };
    Person { name: name(called), groups: vec![name(group)], ssh_keys, password_hash: None }
}

pub(super) fn people() -> Vec<Person> {
    vec![
        person("alice", "engineering"),
        person("bob", "dba"),
        person("carol", "dba"),
        person("dave", "sales"),
    ]
}

pub(super) fn web(address: &str) -> Target {
    Target {
        name: name("web-1"),
        kind: TargetKind::Ssh,
        address: address.to_owned(),
        labels: std::collections::BTreeMap::new(),
        host_keys: HostKeys::Pinned(Vec::new()),
        credential: CredentialSource::File("key".to_owned()),
        logins: vec!["deploy".to_owned()],
    }
}
