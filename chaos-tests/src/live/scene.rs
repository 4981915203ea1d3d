//! A whole scene: one target, one gateway, one person with a key. Each test has its own.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use super::client::Client;
use super::keys::Key;
use super::node::Node;
use super::target::Target;

/// The person of a scene.
pub const PERSON: &str = "alice";
/// The target of a scene, by the name the gateway knows.
pub const TARGET: &str = "web-1";

/// The policy of a scene: alice may run everything but what the rules block. `LOGIN` stands for
/// the login that exists on the target.
pub const POLICY: &str = r#"version: 1
roles:
  - { name: auditors, who: { users: [alice] }, may: [sessions, replay, export] }
grants:
  - name: everybody-here
    who: { groups: [engineering] }
    targets: { names: [web-1, free-1, dead-1, false-1, mute-1, keyless-1] }
    as: [LOGIN]
    channels: [exec]
rules:
  - name: no-dump-of-environment
    when: { targets: { names: [web-1] }, shell: { programs: [env, printenv] } }
    then: block
    message: Ask the platform team for the one variable that you need.
"#;

/// Everything that runs, and where.
#[derive(Debug)]
pub struct Scene {
    // Processes end before the folder that they lie in goes.
    /// The gateway.
    pub node: Node,
    /// The machine behind it.
    pub target: Target,
    /// The key of the person.
    pub key: Key,
    /// A key of nobody.
    pub stranger: Key,
    // Accepts connections and never says a word.
    _mute: TcpListener,
    folder: TempDir,
}

impl Scene {
    /// Starts a target and a gateway with the usual policy.
    ///
    /// # Errors
    /// When a part does not start.
    pub fn start() -> Result<Self> {
        Self::with_policy(POLICY)
    }

    /// Starts a target and a gateway with a policy.
    ///
    /// # Errors
    /// When a part does not start.
    pub fn with_policy(policy: &str) -> Result<Self> {
        let folder = TempDir::with_prefix("sallyport-")?;
        let path = folder.path();
        let target = Target::start(&path.join("target"))?;
        let mute = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let key = Key::make(path, "alice")?;
        let stranger = Key::make(path, "stranger")?;
        fs::write(path.join("people.yaml"), people(&key))?;
        fs::write(
            path.join("targets.yaml"),
            targets(&target, &stranger, &mute.local_addr()?.to_string()),
        )?;
        fs::write(path.join("policy.yaml"), policy.replace("LOGIN", &target.login))?;
        let node = start_node(path)?;
        let scene = Self { node, target, key, stranger, _mute: mute, folder };
        scene.pin()?;
        Ok(scene)
    }

    /// A file of the scene.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts the gateway again on the same data, after it ended or was killed.
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart(&mut self) -> Result<()> {
        self.node = start_node(self.folder.path())?;
        self.pin()
    }

    /// Starts the gateway on the same data, expecting that it refuses.
    ///
    /// # Errors
    /// When it does not end.
    pub fn refused(&self) -> Result<super::Reaped> {
        let files = documents(self.folder.path());
        let named: Vec<_> = files.iter().map(|(name, file)| (*name, file.as_path())).collect();
        Node::refused(&self.path("data"), &named)
    }

    /// The person's client to the target of the scene.
    #[must_use]
    pub fn ssh(&self) -> Client {
        self.ssh_to(TARGET)
    }

    /// The person's client to another target.
    #[must_use]
    pub fn ssh_to(&self, target: &str) -> Client {
        let user = format!("{}@{target}", self.target.login);
        let address = &self.node.ready.ssh;
        let port = address.rsplit(':').next().unwrap_or_default().to_owned();
        Client::new(user, port, self.key.file.clone(), self.path("known_hosts"))
    }

    /// All events so far, as their exact lines.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn event_lines(&self) -> Result<Vec<String>> {
        let text = fs::read_to_string(self.archive()?.join("events.jsonl"))?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Exports the record into a new folder.
    ///
    /// # Errors
    /// When the gateway does not give it.
    pub fn archive(&self) -> Result<PathBuf> {
        let folder = TempDir::with_prefix_in("archive-", self.folder.path())?.keep();
        let at = folder.to_str().context("a temporary folder's name is text")?;
        let said = self.node.administer(&["events", "export", "--out", at])?;
        ensure!(said.status.success(), "events export: {}", said.said());
        Ok(folder)
    }

    /// All events so far.
    ///
    /// # Errors
    /// When they cannot be read, or one is not JSON.
    pub fn events(&self) -> Result<Vec<Value>> {
        let parse = |line: &String| serde_json::from_str(line).context("an event is JSON");
        self.event_lines()?.iter().map(parse).collect()
    }

    /// The data of all events of a kind.
    ///
    /// # Errors
    /// As [`Scene::events`].
    pub fn events_of(&self, kind: &str) -> Result<Vec<Value>> {
        let wanted = format!("io.sallyport.{kind}.v1");
        let mut events = self.events()?;
        events.retain(|event| event["type"] == wanted.as_str());
        Ok(events.into_iter().map(|mut event| event["data"].take()).collect())
    }

    /// Trusts the gateway's host key, and no other.
    fn pin(&self) -> Result<()> {
        let ready = &self.node.ready;
        let (host, port) = ready.ssh.rsplit_once(':').context("an address has a port")?;
        let line = format!("[{host}]:{port} {}\n", ready.host_key);
        fs::write(self.path("known_hosts"), line)?;
        Ok(())
    }
}

fn documents(folder: &Path) -> Vec<(&'static str, PathBuf)> {
    vec![
        ("--people", folder.join("people.yaml")),
        ("--targets", folder.join("targets.yaml")),
        ("--policy", folder.join("policy.yaml")),
    ]
}

fn start_node(folder: &Path) -> Result<Node> {
    let files = documents(folder);
    let named: Vec<_> = files.iter().map(|(name, file)| (*name, file.as_path())).collect();
    Node::start(&folder.join("data"), &named)
}

fn people(key: &Key) -> String {
    let public = &key.public;
    format!("people:\n  - {{ name: {PERSON}, groups: [engineering], ssh_keys: [\"{public}\"] }}\n")
}

/// The same machine under several names: as it is, with a host key that is not its own, and with a
/// credential that this node does not have; a machine that is down, and one that says nothing.
fn targets(target: &Target, stranger: &Key, mute: &str) -> String {
    let file = |key: &Key| format!("{{ private_key: {{ file: {} }} }}", key.file.display());
    let one = |name: &str, address: &str, host_key: &str, credential: &str| {
        let login = &target.login;
        format!(
            "  - name: {name}\n    kind: ssh\n    address: {address}\n    \
             labels: {{ env: staging }}\n    host_keys: [\"{host_key}\"]\n    \
             credential: {credential}\n    as: [{login}]\n"
        )
    };
    let (address, host_key) = (target.address(), target.host_key.public.as_str());
    let own = file(&target.credential);
    let absent = "{ private_key: { env: SALLYPORT_TEST_KEY_THAT_IS_NOT_SET } }";
    // Nothing listens on port 1 of loopback.
    [
        "targets:\n".to_owned(),
        one(TARGET, &address, host_key, &own),
        one("free-1", &address, host_key, &own),
        one("other-1", &address, host_key, &own),
        one("false-1", &address, &stranger.public, &own),
        one("dead-1", "127.0.0.1:1", host_key, &own),
        one("mute-1", mute, host_key, &own),
        one("keyless-1", &address, host_key, absent),
    ]
    .concat()
}
