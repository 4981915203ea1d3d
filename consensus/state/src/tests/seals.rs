//! Signing keys and checkpoints: what goes on is taken, and nothing else.

use proto::event::{Event, Kind};
use proto::ids::Chain;
use ring::signature::Ed25519KeyPair;
use store_proof::checkpoint::Checkpoint;
use store_proof::note::public;
use store_proof::tree::{Range, leaf};

use super::*;
use crate::Denied;

fn pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

/// A cluster at version 2 whose only node is gw-1.
fn cluster() -> Cluster {
    let mut cluster = Cluster::new();
    let mut again = start("gw-1", 1, 1, 8);
    again.supports = 2;
    assert_eq!(cluster.reply(Entry::NodeStarted(again)), Reply::Epoch(Epoch(2)));
    assert_eq!(cluster.reply(Entry::VersionRaised(VersionRaise { to: 2 })), Reply::Done);
    cluster
}

fn key_of(node: &str, epoch: u64, seed: u8) -> Entry {
    let (node, epoch, public) = (name(node), Epoch(epoch), public(&pair(seed)));
    Entry::NodeKeySet(NodeKeySetting { node, epoch, public })
}

/// A chain of numbered events, and the checkpoint from one size to another.
fn sealing(seed: u8, from: u64, to: u64) -> ChainSealing {
    let (mut before, mut added) = (Range::at(0), Range::at(from));
    (0..from).for_each(|number| before.push(leaf(&number.to_le_bytes())));
    (from..to).for_each(|number| added.push(leaf(&number.to_le_bytes())));
    assert!(before.append(&added));
    let (node, epoch, base, size, root) = (name("gw-1"), Epoch(2), 0, to, before.root());
    let (cluster, chain) = (name("test"), Chain::Node(node.clone()));
    let head = sha256("head");
    let text = Checkpoint { cluster, chain, size, root, head, epoch, base }.to_string();
    let signature = pair(seed).sign(text.as_bytes()).as_ref().to_vec();
    let added = added.hashes().to_vec();
    ChainSealing { node, epoch, base, size, root, head, added, signature }
}

fn seal(cluster: &mut Cluster, sealing: ChainSealing) -> Reply {
    cluster.reply(Entry::ChainSealed(sealing))
}

/// Gives a cluster one of each: a key, a checkpoint, and a control checkpoint that is sealed and
/// one that is open.
pub(super) fn seal_all(cluster: &mut Cluster) {
    cluster.reply(key_of("gw-1", 2, 1));
    assert_eq!(seal(cluster, sealing(1, 0, 13)), Reply::Done);
    cluster.reply(cut());
    let signed = signing(cluster, "gw-1", 1);
    assert_eq!(cluster.reply(signed), Reply::Done);
    assert!(cluster.state.control_note().is_some());
    cluster.reply(policy("later"));
    cluster.reply(cut());
}

fn malformed(what: &str) -> Reply {
    Reply::Refused(Denied::Malformed { what: what.to_owned() })
}

#[test]
fn before_version_2_nothing_is_sealed() {
    let mut cluster = Cluster::new();
    let (needs, version) = (2, 1);
    let not_yet = Reply::Refused(Denied::NotYet { needs, version });
    assert_eq!(cluster.reply(key_of("gw-1", 1, 1)), not_yet);
    assert_eq!(cluster.state.to_snapshot()[0], 1, "older nodes must read what they are sent");
}

#[test]
fn a_key_is_given_once() {
    let mut cluster = cluster();
    let (reply, effects) = cluster.apply(key_of("gw-1", 2, 1));
    assert_eq!((reply, effects.events.len(), effects.changed.seals), (Reply::Done, 1, true));
    let event = Event::read(&effects.events[0].bytes).unwrap();
    assert!(matches!(event.kind, Some(Kind::NodeRegistered(_))));
    let (reply, effects) = cluster.apply(key_of("gw-1", 2, 1));
    assert_eq!((reply, effects.events.len()), (Reply::Done, 0), "again");
    let again = cluster.reply(key_of("gw-1", 2, 9));
    assert_eq!(again, malformed("a second signing key of node gw-1"));
    let stale = Reply::Refused(Denied::StaleEpoch { current: Epoch(2) });
    assert_eq!(cluster.reply(key_of("gw-1", 1, 1)), stale);
}

