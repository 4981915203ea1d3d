//! Who is let in, and what the others are told.

use std::sync::Arc;

use proto::peer::raft::{Ask, Member};
use proto::peer::{Lane, Message, RosterAsk};
use proto::refusal::Code;
use rustls::crypto::ring::sign::any_ecdsa_type;
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::raw::{Raw, config, hello};
use super::world::{
    Cluster, Node, TestMembers, certify, new_authority, peer_name, program, record, trusting,
};
use super::{DAY, NOW, name, soon};
use crate::certificate::{CertificateRequest, PeerName};
use crate::random::new_key;
use crate::{Local, NodeIdentity, Pool};

/// What a server says to somebody who shows this.
async fn told(to: &Node, shown: &NodeIdentity) -> (Code, String) {
    let mut raw = Raw::connect(to, Some(shown)).await;
    raw.send(0, &Message::Hello(hello(shown, Lane::Calls))).await;
    let told = soon(raw.refused()).await;
    (told.code, told.text)
}

#[track_caller]
fn check(said: (Code, String), code: Code, text: &str) {
    assert_eq!(said.0, code, "{}", said.1);
    assert!(said.1.contains(text), "{}", said.1);
}

#[tokio::test]
async fn a_foreign_authority_is_refused_on_both_ends() {
    let cluster = Cluster::new();
    let two = cluster.node(2).await;
    let (foreign, key) = (new_authority(), new_key().unwrap());
    let shown = certify(&foreign, &key, &peer_name("gw-1", 1), NOW);
    cluster.members.add(record(&member(1), key.digest()));
    check(told(&two, &shown).await, Code::PeerUntrusted, "authority");

    // The same node believes only its own authority, and finds the server a stranger.
    let trust = trusting(&[&foreign]);
    let local =
        Local::new(shown, trust, program(1, 1), cluster.members.clone(), cluster.clock.clone());
    let pool = Pool::new(local, cluster.limits.clone());
    let refused = soon(ask(&pool, &two.member)).await;
    check(refused, Code::PeerUntrusted, "an authority that is not trusted");
    assert!(two.handler.asked.lock().is_empty());
}

#[tokio::test]
async fn another_cluster_is_refused_on_both_ends() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    let other = PeerName { cluster: name("test"), node: name("gw-1"), raft_id: 1 };
    let shown = certify(&cluster.authority, &one.key, &other, NOW);
    check(told(&two, &shown).await, Code::WrongCluster, "of the cluster test");

    let trust = trusting(&[&cluster.authority]);
    let local =
        Local::new(shown, trust, program(1, 1), cluster.members.clone(), cluster.clock.clone());
    let pool = Pool::new(local, cluster.limits.clone());
    check(soon(ask(&pool, &two.member)).await, Code::WrongCluster, "of the cluster prod");

    // A right certificate, and wrong words.
    let identity = one.local.identity();
    let mut raw = Raw::connect(&two, Some(&identity)).await;
    let mut wrong = hello(&identity, Lane::Calls);
    wrong.cluster = "test".to_owned();
    raw.send(0, &Message::Hello(wrong)).await;
    assert_eq!(soon(raw.refused()).await.code, Code::WrongCluster);
}

#[tokio::test]
async fn a_removed_member_is_refused_at_the_handshake_and_on_live_connections() {
    let cluster = Cluster::new();
    let (one, two, three) = (cluster.node(1).await, cluster.node(2).await, cluster.node(3).await);
    let mut raw = Raw::welcomed(&two, &one, Lane::Bulk).await;
    assert!(soon(one.ask(&two.member)).await.is_ok());
    assert!(soon(three.ask(&one.member)).await.is_ok());
    let call = one.raft(&two.member, Ask::Read);
    tokio::pin!(call);
    tokio::select! {
        answer = &mut call => panic!("the gate is closed: {answer:?}"),
        () = soon(two.handler.until_inside(1)) => {}
    }

    cluster.members.remove(1);
    assert_eq!(soon(raw.refused()).await.code, Code::NotAMember, "an idle connection");
    let refused = soon(call).await.unwrap_err();
    let lost = refused.told();
    assert_eq!(lost.code, Code::OutcomeUnknown, "a call under way may have been served");
    assert!(lost.text.contains("SP-1808"), "{}", lost.text);
    check(told(&two, &one.local.identity()).await, Code::NotAMember, "was removed");
    let refused = soon(three.ask(&one.member)).await.unwrap_err();
    assert_eq!(refused.told().code, Code::NotAMember, "nobody calls it either: {refused:?}");
    assert!(soon(three.ask(&two.member)).await.is_ok(), "the others go on");
}

