//! Records with signed checkpoints: what somebody who rewrites with right hashes cannot hide.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use proto::event::{CheckpointSealed, Kind, NodeRegistered};
use proto::ids::{Chain, Epoch, EventId};

use super::notes::{key, pair};
use super::world::*;
use crate::checkpoint::Checkpoint;
use crate::keys::Keys;
use crate::note::{Note, Signature};
use crate::proof::{NotProven, Proof};
use crate::prover::{Finder, NoProof};
use crate::tree::{Range, leaf};
use crate::{Place, Report, Verifier};

/// A node's chain and the control chain that seals it.
#[derive(Clone)]
struct World {
    node: Node,
    control: Node,
    /// Which seed the node signs with.
    signs: u8,
}

fn tree(lines: &[Vec<u8>]) -> Range {
    let mut tree = Range::at(0);
    lines.iter().for_each(|line| tree.push(leaf(line)));
    tree
}

fn keys() -> Keys {
    Keys { members: vec![key("gw-1", 1), key("gw-2", 2), key("gw-3", 3)], former: Vec::new() }
}

impl World {
    /// Three nodes, of which gw-1 has served a session and sealed it, and then another one.
    fn new() -> Self {
        let mut control = Node::control();
        for (node, seed) in [("gw-1", 1), ("gw-2", 2), ("gw-3", 3)] {
            let key = key(node, seed).to_string();
            control.say(Kind::NodeRegistered(NodeRegistered { node: name(node), key }));
        }
        let mut world = Self { node: Node::new("gw-1"), control, signs: 1 };
        world.node.started(1).whole_session(1);
        world.seal();
        world.node.whole_session(2).stopped();
        world.seal();
        world
    }

    fn seal(&mut self) {
        let tree = tree(&self.node.lines);
        let (size, root, epoch) = (tree.end(), tree.root(), Epoch(self.node.epoch));
        let (cluster, chain) = (self.node.cluster.clone(), self.node.chain.clone());
        let head = self.node.head.hash.unwrap();
        let text = Checkpoint { cluster, chain, size, root, head, epoch, base: 0 }.to_string();
        self.control.clock = self.control.clock.max(self.node.clock);
        self.control.say(Kind::CheckpointSealed(CheckpointSealed {
            node: name("gw-1"),
            node_epoch: epoch.0,
            base: 0,
            size,
            root,
            head,
            signature: BASE64.encode(pair(self.signs).sign(text.as_bytes())),
        }));
    }

    /// The control chain's checkpoint, signed by some nodes.
    fn note(&self, by: &[(&str, u8)]) -> String {
        let tree = tree(&self.control.lines);
        let (cluster, chain, epoch) = (self.control.cluster.clone(), Chain::Control, Epoch(0));
        let (size, root) = (tree.end(), tree.root());
        let head = self.control.head.hash.unwrap();
        let text = Checkpoint { cluster, chain, size, root, head, epoch, base: 0 }.to_string();
        let signatures = by.iter().map(|(node, seed)| {
            Signature::make(key(node, *seed).name(), &pair(*seed), &text).unwrap()
        });
        Note { signatures: signatures.collect(), text }.to_string()
    }

    fn good_note(&self) -> String {
        self.note(&[("gw-1", 1), ("gw-3", 3)])
    }

    fn lines(&self) -> Vec<Vec<u8>> {
        [&self.node.lines[..], &self.control.lines].concat()
    }

    fn verify(&self, note: &str, keys: Option<Keys>) -> Report {
        let place = Place::File { file: "s".into() };
        let mut verifier = Verifier::new().checkpoint(note, Some(place)).unwrap();
        verifier = match keys {
            Some(keys) => verifier.believe(keys),
            None => verifier.registered(self::keys()),
        };
        let file: std::sync::Arc<str> = "f".into();
        for (line, bytes) in (1..).zip(self.lines()) {
            verifier.learn(&Place::Line { file: file.clone(), line }, &bytes);
        }
        verify(verifier, &self.lines())
    }

    fn proof(&self, id: EventId) -> Result<Proof, NoProof> {
        let mut finder = Finder::new(id, &self.good_note())?;
        self.lines().iter().for_each(|line| finder.feed(line));
        let mut prover = finder.found()?;
        self.lines().iter().for_each(|line| prover.feed(line));
        prover.finish()
    }
}

/// Tampers with a record whose checkpoint is kept, and checks what is said.
#[track_caller]
fn check(tamper: impl FnOnce(&mut World), expected: &[&str]) {
    let mut world = World::new();
    let note = world.good_note();
    tamper(&mut world);
    check_said(&world.verify(&note, Some(keys())), expected);
}

