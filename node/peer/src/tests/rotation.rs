//! One authority follows the other, and certificates are renewed, while everything goes on.

use proto::peer::{Lane, Renew};
use proto::refusal::Code;
use rustls_pki_types::CertificateDer;

use super::raw::Raw;
use super::world::{Cluster, DEADLINE, Node, new_authority, trusting};
use super::{DAY, soon};
use crate::random::new_key;
use crate::{NodeIdentity, Trust, WallClock as _};

/// Renews a node's certificate from another node, as the daemon does.
async fn renew(node: &Node, from: &Node) {
    let request = Renew { request: node.key.request().unwrap() };
    let renewed = soon(node.pool.renew(&from.member, request, DEADLINE)).await.unwrap();
    let certificate = CertificateDer::from(renewed.certificate);
    let authority = CertificateDer::from(renewed.authorities[0].clone());
    node.local.show(NodeIdentity::new(&node.key, certificate, authority).unwrap()).unwrap();
}

#[tokio::test]
async fn a_certificate_is_renewed_over_the_peer_connection() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    cluster.clock.advance(15 * DAY);
    assert!(one.local.identity().should_be_renewed(cluster.clock.utc()));
    renew(&one, &two).await;
    assert!(!one.local.identity().should_be_renewed(cluster.clock.utc()));
    renew(&two, &one).await;
    // Past the end of the first certificates, both still reach each other.
    cluster.clock.advance(16 * DAY);
    let reached = async {
        while one.ask(&two.member).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    soon(reached).await;
}

#[tokio::test]
async fn a_member_is_certified_for_its_own_key_alone() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    for request in [new_key().unwrap().request().unwrap(), vec![0x30, 0x00]] {
        let refused = soon(one.pool.renew(&two.member, Renew { request }, DEADLINE)).await;
        assert_eq!(refused.unwrap_err().told().code, Code::BadRequest);
    }
}

#[tokio::test]
async fn one_authority_follows_the_other_without_a_gap() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    let (old, new) = (&cluster.authority, new_authority());
    assert!(soon(one.ask(&two.member)).await.is_ok());
    // Both are trusted, and one after the other is certified by the new one.
    for node in [&one, &two] {
        node.local.trust_instead(trusting(&[old, &new]));
        *node.handler.authority.lock() = new.clone();
    }
    assert!(soon(one.ask(&two.member)).await.is_ok());
    renew(&one, &two).await;
    let mut raw = Raw::welcomed(&two, &one, Lane::Bulk).await;
    assert!(soon(two.ask(&one.member)).await.is_ok(), "old and new meet");
    let old_shown = two.local.identity();
    renew(&two, &one).await;
    // The old one is dropped: whoever still uses it is a stranger, the others go on.
    for node in [&one, &two] {
        node.local.trust_instead(trusting(&[&new]));
    }
    let reached = async {
        while one.ask(&two.member).await.is_err() || two.ask(&one.member).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    soon(reached).await;
    two.handler.gate.add_permits(1);
    let read = proto::peer::raft::Ask::Read;
    let request = proto::peer::raft::Request { from: 1, clock: cluster.clock.utc(), ask: read };
    raw.send(1, &proto::peer::Message::asking(request)).await;
    assert!(matches!(soon(raw.hear()).await, Ok(Some((1, _)))), "a live one of the new authority");
    let mut raw = Raw::connect(&one, Some(&old_shown)).await;
    assert_eq!(soon(raw.refused()).await.code, Code::PeerUntrusted);
}

#[tokio::test]
async fn a_live_connection_of_an_authority_that_is_dropped_ends() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1).await, cluster.node(2).await);
    let mut raw = Raw::welcomed(&two, &one, Lane::Calls).await;
    two.local.trust_instead(trusting(&[&new_authority()]));
    assert_eq!(soon(raw.refused()).await.code, Code::PeerUntrusted);
}

#[test]
fn trust_has_somebody_and_not_everybody() {
    let authority = new_authority();
    assert!(Trust::new(Vec::new()).is_err());
    assert!(Trust::new(vec![authority.certificate().clone(); 5]).is_err());
    assert!(Trust::new(vec![CertificateDer::from(vec![0x30, 0x00])]).is_err());
    assert_eq!(trusting(&[&authority]).authorities().len(), 1);
}
