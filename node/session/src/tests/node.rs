//! A node without sockets: sessions over memory, with Alice, web-1 and a small policy.

use std::sync::Arc;

use node_enforce::mask::{KnownValue, MaskKey};
use node_enforce::policy::Policy;
use proto::entry::Entry;
use proto::event::{Actor, Event};
use proto::ids::Name;
use proto::person::Person;
use proto::reading::Channel;
use proto::target::{CredentialSource, HostKeys, Target, TargetKind};
use store_log::memory::Memory;
use store_log::{Backend, Log, Position};

use crate::clock::SystemClock;
use crate::control::InProcess;
use crate::seal::{AuditKey, DigestKey};
use crate::{Asked, Control, KnownValues, Ports, Sessions};

const POLICY: &str = "version: 1
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
";

struct NothingKnown;

impl KnownValues for NothingKnown {
    fn of(&self, _: &Target) -> Vec<KnownValue> {
        Vec::new()
    }
}

pub(super) struct Node {
    pub(super) sessions: Sessions,
    pub(super) events: Arc<Memory>,
    pub(super) control: Arc<InProcess<Memory>>,
}

fn name(text: &str) -> Name {
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

impl Node {
    pub(super) async fn start() -> Self {
        let (cluster, node) = (name("test"), name("gw-1"));
        let compile = |text: &str| {
            let parsed = Policy::parse("policy", text, &|_| true);
            parsed.map(|(policy, _)| policy).map_err(|errors| errors.to_string())
        };
        let events = Arc::new(Memory::new());
        let control = InProcess::open(
            cluster.clone(),
            node.clone(),
            Arc::new(Memory::new()),
            Arc::new(SystemClock),
            Box::new(compile),
            0,
        );
        let control = Arc::new(control.expect("an empty journal"));
        let epoch = control.start().await.expect("memory takes it");
        let log = Log::open(events.clone(), cluster, node.clone(), epoch).expect("an empty log");
        let log = Arc::new(log);
        control.attach(log.clone()).await.expect("memory takes it");
        for entry in entries() {
            control.propose(entry).await.expect("memory takes it");
        }
        let ports = Ports {
            node,
            record: log,
            control: control.clone(),
            clock: Arc::new(SystemClock),
            known: Arc::new(NothingKnown),
            seal: AuditKey::generate().public(),
            digest: DigestKey::new(&[1; 32]),
            mask: MaskKey::new([2; 32]),
        };
        Self { sessions: Sessions::new(ports), events, control }
    }

    pub(super) fn events(&self) -> Vec<Event> {
        let stored = self.events.read(Position(1), 1000).expect("memory is not damaged");
        stored.iter().map(|stored| Event::read(&stored.bytes).expect("an event")).collect()
    }

    pub(super) fn kinds(&self) -> Vec<String> {
        self.events().into_iter().map(|event| event.name).collect()
    }
}

fn entries() -> [Entry; 3] {
    let by = || "the test".to_owned();
    let digest = Policy::parse("policy", POLICY, &|_| true).expect("a policy").0.digest();
    let document = POLICY.to_owned();
    let alice = Person {
        name: name("alice"),
        groups: vec![name("engineering")],
        ssh_keys: Vec::new(),
        password_hash: None,
    };
    let web = Target {
        name: name("web-1"),
        kind: TargetKind::Ssh,
        address: "127.0.0.1:1".to_owned(),
        labels: std::collections::BTreeMap::new(),
        host_keys: HostKeys::Pinned(Vec::new()),
        credential: CredentialSource::File("key".to_owned()),
        logins: vec!["deploy".to_owned()],
    };
    [
        Entry::PolicySet { document, digest, expected_revision: None, by: by() },
        Entry::PeopleSet { people: vec![alice], by: by() },
        Entry::TargetsSet { targets: vec![web], by: by() },
    ]
}
