//! Real `ssh` clients, as a person would call them, with nothing of the machine's own settings.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Result;

use super::network::Host;
use super::process::{Process, Reaped, run};
use super::talk::Talk;
use super::wait::{SHORT, until};

/// How a client ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its exit status; none when a signal ended it.
    pub status: Option<i32>,
    /// Its standard output.
    pub output: Vec<u8>,
    /// Its standard error.
    pub errors: String,
}

impl From<Reaped> for Ended {
    fn from(reaped: Reaped) -> Self {
        let errors = reaped.said();
        Self { status: reaped.status.code(), output: reaped.output, errors }
    }
}

impl Ended {
    /// Standard output as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned()
    }
}

/// A client to be: where to, as whom, with which key and options.
#[derive(Clone, Debug)]
pub struct Client {
    pub(super) user: String,
    pub(super) port: String,
    pub(super) key: PathBuf,
    pub(super) known_hosts: PathBuf,
    options: Vec<String>,
    /// On which host it runs; none for the machine itself.
    on: Option<Host>,
    address: String,
}

impl Client {
    /// A client of a gateway on loopback.
    #[must_use]
    pub fn new(user: String, port: String, key: PathBuf, known_hosts: PathBuf) -> Self {
        let address = "127.0.0.1".to_owned();
        Self { user, port, key, known_hosts, options: Vec::new(), on: None, address }
    }

    /// The same on a host of a network, to an address there.
    #[must_use]
    pub fn between(&self, on: &Host, to: &Host) -> Self {
        Self { on: Some(on.clone()), address: to.address.to_string(), ..self.clone() }
    }

    /// The same with another user part.
    #[must_use]
    pub fn user(&self, user: &str) -> Self {
        Self { user: user.to_owned(), ..self.clone() }
    }

    /// The same with another key.
    #[must_use]
    pub fn key(&self, file: &Path) -> Self {
        Self { key: file.to_owned(), ..self.clone() }
    }

    /// The same with more options before the destination.
    #[must_use]
    pub fn with(&self, options: &[&str]) -> Self {
        let mut client = self.clone();
        client.options.extend(options.iter().map(|option| (*option).to_owned()));
        client
    }

    /// The same over one shared connection; the first one that runs is the master.
    #[must_use]
    pub fn shared(&self, socket: &Path) -> Self {
        let path = format!("ControlPath={}", socket.display());
        self.with(&["-o", "ControlMaster=auto", "-o", "ControlPersist=60", "-o", &path])
    }

    /// Starts the master of a shared connection, and waits until others find it.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn master(&self) -> Result<Process> {
        let mut master = self.with(&["-N", "-M"]).command(&[]);
        master.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let master = Process::start(&mut master)?;
        until("the master is up", SHORT, || {
            let asked = run(&mut self.with(&["-O", "check"]).command(&[]), Vec::new(), SHORT)?;
            Ok(asked.status.success().then_some(()))
        })?;
        Ok(master)
    }

    /// The command line of a client that runs something.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut ssh = match &self.on {
            Some(host) => host.command("ssh"),
            None => Command::new("ssh"),
        };
        self.say(&mut ssh);
        // A user may be what no file of configuration could say.
        ssh.args(["-l", &self.user, &self.address]).args(arguments);
        ssh
    }

    /// The command line of a client that copies (`scp`, `sftp`), up to what it copies.
    #[must_use]
    pub fn copier(&self, program: &str) -> Command {
        let mut copier = Command::new(program);
        self.say(&mut copier);
        copier.arg("-o").arg(format!("User={}", self.user));
        copier
    }

    /// The command line of a client that runs `ssh` itself, as its `-e` or `GIT_SSH_COMMAND` take
    /// it.
    #[must_use]
    pub fn line(&self) -> String {
        let ssh = self.command(&[]);
        let words = ssh.get_args().map(|word| word.to_string_lossy().into_owned());
        let mut words: Vec<_> = words.collect();
        // They say themselves where to.
        words.pop();
        format!("ssh {}", words.join(" "))
    }

    /// Says where to, as whom and with what: by words that all clients of OpenSSH know.
    fn say(&self, client: &mut Command) {
        // The first value of an option counts, so those that were asked for come first.
        client.args(["-F", "none"]).args(&self.options);
        client.args(["-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"]);
        client.args(["-o", "StrictHostKeyChecking=yes", "-o", "GlobalKnownHostsFile=none"]);
        client.args(["-o", "ConnectTimeout=30", "-o", "LogLevel=ERROR"]);
        client.arg("-o").arg(format!("UserKnownHostsFile={}", self.known_hosts.display()));
        client.arg("-i").arg(&self.key).arg("-o").arg(format!("Port={}", self.port));
        // No agent and no display of whoever runs the tests.
        client.env_remove("SSH_AUTH_SOCK").env_remove("DISPLAY");
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    /// When the client does not end.
    pub fn run(&self, command: &str) -> Result<Ended> {
        self.run_with(command, Vec::new(), SHORT)
    }

    /// Runs a command that gets input.
    ///
    /// # Errors
    /// When the client does not end within the time.
    pub fn run_with(&self, command: &str, input: Vec<u8>, within: Duration) -> Result<Ended> {
        Ok(run(&mut self.command(&[command]), input, within)?.into())
    }

    /// Starts a command and leaves it running; its outputs are pipes.
    ///
    /// # Errors
    /// When the client does not start.
    pub fn start(&self, command: &str) -> Result<Process> {
        let mut ssh = self.command(&[command]);
        ssh.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Process::start(&mut ssh)
    }

    /// Starts a command and listens to it.
    ///
    /// # Errors
    /// When the client does not start.
    pub fn talk(&self, command: &str) -> Result<Talk> {
        Talk::start(&mut self.command(&[command]))
    }

    /// Opens a shell in a terminal.
    ///
    /// # Errors
    /// When the client does not start.
    pub fn shell(&self) -> Result<Talk> {
        Talk::typing(self.with(&["-tt"]).command(&[]).env("TERM", "xterm"))
    }

    /// Ends the master of a shared connection.
    ///
    /// # Errors
    /// When the client does not end.
    pub fn end_shared(&self) -> Result<Ended> {
        Ok(run(&mut self.with(&["-O", "exit"]).command(&[]), Vec::new(), SHORT)?.into())
    }
}
