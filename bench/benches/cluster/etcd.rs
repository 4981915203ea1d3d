//! Debian's etcd as it comes, with one or three members on loopback and this run's disk, and
//! clients that put.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use chaos_tests::live::Process;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::kv::Kv;
use crate::order::Load;
use crate::ours::free_port;

/// A value is as long as what opening a session puts into our log.
const VALUE_BYTES: usize = 256;
/// So many clients share a connection to a member.
const CLIENTS_A_CONNECTION: usize = 8;
/// How long a start and an election may take.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(50);

/// Members of one cluster.
pub(crate) struct Etcd {
    pub(crate) members: Vec<Member>,
    keys: Arc<AtomicU64>,
}

/// One member.
pub(crate) struct Member {
    process: Process,
    arguments: Vec<String>,
    folder: PathBuf,
    port: u16,
}

impl Member {
    fn start(folder: &Path, arguments: &[String]) -> Result<Process> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log"))?;
        let mut command = Command::new("etcd");
        command.args(arguments).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Process::start(&mut command)
    }

    pub(crate) fn kill(&mut self) -> Result<()> {
        self.process.kill()
    }

    pub(crate) fn restart(&mut self) -> Result<()> {
        self.process = Self::start(&self.folder, &self.arguments)?;
        Ok(())
    }

    async fn leads(&self) -> Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await?;
        let mut said = Vec::new();
        stream.read_to_end(&mut said).await?;
        Ok(String::from_utf8_lossy(&said).contains("\netcd_server_is_leader 1"))
    }
}

impl Etcd {
    /// Starts a cluster, and waits until it takes puts.
    pub(crate) async fn start(folder: &Path, size: usize) -> Result<Self> {
        let ports: Vec<_> =
            (0..size).map(|_| Ok((free_port()?, free_port()?))).collect::<Result<_>>()?;
        let peers = ports.iter().enumerate();
        let peers = peers.map(|(at, (_, peer))| format!("m{at}=http://127.0.0.1:{peer}"));
        let cluster = peers.collect::<Vec<_>>().join(",");
        let mut members = Vec::new();
        for (at, (port, peer)) in ports.iter().enumerate() {
            let folder = folder.join(format!("etcd-{size}-{at}"));
            std::fs::create_dir_all(&folder)?;
            let (client, peer) =
                (format!("http://127.0.0.1:{port}"), format!("http://127.0.0.1:{peer}"));
            let arguments = [
                ("--name", format!("m{at}")),
                ("--data-dir", folder.join("data").display().to_string()),
                ("--listen-client-urls", client.clone()),
                ("--advertise-client-urls", client),
                ("--listen-peer-urls", peer.clone()),
                ("--initial-advertise-peer-urls", peer),
                ("--initial-cluster", cluster.clone()),
                ("--initial-cluster-state", "new".to_owned()),
                ("--log-level", "error".to_owned()),
                ("--logger", "zap".to_owned()),
            ];
            let arguments: Vec<_> =
                arguments.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect();
            let process = Member::start(&folder, &arguments)
                .context("etcd is not there: make etcd-there, or apt-get install etcd-server")?;
            members.push(Member { process, arguments, folder, port: *port });
        }
        let etcd = Self { members, keys: Arc::default() };
        etcd.serves().await?;
        Ok(etcd)
    }

    /// Waits until every member takes puts.
    pub(crate) async fn serves(&self) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        for member in &self.members {
            loop {
                let putting = async { Kv::connect(member.port).await?.put(b"ready", b"").await };
                if timeout(Duration::from_secs(1), putting).await.is_ok_and(|put| put.is_ok()) {
                    break;
                }
                ensure!(Instant::now() < until, "etcd does not take puts");
                sleep(LOOK).await;
            }
        }
        Ok(())
    }

    /// Which member leads.
    pub(crate) async fn leader(&self) -> Result<usize> {
        let until = Instant::now() + PATIENCE;
        loop {
            for (at, member) in self.members.iter().enumerate() {
                if member.leads().await.unwrap_or(false) {
                    return Ok(at);
                }
            }
            ensure!(Instant::now() < until, "no member of etcd leads");
            sleep(LOOK).await;
        }
    }

    /// Runs clients spread over all members, the leader first; gives how long each put took, in
    /// microseconds.
    pub(crate) async fn load(&self, load: Load) -> Result<Vec<u32>> {
        let (leader, size) = (self.leader().await?, self.members.len());
        let mut connections = Vec::new();
        for at in 0..size {
            let port = self.members[(leader + at) % size].port;
            let many = load.clients.div_ceil(size).div_ceil(CLIENTS_A_CONNECTION);
            let mut these = Vec::new();
            for _ in 0..many {
                these.push(Kv::connect(port).await?);
            }
            connections.push(these);
        }
        let from = Instant::now() + Duration::from_millis(load.warm_ms);
        let end = from + Duration::from_millis(load.measured_ms);
        let clients = (0..load.clients).map(|client| {
            let these = &connections[client % size];
            let kv = these[client / size % these.len()].clone();
            let keys = Arc::clone(&self.keys);
            tokio::spawn(async move {
                let (mut took, value) = (Vec::new(), [b'v'; VALUE_BYTES]);
                while Instant::now() < end {
                    let begun = Instant::now();
                    let key = format!("gw-1-1-{}", keys.fetch_add(1, Ordering::Relaxed));
                    kv.put(key.as_bytes(), &value).await?;
                    if begun >= from && Instant::now() <= end {
                        let micros = begun.elapsed().as_micros();
                        took.push(u32::try_from(micros).unwrap_or(u32::MAX));
                    }
                }
                Ok::<_, anyhow::Error>(took)
            })
        });
        let clients: Vec<_> = clients.collect();
        let mut all = Vec::new();
        for client in clients {
            all.extend(client.await??);
        }
        Ok(all)
    }

    /// One put through a member, tried anew every few milliseconds until one is accepted.
    pub(crate) async fn change(&self, through: usize) -> Result<()> {
        /// A put that was begun without a leader may wait for longer than there is none.
        const AGAIN: Duration = Duration::from_millis(20);
        let kv = Kv::connect(self.members[through].port).await?;
        let (put, mut accepted) = tokio::sync::mpsc::channel(1);
        let until = Instant::now() + PATIENCE;
        loop {
            let (kv, put) = (kv.clone(), put.clone());
            tokio::spawn(async move {
                if kv.put(b"next", b"1").await.is_ok() {
                    put.try_send(()).ok();
                }
            });
            if let Ok(Some(())) = timeout(AGAIN, accepted.recv()).await {
                return Ok(());
            }
            ensure!(Instant::now() < until, "etcd does not take a put");
        }
    }
}
