//! The database that a fleet folds its audit views into: a real PostgreSQL on a host of its own.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use store_views::{Row, Table};

use crate::live::network::Host;
use crate::live::postgres::{PASSWORD, Postgres};

/// What the cursors are called among the rows.
const CURSORS: &str = "cursors";

/// A database; it may run or not.
#[derive(Debug)]
pub struct Database {
    server: Postgres,
    name: String,
}

/// Everything that a home of the audit views holds at one moment.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// How far each chain is folded.
    pub cursors: Vec<(String, u64)>,
    /// The rows of all tables.
    pub rows: Vec<Row>,
}

impl Database {
    /// Starts one on a host, with the roles that nodes and auditors have.
    pub(super) fn start(host: &Host) -> Result<Self> {
        let server = Postgres::on(host.via().to_vec(), host.address.to_string())?;
        let name = server.database()?;
        Ok(Self { server, name })
    }

    /// What `node.yaml` says of it; the password is in a file of that folder.
    pub(super) fn views_yaml(&self, folder: &Path) -> Result<String> {
        let password = folder.join("views.password");
        fs::write(&password, PASSWORD)?;
        fs::set_permissions(&password, Permissions::from_mode(0o600))?;
        let (url, password) = (self.server.url(&self.name), password.display());
        Ok(format!(
            "views:\n  postgres:\n    url: {url}\n    password: {{ file: {password} }}\n    \
             tls: disable\n"
        ))
    }

    /// Makes a database for people, with a role whose password is in a file of that folder; gives
    /// its line of the targets' document.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn for_people(&self, folder: &Path) -> Result<String> {
        let role = format!("create role app login password '{PASSWORD}'");
        for text in ["create database orders", &role] {
            self.server.sql("postgres", "postgres", text)?;
        }
        let password = folder.join("orders.password");
        fs::write(&password, PASSWORD)?;
        let (address, password) = (self.server.address(), password.display());
        Ok(format!(
            "  - {{ name: orders, kind: postgres, address: \"{address}\", database: orders, \
             tls: disable, credential: {{ user: app, password: {{ file: {password} }} }} }}\n"
        ))
    }

    /// How many statements run in it that look like this.
    ///
    /// # Errors
    /// When it does not say.
    pub fn running(&self, like: &str) -> Result<usize> {
        let asked = format!(
            "select count(*) from pg_stat_activity where usename = 'app' and state = 'active' \
             and query like '{like}'"
        );
        Ok(self.server.sql("postgres", "postgres", &asked)?.parse()?)
    }

    /// Kills the server as a power cut of its machine would.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill(&mut self) -> Result<()> {
        if self.server.runs() { self.server.kill() } else { Ok(()) }
    }

    /// Starts it, when it does not run.
    ///
    /// # Errors
    /// When it does not start.
    pub fn again(&mut self) -> Result<()> {
        if self.server.runs() { Ok(()) } else { self.server.run() }
    }

    /// All rows and cursors, as of one moment.
    ///
    /// # Errors
    /// When they cannot be read, or one is no row.
    pub fn rows(&self) -> Result<Rows> {
        let tables = Table::ALL.iter().map(|table| table.name()).chain([CURSORS]);
        let each = tables.map(|table| {
            format!("select '{table}', row_to_json(t)::text from sallyport_audit.{table} t")
        });
        // One statement sees one moment.
        let all = each.collect::<Vec<_>>().join(" union all ");
        let text = self.server.sql("sallyport_projector", &self.name, &all)?;
        let mut rows = Rows::default();
        for line in text.lines() {
            let (name, json) = line.split_once('|').context("a table and a row")?;
            if name == CURSORS {
                let cursor: serde_json::Value = serde_json::from_str(json)?;
                let chain = cursor["chain"].as_str().context("a chain")?.to_owned();
                rows.cursors.push((chain, cursor["seq"].as_u64().context("a place")?));
                continue;
            }
            let table = Table::ALL.iter().find(|table| table.name() == name);
            let table = table.with_context(|| format!("a table called {name}"))?;
            rows.rows.push(Row::from_json(*table, json.as_bytes()).context(json.to_owned())?);
        }
        Ok(rows)
    }
}
