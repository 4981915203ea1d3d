//! PgBouncer as Debian has it, before the server: SCRAM on both sides, nothing encrypted.
//!
//! It pools sessions: this version cannot pool transactions of clients that prepare statements.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use chaos_tests::live::{PASSWORD, Process, SHORT, until};

use crate::rig::DATABASE;

/// Where Debian puts it.
const PROGRAM: &str = "/usr/sbin/pgbouncer";

/// A running one.
pub(crate) struct Bouncer {
    process: u32,
    pub(crate) port: u16,
    _running: Process,
}

impl Bouncer {
    pub(crate) fn start(folder: &Path, server: u16) -> Result<Self> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let at = folder.join("pgbouncer");
        fs::create_dir(&at)?;
        let (users, settings) = (at.join("users.txt"), at.join("pgbouncer.ini"));
        fs::write(&users, format!("\"app\" \"{PASSWORD}\"\n"))?;
        let written = format!(
            "[databases]\n{DATABASE} = host=127.0.0.1 port={server} dbname={DATABASE}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = scram-sha-256\nauth_file = {}\npool_mode = session\n\
             max_client_conn = 4000\ndefault_pool_size = 200\nlog_connections = 0\n\
             log_disconnections = 0\nignore_startup_parameters = extra_float_digits\n",
            users.display()
        );
        fs::write(&settings, written)?;
        let mut command = Command::new("setpriv");
        // It does not run as root; whoever runs it otherwise runs it as they are.
        if is_root()? {
            for path in [folder, &at] {
                fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
            }
            command.args(["--clear-groups", "--reuid=nobody", "--regid=nogroup"]);
        }
        command.arg("--").arg(PROGRAM).arg("-q").arg(&settings).stdin(Stdio::null());
        let mut running =
            Process::start(&mut command).context("PgBouncer is missing: `make pgbouncer-there`")?;
        let process = running.child().id();
        until("PgBouncer listens", SHORT, || Ok(TcpStream::connect(("127.0.0.1", port)).ok()))?;
        Ok(Self { process, port, _running: running })
    }

    pub(crate) fn process(&self) -> u32 {
        self.process
    }
}

fn is_root() -> Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    Ok(fs::metadata("/proc/self")?.uid() == 0)
}