#[tokio::test]
async fn another_key_or_name_under_a_members_id_is_refused() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    let stolen = certify(&cluster.authority, &new_key().unwrap(), &peer_name("gw-1", 1), NOW);
    check(told(&two, &stolen).await, Code::NotAMember, "another key");
    let renamed = certify(&cluster.authority, &one.key, &peer_name("gw-9", 1), NOW);
    check(told(&two, &renamed).await, Code::NotAMember, "another name");
    let unknown = certify(&cluster.authority, &one.key, &peer_name("gw-9", 9), NOW);
    check(told(&two, &unknown).await, Code::NotAMember, "not a member that this node knows");

    // Words that the certificate does not back.
    let mut raw = Raw::connect(&two, Some(&one.local.identity())).await;
    let mut wrong = hello(&one.local.identity(), Lane::Calls);
    wrong.raft_id = 2;
    raw.send(0, &Message::Hello(wrong)).await;
    let told = soon(raw.refused()).await;
    check((told.code, told.text), Code::PeerUntrusted, "sallyport://prod/gw-1/1");
}

#[tokio::test]
async fn a_client_takes_only_the_member_that_it_wants() {
    let cluster = Cluster::new();
    let (one, two, three) = (cluster.node(1).await, cluster.node(2).await, cluster.node(3).await);
    let misled = Member { address: three.member.address.clone(), ..two.member.clone() };
    let refused = soon(one.ask(&misled)).await.unwrap_err().told();
    check((refused.code, refused.text), Code::PeerUntrusted, "not node gw-2");
    assert!(three.handler.asked.lock().is_empty());
}

#[tokio::test]
async fn a_certificate_that_is_over_is_refused_also_while_it_is_in_use() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    assert!(soon(one.ask(&two.member)).await.is_ok());
    cluster.clock.advance(30 * DAY + 1_000_000);
    let lost = soon(one.ask(&two.member)).await.unwrap_err().told();
    check((lost.code, lost.text), Code::OutcomeUnknown, "SP-1805: the node's certificate is over");
    let refused = soon(one.ask(&two.member)).await.unwrap_err().told();
    check((refused.code, refused.text), Code::PeerUntrusted, "over");
    assert_eq!(two.handler.asked.lock().len(), 1, "it was not served");

    // Two has a new certificate, one still shows its old one.
    let fresh = certify(&cluster.authority, &two.key, two.local.name(), two.local.now());
    two.local.show(fresh).unwrap();
    check(told(&two, &one.local.identity()).await, Code::PeerUntrusted, "over");
    let fresh = certify(&cluster.authority, &one.key, one.local.name(), one.local.now());
    one.local.show(fresh).unwrap();
    let shown = one.local.identity();
    let mut raw = Raw::connect(&two, Some(&shown)).await;
    raw.send(0, &Message::Hello(hello(&shown, Lane::Calls))).await;
    assert!(matches!(soon(raw.hear()).await, Ok(Some((0, Message::Welcome(_))))));
    let theirs = certify(&cluster.authority, &one.key, &peer_name("gw-9", 9), NOW);
    assert!(one.local.show(theirs).is_err(), "a node shows no other one's certificate");
}

#[tokio::test]
async fn a_certificate_that_is_not_good_yet_is_refused() {
    let cluster = Cluster::new();
    let two = cluster.node(2).await;
    let key = new_key().unwrap();
    cluster.members.add(record(&member(1), key.digest()));
    let later = proto::time::Utc(NOW.0 + 2 * DAY);
    let shown = certify(&cluster.authority, &key, &peer_name("gw-1", 1), later);
    check(told(&two, &shown).await, Code::PeerUntrusted, "clock");
}

#[tokio::test]
async fn versions_that_are_too_far_apart_are_refused_and_neighbours_are_not() {
    let cluster = Cluster::new();
    let old = cluster.node_with(1, program(1, 2), cluster.members.clone()).await;
    let middle = cluster.node_with(2, program(2, 3), cluster.members.clone()).await;
    let new = cluster.node_with(3, program(3, 4), cluster.members.clone()).await;
    assert!(soon(old.ask(&middle.member)).await.is_ok());
    assert!(soon(new.ask(&middle.member)).await.is_ok());
    for (from, to) in [(&old, &new), (&new, &old)] {
        let refused = soon(from.ask(&to.member)).await.unwrap_err().told();
        check((refused.code, refused.text), Code::VersionMismatch, "cluster versions");
    }
}

