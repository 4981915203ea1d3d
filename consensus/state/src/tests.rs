//! Conversations, exact bytes, and properties of the state machine.

mod exact;
mod lasting;
mod ledger;
mod property;
mod script;
mod seals;
mod snapshots;

use proto::entry::*;
use proto::ids::{Digest, Epoch, Name, SessionId};
use proto::person::Person;
use proto::target::{CredentialSource, HostKeys, Target, TargetKind};
use proto::time::Utc;

use crate::{Effects, Reply, State};

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn names(texts: &[&str]) -> Vec<Name> {
    texts.iter().map(|text| name(text)).collect()
}

fn seconds(seconds: i64) -> Utc {
    Utc(seconds * 1_000_000)
}

fn proposal(client: &str, lane: u32, request: u64, entry: Entry) -> Proposal {
    Proposal { client: Client { node: name(client), lane }, request, entry }
}

/// `admin`, `node:gw-1`, or a person.
fn by(text: &str) -> By {
    match (text, text.strip_prefix("node:")) {
        ("admin", _) => By::Administrator,
        (_, Some(node)) => By::Node(name(node)),
        (person, None) => By::Person(name(person)),
    }
}

fn sha256(text: &str) -> Digest {
    crate::control_chain::sha256(text.as_bytes())
}

fn addresses(node: &str) -> NodeAddresses {
    NodeAddresses { cluster: format!("{node}:7400"), api: format!("{node}:8443") }
}

fn creation(node: &str) -> Entry {
    Entry::ClusterCreated(ClusterCreation {
        contact_ms: 15_000,
        founder: name(node),
        addresses: addresses(node),
        key: sha256(node),
    })
}

fn start(node: &str, raft_id: u64, last_epoch: u64, nonce: u64) -> NodeStart {
    NodeStart {
        node: name(node),
        raft_id,
        last_epoch: Epoch(last_epoch),
        nonce,
        supports: 1,
        version: "0.1.0".to_owned(),
        addresses: addresses(node),
    }
}

fn setting(document: &str, expected_revision: Option<u64>, who: &str) -> PolicySetting {
    let (document, digest) = (document.to_owned(), sha256(document));
    PolicySetting { document, digest, expected_revision, by: by(who) }
}

fn policy(document: &str) -> Entry {
    Entry::PolicySet(setting(document, None, "eve"))
}

fn person(text: &str, groups: &[&str]) -> Person {
    let ssh_keys = vec![format!("ssh-ed25519 {text}")];
    Person { name: name(text), groups: names(groups), ssh_keys, password_hash: None }
}

fn people(people: Vec<Person>) -> Entry {
    Entry::PeopleSet(PeopleSetting { people, expected_revision: None, by: by("eve") })
}

fn target(text: &str, login: &str) -> Target {
    Target {
        name: name(text),
        kind: TargetKind::Ssh,
        address: "192.0.2.1:22".to_owned(),
        labels: [("env".to_owned(), "staging".to_owned())].into(),
        host_keys: HostKeys::Pinned(vec!["ssh-ed25519 AAAA".to_owned()]),
        credential: CredentialSource::File(format!("/keys/{text}")),
        logins: vec![login.to_owned()],
    }
}

fn targets(targets: Vec<Target>) -> Entry {
    Entry::TargetsSet(TargetsSetting { targets, expected_revision: None, by: by("eve") })
}

fn opening(node: &str, epoch: u64, count: u64, person: &str, target: &str) -> SessionOpening {
    let node = name(node);
    SessionOpening {
        session: SessionId::new(&node, Epoch(epoch), count),
        node,
        epoch: Epoch(epoch),
        person: name(person),
        target: name(target),
        login: "deploy".to_owned(),
        policy_revision: 1,
        per_person: 20,
    }
}

fn close(session: &SessionId) -> Entry {
    Entry::SessionClose(SessionClosing { session: session.clone() })
}

/// A held command of alice's on web-1, in a session of gw-1's first epoch.
fn request(session: u64, command: u64, approvers: &[&str]) -> ApprovalRequest {
    let SessionOpening { node, epoch, session, .. } = opening("gw-1", 1, session, "alice", "web-1");
    let digest = sha256(&format!("{session} {command}"));
    ApprovalRequest {
        command: CommandRef { node, epoch, session, command, digest },
        person: name("alice"),
        target: name("web-1"),
        login: "deploy".to_owned(),
        text: "reboot".to_owned(),
        incomplete: false,
        policy_revision: 1,
        rules: vec![AskedRule {
            rule: "four-eyes".to_owned(),
            count: 1,
            approvers: names(approvers),
        }],
        covered: Covered::Command,
        expires_ms: 900_000,
    }
}

fn ruling(approval: ApprovalId, who: &str, ruling: Ruling) -> Entry {
    let reason = "because".to_owned();
    Entry::ApprovalRuled(ApprovalRuling { approval, by: by(who), ruling, reason })
}

fn consumption(approval: ApprovalId, request: &ApprovalRequest) -> ApprovalConsumption {
    ApprovalConsumption {
        approval,
        command: request.command.clone(),
        policy_revision: request.policy_revision,
        rules: request.rules.iter().map(|asked| asked.rule.clone()).collect(),
    }
}

/// A state, and a client of it that never retries.
struct Cluster {
    state: State,
    request: u64,
    now: Utc,
}

impl Cluster {
    /// gw-1 runs in its first epoch; five people, two targets, and a policy.
    fn new() -> Self {
        let state = State::new(name("test"));
        let mut cluster = Self { state, request: 0, now: seconds(0) };
        let everybody = ["alice", "bob", "carol", "dan", "eve"];
        for entry in [
            creation("gw-1"),
            Entry::NodeStarted(start("gw-1", 1, 0, 7)),
            people(everybody.iter().map(|text| person(text, &[])).collect()),
            targets(vec![target("db-1", "postgres"), target("web-1", "deploy")]),
            policy("one"),
        ] {
            let reply = cluster.reply(entry);
            assert!(!matches!(reply, Reply::Refused(_)), "{reply:?}");
        }
        cluster
    }

    fn apply(&mut self, entry: Entry) -> (Reply, Effects) {
        self.request += 1;
        self.state.apply(self.now, &proposal("gw-1", 0, self.request, entry))
    }

    fn reply(&mut self, entry: Entry) -> Reply {
        self.apply(entry).0
    }

    /// Opens a session of alice's to web-1.
    fn open(&mut self, count: u64) {
        let opened = self.reply(Entry::SessionOpen(opening("gw-1", 1, count, "alice", "web-1")));
        assert_eq!(opened, Reply::SessionOpened);
    }

    fn ask(&mut self, request: &ApprovalRequest) -> ApprovalId {
        match self.reply(Entry::ApprovalRequested(request.clone())) {
            Reply::Approval(id) => id,
            other => panic!("asked, and answered {other:?}"),
        }
    }
}
