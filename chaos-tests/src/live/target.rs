//! A real `sshd`: the machine behind the gateway. Each command that reaches it is written to a log
//! of its own before it runs, by a script that `sshd` itself starts: the gateway cannot touch it.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::clock::read_uptime;
use super::keys::Key;
use super::network::Host;
use super::process::{Process, run};
use super::wait::{SHORT, until};

/// How often another port is tried: somebody may take one between looking and listening.
const PORT_ATTEMPTS: usize = 8;

const SSHD: &str = "/usr/sbin/sshd";
/// What serves files there; a test may put something before it.
const FILES: &str = "/usr/lib/openssh/sftp-server";

/// The port on a host of a network, where nobody else listens.
const HOST_PORT: u16 = 2200;

/// A command in the target's own log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// The command as it arrived.
    pub command: String,
    /// When it arrived, on the clock of [`super::since_boot`].
    pub at: Duration,
    /// Whether the gateway's journal held its marker when the command arrived; none when the
    /// target was not told where to look.
    pub was_recorded: Option<bool>,
}

/// A running `sshd`.
#[derive(Debug)]
pub struct Target {
    process: Process,
    /// Where everything of it lies.
    pub folder: PathBuf,
    /// The port that it listens on.
    pub port: u16,
    /// The key that it proves itself with.
    pub host_key: Key,
    /// The key that it lets in.
    pub credential: Key,
    /// The login that exists on it.
    pub login: String,
    /// Where it runs; none for the machine itself.
    on: Option<Host>,
}

impl Target {
    /// Starts one on loopback, in a new folder.
    ///
    /// # Errors
    /// When `sshd` is not there or does not listen.
    pub fn start(folder: &Path) -> Result<Self> {
        Self::start_on(folder, None)
    }

    /// Starts one on a host of a network, in a new folder.
    ///
    /// # Errors
    /// When `sshd` is not there or does not listen.
    pub fn start_on(folder: &Path, on: Option<&Host>) -> Result<Self> {
        fs::create_dir(folder)?;
        let host_key = Key::make(folder, "host")?;
        let credential = Key::make(folder, "credential")?;
        fs::copy(credential.file.with_extension("pub"), folder.join("authorized_keys"))?;
        fs::write(folder.join("ran.log"), "")?;
        wrapper(folder)?;
        let login = run(Command::new("id").arg("-un"), Vec::new(), SHORT)?.text();
        let login = login.trim().to_owned();
        if login == "root" {
            // sshd separates its privileges there, and says so if it cannot.
            fs::create_dir_all("/run/sshd").context("sshd of root needs /run/sshd")?;
        }
        let (process, port) = match on {
            Some(host) => (listen_on(folder, host)?, HOST_PORT),
            None => listen(folder)?,
        };
        let (folder, on) = (folder.to_owned(), on.cloned());
        Ok(Self { process, folder, port, host_key, credential, login, on })
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> String {
        let at = self.on.as_ref().map_or(Ipv4Addr::LOCALHOST, |host| host.address);
        format!("{at}:{}", self.port)
    }

    /// Tells the target's log where the gateway's journal is, so that it can say whether a command
    /// was in it when it arrived.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn look_at_journal(&self, journal: &Path) -> Result<()> {
        fs::write(self.folder.join("journal.path"), journal.as_os_str().as_encoded_bytes())?;
        Ok(())
    }

    /// What reached it, in order.
    ///
    /// # Errors
    /// When the log is not readable.
    pub fn log(&self) -> Result<Vec<Ran>> {
        let text = fs::read_to_string(self.folder.join("ran.log"))?;
        let entries = text.split('\0').filter(|entry| !entry.is_empty());
        entries.map(|entry| ran(entry).context("an entry of the target's log")).collect()
    }

    /// Puts a script where commands can run it by its path.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn script(&self, name: &str, text: &str) -> Result<String> {
        let path = self.folder.join(name);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(path.display().to_string())
    }

    /// Starts it again on its port, with a line of configuration before all others.
    ///
    /// # Errors
    /// When it does not listen.
    pub fn restart_with(&mut self, line: &str) -> Result<()> {
        self.stop()?;
        let config = self.folder.join("sshd_config");
        let before = fs::read_to_string(&config)?;
        fs::write(&config, format!("{line}\n{before}"))?;
        self.process = spawn(&self.folder, self.on.as_ref())?;
        match &self.on {
            Some(host) => host.listening(self.port, || Ok(())),
            None => until("sshd listens again", SHORT, || {
                Ok(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok().then_some(()))
            }),
        }
    }

    /// Ends it; its port stays free.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn stop(&mut self) -> Result<()> {
        self.process.kill()
    }
}

