//! The tampering table: what somebody does to an exported record, and what the verifier says of it.
//!
//! Whoever tampers here is good at it: hashes are made right again, numbers too. They have no key
//! of the nodes, but where a line says so.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chaos_tests::live::{Reaped, SHORT, Scene, until};
use proto::api::Seals;
use proto::ids::{Chain, Digest, Name};
use ring::signature::Ed25519KeyPair;
use serde_json::{Value, json};
use store_proof::checkpoint::{Checkpoint, origin};
use store_proof::note::{Key, Note, Signature, public};
use store_proof::tree::{Range, leaf};

/// A record that is sealed to its end, and the keys, which were fetched before.
struct Sealed {
    scene: Scene,
    keys: PathBuf,
    archive: PathBuf,
    /// An export of an earlier time.
    earlier: PathBuf,
}

fn sealed() -> Result<Sealed> {
    let scene = Scene::start()?;
    scene.ssh().run("echo one")?;
    let keys = scene.path("public.keys");
    until("a signed checkpoint", SHORT, || {
        let said = scene.node.administer(&["audit", "keys"])?;
        Ok(said.text().contains("sallyport/").then_some(()))
    })?;
    let text = keys.to_str().context("a path is text")?;
    let said = scene.node.administer(&["audit", "keys", "--out", text])?;
    ensure!(said.status.success(), "audit keys: {}", said.said());
    let earlier = until("an export with checkpoints", SHORT, || covered(&scene, &keys, 5))?;
    for command in ["echo two", "env", "cat /etc/hostname | wc -c"] {
        scene.ssh().run(command)?;
    }
    let so_far = scene.event_lines()?.iter().filter(|line| of_node(line)).count() as u64;
    let archive = until("an export that is sealed", SHORT, || covered(&scene, &keys, so_far))?;
    Ok(Sealed { scene, keys, archive, earlier })
}

/// An export whose checkpoints cover the node's chain so far, when they do by now.
fn covered(scene: &Scene, keys: &Path, least: u64) -> Result<Option<PathBuf>> {
    let archive = scene.archive()?;
    let said = verify(scene, &archive, Some(keys), &["-o", "json"])?;
    ensure!(said.status.success(), "{}{}", said.text(), said.said());
    let report: Value = serde_json::from_str(&said.text())?;
    ensure!(report["findings"] == json!([]), "{report}");
    let seals = report["seals"].as_array().cloned().unwrap_or_default();
    let to = |chain: &dyn Fn(&str) -> bool| {
        let of_chain = seals.iter().find(|one| one["chain"].as_str().is_some_and(chain));
        of_chain.and_then(|one| one["covered"].as_u64()).unwrap_or(0)
    };
    let (control, node) = (to(&|name| name == "control"), to(&|name| name != "control"));
    Ok((control > 0 && node >= least).then_some(archive))
}

fn verify(scene: &Scene, archive: &Path, keys: Option<&Path>, more: &[&str]) -> Result<Reaped> {
    let mut arguments = vec!["audit", "verify", archive.to_str().context("text")?];
    if let Some(keys) = keys {
        arguments.extend(["--keys", keys.to_str().context("text")?]);
    }
    arguments.extend(more);
    scene.node.administer(&arguments)
}

/// The events of an archive, to be changed.
struct Events {
    lines: Vec<String>,
    file: PathBuf,
}

fn sha256(text: &str) -> Digest {
    let mut digest = Digest::ZERO;
    digest.0.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, text.as_bytes()).as_ref());
    digest
}

fn number(line: &str, of: &str) -> u64 {
    let value: Value = serde_json::from_str(line).expect("an event");
    value["data"][of].as_u64().expect("a number")
}