#[test]
fn a_checkpoint_goes_on_the_one_before() {
    let mut cluster = cluster();
    let without = seal(&mut cluster, sealing(1, 0, 5));
    assert_eq!(without, malformed("a node without a signing key"));
    cluster.reply(key_of("gw-1", 2, 1));
    let (reply, effects) = cluster.apply(Entry::ChainSealed(sealing(1, 0, 5)));
    assert_eq!((reply, effects.events.len()), (Reply::Done, 1));
    let event = Event::read(&effects.events[0].bytes).unwrap();
    let Some(Kind::CheckpointSealed(sealed)) = event.kind else { panic!("{event:?}") };
    assert_eq!((sealed.size, sealed.root), (5, sealing(1, 0, 5).root));
    assert_eq!(cluster.apply(Entry::ChainSealed(sealing(1, 0, 5))).1.events, [], "again");
    assert_eq!(seal(&mut cluster, sealing(1, 5, 12)), Reply::Done);
    assert_eq!(cluster.state.sealed_chain(&name("gw-1")).unwrap().last(), 12);

    let behind = Reply::Refused(Denied::CheckpointBehind { kept: 12 });
    assert_eq!(seal(&mut cluster, sealing(1, 5, 11)), behind, "older");
    let differs = |seq| Reply::Refused(Denied::CheckpointDiffers { seq });
    let same = ChainSealing { root: sha256("other"), ..sealing(1, 5, 12) };
    assert_eq!(seal(&mut cluster, same), differs(12), "another tree of the same size");
    let other = ChainSealing { root: sha256("other"), ..sealing(1, 12, 14) };
    assert_eq!(seal(&mut cluster, other), differs(14), "a tree that does not go on");
    let moved = ChainSealing { base: 1, ..sealing(1, 12, 14) };
    assert_eq!(seal(&mut cluster, moved), differs(12), "another beginning");
    let fewer = ChainSealing { added: Vec::new(), ..sealing(1, 12, 14) };
    assert_eq!(seal(&mut cluster, fewer), malformed("the leaves that were added"));
    let skips = ChainSealing { added: sealing(1, 5, 14).added, ..sealing(1, 12, 14) };
    assert_ne!(seal(&mut cluster, skips), Reply::Done);
    let forged = malformed("the signature of a checkpoint");
    assert_eq!(seal(&mut cluster, sealing(9, 12, 14)), forged, "by another key");
    let stale = Reply::Refused(Denied::StaleEpoch { current: Epoch(2) });
    assert_eq!(seal(&mut cluster, ChainSealing { epoch: Epoch(1), ..sealing(1, 12, 14) }), stale);
    assert_eq!(seal(&mut cluster, sealing(1, 12, 14)), Reply::Done, "and none of it is in the way");
}

fn cut() -> Entry {
    Entry::ControlCut(Passing { node: name("gw-1") })
}

fn signing(cluster: &Cluster, node: &str, seed: u8) -> Entry {
    let (size, text) = cluster.state.control_to_sign(&name(node)).expect("something to sign");
    let signature = pair(seed).sign(text.as_bytes()).as_ref().to_vec();
    Entry::ControlSigned(ControlSigning { node: name(node), size, signature })
}

/// A second and a third node join and start.
fn grow(cluster: &mut Cluster) {
    for (raft_id, node) in [(2, "gw-2"), (3, "gw-3")] {
        let (token, by) = (sha256(node), by("eve"));
        let lasts_ms = 3_600_000;
        cluster.reply(Entry::JoinTokenCreated(JoinToken { digest: token, lasts_ms, by }));
        let (addresses, key) = (addresses(node), sha256(&format!("{node} key")));
        let joining = NodeJoining { node: name(node), addresses, key, token, supports: 2 };
        assert_eq!(cluster.reply(Entry::NodeJoined(joining)), Reply::Joined { raft_id });
        let mut start = start(node, raft_id, 0, 7);
        start.supports = 2;
        assert_eq!(cluster.reply(Entry::NodeStarted(start)), Reply::Epoch(Epoch(1)));
    }
}

