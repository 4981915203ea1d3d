//! The audit views in a real PostgreSQL, folded by a real gateway: a database that is killed slows
//! nothing, nothing is lost or doubled, and a rebuild comes out the same.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use chaos_tests::live::{LONG, PASSWORD, Postgres, Process, Reaped, SHORT, run, sallyport, until};
use serde_json::Value;
use tempfile::TempDir;

/// A cluster of one whose views go into a database.
struct Gateway {
    // It ends before its folder goes.
    _process: Process,
    folder: TempDir,
    ready: Value,
    token: String,
}

impl Gateway {
    fn start(url: &str) -> Result<Self> {
        let folder = TempDir::with_prefix("sallyport-")?;
        let config = folder.path().join("node.yaml");
        let password = folder.path().join("views.password");
        fs::write(&password, PASSWORD)?;
        fs::set_permissions(&password, Permissions::from_mode(0o600))?;
        fs::write(
            &config,
            format!(
                "name: gw-1\ncluster: acme\ndata: data\nlisten: {{ ssh: \"127.0.0.1:0\", \
                 api: \"127.0.0.1:0\", cluster: \"127.0.0.1:0\" }}\nevents: {{ stream: none }}\n\
                 views:\n  postgres:\n    url: {url}\n    password: {{ file: views.password }}\n    \
                 tls: disable\n"
            ),
        )?;
        let mut init = Command::new(sallyport()?);
        init.args(["cluster", "init", "--output", "json", "--config"]).arg(&config);
        let said = run(&mut init, Vec::new(), SHORT)?;
        ensure!(said.status.success(), "cluster init: {}", said.said());
        let founded: Value = serde_json::from_str(&said.text())?;
        let token = founded["admin_token_file"].as_str().context("a token")?;
        let token = fs::read_to_string(token)?.trim().to_owned();
        let mut serve = Command::new(sallyport()?);
        let log = fs::File::create(folder.path().join("log"))?;
        serve.args(["serve", "--config"]).arg(&config);
        serve.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut process = Process::start(&mut serve)?;
        let ready = folder.path().join("data").join("ready.json");
        let ready = until("the gateway is ready", SHORT, || {
            if let Some(status) = process.ended()? {
                let log = fs::read_to_string(folder.path().join("log"))?;
                bail!("the gateway ended with {status}: {log}");
            }
            Ok(fs::read_to_string(&ready).ok())
        })?;
        let ready = serde_json::from_str(&ready)?;
        Ok(Self { _process: process, folder, ready, token })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn ask(&self, arguments: &[&str]) -> Result<Reaped> {
        let text = |name: &str| self.ready[name].as_str().unwrap_or_default().to_owned();
        let mut command = Command::new(sallyport()?);
        command.args(arguments).env("SALLYPORT_URL", text("api"));
        command.env("SALLYPORT_CA", text("ca")).env("SALLYPORT_TOKEN", &self.token);
        run(command.env("HOME", self.folder.path()), Vec::new(), LONG)
    }

    fn people(&self, count: usize) -> Result<()> {
        let people = (0..count).map(|number| format!("  - {{ name: person-{number} }}\n"));
        let file = self.path("people.yaml");
        fs::write(&file, format!("people:\n{}", people.collect::<String>()))?;
        let said = self.ask(&["people", "apply", "-f", text(&file)?])?;
        ensure!(said.status.success(), "people apply: {}", said.said());
        Ok(())
    }

    /// What `views status` says of a home.
    fn status(&self, home: &str) -> Result<(Value, Reaped)> {
        let said = self.ask(&["views", "status", "-o", "json"])?;
        let rows: Value = serde_json::from_str(&said.text())?;
        let row = rows.as_array().into_iter().flatten().find(|row| row["id"] == home);
        Ok((row.context("the home is listed")?.clone(), said))
    }

    fn await_state(&self, home: &str, state: &str) -> Result<()> {
        until(&format!("{home} is {state}"), LONG, || {
            let (row, _) = self.status(home)?;
            let there = row["state"] == state && (state != "following" || row["behind"] == 0);
            Ok(there.then_some(()))
        })
    }
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a temporary folder's name is text")
}

/// Every row of every table, as an auditor sees them.
fn rows(server: &Postgres, database: &str) -> Result<String> {
    let tables =
        ["sessions", "commands", "approvals", "logins", "policy_changes", "findings", "nodes"];
    let each = tables.map(|table| {
        format!(
            "select '{table}', row_to_json(t)::text, chain, place from sallyport_audit.{table} t"
        )
    });
    let all = format!("{} order by 1, 3, 4", each.join(" union all "));
    server.sql("sallyport_auditor", database, &all)
}

#[test]
fn a_database_that_is_killed_slows_nothing_and_catches_up() -> Result<()> {
    let mut server = Postgres::start()?;
    let database = server.database()?;
    let gateway = Gateway::start(&server.url(&database))?;
    gateway.people(1)?;
    gateway.await_state("postgres", "following")?;
    let changes = |server: &Postgres| {
        let count =
            "select count(*) from sallyport_audit.policy_changes where kind = 'people.changed'";
        server.sql("sallyport_auditor", &database, count)
    };
    assert_eq!(changes(&server)?, "1");

    server.kill()?;
    for count in 2..6 {
        gateway.people(count)?;
    }
    gateway.await_state("embedded", "following")?;
    gateway.await_state("postgres", "waiting")?;
    let (row, said) = gateway.status("postgres")?;
    assert!(row["behind"].as_u64() >= Some(4), "{row}");
    assert_eq!(said.status.code(), Some(1));
    assert!(said.said().contains("SP-1451"), "{}", said.said());

    server.run()?;
    gateway.await_state("postgres", "following")?;
    assert_eq!(changes(&server)?, "5");
    let before = rows(&server, &database)?;
    let said = gateway.ask(&["views", "rebuild", "--home", "postgres", "-o", "json"])?;
    assert!(said.status.success(), "{}", said.said());
    gateway.await_state("postgres", "following")?;
    let after = rows(&server, &database)?;
    assert!(before.lines().count() > 5, "{before}");
    assert_eq!(after, before);
    let as_of = "select count(*) from sallyport_audit.as_of() where lag < '1 minute'";
    assert_eq!(server.sql("sallyport_auditor", &database, as_of)?, "2");
    documented_queries_answer(&server, &database)
}

/// Each as its file is, by an auditor's psql, over what a gateway wrote; what they say is tested
/// where the views are.
fn documented_queries_answer(server: &Postgres, database: &str) -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/postgres/queries");
    let mut asked = 0;
    for query in fs::read_dir(folder)? {
        let mut psql = server.psql("sallyport_auditor", database);
        psql.args(["-v", "target=web-1", "-v", "since=2026-01-01", "-f"]).arg(query?.path());
        let said = run(&mut psql, Vec::new(), SHORT)?;
        ensure!(said.status.success(), "{psql:?}: {}", said.said());
        asked += 1;
    }
    assert_eq!(asked, 4);
    Ok(())
}
