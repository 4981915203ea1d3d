//! A scene with a database: a real PostgreSQL, a gateway in front of it, people with passwords.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use super::keys::Key;
use super::node::Node;
use super::postgres::{PASSWORD, Postgres};
use super::process::{Reaped, run};
use super::wait::SHORT;
use super::wire::Wire;

/// What alice and bob prove who they are with.
pub const PERSON_PASSWORD: &str = "correct horse battery staple";
/// The name that the gateway knows the database by, and its name there.
pub const DATABASE: &str = "orders";

/// Everything that runs, and where.
#[derive(Debug)]
pub struct DatabaseScene {
    // Processes end before the folder that they lie in goes.
    /// The gateway.
    pub node: Node,
    /// The database behind it, which writes down each statement that it gets.
    pub postgres: Postgres,
    bob: Key,
    folder: TempDir,
}

impl DatabaseScene {
    /// Starts a database with tables, and a gateway with a policy.
    ///
    /// # Errors
    /// When a part does not start.
    pub fn start(policy: &str, tables: &str) -> Result<Self> {
        Self::start_with(policy, tables, &[], "tls: disable")
    }

    /// As [`DatabaseScene::start`]; the server speaks TLS with `server.pem` and `server.key` when
    /// they are among the files, and the gateway with it as the target's document says.
    ///
    /// # Errors
    /// When a part does not start.
    pub fn start_with(
        policy: &str,
        tables: &str,
        files: &[(&str, &str)],
        tls: &str,
    ) -> Result<Self> {
        Self::start_as(policy, tables, files, tls, "user: app, password: { file: app.password }")
    }

    /// As [`DatabaseScene::start_with`], with what the target's document says of its credential.
    /// `clients.pem` among the files are those who vouch for people's certificates, `server.ca` and
    /// `server.hba` whom the server believes and what it asks for.
    ///
    /// # Errors
    /// When a part does not start.
    pub fn start_as(
        policy: &str,
        tables: &str,
        files: &[(&str, &str)],
        tls: &str,
        credential: &str,
    ) -> Result<Self> {
        let folder = TempDir::with_prefix("sallyport-")?;
        let path = folder.path();
        for (name, text) in files {
            fs::write(path.join(name), text)?;
        }
        let postgres = server(files)?;
        postgres.sql("postgres", "postgres", &format!("create database {DATABASE}"))?;
        let role = format!("create role app login password '{PASSWORD}'");
        postgres.sql("postgres", DATABASE, &role)?;
        postgres.sql("postgres", DATABASE, "grant create on schema public to app")?;
        postgres.sql("app", DATABASE, tables)?;
        let bob = Key::make(path, "bob")?;
        fs::write(
            path.join("people.yaml"),
            format!(
                "people:\n  - {{ name: alice, groups: [engineering], \
                 certificates: [\"cn:alice\", \"uri:https://example.com/people/alice\"], \
                 password: {{ env: TEST_PASSWORD }} }}\n  - {{ name: bob, groups: [dba], \
                 certificates: [\"email:bob@example.com\"], \
                 ssh_keys: [\"{}\"], password: {{ env: TEST_PASSWORD }} }}\n",
                bob.public
            ),
        )?;
        fs::write(path.join("app.password"), PASSWORD)?;
        let port = postgres.port;
        fs::write(
            path.join("targets.yaml"),
            format!(
                "targets:\n  - {{ name: {DATABASE}, kind: postgres, \
                 address: \"127.0.0.1:{port}\", database: {DATABASE}, {tls}, \
                 labels: {{ env: prod }}, \
                 credential: {{ {credential} }} }}\n"
            ),
        )?;
        fs::write(path.join("policy.yaml"), policy)?;
        let node = start_node(path)?;
        Ok(Self { node, postgres, bob, folder })
    }

    /// A file of the scene.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A person's own client, with more options.
    ///
    /// # Errors
    /// When the gateway serves no databases.
    pub fn client(&self, person: &str, options: &[&str]) -> Result<Command> {
        let (host, port) = self.address()?;
        let mut command = Command::new("psql");
        command.env("PGPASSWORD", PERSON_PASSWORD).env("PGCONNECT_TIMEOUT", "20");
        command.args(["-X", "-A", "-t", "-h", host, "-p", port, "-U", person, "-d", DATABASE]);
        command.args(options);
        Ok(command)
    }

