//! A PostgreSQL server of one's own: a new cluster on a free port of loopback, or on a host that
//! programs are run on by others, as a user that is not root. It ends with whoever holds it.

use std::fs;
use std::io::Write as _;
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
/// The port on a host of its own, where nobody else listens.
const PORT: u16 = 5432;
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
    place: Place,
    /// Where it listens.
    pub port: u16,
}

/// Where a server is.
#[derive(Clone, Debug)]
struct Place {
    /// What runs a program there; nothing on the machine itself.
    via: Vec<String>,
    address: String,
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
        let address = "127.0.0.1".to_owned();
        let port = TcpListener::bind((address.as_str(), 0))?.local_addr()?.port();
        Self::begin(settings, Place { via: Vec::new(), address }, port)
    }

    /// Makes a cluster and starts its server at an address of a host of its own, on which `via`
    /// runs programs as root. Everybody of its network may come.
    ///
    /// # Errors
    /// When it does not start.
    pub fn on(via: Vec<String>, address: String) -> Result<Self> {
        let settings = |_: &Path| Ok(vec!["fsync=off".to_owned()]);
        Self::begin(settings, Place { via, address }, PORT)
    }

    fn begin(
        settings: impl FnOnce(&Path) -> Result<Vec<String>>,
        place: Place,
        port: u16,
    ) -> Result<Self> {
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
        let programs = programs()?;
        let mut server = Self { running: None, folder, programs, owner, settings, place, port };
        let mut initdb = server.program("initdb");
        initdb.args(["--no-sync", "--encoding=UTF8", "--locale=C", "--username=postgres"]);
        initdb.args(["--auth=scram-sha-256", "--pwfile"]).arg(&password);
        let made = initdb.arg("-D").arg(server.data()).output()?;
        ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        if !server.place.via.is_empty() {
            let rules = server.data().join("pg_hba.conf");
            let mut rules = fs::File::options().append(true).open(rules)?;
            rules.write_all(b"host all all samenet scram-sha-256\n")?;
        }
        server.run()?;
        Ok(server)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = match (self.place.via.split_first(), self.owner) {
            // Only root enters another host; it becomes the owner there.
            (Some((first, more)), Some((user, group))) => {
                let mut command = Command::new(first);
                command.args(more).args(["setpriv", "--clear-groups"]);
                command.args([format!("--reuid={user}"), format!("--regid={group}")]);
                command.arg(program);
                command
            }
            (_, Some((user, group))) => {
                let mut command = Command::new(program);
                command.uid(user).gid(group);
                command
            }
            (_, None) => Command::new(program),
        };
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
        let listens = format!("listen_addresses={}", self.place.address);
        let own = [listens, "unix_socket_directories=".to_owned()];
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
        let program = self.programs.join("psql");
        let mut command = match self.place.via.split_first() {
            Some((first, more)) => {
                let mut command = Command::new(first);
                command.args(more).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.env("PGPASSWORD", PASSWORD).env("PGCONNECT_TIMEOUT", "5").env("PGTZ", "UTC");
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", &self.place.address]);
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

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}:{}", self.place.address, self.port)
    }

    /// Where a node finds a database.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let (address, port) = (&self.place.address, self.port);
        format!("postgres://sallyport_projector@{address}:{port}/{database}")
    }

    /// Whether it was started and not killed since.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.running.is_some()
    }

    /// What the server wrote down.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(self.folder.path().join("log"))?)
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
