//! Joining a cluster by a file.

use std::sync::atomic::Ordering;

use proto::entry::NodeAddresses;
use proto::peer::{Join, Joined, Message, Secret};
use proto::refusal::Code;
use rustls_pki_types::CertificateDer;

use super::handler::CLUSTER_KEY;
use super::raw::Raw;
use super::world::{Cluster, Node, new_authority, program, trusting};
use super::{name, soon};
use crate::certificate::sha256;
use crate::join::{JoinError, JoinFile, Membership, Newcomer, join};
use crate::random::{new_key, new_secret};
use crate::{Local, Pool, Program};

fn newcomer() -> Newcomer {
    Newcomer {
        node: name("gw-9"),
        addresses: NodeAddresses {
            cluster: "127.0.0.1:7409".to_owned(),
            api: "[::1]:8449".to_owned(),
        },
        key: new_key().unwrap(),
        program: program(1, 1),
    }
}

/// A file that is good at this node.
fn file(cluster: &Cluster, node: &Node) -> JoinFile {
    let file = JoinFile {
        cluster: name("prod"),
        seeds: vec![node.member.address.clone()],
        authority: cluster.authority.digest(),
        secret: new_secret().unwrap(),
    };
    *node.handler.token.lock() = Some((file.secret_digest(), None));
    file
}

async fn joined(
    cluster: &Cluster,
    file: &JoinFile,
    newcomer: &Newcomer,
) -> Result<Membership, JoinError> {
    soon(join(file, newcomer, cluster.clock.clone())).await
}

#[track_caller]
fn check(result: Result<Membership, JoinError>, code: Code, text: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    assert!(error.to_string().contains(text), "{error}");
}

#[tokio::test]
async fn a_node_joins_and_is_a_member_from_then_on() {
    let cluster = Cluster::new();
    let one = cluster.node(1).await;
    let (file, newcomer) = (file(&cluster, &one), newcomer());
    let membership = joined(&cluster, &file, &newcomer).await.unwrap();
    assert_eq!(membership.identity.name().to_string(), "sallyport://prod/gw-9/50");
    assert_eq!(membership.cluster_key, Secret::new(CLUSTER_KEY));
    assert_eq!(membership.members.len(), 2);
    assert_eq!(membership.members[1].key, newcomer.key.digest());
    let printed = format!("{membership:?}");
    assert!(!printed.contains("119, 119"), "the key of the cluster is printed: {printed}");

    let trust = trusting(&[&cluster.authority]);
    let (members, clock) = (cluster.members.clone(), cluster.clock.clone());
    let local = Local::new(membership.identity, trust, program(1, 1), members, clock);
    let pool = Pool::new(local, cluster.limits.clone());
    assert!(soon(pool.roster(&one.member, super::world::DEADLINE)).await.is_ok());
}

#[tokio::test]
async fn a_wrong_or_spent_secret_lets_nobody_in() {
    let cluster = Cluster::new();
    let one = cluster.node(1).await;
    let good = file(&cluster, &one);
    let wrong = JoinFile { secret: new_secret().unwrap(), ..good.clone() };
    check(joined(&cluster, &wrong, &newcomer()).await, Code::JoinRefused, "SP-1801");
    let first = newcomer();
    assert!(joined(&cluster, &good, &first).await.is_ok());
    check(joined(&cluster, &good, &newcomer()).await, Code::JoinRefused, "SP-1801");
    // The one whose answer was lost asks again, with the same key.
    assert!(joined(&cluster, &good, &first).await.is_ok());
}

#[tokio::test]
async fn no_secret_is_sent_to_whom_the_file_does_not_pin() {
    let cluster = Cluster::new();
    let one = cluster.node(1).await;
    let pinned = JoinFile { authority: new_authority().digest(), ..file(&cluster, &one) };
    check(joined(&cluster, &pinned, &newcomer()).await, Code::PeerUntrusted, "join file");
    // Somebody shows the right authority, beside a certificate that it did not sign.
    let impostor = Cluster::new();
    let mallory = impostor.node(1).await;
    let key = &mallory.key;
    let forged =
        crate::NodeIdentity::new(key, shown(&mallory), cluster.authority.certificate().clone());
    mallory.local.show(forged.unwrap()).unwrap();
    let file = JoinFile { seeds: vec![mallory.member.address.clone()], ..file(&cluster, &one) };
    check(joined(&cluster, &file, &newcomer()).await, Code::PeerUntrusted, "not trusted");
    // The right authority, and another cluster.
    let other = JoinFile { cluster: name("test"), ..self::file(&cluster, &one) };
    check(joined(&cluster, &other, &newcomer()).await, Code::WrongCluster, "cluster prod");
    for node in [&one, &mallory] {
        assert_eq!(node.handler.joins.load(Ordering::SeqCst), 0, "no secret came anywhere");
    }
}

fn shown(node: &Node) -> CertificateDer<'static> {
    node.local.identity().shown().cert[0].clone().into_owned()
}

