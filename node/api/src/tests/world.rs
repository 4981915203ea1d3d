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
use node_identity::{AdminToken, Subject};
use node_session::clock::SystemClock;
use node_session::control::InProcess;
use node_session::{Control, Live};
use proto::entry::Entry;
use proto::event::{About, Actor, Draft, Event, Kind};
use proto::ids::{Digest, Name};
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

use crate::state::{Api, Given, Node};
use crate::views::Views;

/// Where all requests come from.
pub(super) const FROM: ([u8; 4], u16) = ([127, 0, 0, 1], 40_000);

/// A node that says what it is told to say.
#[derive(Default)]
pub(super) struct Said {
    pub(super) troubles: Vec<Told>,
}

impl Node for Said {
    fn troubles(&self) -> Vec<Told> {
        self.troubles.clone()
    }

    fn metrics(&self) -> String {
        "sallyport_test 1\n".to_owned()
    }

    fn problem_of(&self, _: &Target) -> Option<String> {
        None
    }
}

/// The API of one node, and what is around it.
pub(super) struct World {
    pub(super) api: Arc<Api>,
    pub(super) router: Router,
    pub(super) log: Arc<Log<Memory>>,
    pub(super) memory: Arc<Memory>,
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
        let (memory, entries) = (Arc::new(Memory::new()), Arc::new(Memory::new()));
        let clock = Arc::new(SystemClock);
        let compile = |text: &str| {
            let parsed = Policy::parse("policy", text, &is_detector);
            parsed.map(|(policy, _)| policy).map_err(|errors| errors.to_string())
        };
        let (one, other) = (cluster.clone(), node.clone());
        let control = InProcess::open(one, other, entries, clock.clone(), Box::new(compile), 0);
        let control = Arc::new(control.expect("an empty control plane"));
        let epoch = control.start().await.expect("an epoch");
        let log = Log::open(memory.clone(), cluster.clone(), node.clone(), epoch);
        let log = Arc::new(log.expect("an empty log"));
        control.attach(log.clone()).await.expect("a log that takes events");
        let (admin, token) = AdminToken::generate(&Zeroizing::new([1; 32]));
        let backend: Arc<dyn Backend> = memory.clone();
        let api = Api::new(Given {
            cluster,
            node,
            version: "0.0.0",
            control: control.clone(),
            record: log.clone(),
            log: backend.clone(),
            clock,
            views: Arc::new(Views::new(backend)),
            live: Live::default(),
            myself: Arc::new(said),
            admin,
            stop: CancellationToken::new(),
        });
        let router = crate::router(&api);
        let world = Self { api, router, log, memory, admin: token.reveal().to_owned() };
        world.fill(&*control).await;
        world
    }

    async fn fill(&self, control: &dyn Control) {
        let by = "test".to_owned();
        let mut people = vec![person(name("nothing"))];
        let mut policy = "version: 1\nroles:\n".to_owned();
        for (word, _) in Permission::ALL {
            let name = person_who_may(word);
            policy +=
                &format!("  - {{ name: {word}, who: {{ users: [{name}] }}, may: [{word}] }}\n");
            people.push(person(name));
        }
        propose(control, Entry::PeopleSet { people, by: by.clone() }).await;
        let target = Target {
            name: name("web-1"),
            kind: TargetKind::Ssh,
            address: "127.0.0.1:22".to_owned(),
            labels: [("env".to_owned(), "test".to_owned())].into(),
            host_keys: HostKeys::TrustOnFirstUse,
            credential: CredentialSource::Environment("NONE".to_owned()),
            logins: vec!["deploy".to_owned()],
        };
        propose(control, Entry::TargetsSet { targets: vec![target], by: by.clone() }).await;
        let (parsed, _) = Policy::parse("policy", &policy, &is_detector).expect("a policy");
        let digest = parsed.digest();
        let entry = Entry::PolicySet { document: policy, digest, expected_revision: None, by };
        propose(control, entry).await;
    }

    /// A token for a person, as a login gives it.
    pub(super) fn token(&self, person: &Name) -> String {
        let key = key_of(person);
        let subject: Subject = self.api.view().people.by_key(key.public_key()).expect("a person");
        let mut random = Zeroizing::new([0; 32]);
        random[..person.as_str().len()].copy_from_slice(person.as_str().as_bytes());
        let now = self.api.given.clock.now();
        let token = self.api.tokens.issue(&random, subject, now).expect("room for a token");
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

async fn propose(control: &dyn Control, entry: Entry) {
    control.propose(entry).await.expect("the control plane takes it");
}

fn person(name: Name) -> Person {
    let key = key_of(&name).public_key().clone();
    let ssh_keys = vec![node_identity::keys::one_line(&key).expect("a key")];
    // Argon2id of nothing anybody knows: only its being there matters.
    Person { name, groups: Vec::new(), ssh_keys, password_hash: None }
}

/// A digest of zeroes, as text.
pub(super) fn no_digest() -> String {
    Digest::ZERO.to_string()
}
