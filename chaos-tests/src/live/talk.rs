//! A process that is listened to while it runs: what it says, and when it said it.

use std::io::{Read, Write as _};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::clock::since_boot;
use super::process::Process;
use super::wait::until;

/// How much is read at once, in bytes.
const CHUNK: usize = 64 * 1024;

/// What was read at once, and when.
#[derive(Clone, Debug)]
pub struct Said {
    /// When it was there, since the machine's boot.
    pub at: Duration,
    /// The bytes.
    pub bytes: Vec<u8>,
}

type Heard = Arc<Mutex<Vec<Said>>>;

/// A running process whose outputs are read as they come; it ends with this guard.
#[derive(Debug)]
pub struct Talk {
    process: Process,
    output: Heard,
    errors: Heard,
    readers: Vec<thread::JoinHandle<()>>,
}

impl Talk {
    /// Starts it, with nothing to read.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(command: &mut Command) -> Result<Self> {
        Self::start_with(command, Stdio::null())
    }

    /// Starts it, to be typed to.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn typing(command: &mut Command) -> Result<Self> {
        Self::start_with(command, Stdio::piped())
    }

    fn start_with(command: &mut Command, stdin: Stdio) -> Result<Self> {
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Process::start(command)?;
        let child = process.child();
        let (output, errors) = (Heard::default(), Heard::default());
        let readers = vec![
            listen(child.stdout.take().context("stdout is piped")?, output.clone()),
            listen(child.stderr.take().context("stderr is piped")?, errors.clone()),
        ];
        Ok(Self { process, output, errors, readers })
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Types keys.
    ///
    /// # Errors
    /// When it takes none.
    pub fn types(&mut self, keys: &str) -> Result<()> {
        let stdin = self.process.child().stdin.as_mut().context("it is typed to")?;
        stdin.write_all(keys.as_bytes())?;
        Ok(stdin.flush()?)
    }

    /// Its standard output so far, as it came.
    #[must_use]
    pub fn heard(&self) -> Vec<Said> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Its standard output so far.
    #[must_use]
    pub fn output(&self) -> String {
        text(&self.output)
    }

    /// Its standard error so far.
    #[must_use]
    pub fn errors(&self) -> String {
        text(&self.errors)
    }

    /// Waits until it has said something that `find` looks for, in output or errors.
    ///
    /// # Errors
    /// When it ends before, or the time passes.
    pub fn said<T>(
        &mut self,
        what: &str,
        within: Duration,
        find: impl Fn(&str, &str) -> Option<T>,
    ) -> Result<T> {
        until(what, within, || {
            let ended = self.process.ended()?;
            if ended.is_some() {
                self.drain();
            }
            match (find(&self.output(), &self.errors()), ended) {
                (Some(found), _) => Ok(Some(found)),
                (None, None) => Ok(None),
                (None, Some(status)) => {
                    bail!("{what}: it ended with {status} and said {:?}", self.errors())
                }
            }
        })
        .with_context(|| format!("it said {:?} and {:?}", self.output(), self.errors()))
    }

    /// Waits for its end; gives how it ended and when that was seen.
    ///
    /// # Errors
    /// When it does not end within the time.
    pub fn wait(&mut self, within: Duration) -> Result<(ExitStatus, Duration)> {
        let ended = self.process.wait(within);
        let at = since_boot();
        let status = ended.with_context(|| format!("it said {:?}", self.errors()))?;
        self.drain();
        Ok((status, at))
    }

    /// Waits until everything that was said is heard; only for a process that has ended.
    fn drain(&mut self) {
        for reader in self.readers.drain(..) {
            reader.join().ok();
        }
    }
}

fn text(heard: &Heard) -> String {
    let heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
    let bytes: Vec<u8> = heard.iter().flat_map(|said| said.bytes.clone()).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn listen(mut from: impl Read + Send + 'static, heard: Heard) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut buffer = vec![0; CHUNK];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let said = Said { at: since_boot(), bytes: buffer[..count].to_vec() };
            heard.lock().unwrap_or_else(PoisonError::into_inner).push(said);
        }
    })
}
