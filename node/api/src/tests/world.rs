//! A node for tests: everything real but the disk, the sockets and the clock's speed.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use node_enforce::mask::is_detector;
use node_enforce::policy::{Permission, Policy};
use node_identity::{AdminToken, IssuingKey, Subject, TokenKey};
use node_session::clock::SystemClock;
use node_session::{Clock as _, Live};
use proto::entry::{By, Entry, PeopleSetting, PolicySetting, SessionOpening, TargetsSetting};
use proto::event::{About, Actor, Draft, Event, Kind};
use proto::ids::{Digest, Epoch, Name, SessionId};
use proto::person::Person;
use proto::refusal::Told;
use proto::target::{CredentialSource, HostKeys, Target, TargetKind};
use russh::keys::PrivateKey;
use russh::keys::ssh_key::private::Ed25519Keypair;
use serde_json::Value;
use store_log::memory::Memory;
use store_log::{Backend, Log, Position, Share, Urgency};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use zeroize::Zeroizing;

use super::control::Alone;
use super::others::{Members, Others};
use crate::ports::Chains;
use crate::state::{Api, Given, Node};
use crate::views::Views;

/// Where all requests come from.
pub(super) const FROM: ([u8; 4], u16) = ([127, 0, 0, 1], 40_000);

/// A node that says what it is told to say.
#[derive(Default)]
pub(super) struct Said {
    pub(super) troubles: Vec<Told>,
    pub(super) chains: Option<Arc<dyn Chains>>,
}

impl Node for Said {
    fn troubles(&self) -> Vec<Told> {
        self.troubles.clone()
    }

    fn metrics(&self) -> String {
        "sallyport_test 1\n".to_owned()
    }

    fn problem_of(&self, target: &Target) -> Option<String> {
        let missing = target.credential == CredentialSource::Environment("MISSING".to_owned());
        missing.then(|| "MISSING is not set".to_owned())
    }

    fn variable(&self, name: &str) -> Option<Zeroizing<String>> {
        // Put together, so that it is no secret that this repository keeps.
        (name == "ALICE_PASSWORD").then(|| Zeroizing::new(["correct", "horse"].join(" ")))
    }

    fn trusts_on_first_use(&self) -> bool {
        false
    }
}

/// The API of one node, and what is around it.
pub(super) struct World {
    pub(super) api: Arc<Api>,
    pub(super) router: Router,
    pub(super) log: Arc<Log<Memory>>,
    pub(super) memory: Arc<Memory>,
    pub(super) control: Arc<Alone>,
    pub(super) others: Arc<Others>,
    pub(super) members: Arc<Members>,
    pub(super) admin: String,
}

/// The person who has this permission and no other.
pub(super) fn person_who_may(permission: &str) -> Name {
    name(&format!("may-{permission}"))
}

pub(super) fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

