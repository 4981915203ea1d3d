//! Servers of one's own on free ports of loopback: one, or three that are one cluster. They end
//! with their value.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::live::Process;
use proto::ids::Name;
use store_jetstream::{Servers, Wanted, provision};
use tempfile::TempDir;

/// The environment variable that names the program; the Makefile sets it.
const PROGRAM: &str = "NATS_SERVER_BIN";
/// How long servers may take to agree on a leader, and between two looks at them.
const PATIENCE: (u32, Duration) = (600, Duration::from_millis(100));

/// How servers are run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// How the table calls it.
    pub(crate) name: &'static str,
    /// How many there are, each with every message.
    pub(crate) count: usize,
    /// Whether they sync before they acknowledge.
    pub(crate) always: bool,
}

impl Kind {
    /// How long an acknowledged event may still be lost, as a gateway is told.
    pub(crate) fn sync(self) -> Duration {
        if self.always { Duration::ZERO } else { Duration::from_secs(120) }
    }
}

/// Servers that run, with the streams of a cluster.
pub(crate) struct Running {
    pub(crate) servers: Servers,
    _processes: Vec<Process>,
    _folder: TempDir,
}

impl Running {
    pub(crate) async fn start(kind: Kind, cluster: &Name) -> Result<Self> {
        let program = std::env::var_os(PROGRAM).filter(|program| !program.is_empty());
        let program = program.with_context(|| format!("{PROGRAM} names no nats-server"))?;
        let program = PathBuf::from(program);
        let folder = TempDir::with_prefix("sallyport-bench-")?;
        let (clients, routes) = (ports(kind.count)?, ports(kind.count)?);
        let mut processes = Vec::new();
        for (at, client) in clients.iter().enumerate() {
            let text = configuration(kind, folder.path(), at, *client, &routes);
            let file = folder.path().join(format!("{at}.conf"));
            std::fs::write(&file, text)?;
            let mut serve = Command::new(&program);
            serve.arg("-c").arg(file);
            serve.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            processes.push(Process::start(&mut serve)?);
        }
        let servers = Servers {
            urls: clients.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect(),
            credentials: None,
            authority: None,
            name: "bench".to_owned(),
            inbox: "_INBOX".to_owned(),
        };
        let wanted = Wanted::record(cluster, kind.count as u64);
        let mut made = provision(&servers, &wanted, -1, false).await;
        for _ in 0..PATIENCE.0 {
            if made.is_ok() {
                break;
            }
            tokio::time::sleep(PATIENCE.1).await;
            made = provision(&servers, &wanted, -1, false).await;
        }
        ensure!(made.is_ok(), "the stream was not made: {made:?}");
        Ok(Self { servers, _processes: processes, _folder: folder })
    }
}

/// As `deploy/nats` has them, but for names, ports and rights.
fn configuration(kind: Kind, folder: &Path, at: usize, client: u16, routes: &[u16]) -> String {
    let data = folder.join(format!("data-{at}"));
    let sync = if kind.always { "sync_interval: always" } else { "" };
    let mut text = format!(
        "server_name: nats-{at}\nlisten: 127.0.0.1:{client}\nmax_payload: 1MB\n\
         jetstream {{ store_dir: {data:?}, max_mem: 64M, max_file: 16G\n {sync} }}\n"
    );
    if kind.count > 1 {
        let others = routes.iter().map(|port| format!("\"nats://127.0.0.1:{port}\""));
        let others = others.collect::<Vec<_>>().join(", ");
        let own = routes[at];
        text.push_str(&format!(
            "cluster {{ name: bench, listen: 127.0.0.1:{own}, routes: [{others}] }}\n"
        ));
    }
    text
}

/// Ports that nobody uses.
fn ports(count: usize) -> Result<Vec<u16>> {
    let free = (0..count).map(|_| TcpListener::bind("127.0.0.1:0"));
    let free = free.collect::<std::io::Result<Vec<_>>>()?;
    free.iter().map(|one| Ok(one.local_addr()?.port())).collect()
}