#[tokio::test]
async fn addresses_are_tried_one_after_the_other() {
    let cluster = Cluster::new();
    let one = cluster.node(1).await;
    let gone = cluster.node(2).await;
    gone.stop.cancel();
    soon(gone.serving).await.unwrap();
    let good = file(&cluster, &one);
    let seeds = vec![gone.member.address.clone(), one.member.address.clone()];
    let both = JoinFile { seeds, ..good.clone() };
    assert!(joined(&cluster, &both, &newcomer()).await.is_ok());
    let none = JoinFile { seeds: vec![gone.member.address.clone()], ..good };
    let unreachable = joined(&cluster, &none, &newcomer()).await;
    check(unreachable, Code::PeerUnreachable, &gone.member.address);
}

#[tokio::test]
async fn what_a_joining_node_says_is_looked_at() {
    let cluster = Cluster::new();
    let one = cluster.node(1).await;
    let file = file(&cluster, &one);
    let too_new = Newcomer { program: program(7, 8), ..newcomer() };
    check(joined(&cluster, &file, &too_new).await, Code::VersionMismatch, "7 to 8");
    let long = Program { version: "1".repeat(65), ..program(1, 1) };
    let long = Newcomer { program: long, ..newcomer() };
    check(joined(&cluster, &file, &long).await, Code::BadRequest, "too long");
    for address in ["", "7409", ":7409", "gw-9:", "gw-9:0", "gw-9:65536", "gw 9:7409", "a\n:1"] {
        let mut newcomer = newcomer();
        newcomer.addresses.api = address.to_owned();
        check(joined(&cluster, &file, &newcomer).await, Code::BadRequest, "host:port");
        newcomer.addresses = NodeAddresses { cluster: address.to_owned(), api: "a:1".to_owned() };
        check(joined(&cluster, &file, &newcomer).await, Code::BadRequest, "host:port");
    }
    let good = Join {
        cluster: "prod".to_owned(),
        secret: file.secret.clone(),
        node: "gw-9".to_owned(),
        cluster_address: "gw-9:7409".to_owned(),
        api_address: "gw-9:8449".to_owned(),
        request: new_key().unwrap().request().unwrap(),
        versions: program(1, 1).versions,
        program: "0.1.0".to_owned(),
    };
    for (join, code) in [
        (Join { node: "../etc".to_owned(), ..good.clone() }, Code::BadRequest),
        (Join { request: vec![0x30, 0x00], ..good.clone() }, Code::BadRequest),
        (Join { cluster: "test".to_owned(), ..good.clone() }, Code::WrongCluster),
    ] {
        let mut raw = Raw::connect(&one, None).await;
        raw.send(1, &Message::Join(join)).await;
        assert_eq!(soon(raw.refused()).await.code, code);
    }
    assert_eq!(one.handler.joins.load(Ordering::SeqCst), 0);
    let mut raw = Raw::connect(&one, None).await;
    raw.send(1, &Message::Join(good)).await;
    assert!(matches!(soon(raw.hear()).await, Ok(Some((1, Message::Joined(_))))));
    assert!(soon(raw.is_closed()).await, "one join, and no more");
}

#[tokio::test]
async fn few_may_join_at_once() {
    let mut cluster = Cluster::new();
    cluster.limits.joins = 0;
    let one = cluster.node(1).await;
    let refused = joined(&cluster, &file(&cluster, &one), &newcomer()).await;
    check(refused, Code::PeerUnreachable, "SP-1505");
}

#[tokio::test]
async fn an_answer_that_does_not_fit_together_is_not_believed() {
    let cluster = Cluster::new();
    let one = cluster.node(1).await;
    let file = file(&cluster, &one);
    type Twist = fn(&mut Joined);
    let twists: [(Twist, &str); 5] = [
        (|joined| joined.raft_id = 51, "different Raft ids"),
        (|joined| joined.authorities.clear(), "not among its authorities"),
        (|joined| joined.authorities[0][20] ^= 1, "not among its authorities"),
        (|joined| joined.certificate = joined.authorities[0].clone(), "authorities signed"),
        (
            |joined| {
                let last = joined.certificate.len() - 1;
                joined.certificate[last] ^= 1;
            },
            "authorities signed",
        ),
    ];
    let newcomer = newcomer();
    for (twist, text) in twists {
        *one.handler.twist.lock() = Some(twist);
        check(joined(&cluster, &file, &newcomer).await, Code::PeerUntrusted, text);
    }
    *one.handler.twist.lock() = None;
    let membership = joined(&cluster, &file, &newcomer).await.unwrap();
    assert_eq!(sha256(&membership.authorities[0]), file.authority);
}

#[tokio::test]
async fn a_certificate_for_somebody_else_is_not_taken() {
    let cluster = Cluster::new();
    let one = cluster.node(1).await;
    let (file, first) = (file(&cluster, &one), newcomer());
    // The same key under another name: what an answer to somebody else would look like.
    let other = Newcomer { node: name("gw-8"), ..first.clone() };
    static OTHER: parking_lot::Mutex<Vec<u8>> = parking_lot::Mutex::new(Vec::new());
    *OTHER.lock() = joined(&cluster, &file, &other).await.unwrap().certificate.to_vec();
    *one.handler.twist.lock() = Some(|joined| joined.certificate = OTHER.lock().clone());
    check(joined(&cluster, &file, &first).await, Code::PeerUntrusted, "is for sallyport://");
    // Another key.
    *one.handler.token.lock() = Some((file.secret_digest(), None));
    check(joined(&cluster, &file, &newcomer()).await, Code::PeerUntrusted, "another key");
}