#[track_caller]
fn check_said(report: &Report, expected: &[&str]) {
    let found: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
    assert_eq!(found, expected);
}

#[test]
fn an_untouched_record_is_proven_to_its_end() {
    let world = World::new();
    for keys in [Some(keys()), None] {
        let report = world.verify(&world.good_note(), keys);
        check_said(&report, &[]);
        assert_eq!(report.unverified, [""; 0]);
        let proven: Vec<_> = report
            .seals
            .iter()
            .map(|one| (one.chain.to_string(), one.sealed, one.covered))
            .collect();
        assert_eq!(proven, [("control".to_owned(), 5, 5), ("gw-1".to_owned(), 16, 16)]);
    }
}

/// A node's record that was written anew with right hashes from some event on.
fn rewritten(of: &World, without_the_close: bool) -> Node {
    let mut node = Node::new("gw-1");
    node.started(1);
    if without_the_close {
        node.of(1, opened()).of(1, judged(1, proto::reading::Verdict::Allow));
        node.of(1, command_started(1))
            .of(1, released(1, 0, "hello "))
            .of(1, released(1, 6, "world"));
        node.of(1, finished(1, proto::event::Outcome::Exited(0), 11))
            .say(Kind::NodeStopped(proto::event::NodeStopped { reason: "terminated".to_owned() }));
    } else {
        node.of(1, opened()).of(1, judged(1, proto::reading::Verdict::Allow));
        node.of(1, command_started(1))
            .of(1, released(1, 0, "hullo "))
            .of(1, released(1, 6, "world"));
        node.of(1, finished(1, proto::event::Outcome::Exited(0), 11)).of(1, closed("finished"));
        node.whole_session(2).stopped();
    }
    assert!(node.lines.len() <= of.node.lines.len());
    node
}

#[test]
fn what_was_written_anew_with_right_hashes() {
    let between = "some were edited, put in or taken out";
    check(
        |world| world.node = rewritten(world, false),
        &[&format!(
            "tampering: rewritten: gw-1/1-8 at f:20: the tree up to it is not the one that was \
             sealed: of events 1 to 8 {between}"
        )],
    );
    // The session's close was taken out, and the chain ends there.
    check(
        |world| world.node = rewritten(world, true),
        &[
            &format!(
                "tampering: rewritten: gw-1/1-8 at f:12: the tree up to it is not the one that was \
                 sealed: of events 1 to 8 {between}"
            ),
            "warning: session-without-end: gw-1/1-2 at f:2: session s1 was open when the node stopped",
        ],
    );
}

#[test]
fn an_end_that_was_cut_off() {
    check(
        |world| world.node.lines.truncate(10),
        &["tampering: truncated: gw-1/1-16 at f:15: event 16 is known to be in the chain, which \
           ends at 10"],
    );
    check(
        |world| world.control.lines.truncate(4),
        &[
            "tampering: truncated: control/0-5 at s: event 5 is known to be in the chain, which ends \
           at 4",
        ],
    );
}

#[test]
fn another_key() {
    // The node's chain is signed anew by somebody who has not its key.
    check(
        |world| {
            let registered = world.control.lines[..3].to_vec();
            *world = World { signs: 9, ..World::new() };
            world.control.lines = registered;
            let mut control = Node::control();
            for line in 0..3 {
                let (node, seed) = [("gw-1", 1), ("gw-2", 2), ("gw-3", 3)][line];
                let key = key(node, seed).to_string();
                control.say(Kind::NodeRegistered(NodeRegistered { node: name(node), key }));
            }
            world.control = control;
            world.seal();
        },
        &[
            "tampering: bad-signature: control/0-4 at f:20: the signature of sallyport/acme/gw-1 is \
           not good",
            "tampering: truncated: control/0-5 at s: event 5 is known to be in the chain, which ends \
           at 4",
        ],
    );
    // All was signed anew, and the record names the new keys itself.
    let mut world = World::new();
    let registered = NodeRegistered { node: name("gw-1"), key: key("gw-1", 9).to_string() };
    world.control.say(Kind::NodeRegistered(registered));
    let report = world.verify(&world.note(&[("gw-1", 9), ("gw-2", 8)]), Some(keys()));
    check_said(
        &report,
        &[
            "tampering: signed-with-another-key: s: it is signed with another key than that of \
           sallyport/acme/gw-1",
            "tampering: signed-with-another-key: control/0-6 at f:22: it is signed with another key \
           than that of sallyport/acme/gw-1",
        ],
    );
}

