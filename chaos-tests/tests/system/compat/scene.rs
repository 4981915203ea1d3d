//! One server, and two ways to it that look alike: the same names, other ports.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::live::{LONG, Node, PASSWORD, PERSON_PASSWORD, Postgres, run};
use tempfile::TempDir;

/// The superuser, the person and their role.
const NAME: &str = "postgres";
/// The database and the target.
pub(super) const DATABASE: &str = "regression";
const POLICY: &str = "version: 1
defaults: { unmatched: allow, unreadable: allow }
sessions: { per_person: 200 }
grants:
  - { name: all, who: {}, targets: {}, as: [postgres], channels: [query, copy] }
masks:
  - { name: none, when: {}, detect: [secrets, credentials], with: none }
";

/// A server with a gateway in front of it.
pub(super) struct Scene {
    node: Node,
    pub(super) postgres: Postgres,
    folder: TempDir,
}

/// A way to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Direct,
    Through,
}

impl Scene {
    pub(super) fn start() -> Result<Self> {
        let folder = TempDir::with_prefix("sallyport-compat-")?;
        let postgres = Postgres::with(|_| Ok(vec!["fsync=off".to_owned()]))?;
        let made = format!("create database {DATABASE} template template0 locale 'C'");
        postgres.sql(NAME, "postgres", &made)?;
        let path = folder.path();
        let people =
            format!("people:\n  - {{ name: {NAME}, password: {{ env: TEST_PASSWORD }} }}\n");
        fs::write(path.join("people.yaml"), people)?;
        fs::write(path.join("postgres.password"), PASSWORD)?;
        let port = postgres.port;
        let target = format!(
            "targets:\n  - {{ name: {DATABASE}, kind: postgres, address: \"127.0.0.1:{port}\", \
             database: {DATABASE}, tls: disable, credential: {{ user: {NAME}, \
             password: {{ file: postgres.password }} }} }}\n"
        );
        fs::write(path.join("targets.yaml"), target)?;
        fs::write(path.join("policy.yaml"), POLICY)?;
        let documents = ["people", "targets", "policy"];
        let files = documents.map(|name| (format!("--{name}"), path.join(format!("{name}.yaml"))));
        let mut options: Vec<_> =
            files.iter().map(|(option, file)| (option.as_str(), file.as_path())).collect();
        options.push(("--postgres", Path::new("127.0.0.1:0")));
        let password = [("TEST_PASSWORD", PERSON_PASSWORD)];
        let node = Node::start_with(&path.join("data"), &options, &password)?;
        Ok(Self { node, postgres, folder })
    }

    /// A place for files.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where a way begins.
    pub(super) fn port(&self, way: Way) -> Result<String> {
        if way == Way::Direct {
            return Ok(self.postgres.port.to_string());
        }
        let address = self.node.ready.postgres.as_deref().context("databases are served")?;
        let (_, port) = address.rsplit_once(':').context("an address has a port")?;
        Ok(port.to_owned())
    }

    /// A program, told by its environment where the database is.
    pub(super) fn command(&self, way: Way, program: &str) -> Result<Command> {
        let mut command = Command::new(program);
        let password = if way == Way::Direct { PASSWORD } else { PERSON_PASSWORD };
        command.env("PGHOST", "127.0.0.1").env("PGPORT", self.port(way)?).env("PGUSER", NAME);
        command.env("PGPASSWORD", password).env("PGDATABASE", DATABASE);
        command.env("PGSSLMODE", "disable").env("PGCONNECT_TIMEOUT", "20");
        Ok(command)
    }

    /// What a program says on its way; it must succeed.
    pub(super) fn said(
        &self,
        way: Way,
        program: &str,
        arguments: &[&str],
        input: &str,
    ) -> Result<String> {
        let mut command = self.command(way, program)?;
        command.args(arguments);
        let ended = run(&mut command, input.as_bytes().to_vec(), LONG)?;
        ensure!(ended.status.success(), "{way:?}: {program} {arguments:?}: {}", ended.said());
        Ok(format!("{}{}", ended.text(), ended.said()))
    }
}
