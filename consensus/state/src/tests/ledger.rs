//! The ledger against the definition of RFC 6962, section 2.1.

use super::*;
use crate::OpenSession;
use crate::ledger::Ledger;
use crate::sessions::Closed;

fn bytes_sha256(parts: &[&[u8]]) -> Digest {
    crate::control_chain::sha256(&parts.concat())
}

/// The Merkle tree hash as the RFC defines it, over all leaves.
fn tree(leaves: &[Vec<u8>]) -> Digest {
    match leaves {
        [] => bytes_sha256(&[]),
        [leaf] => bytes_sha256(&[&[0], leaf]),
        _ => {
            // The largest power of two smaller than the count.
            let split = leaves.len().next_power_of_two() / 2;
            let (left, right) = (tree(&leaves[..split]), tree(&leaves[split..]));
            bytes_sha256(&[&[1], &left.0, &right.0])
        }
    }
}

fn session(count: u64) -> OpenSession {
    OpenSession { opening: opening("gw-1", 1, count, "alice", "web-1"), at: seconds(5) }
}

#[test]
fn the_root_is_that_of_the_tree_over_all_leaves() {
    let (mut ledger, mut leaves) = (Ledger::default(), Vec::new());
    assert_eq!(
        ledger.root().to_string(),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    for count in 1..=130_u64 {
        let session = session(count);
        let closed = Closed { session: &session, at: seconds(9), lost: count % 3 == 0 };
        leaves.push(closed.to_bytes());
        ledger.add(&closed);
        assert_eq!((ledger.count(), ledger.root()), (count, tree(&leaves)));
    }
}

#[test]
fn a_leaf_is_what_it_says() {
    let session = session(7);
    let bytes = Closed { session: &session, at: seconds(9), lost: true }.to_bytes();
    let mut expected = Vec::new();
    let parts: [&[u8]; 11] = [
        b"sallyport closed session 1",
        b"gw-1-1-7",
        b"gw-1",
        &[1, 0, 0, 0, 0, 0, 0, 0],
        b"alice",
        b"web-1",
        b"deploy",
        &[1, 0, 0, 0, 0, 0, 0, 0],
        &5_000_000_u64.to_le_bytes(),
        &9_000_000_u64.to_le_bytes(),
        &[1],
    ];
    for part in parts {
        expected.extend_from_slice(&[part.len() as u8, 0, 0, 0]);
        expected.extend_from_slice(part);
    }
    assert_eq!(bytes, expected);
}

#[test]
fn each_closed_session_is_in_the_ledger_once() {
    let mut cluster = Cluster::new();
    let mut leaves = Vec::new();
    let mut expect = |cluster: &Cluster, session: OpenSession, lost| {
        let at = cluster.now;
        leaves.push(Closed { session: &session, at, lost }.to_bytes());
        assert_eq!(cluster.state.ledger(), (leaves.len() as u64, tree(&leaves)));
    };
    for count in 1..=3 {
        cluster.open(count);
    }
    let open = |cluster: &Cluster, count| {
        let id = opening("gw-1", 1, count, "alice", "web-1").session;
        cluster.state.open_session_by_id(&id).unwrap().clone()
    };
    let (first, second, third) = (open(&cluster, 1), open(&cluster, 2), open(&cluster, 3));
    cluster.now = seconds(20);
    cluster.reply(close(&first.opening.session));
    expect(&cluster, first.clone(), false);
    cluster.reply(close(&first.opening.session));
    assert_eq!(cluster.state.ledger().0, 1);
    // A start loses the others, in the order of their ids.
    let (reply, effects) = cluster.apply(Entry::NodeStarted(start("gw-1", 1, 1, 8)));
    assert_eq!(reply, Reply::Epoch(Epoch(2)));
    assert_eq!(
        effects.lost_sessions,
        [second.opening.session.clone(), third.opening.session.clone()]
    );
    let at = cluster.now;
    let mut all = vec![Closed { session: &first, at, lost: false }.to_bytes()];
    all.push(Closed { session: &second, at, lost: true }.to_bytes());
    all.push(Closed { session: &third, at, lost: true }.to_bytes());
    assert_eq!(cluster.state.ledger(), (3, tree(&all)));
}