#[test]
fn too_few_signatures_or_keys_prove_nothing() {
    let world = World::new();
    let report = world.verify(&world.note(&[("gw-2", 2)]), Some(keys()));
    check_said(&report, &[]);
    assert_eq!(report.unverified, ["the checkpoint of control is signed by 1 nodes only"]);
    let report = world.verify(&world.good_note(), Some(Keys::default()));
    check_said(&report, &[]);
    assert_eq!(report.unverified.len(), 3, "{:?}", report.unverified);
}

#[test]
fn an_old_checkpoint() {
    let mut world = World::new();
    let old = world.good_note();
    for revision in 1..=5 {
        world.control.clock += 100;
        world.control.policy(revision);
    }
    check_said(&world.verify(&old, Some(keys())), &[]);
    world.control.policy(6).policy(7);
    world.control.clock += 100;
    world.control.policy(8);
    check_said(
        &world.verify(&old, Some(keys())),
        &["tampering: old-checkpoint: control/0-13 at s: the checkpoint of control covers events \
           up to 5, and one up to 13 must be there"],
    );
}

#[test]
fn a_clone_that_signs_with_the_same_key() {
    let mut world = World::new();
    let mut other = world.clone();
    other.node = rewritten(&world, false);
    other.control = world.control.clone();
    other.seal();
    world.control = other.control;
    let note = world.good_note();
    check_said(
        &world.verify(&note, Some(keys())),
        &["tampering: cloned-node: control/0-6 at f:22: gw-1 has signed two histories of 16 \
           events: a second node runs with its key"],
    );
}

fn id(chain: Chain, epoch: u64, seq: u64) -> EventId {
    EventId { chain, epoch: Epoch(epoch), seq }
}

#[test]
fn each_event_is_proven_and_no_proof_fits_another() {
    let world = World::new();
    let node = |seq| id(Chain::Node(name("gw-1")), 1, seq);
    for seq in 1..=16 {
        let proof = world.proof(node(seq)).unwrap();
        let proven = proof.verify(&keys()).unwrap();
        assert_eq!(proven.event, format!("gw-1/1-{seq}"));
        assert_eq!((proven.signers, proven.members), (2, 3));
        let mut other = proof.clone();
        other.proven.event = other.proven.event.replace("gw-1", "gw-9");
        assert!(matches!(other.verify(&keys()), Err(NotProven::False(_))), "{seq}");
    }
    for seq in 1..=5 {
        let proof = world.proof(id(Chain::Control, 0, seq)).unwrap();
        assert_eq!(proof.verify(&keys()).unwrap().event, format!("control/0-{seq}"));
        let bytes = serde_json::to_vec(&proof).unwrap();
        assert_eq!(Proof::read(&bytes), Ok(proof));
    }
    assert_eq!(world.proof(node(17)), Err(NoProof::NoEvent(node(17))));
    let mut later = world.clone();
    later.node.started(2);
    let new = id(Chain::Node(name("gw-1")), 2, 17);
    assert_eq!(later.proof(new.clone()), Err(NoProof::NotCovered(new)));
}

#[test]
fn what_proves_nothing() {
    let world = World::new();
    let proof = world.proof(id(Chain::Node(name("gw-1")), 1, 3)).unwrap();
    let unverified = |keys: Keys| matches!(proof.verify(&keys), Err(NotProven::Unverified(_)));
    assert!(unverified(Keys::default()));
    let two = keys().members[..1].to_vec();
    assert!(proof.verify(&Keys { members: two, former: Vec::new() }).is_ok(), "one of one");
    let others = vec![key("gw-1", 1), key("gw-2", 2), key("gw-4", 4), key("gw-5", 5)];
    assert!(unverified(Keys { members: others, former: Vec::new() }), "one of four");
    let wrong = |change: &dyn Fn(&mut Proof)| {
        let mut changed = proof.clone();
        change(&mut changed);
        matches!(changed.verify(&keys()), Err(NotProven::False(_)))
    };
    assert!(wrong(&|proof| proof.sealed = None));
    assert!(wrong(&|proof| proof.proven.leaf += 1));
    assert!(wrong(&|proof| proof.proven.path.truncate(1)));
    assert!(wrong(&|proof| proof.sealed.as_mut().unwrap().path.clear()));
    assert!(wrong(&|proof| proof.sealed.as_mut().unwrap().leaf += 1));
    let another = Keys { members: vec![key("gw-1", 7), key("gw-3", 3)], former: Vec::new() };
    assert!(matches!(proof.verify(&another), Err(NotProven::False(_))));
    let unreadable = |bytes: &[u8]| matches!(Proof::read(bytes), Err(NotProven::Unreadable(_)));
    assert!(unreadable(b"{}"));
    let text = serde_json::to_string(&proof).unwrap();
    assert!(unreadable(text.replace("sallyport-proof/1", "sallyport-proof/2").as_bytes()));
}