    /// What a person's client says to a script, on both outputs in order.
    ///
    /// # Errors
    /// When it does not end.
    pub fn psql(&self, person: &str, script: &str) -> Result<Reaped> {
        let mut client = self.client(person, &["-q", "-f", "-"])?;
        run(&mut client, script.as_bytes().to_vec(), SHORT)
    }

    /// A client of our own, which says what no other would.
    ///
    /// # Errors
    /// When it is not let in.
    pub fn wire(&self) -> Result<Wire> {
        let (host, port) = self.address()?;
        Wire::connect(&format!("{host}:{port}"), "alice", DATABASE, PERSON_PASSWORD)
    }

    /// As [`DatabaseScene::wire`], with more parameters at its start.
    ///
    /// # Errors
    /// When it is not let in.
    pub fn wire_with(&self, more: &[(&str, &str)]) -> Result<Wire> {
        let (host, port) = self.address()?;
        let parameters = [&[("user", "alice"), ("database", DATABASE)], more].concat();
        Wire::connect_with(&format!("{host}:{port}"), &parameters, PERSON_PASSWORD)
    }

    /// Where the gateway serves databases.
    ///
    /// # Errors
    /// When it does not.
    pub fn address(&self) -> Result<(&str, &str)> {
        let address = self.node.ready.postgres.as_deref().context("databases are served")?;
        address.rsplit_once(':').context("an address has a port")
    }

    /// What the API knows Bob by.
    ///
    /// # Errors
    /// When he cannot log in.
    pub fn bob_token(&self) -> Result<String> {
        self.node.token(&self.bob)
    }

    /// Bob rules on the approval that waits.
    ///
    /// # Errors
    /// When he is not let.
    pub fn bob_rules(&self, ruling: &str) -> Result<bool> {
        self.node.rules(&self.bob_token()?, ruling)
    }

    /// The data of all events of a kind.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn events_of(&self, kind: &str) -> Result<Vec<Value>> {
        let folder = TempDir::with_prefix_in("archive-", self.folder.path())?.keep();
        let at = folder.to_str().context("a temporary folder's name is text")?;
        let said = self.node.administer(&["events", "export", "--out", at])?;
        ensure!(said.status.success(), "events export: {}", said.said());
        let wanted = format!("io.sallyport.{kind}.v1");
        let mut found = Vec::new();
        for line in fs::read_to_string(folder.join("events.jsonl"))?.lines() {
            let mut event: Value = serde_json::from_str(line)?;
            if event["type"] == wanted.as_str() {
                found.push(event["data"].take());
            }
        }
        Ok(found)
    }
}

/// A server that writes down each statement, and speaks TLS when there is a key for it.
fn server(files: &[(&str, &str)]) -> Result<Postgres> {
    Postgres::with(|folder| {
        let mut settings = vec!["fsync=off".to_owned(), "log_statement=all".to_owned()];
        for (name, text) in files.iter().filter(|(name, _)| name.starts_with("server.")) {
            let file = folder.join(name);
            fs::write(&file, text)?;
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
            let setting = match name.rsplit_once('.') {
                Some((_, "key")) => "ssl_key_file",
                Some((_, "ca")) => "ssl_ca_file",
                Some((_, "hba")) => "hba_file",
                _ => "ssl_cert_file",
            };
            settings.extend(["ssl=on".to_owned(), format!("{setting}={}", file.display())]);
        }
        Ok(settings)
    })
}

fn start_node(folder: &Path) -> Result<Node> {
    let file = |name: &str| folder.join(name);
    let (people, targets, policy) =
        (file("people.yaml"), file("targets.yaml"), file("policy.yaml"));
    let mut options = vec![
        ("--people", people.as_path()),
        ("--targets", targets.as_path()),
        ("--policy", policy.as_path()),
        ("--postgres", Path::new("127.0.0.1:0")),
    ];
    let clients = file("clients.pem");
    if clients.exists() {
        options.push(("--client-ca", &clients));
    }
    Node::start_with(&folder.join("data"), &options, &[("TEST_PASSWORD", PERSON_PASSWORD)])
}