fn of_node(line: &str) -> bool {
    !line.contains(r#""chain":"control""#)
}

impl Events {
    fn read(archive: &Path) -> Self {
        let file = archive.join("events.jsonl");
        let text = fs::read_to_string(&file).expect("events");
        Self { lines: text.lines().map(str::to_owned).collect(), file }
    }

    fn write(&self) {
        fs::write(&self.file, format!("{}\n", self.lines.join("\n"))).expect("a changed copy");
    }

    fn of_kind(&self, kind: &str) -> usize {
        let wanted = format!("io.sallyport.{kind}.v1");
        self.lines.iter().position(|line| line.contains(&wanted)).expect("an event of the kind")
    }

    fn of_chain(&self, node: bool) -> Vec<usize> {
        let all = 0..self.lines.len();
        all.filter(|at| of_node(&self.lines[*at]) == node).collect()
    }

    /// Makes places and hashes of a chain right again.
    fn mend(&mut self, node: bool) {
        let (mut head, mut seq) = (Digest::ZERO, 0);
        for at in self.of_chain(node) {
            let line = &self.lines[at];
            let value: Value = serde_json::from_str(line).expect("an event");
            let (old, epoch) = (number(line, "seq"), number(line, "epoch"));
            let prev = value["data"]["prev"].as_str().expect("a hash");
            seq += 1;
            let mended = line
                .replacen(
                    &format!(r#""id":"{epoch}-{old}""#),
                    &format!(r#""id":"{epoch}-{seq}""#),
                    1,
                )
                .replacen(&format!(r#""seq":{old},"#), &format!(r#""seq":{seq},"#), 1)
                .replacen(prev, &head.to_string(), 1);
            head = sha256(&mended);
            self.lines[at] = mended;
        }
    }

    fn tree(&self, node: bool, from: u64) -> (Range, Digest) {
        let (mut tree, mut head) = (Range::at(0), Digest::ZERO);
        for at in self.of_chain(node) {
            if number(&self.lines[at], "seq") > from {
                tree.push(leaf(self.lines[at].as_bytes()));
            }
            head = sha256(&self.lines[at]);
        }
        (tree, head)
    }
}

fn read_seals(archive: &Path) -> Seals {
    let text = fs::read(archive.join("seals.json")).expect("seals");
    serde_json::from_slice(&text).expect("seals")
}

fn write_seals(archive: &Path, seals: &Seals) {
    let text = serde_json::to_vec(seals).expect("seals");
    fs::write(archive.join("seals.json"), text).expect("changed seals");
}

/// Forgets what the archive says of its own ends, as whoever tampers would.
fn without_heads(archive: &Path) {
    let file = archive.join("manifest.json");
    let text = fs::read(&file).expect("a manifest");
    let mut manifest: Value = serde_json::from_slice(&text).expect("a manifest");
    manifest["heads"] = json!([]);
    fs::write(file, manifest.to_string()).expect("a changed manifest");
}

fn copy(of: &Path) -> PathBuf {
    let copy = of.with_extension("copy");
    drop(fs::remove_dir_all(&copy));
    fs::create_dir(&copy).expect("a folder");
    for name in ["events.jsonl", "seals.json", "manifest.json"] {
        fs::copy(of.join(name), copy.join(name)).expect("a copy");
    }
    copy
}

/// Tampers with a copy; each of `named` must be in what is said, a line for each finding.
#[track_caller]
fn check(sealed: &Sealed, what: &str, tamper: impl FnOnce(&Path, &mut Events), named: &[&str]) {
    check_with(sealed, what, &[], tamper, named);
}

#[track_caller]
fn check_with(
    sealed: &Sealed,
    what: &str,
    more: &[&str],
    tamper: impl FnOnce(&Path, &mut Events),
    named: &[&str],
) {
    let archive = copy(&sealed.archive);
    without_heads(&archive);
    let mut events = Events::read(&archive);
    tamper(&archive, &mut events);
    events.write();
    let more = [more, &["-o", "table"]].concat();
    let said = verify(&sealed.scene, &archive, Some(&sealed.keys), &more).expect("it ends");
    let text = format!("{}{}", said.text(), said.said());
    assert_eq!(said.status.code(), Some(1), "{what}: {text}");
    assert!(text.contains("SP-1701"), "{what}: {text}");
    for name in named {
        let finding = text.lines().find(|line| line.contains(name));
        let finding = finding.unwrap_or_else(|| panic!("{what}: no {name} in {text}"));
        let event = finding.contains("control/0-") || finding.contains("/1-");
        let is_named = event && finding.contains("events.jsonl:");
        assert!(is_named || finding.contains("seals.json"), "{what}: no place in {finding}");
    }
}

#[test]
fn each_kind_of_tampering_is_named() -> Result<()> {
    let sealed = sealed()?;
    let whole = verify(&sealed.scene, &copy(&sealed.archive), Some(&sealed.keys), &[])?;
    ensure!(whole.status.success(), "an untouched copy: {}{}", whole.text(), whole.said());
    by_hand(&sealed);
    with_right_hashes(&sealed);
    with_keys(&sealed);
    checkpoints(&sealed)
}

fn by_hand(sealed: &Sealed) {
    check(
        sealed,
        "an edit",
        |_, events| {
            let at = events.of_kind("session.opened");
            events.lines[at] = events.lines[at].replace("alice", "malory");
        },
        &["tampering: edited: "],
    );
    check(
        sealed,
        "a deletion",
        |_, events| drop(events.lines.remove(events.of_kind("command.judged"))),
        &["tampering: missing: "],
    );
    check(
        sealed,
        "a swap",
        |_, events| {
            let at = events.of_kind("command.judged");
            events.lines.swap(at, at + 1);
        },
        &["tampering: reordered: "],
    );
    check(
        sealed,
        "a fork",
        |_, events| {
            let at = events.of_kind("session.opened");
            events.lines.insert(at + 1, events.lines[at].replace("alice", "malory"));
        },
        &["tampering: forked: "],
    );
    check(
        sealed,
        "an end that was cut off",
        |_, events| {
            // What came after the last checkpoint is not proven, so more than that is cut off.
            let last = events.of_kind("session.closed");
            for at in events.of_chain(true).into_iter().rev().filter(|at| *at > last) {
                events.lines.remove(at);
            }
        },
        &["tampering: truncated: "],
    );
}

fn with_right_hashes(sealed: &Sealed) {
    let rewritten = "tampering: rewritten: ";
    check(
        sealed,
        "an edit with right hashes",
        |_, events| {
            let at = events.of_kind("session.opened");
            events.lines[at] = events.lines[at].replace("alice", "malory");
            events.mend(true);
        },
        &[rewritten],
    );
    check(
        sealed,
        "an insertion with right hashes",
        |_, events| {
            let at = events.of_kind("login.succeeded");
            events.lines.insert(at, events.lines[at].clone());
            events.mend(true);
        },
        &[rewritten],
    );
    check(
        sealed,
        "a session whose close is missing",
        |_, events| {
            events.lines.remove(events.of_kind("session.closed"));
            events.mend(true);
        },
        &[rewritten],
    );
    check(
        sealed,
        "a clock that goes back",
        |_, events| {
            let at = events.of_kind("command.finished");
            let value: Value = serde_json::from_str(&events.lines[at]).expect("an event");
            let time = value["time"].as_str().expect("a time");
            let back = "2020-01-31T09:30:00.000000Z";
            events.lines[at] = events.lines[at].replacen(time, back, 1);
            events.mend(true);
        },
        &["warning: clock-went-back: ", rewritten],
    );
    check(
        sealed,
        "a control chain with right hashes",
        |_, events| {
            let at = events.of_kind("policy.changed");
            events.lines[at] = events.lines[at].replacen(r#""by":""#, r#""by":"x"#, 1);
            events.mend(false);
        },
        &[rewritten],
    );
}

fn pair(seed: &[u8]) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(seed).expect("a seed")
}

/// The checkpoint of a chain that was changed, signed by a node.
fn note(seals: &Seals, chain: &Chain, events: &Events, pair: &Ed25519KeyPair, node: &Name) -> Note {
    let is_node = *chain != Chain::Control;
    let old = if is_node { Some(&seals.chains[0].note) } else { seals.control.as_ref() };
    let old: Note = old.expect("a note").parse().expect("a note");
    let old: Checkpoint = old.text.parse().expect("a checkpoint");
    let (tree, head) = events.tree(is_node, old.base);
    let new = Checkpoint { size: tree.end(), root: tree.root(), head, ..old };
    let name = origin(&seals.cluster, &Chain::Node(node.clone()));
    let text = new.to_string();
    let signature = Signature::make(&name, pair, &text).expect("a name");
    Note { text, signatures: vec![signature] }
}

fn with_keys(sealed: &Sealed) {
    check(
        sealed,
        "signed anew with another key",
        |archive, events| {
            let mut seals = read_seals(archive);
            let (node, forged) = (seals.keys[0].id.clone(), pair(&[7; 32]));
            let at = events.of_kind("policy.changed");
            events.lines[at] = events.lines[at].replacen(r#""by":""#, r#""by":"x"#, 1);
            events.mend(false);
            let name = origin(&seals.cluster, &Chain::Node(node.clone()));
            seals.keys[0].key = Key::new(&name, public(&forged)).expect("a name").to_string();
            seals.control = Some(note(&seals, &Chain::Control, events, &forged, &node).to_string());
            write_seals(archive, &seals);
        },
        &["tampering: signed-with-another-key: "],
    );
    let key = sealed.scene.path("data").join("keys").join("signing.key");
    let own = pair(&fs::read(key).expect("the node's key"));
    check(
        sealed,
        "a clone that has the node's key",
        |archive, events| {
            // It seals another history of as many events as the node has sealed.
            let at = events.of_kind("checkpoint.sealed");
            let line = events.lines[at].clone();
            let seals = read_seals(archive);
            let value: Value = serde_json::from_str(&line).expect("an event");
            let data = &value["data"];
            let old: Note = seals.chains[0].note.parse().expect("a note");
            let old: Checkpoint = old.text.parse().expect("a checkpoint");
            let (size, epoch) = (number(&line, "size"), number(&line, "node_epoch"));
            let (root, epoch) = (sha256("another"), proto::ids::Epoch(epoch));
            let head: Digest = data["head"].as_str().expect("a hash").parse().expect("a hash");
            let text = Checkpoint { size, root, head, epoch, ..old }.to_string();
            let signature = BASE64.encode(own.sign(text.as_bytes()));
            let forged = line
                .replacen(data["root"].as_str().expect("a hash"), &root.to_string(), 1)
                .replacen(data["signature"].as_str().expect("a signature"), &signature, 1);
            let last = *events.of_chain(false).last().expect("an event");
            events.lines.insert(last + 1, forged);
            events.mend(false);
        },
        &["tampering: cloned-node: "],
    );
}

fn checkpoints(sealed: &Sealed) -> Result<()> {
    // An earlier export in the place of a later one: it is in itself without fault.
    let known = sealed.archive.join("seals.json");
    let known = known.to_str().context("text")?;
    let more = ["--known-seals", known, "-o", "table"];
    let said = verify(&sealed.scene, &sealed.earlier, Some(&sealed.keys), &more)?;
    let text = format!("{}{}", said.text(), said.said());
    ensure!(said.status.code() == Some(1), "an old checkpoint: {text}");
    ensure!(text.contains("tampering: old-checkpoint: "), "{text}");
    ensure!(text.contains("tampering: truncated: "), "{text}");
    // Without checkpoints nothing is proven, and that is said.
    let archive = copy(&sealed.archive);
    fs::remove_file(archive.join("seals.json"))?;
    let said = verify(&sealed.scene, &archive, None, &[])?;
    ensure!(said.status.code() == Some(3), "{}{}", said.text(), said.said());
    ensure!(said.said().contains("SP-1704"), "{}", said.said());
    Ok(())
}

#[test]
fn an_event_is_proven_to_somebody_who_has_the_keys() -> Result<()> {
    let mut sealed = sealed()?;
    let events = Events::read(&sealed.archive);
    let line = &events.lines[events.of_kind("command.judged")];
    let value: Value = serde_json::from_str(line)?;
    let node = value["data"]["chain"].as_str().context("a chain")?;
    let event = format!("{node}/{}", value["id"].as_str().context("an id")?);
    let folder = sealed.scene.path("proofs");
    fs::create_dir(&folder)?;
    let file = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let archive = sealed.archive.to_string_lossy().into_owned();
    let keys = sealed.keys.to_string_lossy().into_owned();
    let says = |sealed: &Sealed, arguments: &[&str], status: i32, code: &str| -> Result<String> {
        let said = sealed.scene.node.administer(arguments)?;
        let text = format!("{}{}", said.text(), said.said());
        ensure!(said.status.code() == Some(status), "{arguments:?}: {text}");
        ensure!(text.contains(code), "{arguments:?} says no {code}: {text}");
        Ok(text)
    };
    let live = file("live.json");
    says(&sealed, &["audit", "prove", &event, "--out", &live], 0, "")?;
    sealed.scene.node.stop()?;
    let offline = file("offline.json");
    says(&sealed, &["audit", "prove", &event, &archive, "--out", &offline], 0, "")?;
    for proof in [&live, &offline] {
        says(&sealed, &["audit", "verify", proof, "--keys", &keys], 0, &event)?;
        says(&sealed, &["audit", "verify", proof], 3, "SP-1704")?;
    }
    let text = fs::read_to_string(&offline)?;
    let forged = file("forged.json");
    fs::write(&forged, text.replace("alice", "malory"))?;
    says(&sealed, &["audit", "verify", &forged, "--keys", &keys], 1, "SP-1701")?;
    let nowhere = format!("{node}/1-99999");
    let unmade = file("unmade.json");
    says(&sealed, &["audit", "prove", &nowhere, &archive, "--out", &unmade], 1, "SP-1503")?;
    Ok(())
}