/// A key of its own for each person.
pub(super) fn key_of(person: &Name) -> PrivateKey {
    let mut seed = [7; 32];
    let bytes = person.as_str().as_bytes();
    seed[..bytes.len()].copy_from_slice(bytes);
    PrivateKey::from(Ed25519Keypair::from_seed(&seed))
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with(Said::default()).await
    }

    pub(super) async fn with(said: Said) -> Self {
        let (cluster, node) = (name("test"), name("gw-1"));
        let memory = Arc::new(Memory::new());
        let clock = Arc::new(SystemClock);
        let control = Arc::new(Alone::new(cluster.clone(), &node, clock.now().elapsed));
        let log = Log::open(memory.clone(), cluster.clone(), node.clone(), Epoch(1));
        let log = Arc::new(log.expect("an empty log"));
        control.attach(log.clone());
        let (admin, token) = AdminToken::generate(&Zeroizing::new([1; 32]));
        let (others, members) = (Arc::new(Others::default()), Arc::new(Members::default()));
        let backend: Arc<dyn Backend> = memory.clone();
        let api = Api::new(Given {
            cluster,
            node,
            version: "0.0.0",
            control: control.clone(),
            record: log.clone(),
            log: backend.clone(),
            clock,
            views: Arc::new(Views::new(
                &name("gw-1"),
                backend,
                Box::new(store_views::Memory::new()),
            )),
            live: Live::default(),
            chains: said.chains.clone(),
            myself: Arc::new(said),
            fleet: others.clone(),
            members: members.clone(),
            admin,
            token_key: TokenKey::new(&Zeroizing::new([2; 32])),
            issuing: IssuingKey::new(&Zeroizing::new([2; 32])),
            stop: CancellationToken::new(),
        });
        let router = crate::router(&api);
        let admin = token.reveal().to_owned();
        let world = Self { api, router, log, memory, control, others, members, admin };
        world.fill();
        world
    }

    fn fill(&self) {
        let mut people = vec![person(name("nothing"))];
        let mut policy = "version: 1\nroles:\n".to_owned();
        for (word, _) in Permission::ALL {
            let name = person_who_may(word);
            policy +=
                &format!("  - {{ name: {word}, who: {{ users: [{name}] }}, may: [{word}] }}\n");
            people.push(person(name));
        }
        self.people(people);
        let target = Target {
            name: name("web-1"),
            kind: TargetKind::Ssh,
            address: "127.0.0.1:22".to_owned(),
            labels: [("env".to_owned(), "test".to_owned())].into(),
            host_keys: HostKeys::TrustOnFirstUse,
            credential: CredentialSource::Environment("NONE".to_owned()),
            logins: vec!["deploy".to_owned()],
        };
        let (by, expected_revision) = (By::Administrator, None);
        let setting = TargetsSetting { targets: vec![target], expected_revision, by };
        self.control.enter(Entry::TargetsSet(setting));
        self.policy(&policy);
    }

    /// Puts people into force.
    pub(super) fn people(&self, people: Vec<Person>) {
        let (by, expected_revision) = (By::Administrator, None);
        let setting = PeopleSetting { people, expected_revision, by };
        self.control.enter(Entry::PeopleSet(setting));
    }

    /// Puts a policy into force.
    pub(super) fn policy(&self, policy: &str) {
        self.control.enter(policy_set(policy));
    }

    /// Opens a session on a node, as the control plane knows it.
    pub(super) fn open(&self, node: &str, count: u64, person: &Name) -> SessionId {
        let revision = self.api.view().policy.as_ref().map_or(0, |(_, now)| now.revision);
        let session = SessionId::new(&name(node), Epoch(1), count);
        let opening = SessionOpening {
            node: name(node),
            epoch: Epoch(1),
            session: session.clone(),
            person: person.clone(),
            target: name("web-1"),
            login: "deploy".to_owned(),
            policy_revision: revision,
            per_person: 100,
        };
        let reply = self.control.enter(Entry::SessionOpen(opening));
        assert_eq!(reply, consensus_state::Reply::SessionOpened);
        session
    }

    /// A token for a person, as a login gives it.
    pub(super) fn token(&self, person: &Name) -> String {
        let key = key_of(person);
        let subject: Subject = self.api.view().people.by_key(key.public_key()).expect("a person");
        let mut random = Zeroizing::new([0; 32]);
        random[..person.as_str().len()].copy_from_slice(person.as_str().as_bytes());
        let now = self.api.given.clock.now().utc;
        let token = self.api.tokens.issue(&random, &subject, now);
        token.reveal().to_owned()
    }

    /// Asks, and reads the whole answer.
    pub(super) async fn ask(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> (StatusCode, Vec<u8>) {
        let response = self.send(method, path, token, body).await;
        let status = response.status();
        let body = response.into_body().collect().await.expect("a whole answer");
        (status, body.to_bytes().to_vec())
    }

    /// Asks, and reads the answer as JSON.
    pub(super) async fn json(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        let (status, body) = self.ask(method, path, Some(token), body).await;
        let value = serde_json::from_slice(&body);
        let value = value.unwrap_or_else(|_| panic!("{path}: {}", String::from_utf8_lossy(&body)));
        (status.as_u16(), value)
    }

    /// Asks, and gives the status and the code of the refusal.
    pub(super) async fn refused(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> (u16, String) {
        let (status, value) = self.json(method, path, token, body).await;
        let code = value["code"].as_str();
        (status, code.unwrap_or_else(|| panic!("{path}: {value}")).to_owned())
    }

    /// Asks, and gives the answer as it begins.
    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(path);
        request = request.extension(ConnectInfo(SocketAddr::from(FROM)));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let request = request.body(body).expect("a request");
        self.router.clone().oneshot(request).await.expect("an answer")
    }

    /// Puts an event into the log.
    pub(super) async fn record(&self, about: About, kind: Kind) {
        let time = self.api.given.clock.now().utc;
        let draft = Draft { time, applied: 1, about, kind };
        let appending = self.log.append(&draft, Share::NODE, Urgency::Ordinary).expect("room");
        drop(appending.pending.await.expect("a receipt"));
    }

    /// All events of the log.
    pub(super) fn events(&self) -> Vec<Event> {
        let stored = self.memory.read(Position(1), 10_000).expect("a readable log");
        stored.iter().map(|one| Event::read(&one.bytes).expect("an event")).collect()
    }

    /// The kinds that were recorded after a position, with who did it.
    pub(super) fn recorded_since(&self, position: usize) -> Vec<String> {
        let events = self.events();
        let shown = |event: &Event| {
            let actor: Option<&Actor> = event.about.actor.as_ref();
            let who = actor.map_or("nobody".to_owned(), |actor| actor.person.to_string());
            format!("{} by {who}", event.name)
        };
        events.iter().skip(position).map(shown).collect()
    }
}

/// The entry that puts a policy into force.
pub(super) fn policy_set(policy: &str) -> Entry {
    let (parsed, _) = Policy::parse("policy", policy, &is_detector).expect("a policy");
    let (document, digest) = (policy.to_owned(), parsed.digest());
    let (by, expected_revision) = (By::Administrator, None);
    Entry::PolicySet(PolicySetting { document, digest, expected_revision, by })
}

/// A person with a key of their own.
pub(super) fn person(name: Name) -> Person {
    let key = key_of(&name).public_key().clone();
    let ssh_keys = vec![node_identity::keys::one_line(&key).expect("a key")];
    // Argon2id of nothing anybody knows: only its being there matters.
    Person { name, groups: Vec::new(), ssh_keys, password_hash: None }
}

/// A digest of zeroes, as text.
pub(super) fn no_digest() -> String {
    Digest::ZERO.to_string()
}
