//! A directory as `sallyport events export` writes it, made from nothing: one node's record with
//! sessions of people, and the control chain with the checkpoints of three nodes.
//!
//! Every event is of a kind, size and order that gateways write; hashes, trees and signatures are
//! right, so that a verifier finds nothing.

mod chain;
mod session;
mod texts;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use node_enforce::policy::Policy;
use proto::api::{ChainNote, Seals, SigningKey};
use proto::event::{About, Kind, NodeRegistered, NodeStarted, PolicyChanged};
use proto::ids::{Chain, Epoch, Name};
use proto::reading::Durability;
use serde_json::json;
use store_proof::note::{Key, Note, Signature, public};

use chain::{Writing, pair};
use texts::Texts;

/// The nodes of the fleet; the first one's record is exported.
const NODES: [&str; 3] = ["gw-1", "gw-2", "gw-3"];
/// Each node seals its chain after so many of its events: once a second, where it writes that many.
const SEAL_EVERY: u64 = 300;

/// The policy that the record was judged by.
pub const POLICY: &str = r#"version: 1
grants:
  - { name: staff, who: { groups: [engineering] }, targets: { labels: { env: staging } },
      as: [deploy], channels: [exec] }
rules:
  - { name: no-environment, when: { shell: { programs: [env, printenv] } }, then: block }
  - { name: no-secrets, when: { regex: ["(?i)secret", "\\.pem\\b"] }, then: block }
  - { name: no-deletes, when: { shell: { programs: [rm, shred, dd] } }, then: block }
"#;

/// What is to be made.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// How many sessions; each asks for one command, as `ssh COMMAND` does.
    pub sessions: u64,
    /// Of ten commands so many have a text that none before them had.
    pub new_in_ten: u64,
}

/// What was made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Made {
    /// Events of both chains.
    pub events: u64,
    /// Commands among them.
    pub commands: u64,
    /// Checkpoints among them.
    pub checkpoints: u64,
    /// Bytes of all events.
    pub bytes: u64,
}

/// Makes a directory, and beside it the file `public.keys`.
///
/// # Errors
/// When it cannot be written.
pub fn export(directory: &Path, asked: Asked) -> Result<Made> {
    let parsed = Policy::parse("policy", POLICY, &|_| true);
    let (policy, _) = parsed.map_err(|errors| anyhow!("{errors}"))?;
    fs::create_dir(directory)?;
    let policies = directory.join("policies");
    fs::create_dir(&policies)?;
    fs::write(policies.join(format!("{}.yaml", policy.digest())), POLICY)?;
    let file = BufWriter::with_capacity(1 << 20, File::create(directory.join("events.jsonl"))?);
    let mut writing = Writing::new(file, name("acme")?, name(NODES[0])?);
    begin(&mut writing, &policy)?;
    let mut texts = Texts::new(policy, asked.new_in_ten);
    let mut sealed = 0;
    for count in 1..=asked.sessions {
        writing.session(&mut texts, count)?;
        if writing.node.head.seq >= sealed + SEAL_EVERY {
            sealed = writing.node.head.seq;
            writing.seal(&NODES)?;
        }
    }
    writing.seal(&NODES)?;
    let made = Made { commands: asked.sessions, ..writing.made };
    finish(writing, directory, made)?;
    Ok(made)
}

fn name(text: &str) -> Result<Name> {
    text.parse().map_err(|error| anyhow!("{error}"))
}

fn key(cluster: &Name, node: &str) -> Result<Key> {
    let name = format!("sallyport/{cluster}/{node}");
    Key::new(&name, public(&pair(node)?)).context("the name of a key")
}

fn begin(writing: &mut Writing, policy: &Policy) -> Result<()> {
    let nothing = About::default;
    for node in NODES {
        let key = key(&writing.cluster, node)?.to_string();
        let registered = NodeRegistered { node: name(node)?, key };
        writing.control(nothing(), Kind::NodeRegistered(registered))?;
    }
    let (digest, by) = (policy.digest(), "alice".to_owned());
    let changed = PolicyChanged { revision: 1, digest, by, approval: None };
    writing.control(nothing(), Kind::PolicyChanged(changed))?;
    let (version, durability) = ("0.1.0".to_owned(), Durability::Local);
    writing.of_node(
        nothing(),
        Kind::NodeStarted(NodeStarted { version, durability, unfinished: 0 }),
    )?;
    Ok(())
}

fn finish(mut writing: Writing, directory: &Path, made: Made) -> Result<()> {
    writing.file.flush()?;
    let cluster = writing.cluster.clone();
    let mut keys = Vec::new();
    for node in NODES {
        let key = key(&cluster, node)?.to_string();
        keys.push(SigningKey { id: name(node)?, key, member: true });
    }
    let public: Vec<_> = keys.iter().map(|one| one.key.as_str()).collect();
    fs::write(directory.with_file_name("public.keys"), public.join("\n"))?;
    let note = |chain: &chain::Growing, by: &[&str]| -> Result<String> {
        let text = chain.checkpoint(&cluster).to_string();
        let mut signatures = Vec::new();
        for node in by {
            let made = Signature::make(key(&cluster, node)?.name(), &pair(node)?, &text);
            signatures.push(made.context("a signature")?);
        }
        Ok(Note { text, signatures }.to_string())
    };
    let node =
        ChainNote { chain: writing.node.chain.clone(), note: note(&writing.node, &NODES[..1])? };
    let control = Some(note(&writing.control, &NODES[..2])?);
    let seals = Seals { cluster: cluster.clone(), keys, chains: vec![node], control };
    fs::write(directory.join("seals.json"), serde_json::to_vec_pretty(&seals)?)?;
    let head = |chain: &chain::Growing| {
        json!({
            "chain": chain.chain, "events": chain.head.seq, "seq": chain.head.seq,
            "hash": chain.head.hash,
        })
    };
    let manifest = json!({
        "cluster": cluster, "version": "0.1.0", "partial": false, "events": made.events,
        "policies": [], "heads": [head(&writing.control), head(&writing.node)],
    });
    fs::write(directory.join("manifest.json"), serde_json::to_vec_pretty(&manifest)?)?;
    Ok(())
}

/// The trees of nodes that are not exported, by which their checkpoints are made up.
type Others = BTreeMap<String, chain::Growing>;

fn other(node: &str) -> Result<chain::Growing> {
    Ok(chain::Growing::new(Chain::Node(name(node)?), Epoch(1)))
}
