//! A PostgreSQL server of one's own: a new cluster on a free port of loopback, as a user that is
//! not root. It ends with whoever holds it.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

/// Where Debian puts the programs of the server.
const VERSIONS: &str = "/usr/lib/postgresql";
/// Who makes them be there.
const MISSING: &str = "PostgreSQL's server is missing: `make postgres-there`";
/// How long a server may take to start.
const START_DEADLINE: Duration = Duration::from_secs(60);
/// The home of the user that Debian's package makes, and nobody's number.
const DEBIAN_HOME: &str = "/var/lib/postgresql";
const NOBODY: u32 = 65534;

/// The password of everybody on it.
pub const PASSWORD: &str = "not-a-secret";

static DATABASES: AtomicU32 = AtomicU32::new(0);

/// A server.
#[derive(Debug)]
pub struct Postgres {
    running: Option<Child>,
    folder: TempDir,
    programs: PathBuf,
    owner: Option<(u32, u32)>,
    settings: Vec<String>,
    /// Where it listens.
    pub port: u16,
}

impl Postgres {
    /// Makes a cluster and starts its server.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start() -> Result<Self> {
        Self::with(|_| Ok(vec!["fsync=off".to_owned()]))
    }

    /// Makes a cluster and starts its server with settings of its own, whose files are put into its
    /// folder first.
    ///
    /// # Errors
    /// When it does not start.
    pub fn with(settings: impl FnOnce(&Path) -> Result<Vec<String>>) -> Result<Self> {
        let folder = TempDir::with_prefix("sallyport-postgres-")?;
        let settings = settings(folder.path())?;
        let owner = unprivileged();
        let password = folder.path().join("password");
        fs::write(&password, PASSWORD)?;
        if let Some((user, group)) = owner {
            for entry in fs::read_dir(folder.path())? {
                chown(entry?.path(), Some(user), Some(group))?;
            }
            chown(folder.path(), Some(user), Some(group))?;
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let programs = programs()?;
        let mut server = Self { running: None, folder, programs, owner, settings, port };
        let mut initdb = server.program("initdb");
        initdb.args(["--no-sync", "--encoding=UTF8", "--locale=C", "--username=postgres"]);
        initdb.args(["--auth=scram-sha-256", "--pwfile"]).arg(&password);
        let made = initdb.arg("-D").arg(server.data()).output()?;
        ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        server.run()?;
        Ok(server)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command.current_dir(self.folder.path()).env("LC_ALL", "C");
        command
    }

    /// Starts the server on the cluster that is there.
    ///
    /// # Errors
    /// When it does not start in time.
    pub fn run(&mut self) -> Result<()> {
        let log = self.folder.path().join("log");
        let said = fs::File::options().create(true).append(true).open(&log)?;
        let mut command = self.program("postgres");
        command.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]);
        let own = ["listen_addresses=127.0.0.1".to_owned(), "unix_socket_directories=".to_owned()];
        for setting in own.iter().chain(&self.settings) {
            command.args(["-c", setting]);
        }
        command.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
        let begun = Instant::now();
        self.running = Some(command.spawn()?);
        // Each question takes as long as a client's start: the server gives no event to wait for.
        while self.sql("postgres", "postgres", "select 1").is_err() {
            // One that was killed may leave something running that holds the cluster for a moment.
            if let Some(child) = &mut self.running
                && child.try_wait()?.is_some()
            {
                self.running = Some(command.spawn()?);
            }
            if begun.elapsed() > START_DEADLINE {
                let said = fs::read_to_string(&log).unwrap_or_default();
                bail!("PostgreSQL does not start: {said}");
            }
        }
        Ok(())
    }

    /// The SQL client, as a role, in a database.
    #[must_use]
    pub fn psql(&self, role: &str, database: &str) -> Command {
        let mut command = Command::new(self.programs.join("psql"));
        command.env("PGPASSWORD", PASSWORD).env("PGCONNECT_TIMEOUT", "5");
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1"]);
        command.args(["-p", &self.port.to_string(), "-U", role, "-d", database]);
        command
    }

    /// Runs SQL, and gives what it gives.
    ///
    /// # Errors
    /// What the server says.
    pub fn sql(&self, role: &str, database: &str, text: &str) -> Result<String> {
        let answer = self.psql(role, database).args(["-c", text]).output()?;
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        ensure!(answer.status.success(), said(&answer.stderr));
        Ok(said(&answer.stdout))
    }

    /// Makes a database for audit views, with the roles of `deploy/postgres`, and gives its name.
    ///
    /// # Errors
    /// What the server says.
    pub fn database(&self) -> Result<String> {
        let name = format!("audit_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", "postgres", &format!("create database {name}"))?;
        let roles = include_str!("../../../deploy/postgres/roles.sql");
        self.sql("postgres", &name, roles)?;
        for role in ["sallyport_projector", "sallyport_auditor"] {
            let login = format!("alter role {role} login password '{PASSWORD}'");
            self.sql("postgres", &name, &login)?;
        }
        Ok(name)
    }

    /// Where a node finds a database.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://sallyport_projector@127.0.0.1:{}/{database}", self.port)
    }

    /// Kills the server.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&mut self) -> Result<()> {
        let mut child = self.running.take().context("it runs")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let Some(mut child) = self.running.take() else { return };
        let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        // Immediate: nothing of it is wanted any more, and nothing of it shall stay.
        if id.is_none_or(|id| kill_process(id, Signal::QUIT).is_err()) {
            child.kill().ok();
        }
        child.wait().ok();
    }
}

/// PostgreSQL refuses to run as root: then somebody else runs it.
fn unprivileged() -> Option<(u32, u32)> {
    if !geteuid().is_root() {
        return None;
    }
    let debian = fs::metadata(DEBIAN_HOME).map(|home| (home.uid(), home.gid()));
    Some(debian.ok().filter(|(user, _)| *user != 0).unwrap_or((NOBODY, NOBODY)))
}

fn programs() -> Result<PathBuf> {
    let mut versions = Vec::new();
    for entry in fs::read_dir(VERSIONS).context(MISSING)? {
        versions.push(entry?.path().join("bin"));
    }
    versions.retain(|programs| programs.join("initdb").exists());
    versions.sort();
    versions.pop().context(MISSING)
}
