//! Processes of ours: each ends with its guard, and none is waited for without a deadline.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use super::wait::until;

/// A process that is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts it.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(command: &mut Command) -> Result<Self> {
        let child = command.spawn().with_context(|| format!("starting {command:?}"))?;
        Ok(Self { child })
    }

    /// The process.
    #[must_use]
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.context("a process has a positive id")?, signal)?;
        Ok(())
    }

    /// How it ended, if it did.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it does not end within the time.
    pub fn wait(&mut self, within: Duration) -> Result<ExitStatus> {
        until("a process ends", within, || self.ended())
    }

    /// Kills it as a power cut would, and waits until it is gone.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already; then there is nothing to end.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A process that ended, with all that it said.
#[derive(Clone, Debug)]
pub struct Reaped {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub output: Vec<u8>,
    /// Its standard error.
    pub errors: Vec<u8>,
}

impl Reaped {
    /// Standard output as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned()
    }

    /// Standard error as text.
    #[must_use]
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&self.errors).into_owned()
    }
}

/// Runs a program to its end: gives it input, collects both outputs.
///
/// # Errors
/// When it does not start, or does not end within the time; it is killed then.
pub fn run(command: &mut Command, input: Vec<u8>, within: Duration) -> Result<Reaped> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = Process::start(command)?;
    let child = process.child();
    let mut sink = child.stdin.take().context("stdin is piped")?;
    let output = collect(child.stdout.take().context("stdout is piped")?);
    let errors = collect(child.stderr.take().context("stderr is piped")?);
    // A program that does not read all of its input breaks the pipe; that is its own affair.
    let feeder = thread::spawn(move || sink.write_all(&input).ok());
    let ended = process.wait(within).with_context(|| format!("of {command:?}"));
    if ended.is_err() {
        process.kill()?;
    }
    let (output, errors) = (joined(output)?, joined(errors)?);
    feeder.join().ok();
    let said = String::from_utf8_lossy(&errors).into_owned();
    let status = ended.with_context(|| format!("it said {said:?}"))?;
    Ok(Reaped { status, output, errors })
}

type Collected = thread::JoinHandle<std::io::Result<Vec<u8>>>;

fn collect(mut from: impl Read + Send + 'static) -> Collected {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)?;
        Ok(bytes)
    })
}

fn joined(collected: Collected) -> Result<Vec<u8>> {
    let bytes = collected.join().map_err(|_| anyhow::anyhow!("a reader panicked"))?;
    Ok(bytes?)
}
