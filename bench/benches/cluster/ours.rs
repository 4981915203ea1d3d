//! A cluster of node processes, as the benchmark starts, loads and kills them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use chaos_tests::live::{Process, until};
use node_peer::certificate::Authority;
use node_peer::random::new_key;
use node_session::Clock as _;
use node_session::clock::SystemClock;

use crate::node;
use crate::order::{Load, Order, Said, Seat, Setup};

const PATIENCE: Duration = Duration::from_secs(30);

/// A port that nobody listens on now.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Nodes of one cluster.
pub(crate) struct Ours {
    pub(crate) nodes: Vec<Node>,
}

/// One node's process.
pub(crate) struct Node {
    folder: PathBuf,
    process: Process,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Node {
    fn start(folder: &Path) -> Result<Self> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log"))?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--node").arg(folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut process = Process::start(&mut command)?;
        let input = process.child().stdin.take().context("stdin is piped")?;
        let output = process.child().stdout.take().context("stdout is piped")?;
        Ok(Self { folder: folder.to_owned(), process, input, output: BufReader::new(output) })
    }

    pub(crate) fn order(&mut self, order: Order) -> Result<()> {
        writeln!(self.input, "{}", serde_json::to_string(&order)?)?;
        Ok(())
    }

    pub(crate) fn said(&mut self) -> Result<Said> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        ensure!(!line.is_empty(), "a node ended; its log is in {}", self.folder.display());
        match serde_json::from_str(&line)? {
            Said::Failed(why) => bail!("a node failed: {why}"),
            said => Ok(said),
        }
    }

    pub(crate) fn kill(&mut self) -> Result<()> {
        self.process.kill()
    }

    /// Starts it again on the disk that it has; [`Node::is_ready`] waits for it.
    pub(crate) fn restart(&mut self) -> Result<()> {
        *self = Self::start(&self.folder)?;
        Ok(())
    }

    pub(crate) fn is_ready(&mut self) -> Result<()> {
        match self.said()? {
            Said::Ready => Ok(()),
            other => bail!("a node began with {other:?}"),
        }
    }
}

impl Ours {
    /// Founds a cluster, and waits until every node takes part.
    pub(crate) fn start(folder: &Path, size: usize) -> Result<Self> {
        let now = SystemClock.now().utc;
        let authority = Authority::create(&node::name(node::CLUSTER)?, new_key()?, now)?;
        let (mut members, mut folders) = (Vec::new(), Vec::new());
        for at in 1..=size {
            let folder = folder.join(format!("sallyport-{size}-{at}"));
            std::fs::create_dir_all(&folder)?;
            let key = new_key()?;
            std::fs::write(folder.join(node::KEY), key.to_der())?;
            std::fs::write(folder.join(node::AUTHORITY), &*authority.to_bytes())?;
            members.push(Seat {
                raft_id: at as u64,
                node: format!("gw-{at}"),
                address: format!("127.0.0.1:{}", free_port()?),
                key: key.digest().to_string(),
            });
            folders.push(folder);
        }
        let mut nodes = Vec::new();
        for (me, folder) in (1..).zip(&folders) {
            let setup = Setup { me, members: members.clone() };
            std::fs::write(folder.join(node::SETUP), serde_json::to_vec(&setup)?)?;
            nodes.push(Node::start(folder)?);
        }
        nodes.iter_mut().try_for_each(Node::is_ready)?;
        Ok(Self { nodes })
    }

    /// Which node leads, as all say that run.
    pub(crate) fn leader(&mut self) -> Result<usize> {
        until("a node leads", PATIENCE, || {
            let mut said = Vec::new();
            for node in &mut self.nodes {
                node.order(Order::Leader)?;
                said.push(match node.said()? {
                    Said::Leader(leader) => leader,
                    other => bail!("a node said {other:?}"),
                });
            }
            let first = said.first().copied().flatten();
            let agreed = first.filter(|_| said.iter().all(|other| *other == first));
            Ok(agreed.map(|leader| usize::try_from(leader).map(|leader| leader - 1)).transpose()?)
        })
    }

    /// Runs clients spread over all nodes, the leader first; gives how long each operation took, in
    /// microseconds.
    pub(crate) fn load(&mut self, load: Load) -> Result<Vec<u32>> {
        let (leader, size) = (self.leader()?, self.nodes.len());
        let share = |at: usize| (load.clients + size - 1 - at) / size;
        for at in 0..size {
            let node = &mut self.nodes[(leader + at) % size];
            node.order(Order::Load(Load { clients: share(at), ..load }))?;
        }
        let mut all = Vec::new();
        for node in &mut self.nodes {
            match node.said()? {
                Said::Loaded(took) => all.extend(took),
                other => bail!("a node said {other:?}"),
            }
        }
        Ok(all)
    }
}
