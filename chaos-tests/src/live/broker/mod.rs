//! A real nats-server, with the streams of a cluster: the broker that a fleet publishes to, what is
//! done to its disk, and what is in its streams.

mod disk;
mod messages;

pub use messages::Message;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};

use super::network::Host;
use super::node::sallyport;
use super::process::{Process, run};
use super::wait::{SHORT, until};

/// Its port.
const PORT: u16 = 4222;

/// The environment variable that names the program; the Makefile sets it.
const PROGRAM: &str = "NATS_SERVER_BIN";

/// A broker; it may run or not.
#[derive(Debug)]
pub struct Broker {
    process: Option<Process>,
    host: Host,
    folder: PathBuf,
}

impl Broker {
    /// Starts one on a host, and makes the streams of a cluster.
    ///
    /// # Errors
    /// When it does not start, or does not make them.
    pub fn start(folder: &Path, host: &Host, cluster: &str) -> Result<Self> {
        let folder = folder.join(&host.name);
        fs::create_dir_all(&folder)?;
        let mut broker = Self { process: None, host: host.clone(), folder };
        broker.again()?;
        broker.provision(cluster)?;
        Ok(broker)
    }

    /// Where nodes reach it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://{}:{PORT}", self.host.address)
    }

    /// Makes the streams, where they are not.
    ///
    /// # Errors
    /// What the command says.
    pub fn provision(&self, cluster: &str) -> Result<()> {
        // A server that has just started may have no JetStream yet.
        until("the streams are made", SHORT, || {
            let mut provision = self.host.command(sallyport()?);
            provision.args(["events", "provision", "--replicas", "1", "--cluster", cluster]);
            let said = run(provision.args(["--nats", &self.url()]), Vec::new(), SHORT)?;
            if said.status.success() {
                return Ok(Some(()));
            }
            ensure!(said.said().contains("SP-1406"), "events provision: {}", said.said());
            Ok(None)
        })
    }

    /// Whether it was started and not killed since.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.process.is_some()
    }

    /// All that a stream holds, in its own order, as the exact bytes: read without anything of the
    /// product's.
    ///
    /// # Errors
    /// When the broker does not give all of it.
    pub fn messages(&self, stream: &str) -> Result<Vec<Message>> {
        let at = SocketAddr::from((self.host.address, PORT));
        self.host.inside(|| messages::read(at, stream))
    }

    /// Starts it, when it does not run.
    ///
    /// # Errors
    /// When it does not listen.
    pub fn again(&mut self) -> Result<()> {
        let program = std::env::var_os(PROGRAM).filter(|program| !program.is_empty());
        let program = program.with_context(|| format!("{PROGRAM} names no nats-server"))?;
        let data = self.data();
        let text = format!(
            "listen: \"{}:{PORT}\"\njetstream {{ store_dir: {data:?}, max_mem: 64M, \
             max_file: 1G, sync_interval: always }}\n",
            self.host.address
        );
        let file = self.folder.join("nats.conf");
        fs::write(&file, text)?;
        let log = fs::OpenOptions::new().create(true).append(true).open(self.folder.join("log"))?;
        let mut serve = self.host.command(program);
        serve.arg("-c").arg(file);
        serve.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let mut process = Process::start(&mut serve)?;
        self.host.listening(PORT, || match process.ended()? {
            Some(status) => bail!("nats-server ended with {status}"),
            None => Ok(()),
        })?;
        self.process = Some(process);
        Ok(())
    }

    /// Kills it as a power cut of its machine would.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |mut process| process.kill())
    }

    /// Where all that it keeps lies.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }
}
