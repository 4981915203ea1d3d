//! Conversations, golden bytes, and properties of the state machine.

mod exact;
mod golden;
mod property;
mod script;

use proto::entry::{Entry, Proposal, SessionOpening};
use proto::ids::{Digest, Epoch, Name, SessionId};
use proto::person::Person;
use proto::target::{CredentialSource, HostKeys, Target, TargetKind};
use proto::time::Utc;

use crate::State;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn new_state() -> State {
    State::new(name("test"))
}

fn proposal(client: &str, request: u64, seconds: i64, entry: Entry) -> Proposal {
    Proposal { client: name(client), request, at: Utc(seconds * 1_000_000), entry }
}

fn policy(document: &str, expected_revision: Option<u64>) -> Entry {
    let digest = sha256(document);
    Entry::PolicySet { document: document.to_owned(), digest, expected_revision, by: "eve".into() }
}

fn sha256(text: &str) -> Digest {
    crate::control_chain::sha256(text.as_bytes())
}

fn person(text: &str, groups: &[&str]) -> Person {
    let groups = groups.iter().map(|group| name(group)).collect();
    let ssh_keys = vec![format!("ssh-ed25519 {text}")];
    Person { name: name(text), groups, ssh_keys, password_hash: None }
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
