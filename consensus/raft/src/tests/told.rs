//! What is told in the background, in the order that matters: a session's end would end what the
//! session asked for with a reason of its own, so a withdrawal that was told before comes first.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use consensus_state::{Reply, Status};
use proto::entry::{
    ApprovalId, ApprovalRequest, ApprovalWithdrawal, AskedRule, By, CommandRef, Covered, Entry,
    PeopleSetting, PolicySetting, SessionClosing, SessionOpening, TargetsSetting, Withdrawn,
};
use proto::ids::{Digest, Epoch, SessionId};
use proto::person::Person;
use proto::target::{CredentialSource, HostKeys, Target, TargetKind};

use super::{Cluster, name, until};
use crate::Replica;

const POLICY: &str = "version: 1\n";
/// SHA-256 of it.
const DIGEST: &str = "09bfcc6a14b83e2192b8673677725c84883ee9cd0c70e45c9ec09daa8f2b2847";

fn documents() -> [Entry; 3] {
    let (by, expected_revision) = (By::Administrator, None);
    let person = |called: &str| Person {
        name: name(called),
        groups: Vec::new(),
        ssh_keys: Vec::new(),
        password_hash: None,
    };
    let target = Target {
        name: name("web-1"),
        kind: TargetKind::Ssh,
        address: "127.0.0.1:1".to_owned(),
        labels: BTreeMap::new(),
        host_keys: HostKeys::Pinned(Vec::new()),
        credential: CredentialSource::File(String::new()),
        logins: vec!["deploy".to_owned()],
    };
    let people = vec![person("alice"), person("bob")];
    let (document, digest) = (POLICY.to_owned(), DIGEST.parse::<Digest>().unwrap());
    [
        Entry::PeopleSet(PeopleSetting { people, expected_revision, by: by.clone() }),
        Entry::TargetsSet(TargetsSetting {
            targets: vec![target],
            expected_revision,
            by: by.clone(),
        }),
        Entry::PolicySet(PolicySetting { document, digest, expected_revision, by }),
    ]
}

async fn done(replica: &Replica, entry: Entry) -> Reply {
    let name = entry.name();
    match replica.propose(entry).await.unwrap().reply {
        Reply::Refused(denied) => panic!("{name}: {denied}"),
        reply => reply,
    }
}

/// Opens a session on a node, in which a command waits for Bob.
async fn asks(replica: &Replica, number: u64) -> (SessionId, ApprovalId) {
    let (node, epoch) = (replica.config.node.clone(), Epoch(1));
    let session = SessionId::new(&node, epoch, number);
    let opening = SessionOpening {
        node: node.clone(),
        epoch,
        session: session.clone(),
        person: name("alice"),
        target: name("web-1"),
        login: "deploy".to_owned(),
        policy_revision: 1,
        per_person: 20,
    };
    done(replica, Entry::SessionOpen(opening)).await;
    let digest = Digest([7; 32]);
    let approvers = vec![name("bob")];
    let request = ApprovalRequest {
        command: CommandRef { node, epoch, session: session.clone(), command: 1, digest },
        person: name("alice"),
        target: name("web-1"),
        login: "deploy".to_owned(),
        text: "reboot".to_owned(),
        incomplete: false,
        policy_revision: 1,
        rules: vec![AskedRule { rule: "four-eyes".to_owned(), count: 1, approvers }],
        covered: Covered::Command,
        expires_ms: 900_000,
    };
    match done(replica, Entry::ApprovalRequested(request)).await {
        Reply::Approval(approval) => (session, approval),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_withdrawal_is_not_overtaken_by_its_sessions_end() {
    let cluster = Cluster::of(3).await;
    let follower = cluster.followers().await.remove(0);
    for entry in documents() {
        done(&follower, entry).await;
    }
    let me = follower.config.raft_id;
    let others: Vec<_> = (1..=3).filter(|id| *id != me).collect();
    for number in 1..=5 {
        let (session, approval) = asks(&follower, number).await;
        // What is told while nobody answers is tried again later; what is told then, at once.
        cluster.net.partition(&[me], &others);
        let because = Withdrawn::ClientLeft;
        let withdrawal = ApprovalWithdrawal { approval, because };
        follower.tell(Entry::ApprovalWithdrawn(withdrawal)).unwrap();
        tokio::time::sleep(Duration::from_secs(12)).await;
        cluster.net.heal();
        let follower = Arc::clone(&follower);
        until("it reaches the leader", || follower.contact().borrow().is_some()).await;
        while follower.read().await.is_err() {}
        follower.tell(Entry::SessionClose(SessionClosing { session })).unwrap();
        let status = || follower.with_state(|state| state.approval(approval).unwrap().status);
        until("it is over", || status() != Status::Open).await;
        assert_eq!(status(), Status::Withdrawn(because), "session {number}");
        until("it is closed", || follower.with_state(|state| state.open_sessions().len()) == 0)
            .await;
    }
}
