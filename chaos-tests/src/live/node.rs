//! A real gateway: `sallyport dev` as a process of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;
use serde_json::Value;

use super::keys::Key;
use super::process::{Process, Reaped, run};
use super::talk::Talk;
use super::wait::{LONG, SHORT, until};

/// What a gateway says when it accepts connections.
#[derive(Clone, Debug)]
pub struct Ready {
    /// The address of its SSH listener.
    pub ssh: String,
    /// The address of its PostgreSQL listener, when it has one.
    pub postgres: Option<String>,
    /// The address of its API.
    pub api: String,
    /// The certificate that its API is trusted by.
    pub ca: PathBuf,
    /// Its host key: type and base64.
    pub host_key: String,
}

/// A running gateway.
#[derive(Debug)]
pub struct Node {
    process: Process,
    /// Its data directory.
    pub data: PathBuf,
    /// What it said when it was ready.
    pub ready: Ready,
    log: PathBuf,
}

impl Node {
    /// Starts one, and waits until it accepts connections.
    ///
    /// # Errors
    /// When it ends before, or takes too long; the error holds what it logged.
    pub fn start(data: &Path, documents: &[(&str, &Path)]) -> Result<Self> {
        Self::start_with(data, documents, &[])
    }

    /// Starts one with variables of its own, as [`Node::start`].
    ///
    /// # Errors
    /// As there.
    pub fn start_with(
        data: &Path,
        documents: &[(&str, &Path)],
        environment: &[(&str, &str)],
    ) -> Result<Self> {
        let log = data.with_extension("log");
        let said = fs::OpenOptions::new().create(true).append(true).open(&log)?;
        let mut command = dev(data, documents)?;
        command.envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
        // What an earlier run left would be taken for an answer before this one removes it.
        fs::remove_file(data.join("ready.json")).ok();
        let mut process = Process::start(&mut command)?;
        let ready = until("sallyport is ready", SHORT, || {
            if let Some(status) = process.ended()? {
                let text = fs::read_to_string(&log).unwrap_or_default();
                bail!("sallyport ended with {status}: {text}");
            }
            let Ok(text) = fs::read_to_string(data.join("ready.json")) else { return Ok(None) };
            Ok(Some(text))
        })?;
        Ok(Self { process, data: data.to_owned(), ready: read_ready(&ready)?, log })
    }

    /// Starts one that is expected to refuse, and waits for its end.
    ///
    /// # Errors
    /// When it does not end.
    pub fn refused(data: &Path, documents: &[(&str, &Path)]) -> Result<Reaped> {
        run(&mut dev(data, documents)?, Vec::new(), SHORT)
    }

