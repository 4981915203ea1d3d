//! A server with data, PgBouncer before it, and four gateways: with another policy each.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bench::cpu;
use chaos_tests::live::{Node, PASSWORD, Postgres};
use tempfile::TempDir;

use crate::bouncer::Bouncer;
use crate::number;

/// What the person proves who they are with.
const PERSON_PASSWORD: &str = "correct horse battery staple";
/// Name of the database, there and here.
pub(crate) const DATABASE: &str = "orders";
/// Inspection by a rule on the text and one on the grammar, and a record of every statement.
const RULES: &str = "version: 1
sessions: { per_person: 4000 }
grants:
  - { name: all, who: {}, targets: {}, as: [app], channels: [query, copy] }
rules:
  - { name: no-drop, when: { regex: '(?i)\\bdrop\\b' }, then: block }
  - { name: no-way-out, when: { sql: { effects: [program, file, remote] } }, then: block }
";
const UNMASKED: &str = "masks:
  - { name: none, when: {}, detect: [secrets, credentials], with: none }
";
const MASKED: &str = "masks:
  - { name: personal, when: {}, detect: [personal, financial, network], with: { keep_last: 4 } }
";
const COLUMNS: &str =
    "  - { name: two, when: {}, columns: [public.wide.c0, public.wide.c5], with: { keep_last: 4 } }
";
const QUEUED: &str = "records:
  - { name: reads, when: { sql: { effects: read } }, durability: queued }
";
/// How many clients may be there at once, with some room.
const CONNECTIONS: usize = 1200;

/// One way to the server.
pub(crate) struct Way {
    pub(crate) name: &'static str,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: &'static str,
    pub(crate) password: &'static str,
    /// Whose processor time is counted as the path's.
    pub(crate) process: Option<u32>,
}

/// Everything that runs.
pub(crate) struct Rig {
    pub(crate) direct: Way,
    pub(crate) bouncer: Way,
    /// Policy asks of reads that they are recorded in order and not waited for.
    pub(crate) queued: Way,
    /// The default: a statement runs when its record is on the disk.
    pub(crate) durable: Way,
    /// As the default, and with every detector on.
    pub(crate) masked: Way,
    /// As the default, and with two columns of ten masked.
    pub(crate) columns: Way,
    _nodes: Vec<Node>,
    _bouncer: Bouncer,
    _postgres: Postgres,
    _folder: TempDir,
}

impl Rig {
    pub(crate) fn start() -> Result<Self> {
        let folder = TempDir::with_prefix("sallyport-bench-postgres-")?;
        let postgres = Postgres::with(|_| {
            let settings = ["fsync=off", "shared_buffers=512MB", "max_wal_size=4GB"];
            let mut settings: Vec<_> = settings.map(str::to_owned).into();
            settings.push(format!("max_connections={CONNECTIONS}"));
            Ok(settings)
        })?;
        fill(&postgres)?;
        let server = Way {
            name: "direct",
            host: "127.0.0.1".to_owned(),
            port: postgres.port,
            user: "app",
            password: PASSWORD,
            process: None,
        };
        let bouncer = Bouncer::start(folder.path(), postgres.port)?;
        let before = Way { name: "pgbouncer", port: bouncer.port, ..server.copy() };
        let before = Way { process: Some(bouncer.process()), ..before };
        documents(folder.path(), postgres.port)?;
        let mut nodes = Vec::new();
        let mut gateway = |name, policy: [&str; 2]| -> Result<Way> {
            let policy = [RULES, policy[0], policy[1]].concat();
            let (node, way) = gateway(folder.path(), name, &policy)?;
            nodes.push(node);
            Ok(way)
        };
        let queued = gateway("queued", [UNMASKED, QUEUED])?;
        let durable = gateway("default", [UNMASKED, ""])?;
        let masked = gateway("masked", [MASKED, ""])?;
        let columns = gateway("columns", [UNMASKED, COLUMNS])?;
        Ok(Self {
            direct: server,
            bouncer: before,
            queued,
            durable,
            masked,
            columns,
            _nodes: nodes,
            _bouncer: bouncer,
            _postgres: postgres,
            _folder: folder,
        })
    }
}

impl Way {
    fn copy(&self) -> Self {
        Self { host: self.host.clone(), ..*self }
    }

    /// The processor time of the path's own process until now; none where there is none.
    pub(crate) fn worked(&self) -> Result<Duration> {
        self.process.map_or(Ok(Duration::ZERO), cpu::of_family)
    }

    /// Where it is, for a socket.
    pub(crate) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// The tables of pgbench, and one of a million rows of ten texts of 32 bytes.
fn fill(postgres: &Postgres) -> Result<()> {
    postgres.sql("postgres", "postgres", &format!("create database {DATABASE}"))?;
    let role = format!("create role app login password '{PASSWORD}'");
    postgres.sql("postgres", DATABASE, &role)?;
    postgres.sql("postgres", DATABASE, "grant create on schema public to app")?;
    let mut command = std::process::Command::new("pgbench");
    command.args(["-i", "-q", "-s", "10", "-h", "127.0.0.1", "-p", &postgres.port.to_string()]);
    command.args(["-U", "app", DATABASE]).env("PGPASSWORD", PASSWORD);
    let made = command.output().context("pgbench")?;
    ensure!(made.status.success(), "pgbench -i: {}", String::from_utf8_lossy(&made.stderr));
    let rows = number("SALLYPORT_BENCH_ROWS", 1_000_000);
    let columns: Vec<_> = (0..10).map(|at| format!("md5({at} || '-' || n) c{at}")).collect();
    let columns = columns.join(", ");
    let wide =
        format!("create unlogged table wide as select {columns} from generate_series(1, {rows}) n");
    postgres.sql("app", DATABASE, &wide)?;
    postgres.sql("app", DATABASE, "vacuum analyze wide")?;
    Ok(())
}

fn documents(folder: &Path, port: u16) -> Result<()> {
    let people = "people:\n  - { name: alice, groups: [engineering], \
                  password: { env: TEST_PASSWORD } }\n";
    fs::write(folder.join("people.yaml"), people)?;
    fs::write(folder.join("app.password"), PASSWORD)?;
    let target = format!(
        "targets:\n  - {{ name: {DATABASE}, kind: postgres, address: \"127.0.0.1:{port}\", \
         database: {DATABASE}, tls: disable, \
         credential: {{ user: app, password: {{ file: app.password }} }} }}\n"
    );
    Ok(fs::write(folder.join("targets.yaml"), target)?)
}

fn gateway(folder: &Path, name: &'static str, policy: &str) -> Result<(Node, Way)> {
    let file = |name: &str| folder.join(name);
    let written = file(&format!("{name}.yaml"));
    fs::write(&written, policy)?;
    let (people, targets) = (file("people.yaml"), file("targets.yaml"));
    let options = [
        ("--people", people.as_path()),
        ("--targets", targets.as_path()),
        ("--policy", written.as_path()),
        ("--postgres", Path::new("127.0.0.1:0")),
    ];
    let password = [("TEST_PASSWORD", PERSON_PASSWORD)];
    let node = Node::start_with(&folder.join(name), &options, &password)?;
    let address = node.ready.postgres.as_deref().context("databases are served")?;
    let (host, port) = address.rsplit_once(':').context("an address has a port")?;
    let ready: serde_json::Value =
        serde_json::from_slice(&fs::read(node.data.join("ready.json"))?)?;
    let process = ready["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok());
    let way = Way {
        name,
        host: host.to_owned(),
        port: port.parse()?,
        user: "alice",
        password: PERSON_PASSWORD,
        process,
    };
    Ok((node, way))
}