#[tokio::test]
async fn the_certificate_of_an_api_is_none_of_a_peer() {
    let cluster = Cluster::new();
    let two = cluster.node(2).await;
    let key = new_key().unwrap();
    let request = CertificateRequest::from_der(&key.request().unwrap()).unwrap();
    let hosts = ["gw-1.internal".to_owned()];
    let certificate = cluster.authority.issue_api(&request, &hosts, NOW).unwrap();
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_der()));
    let shown = CertifiedKey::new(vec![certificate], any_ecdsa_type(&der).unwrap());
    let config = Arc::new(config(Some(Arc::new(shown)), &TLS13));
    let mut raw = Raw::connect_with(&two.member.address, config).await.unwrap();
    raw.send(1, &Message::RosterAsk(RosterAsk {})).await;
    let told = soon(raw.refused()).await;
    check((told.code, told.text), Code::PeerUntrusted, "not the certificate of a node");
}

#[tokio::test]
async fn a_stranger_may_ask_to_join_and_nothing_else() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    for message in [
        Message::Hello(hello(&one.local.identity(), Lane::Calls)),
        Message::RosterAsk(RosterAsk {}),
        Message::Ping(proto::peer::Empty {}),
    ] {
        let mut raw = Raw::connect(&two, None).await;
        raw.send(0, &message).await;
        let told = soon(raw.refused()).await;
        check((told.code, told.text), Code::NotAMember, "only joining");
    }
}

#[tokio::test]
async fn older_tls_and_another_protocol_are_refused() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    let shown = || Some(one.local.identity().shown());
    let old = Arc::new(config(shown(), &TLS12));
    assert!(soon(Raw::connect_with(&two.member.address, old)).await.is_err());

    let mut other = config(shown(), &TLS13);
    other.alpn_protocols = vec![b"h2".to_vec()];
    assert!(soon(Raw::connect_with(&two.member.address, Arc::new(other))).await.is_err());

    let mut none = config(shown(), &TLS13);
    none.alpn_protocols = Vec::new();
    let mut raw = Raw::connect_with(&two.member.address, Arc::new(none)).await.unwrap();
    raw.send(0, &Message::Hello(hello(&one.local.identity(), Lane::Calls))).await;
    assert_eq!(soon(raw.refused()).await.code, Code::VersionMismatch);
}

#[tokio::test]
async fn no_session_of_tls_is_resumed_past_the_judgement() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    let config = Arc::new(config(Some(one.local.identity().shown()), &TLS13));
    for _ in 0..3 {
        let mut raw = Raw::connect_with(&two.member.address, config.clone()).await.unwrap();
        raw.send(0, &Message::Hello(hello(&one.local.identity(), Lane::Calls))).await;
        assert!(matches!(soon(raw.hear()).await, Ok(Some((0, Message::Welcome(_))))));
        let (_, tls) = raw.stream.get_ref();
        assert_eq!(tls.handshake_kind(), Some(rustls::HandshakeKind::Full));
        assert_eq!(tls.tls13_tickets_received(), 0);
    }
}

#[tokio::test]
async fn a_node_that_is_behind_asks_those_it_knows_about_those_it_does_not() {
    let mut cluster = Cluster::new();
    cluster.limits.backoff = std::time::Duration::from_millis(1);
    cluster.limits.longest_backoff = std::time::Duration::from_millis(1);
    let behind = TestMembers::new();
    let late = cluster.node_with(1, program(1, 1), behind.clone()).await;
    let known = cluster.node(2).await;
    let (newcomer, removed) = (cluster.node(3).await, cluster.node(4).await);
    behind.add(record(&late.member, late.key.digest()));
    behind.add(record(&known.member, known.key.digest()));
    behind.remove(4);

    // The newcomer leads by now, and calls. It is refused until the late node has asked.
    let welcomed = async {
        loop {
            match newcomer.ask(&late.member).await {
                Ok(_) => break,
                Err(error) => {
                    assert_eq!(error.told().code, Code::NotAMember);
                    tokio::task::yield_now().await;
                }
            }
        }
    };
    soon(welcomed).await;
    assert!(soon(late.ask(&newcomer.member)).await.is_ok(), "and the other way");
    assert_eq!(late.local.members().len(), 3);
    // What its own state says is not overruled by what others say.
    check(told(&late, &removed.local.identity()).await, Code::NotAMember, "was removed");
}

fn member(raft_id: u64) -> Member {
    let node = super::world::node_name(raft_id);
    Member { raft_id, node, address: "127.0.0.1:1".to_owned() }
}

async fn ask(pool: &Pool, to: &Member) -> (Code, String) {
    let request =
        proto::peer::raft::Request { from: 1, clock: NOW, ask: proto::peer::raft::Ask::Clock };
    let refused = pool.raft(to, request, super::world::DEADLINE).await.unwrap_err().told();
    (refused.code, refused.text)
}