fn ran(entry: &str) -> Option<Ran> {
    let (seen, rest) = entry.split_once('\t')?;
    let (uptime, command) = rest.split_once('\t')?;
    let was_recorded = match seen {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    };
    Some(Ran { command: command.to_owned(), at: read_uptime(uptime)?, was_recorded })
}

/// Writes what `sshd` runs for each command.
fn wrapper(folder: &Path) -> Result<()> {
    let folder_text = folder.display();
    // One printf is one write to a file opened for appending, so entries do not mix.
    let script = format!(
        r#"#!/bin/sh
seen=-
if [ -f {folder_text}/journal.path ]; then
    marker=$(printf '%s' "$SSH_ORIGINAL_COMMAND" | grep -o 'mark-[0-9a-f]*' | head -n 1)
    journal=$(cat {folder_text}/journal.path)
    if grep -rqaF -e "$marker" "$journal"; then seen=yes; else seen=no; fi
fi
read -r uptime idle < /proc/uptime
printf '%s\t%s\t%s\0' "$seen" "$uptime" "$SSH_ORIGINAL_COMMAND" >> {folder_text}/ran.log
if [ -z "$SSH_ORIGINAL_COMMAND" ]; then
    set -- "HOME={folder_text}" "TERM=$TERM" "PATH=$PATH" "PS1=sh> "
    exec env -i "$@" bash --noprofile --norc -i
fi
if [ "$SSH_ORIGINAL_COMMAND" = {FILES} ] && [ -x {folder_text}/before-files ]; then
    {folder_text}/before-files | {FILES}
    exit
fi
exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"
"#
    );
    let path = folder.join("run-and-log");
    fs::write(&path, script)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

fn listen(folder: &Path) -> Result<(Process, u16)> {
    let mut said = String::new();
    for _ in 0..PORT_ATTEMPTS {
        let port = free_port()?;
        configure(folder, Ipv4Addr::LOCALHOST, port)?;
        let mut process = spawn(folder, None)?;
        let listening = until("sshd listens", SHORT, || {
            let ended = process.ended()?.is_some();
            let open = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
            Ok((ended || open).then_some(open && !ended))
        })?;
        if listening {
            return Ok((process, port));
        }
        said = fs::read_to_string(folder.join("sshd.log"))?;
    }
    bail!("sshd does not listen: {said}")
}

fn listen_on(folder: &Path, host: &Host) -> Result<Process> {
    configure(folder, host.address, HOST_PORT)?;
    let mut process = spawn(folder, Some(host))?;
    host.listening(HOST_PORT, || match process.ended()? {
        Some(_) => bail!("sshd does not listen: {}", fs::read_to_string(folder.join("sshd.log"))?),
        None => Ok(()),
    })?;
    Ok(process)
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

fn configure(folder: &Path, address: Ipv4Addr, port: u16) -> Result<()> {
    let at = folder.display();
    let config = folder.join("sshd_config");
    // Where it is asked to listen at a port that it chooses, it would take what is free in one
    // family and do without the other: then somebody else may be at that port of 127.0.0.1.
    let base = format!(
        "AddressFamily inet\nPort {port}\nListenAddress {address}\nHostKey {at}/host\n\
         PidFile none\n\
         AuthorizedKeysFile {at}/authorized_keys\nStrictModes no\nUsePAM no\nUseDNS no\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n\
         MaxStartups 1000\nMaxSessions 100\nAcceptEnv LANG LC_* TERM\n\
         Subsystem sftp {FILES}\nForceCommand {at}/run-and-log\n"
    );
    // Newer servers punish an address that fails to log in; here all come from one.
    let lenient = format!("{base}PerSourcePenalties no\n");
    fs::write(&config, lenient)?;
    ensure!(Path::new(SSHD).exists(), "{SSHD} is missing: install openssh-server");
    let tested = run(Command::new(SSHD).arg("-tf").arg(&config), Vec::new(), SHORT)?;
    if !tested.status.success() {
        fs::write(&config, base)?;
    }
    Ok(())
}

fn spawn(folder: &Path, on: Option<&Host>) -> Result<Process> {
    let log = fs::File::create(folder.join("sshd.log"))?;
    let mut command = on.map_or_else(|| Command::new(SSHD), |host| host.command(SSHD));
    command.args(["-D", "-e", "-f"]).arg(folder.join("sshd_config"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    Process::start(&mut command)
}