#[test]
fn the_control_chain_is_sealed_by_a_majority() {
    let mut cluster = cluster();
    grow(&mut cluster);
    for (node, epoch, seed) in [("gw-1", 2, 1), ("gw-2", 1, 2)] {
        assert_eq!(cluster.reply(key_of(node, epoch, seed)), Reply::Done);
    }
    assert!(cluster.state.control_is_ahead() && cluster.state.control_note().is_none());
    assert_eq!(cluster.reply(cut()), Reply::Done);
    let forged = signing(&cluster, "gw-2", 1);
    assert_eq!(cluster.reply(forged), malformed("the signature of a checkpoint"));
    let keyless = signing(&cluster, "gw-3", 3);
    assert_eq!(cluster.reply(keyless), malformed("a node without a signing key"));
    let first = signing(&cluster, "gw-1", 1);
    assert_eq!(cluster.reply(first.clone()), Reply::Done);
    assert_eq!(cluster.reply(first), Reply::Done, "nobody counts twice");
    assert!(cluster.state.control_note().is_none(), "one of three is no majority");
    // It waits for a second signature, and no newer one takes its place meanwhile.
    cluster.reply(policy("two"));
    cluster.reply(cut());
    let second = signing(&cluster, "gw-2", 2);
    assert_eq!(cluster.reply(second), Reply::Done);
    let note = cluster.state.control_note().expect("two of three");
    assert_eq!(note.signatures.len(), 2);
    assert!(cluster.state.control_is_ahead(), "by the policy");
    cluster.reply(cut());
    assert!(!cluster.state.control_is_ahead());
    let again = State::from_snapshot(&cluster.state.to_snapshot()).unwrap();
    assert_eq!(again, cluster.state);
    // What too few sign makes way in the end.
    let (open, _) = cluster.state.control_to_sign(&name("gw-1")).unwrap();
    cluster.reply(policy("three"));
    cluster.now = seconds(11);
    cluster.reply(cut());
    let (newer, _) = cluster.state.control_to_sign(&name("gw-1")).unwrap();
    assert!(newer > open);
    assert_eq!(cluster.state.control_note(), Some(note), "the sealed one stays until then");
}

/// The tree of the control chain is over the events themselves.
#[test]
fn the_control_tree_is_over_the_exact_events() {
    let mut cluster = cluster();
    let before = cluster.state.control_head().seq;
    let mut tree = Range::at(0);
    for entry in [key_of("gw-1", 2, 1), policy("two"), policy("three")] {
        let (_, effects) = cluster.apply(entry);
        effects.events.iter().for_each(|event| tree.push(leaf(&event.bytes)));
    }
    cluster.reply(cut());
    let (size, text) = cluster.state.control_to_sign(&name("gw-1")).unwrap();
    let checkpoint: Checkpoint = text.parse().unwrap();
    assert_eq!((size, checkpoint.base), (3, before));
    assert!(checkpoint.is_of(&tree));
}

#[test]
fn a_node_that_joins_anew_has_no_key_and_no_checkpoint() {
    let mut cluster = cluster();
    grow(&mut cluster);
    cluster.reply(key_of("gw-2", 1, 2));
    let removal = NodeRemoval { node: name("gw-2"), by: by("eve") };
    cluster.reply(Entry::NodeRemoved(removal));
    assert!(cluster.state.node_key(&name("gw-2")).is_some(), "what it signed can be checked still");
    cluster.reply(Entry::JoinTokenCreated(JoinToken {
        digest: sha256("again"),
        lasts_ms: 3_600_000,
        by: by("eve"),
    }));
    cluster.reply(Entry::NodeJoined(NodeJoining {
        node: name("gw-2"),
        addresses: addresses("gw-2"),
        key: sha256("new key"),
        token: sha256("again"),
        supports: 2,
    }));
    assert!(cluster.state.node_key(&name("gw-2")).is_none());
}