    /// Kills it as a power cut would.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()
    }

    /// Asks it to drain, and waits for its end.
    ///
    /// # Errors
    /// When it does not end in good order.
    pub fn stop(&mut self) -> Result<()> {
        self.process.signal(Signal::TERM)?;
        let status = self.process.wait(SHORT)?;
        if !status.success() {
            bail!("sallyport ended with {status}: {}", self.logged()?);
        }
        Ok(())
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn runs(&mut self) -> Result<bool> {
        Ok(self.process.ended()?.is_none())
    }

    /// The number of its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// How much memory it has in use, in KiB (`VmRSS` of proc(5)).
    ///
    /// # Errors
    /// When it is gone.
    pub fn memory(&self) -> Result<u64> {
        let status = format!("/proc/{}/status", self.process.id());
        let status = fs::read_to_string(&status).context(status)?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let count = line.and_then(|line| line.trim().split(' ').next()?.parse().ok());
        count.context("the kernel says how much memory a process has")
    }

    /// All that it logged, over all of its starts.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn logged(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(&self.log)?).into_owned())
    }

    /// Runs a command of the command line as the administrator of this gateway.
    ///
    /// # Errors
    /// When it does not end.
    pub fn administer(&self, arguments: &[&str]) -> Result<Reaped> {
        let token = fs::read_to_string(self.data.join("admin.token"))?;
        self.call_as(token.trim(), arguments)
    }

    /// Starts a command of the command line as the administrator of this gateway, and listens.
    ///
    /// # Errors
    /// When it does not start.
    pub fn administering(&self, arguments: &[&str]) -> Result<Talk> {
        let token = fs::read_to_string(self.data.join("admin.token"))?;
        Talk::start(&mut self.command_as(token.trim(), arguments)?)
    }

    /// Runs a command of the command line as whoever has a token.
    ///
    /// # Errors
    /// When it does not end.
    pub fn call_as(&self, token: &str, arguments: &[&str]) -> Result<Reaped> {
        run(&mut self.command_as(token, arguments)?, Vec::new(), LONG)
    }

    /// A token of a person, by their SSH key.
    ///
    /// # Errors
    /// When they cannot log in.
    pub fn token(&self, key: &Key) -> Result<String> {
        let key = key.file.to_str().context("a temporary folder's name is text")?;
        let login = self.administer(&["login", "--ssh-key", key, "--print-token"])?;
        ensure!(login.status.success(), "login: {}", login.said());
        Ok(login.text().trim().to_owned())
    }

    /// Whoever has a token rules on the approval that waits; whether one does.
    ///
    /// # Errors
    /// When they are not let.
    pub fn rules(&self, token: &str, ruling: &str) -> Result<bool> {
        let listed = self.call_as(token, &["approvals", "list", "--output", "jsonl"])?;
        ensure!(listed.status.success(), "approvals: {}", listed.said());
        let open = listed.text().lines().find_map(|line| {
            let row: Value = serde_json::from_str(line).ok()?;
            let is_open = row["status"] == "open" || row["state"] == "open";
            is_open.then(|| row["id"].to_string().trim_matches('"').to_owned())
        });
        let Some(id) = open else { return Ok(false) };
        let ruled = self.call_as(token, &["approvals", ruling, &id, "--reason", "seen"])?;
        ensure!(ruled.status.success(), "approvals {ruling}: {}", ruled.said());
        Ok(true)
    }

    fn command_as(&self, token: &str, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(sallyport()?);
        command
            .args(arguments)
            .env("SALLYPORT_URL", &self.ready.api)
            .env("SALLYPORT_CA", &self.ready.ca)
            .env("SALLYPORT_TOKEN", token)
            .env("HOME", &self.data);
        Ok(command)
    }
}

fn dev(data: &Path, documents: &[(&str, &Path)]) -> Result<Command> {
    let mut command = Command::new(sallyport()?);
    command.arg("dev").arg("--dir").arg(data);
    command.args(["--ssh", "127.0.0.1:0", "--api", "127.0.0.1:0"]);
    for (option, file) in documents {
        command.arg(option).arg(file);
    }
    command.env("RUST_BACKTRACE", "0");
    Ok(command)
}

pub(super) fn read_ready(text: &str) -> Result<Ready> {
    let json: Value = serde_json::from_str(text).context("ready.json")?;
    let field = |name: &str| {
        let value = json[name].as_str().map(str::to_owned);
        value.with_context(|| format!("ready.json says no {name}: {text}"))
    };
    let host_key = field("host_key")?.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    let postgres = json["postgres"].as_str().map(str::to_owned);
    let (ssh, api, ca) = (field("ssh")?, field("api")?, field("ca")?.into());
    Ok(Ready { ssh, postgres, api, ca, host_key })
}

/// The program under test: `SALLYPORT_BIN`, or the workspace's own in the profile of this test,
/// built when it is not up to date.
///
/// # Errors
/// When it cannot be built.
pub fn sallyport() -> Result<PathBuf> {
    static BUILT: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| find().map_err(|error| format!("{error:#}")));
    built.clone().map_err(|error| anyhow::anyhow!(error))
}

fn find() -> Result<PathBuf> {
    if let Some(given) = std::env::var_os("SALLYPORT_BIN") {
        return Ok(given.into());
    }
    // target/PROFILE/deps/this-test
    let me = std::env::current_exe()?;
    let profile = me.parent().and_then(Path::parent).context("a test lies in target/…/deps")?;
    let target = profile.parent().context("a profile lies in target")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--package", "node-cli", "--bin", "sallyport", "--target-dir"]);
    build.arg(target).current_dir(crate::tidy::sources::root());
    if profile.ends_with("release") {
        build.arg("--release");
    }
    let built = run(&mut build, Vec::new(), LONG * 4)?;
    if !built.status.success() {
        bail!("sallyport does not build: {}", built.said());
    }
    Ok(profile.join("sallyport"))
}
