//! One node of a fleet: `sallyport serve` as a process of its own, on its host.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;
use serde_json::Value;

use super::config::{API_PORT, Told, node_yaml};
use super::faults::{Clock, Disk};
use crate::live::network::Host;
use crate::live::node::{Ready, read_ready, sallyport};
use crate::live::process::{Process, run};
use crate::live::wait::{SHORT, until};

/// What `cluster init` says.
pub(super) struct Founded {
    pub(super) admin_token_file: PathBuf,
    pub(super) join_token_file: PathBuf,
}

/// A node; it may run or not.
#[derive(Debug)]
pub struct Gateway {
    // The process ends before the disk goes that it writes to.
    process: Mutex<Option<Process>>,
    pub(super) disk: Disk,
    pub(super) clock: Clock,
    host: Host,
    folder: PathBuf,
}

impl Gateway {
    /// A node that does not run yet.
    pub(super) fn new(fleet: &Path, host: &Host, told: &Told) -> Result<Self> {
        let folder = fleet.join(&host.name);
        let data = folder.join("data");
        fs::create_dir_all(&data)?;
        fs::write(folder.join("node.yaml"), node_yaml(host, &data, told))?;
        let (disk, clock) = (Disk::new(&data), Clock::new(&folder));
        Ok(Self { process: Mutex::default(), disk, clock, host: host.clone(), folder })
    }

    /// Its name, which is its host's as well.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.host.name
    }

    /// Its address in the network.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.host.address
    }

    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    /// Its data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Its API.
    #[must_use]
    pub fn api(&self) -> String {
        format!("https://{}:{API_PORT}", self.host.address)
    }

    /// The certificate that its API is trusted by.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.data().join("ca.pem")
    }

    /// All that it logged, over all of its starts.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn logged(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(self.folder.join("log"))?).into_owned())
    }

    /// Founds the cluster.
    pub(super) fn init(&self) -> Result<Founded> {
        let mut init = self.host.command(sallyport()?);
        init.args(["cluster", "init", "--output", "json", "--config"]);
        let said = run(init.arg(self.folder.join("node.yaml")), Vec::new(), SHORT)?;
        ensure!(said.status.success(), "cluster init: {}", said.said());
        let json: Value = serde_json::from_str(&said.text()).context("cluster init says JSON")?;
        let file = |name: &str| {
            let path = json[name].as_str().map(PathBuf::from);
            path.with_context(|| format!("cluster init says no {name}: {json}"))
        };
        Ok(Founded {
            admin_token_file: file("admin_token_file")?,
            join_token_file: file("join_token_file")?,
        })
    }

    /// Starts it as a new member, and waits until it is ready.
    pub(super) fn join(&self, file: &Path) -> Result<Ready> {
        self.launch(Some(file))?;
        self.await_ready()
    }

    /// Starts it, and waits until it is ready.
    ///
    /// # Errors
    /// When it ends before, or takes too long; the error holds what it logged.
    pub fn start(&self) -> Result<Ready> {
        self.launch(None)?;
        self.await_ready()
    }

    /// Starts it, and does not wait.
    ///
    /// # Errors
    /// When the program cannot be started, or runs already.
    pub fn launch(&self, join: Option<&Path>) -> Result<()> {
        let mut process = self.process();
        let runs =
            process.as_mut().map(Process::ended).transpose()?.is_some_and(|end| end.is_none());
        ensure!(!runs, "{} runs already", self.name());
        // What an earlier run left would be taken for an answer before this one removes it.
        fs::remove_file(self.data().join("ready.json")).ok();
        *process = Some(Process::start(&mut self.serve(join)?)?);
        Ok(())
    }

    fn serve(&self, join: Option<&Path>) -> Result<Command> {
        let log = self.folder.join("log");
        let said = fs::OpenOptions::new().create(true).append(true).open(log)?;
        let mut serve = self.host.command("env");
        serve.args(self.clock.environment()?).arg(sallyport()?);
        serve.arg("serve").arg("--config").arg(self.folder.join("node.yaml"));
        if let Some(file) = join {
            serve.arg("--join-file").arg(file);
        }
        serve.env("RUST_BACKTRACE", "0");
        serve.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
        Ok(serve)
    }

    /// Waits until it says that it is ready.
    ///
    /// # Errors
    /// When it ends before, or takes too long; the error holds what it logged.
    pub fn await_ready(&self) -> Result<Ready> {
        let text = until("a node is ready", SHORT, || {
            if !self.runs()? {
                bail!("{} ended: {}", self.name(), self.logged()?);
            }
            Ok(fs::read_to_string(self.data().join("ready.json")).ok())
        });
        read_ready(&text.with_context(|| self.logged().unwrap_or_default())?)
    }

    /// Whether it runs, be it stopped or not.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn runs(&self) -> Result<bool> {
        let mut process = self.process();
        let Some(process) = process.as_mut() else { return Ok(false) };
        Ok(process.ended()?.is_none())
    }

    /// Kills it as a power cut of its machine would.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&self) -> Result<()> {
        self.process().as_mut().context("it was started")?.kill()
    }

    /// Asks it to drain, and waits for its end.
    ///
    /// # Errors
    /// When it does not end in good order.
    pub fn stop(&self) -> Result<()> {
        let mut process = self.process();
        let process = process.as_mut().context("it was started")?;
        process.signal(Signal::TERM)?;
        let status = process.wait(SHORT)?;
        ensure!(status.success(), "{} ended with {status}: {}", self.name(), self.logged()?);
        Ok(())
    }

    /// Asks it to drain, and does not wait.
    ///
    /// # Errors
    /// When it does not run.
    pub fn terminate(&self) -> Result<()> {
        self.process().as_ref().context("it was started")?.signal(Signal::TERM)
    }

    /// Makes it stand still, as a stalled machine does.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pause(&self) -> Result<()> {
        self.process().as_ref().context("it was started")?.signal(Signal::STOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// When it does not run.
    pub fn resume(&self) -> Result<()> {
        self.process().as_ref().context("it was started")?.signal(Signal::CONT)
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
