//! A shell in a terminal: what is typed goes to the target at once, but for the key that may submit
//! a line, which waits until the line was judged and the verdict is durable.
//!
//! What is to be done is decided in [`Terminal`]; here it is done. Keys are written by a task of
//! their own, so that a target that takes none holds up no output; it alone writes to the target,
//! and a key that submits it writes out of a permit.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use node_gate::{Ending, Permit};
use node_session::Tether;
use node_session::seal::Meter;
use parking_lot::Mutex;
use proto::event::Stream;
use proto::refusal::{Code, Told};
use russh::{ChannelWriteHalf, Sig, client};
use tokio::sync::mpsc;

use super::door::{self, Leaving};
use super::exec::{Heard, INPUT_LOOK, Running, while_it_lasts};
use super::input::{EndOnDrop, resized, tell};
use super::node::Node;
use super::output::Arrived;
use super::spool::Outlet;
use super::target::Dialled;
use crate::terminal::{Step, Submit, Terminal, Typed, Window};

/// How many writes may wait for a target that takes no keys.
const WRITES: usize = 4;

/// What is written to the target.
enum Write {
    Keys(Typed),
    Submit(Permit, Submit),
    /// The client sends no more.
    End,
}

/// What a shell waits for.
enum Next {
    Arrived(Arrived),
    Keys(Bytes),
    KeysEnded,
    Written,
    Signal(Sig),
    Window(Window),
    Fault(Told),
    /// The time came that was waited for, or nothing came for a while.
    Late,
}

/// A shell that runs.
struct Shell {
    terminal: Terminal,
    keys: mpsc::Receiver<Bytes>,
    keys_ended: bool,
    writes: mpsc::Sender<Write>,
    /// What is to be written next.
    write: Option<Write>,
    faults: mpsc::Receiver<Told>,
}

impl Running<'_> {
    /// Passes keys, output, signals and sizes until the shell ended.
    pub(super) async fn serve_shell(
        &mut self,
        target: &mut Dialled,
        window: Window,
    ) -> Result<Ending, Ending> {
        let client = self.client;
        self.meanwhile(client.warn()).await?.map_err(|_| Ending::ClientLeft)?;
        let (sent, keys) = mpsc::channel(1);
        let (writes, queue) = mpsc::channel(WRITES);
        let (fault, faults) = mpsc::channel(1);
        let outlet = self.input.take_outlet();
        let reads = outlet.map(|outlet| EndOnDrop::spawn(read(outlet, sent, fault.clone())));
        let writer = Writer {
            node: self.node.clone(),
            target: target.write.clone(),
            meter: self.meter.clone(),
            tether: self.session.tether(),
        };
        let writer = EndOnDrop::spawn(writer.run(queue, fault));
        let terminal = Terminal::new(window);
        let shell = Shell { terminal, keys, keys_ended: false, writes, write: None, faults };
        let ended = self.pass_keys(target, shell).await;
        // Nothing is written any more, whatever the end was.
        writer.end().await;
        drop(reads);
        ended
    }

    async fn pass_keys(
        &mut self,
        target: &mut Dialled,
        mut shell: Shell,
    ) -> Result<Ending, Ending> {
        let mut heard = Heard::default();
        let mut seen = 0;
        loop {
            let mut wait = INPUT_LOOK;
            if shell.write.is_none() {
                let now = self.now();
                match shell.terminal.step(now) {
                    Step::Type(typed) => shell.write = Some(Write::Keys(typed)),
                    Step::Judge(line) => self.judge_line(&mut shell, line).await?,
                    Step::Wait(until) => wait = until.saturating_sub(now),
                    Step::Idle => {}
                }
            }
            match self.next_of_shell(target, &mut shell, wait).await? {
                Next::Arrived(arrived) => {
                    if let Arrived::Bytes(Stream::Output, bytes) = &arrived {
                        shell.terminal.output(bytes, self.now());
                    }
                    if let Some(ending) = self.arrived(arrived, &mut heard).await? {
                        return Ok(ending);
                    }
                }
                Next::Keys(keys) => shell.terminal.keys(&keys),
                Next::KeysEnded => {
                    shell.keys_ended = true;
                    shell.write = Some(Write::End);
                }
                Next::Written => {}
                Next::Signal(signal) => self.signal(target, signal).await?,
                Next::Window(window) => {
                    shell.terminal.resize(window);
                    self.resize(target, window).await?;
                }
                Next::Fault(told) => return Err(Ending::Failed(told)),
                Next::Late => self.look_at_input(&mut seen),
            }
        }
    }

    /// Judges what a key would submit. Its permit goes on with the key, or the line is taken back
    /// and the client told why.
    async fn judge_line(&mut self, shell: &mut Shell, line: Vec<u8>) -> Result<(), Ending> {
        let mut read = Vec::new();
        let leaving = Leaving::Keys { from: &mut shell.keys, read: &mut read };
        let judged = door::judge(&mut self.session, self.client, leaving, line).await;
        let now = self.now();
        match judged {
            Ok(permit) => {
                shell.terminal.keys(&read);
                let submit = shell.terminal.allowed(now);
                shell.write = submit.map(|submit| Write::Submit(permit, submit));
                Ok(())
            }
            Err(told) => {
                // What was typed meanwhile was meant to follow, and is forgotten.
                shell.write = Some(Write::Keys(shell.terminal.refused(now)));
                let client = self.client;
                self.meanwhile(client.tell(&told)).await?.map_err(|_| Ending::ClientLeft)
            }
        }
    }

    async fn next_of_shell(
        &mut self,
        target: &mut Dialled,
        shell: &mut Shell,
        wait: Duration,
    ) -> Result<Next, Ending> {
        let (client, input) = (self.client, &mut self.input);
        let Shell { terminal, keys, keys_ended, writes, write, faults } = shell;
        let is_hungry = write.is_none() && !*keys_ended && !terminal.has_keys();
        let has_write = write.is_some();
        let written = async {
            let place = writes.reserve().await;
            if let (Ok(place), Some(write)) = (place, write.take()) {
                place.send(write);
            }
        };
        let next = async {
            tokio::select! {
                biased;
                () = client.gone.cancelled() => Err(Ending::ClientLeft),
                Some(told) = input.faults.recv() => Ok(Next::Fault(told)),
                Some(told) = faults.recv() => Ok(Next::Fault(told)),
                () = written, if has_write => Ok(Next::Written),
                Some(signal) = input.signals.recv() => Ok(Next::Signal(signal)),
                window = resized(&mut input.windows) => Ok(Next::Window(window)),
                arrived = target.output.next() => Ok(Next::Arrived(arrived)),
                keys = keys.recv(), if is_hungry => {
                    Ok(keys.map_or(Next::KeysEnded, Next::Keys))
                }
                () = tokio::time::sleep(wait) => Ok(Next::Late),
            }
        };
        while_it_lasts(&mut self.session, next).await
    }

    fn now(&self) -> Duration {
        self.node.sessions.ports().clock.now().elapsed
    }
}

/// Reads input out of the spool, so that they can be waited for beside other things.
pub(super) async fn read(outlet: Outlet, keys: mpsc::Sender<Bytes>, faults: mpsc::Sender<Told>) {
    loop {
        match outlet.next().await {
            Ok(Some(bytes)) => {
                if keys.send(bytes).await.is_err() {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => {
                tell(&faults, &error);
                // What came after what was lost is not taken for the end.
                return std::future::pending().await;
            }
        }
    }
}

/// Writes to the target.
struct Writer {
    node: Arc<Node>,
    target: Arc<ChannelWriteHalf<client::Msg>>,
    meter: Arc<Mutex<Meter>>,
    tether: Tether,
}

impl Writer {
    /// Writes what is in the queue, in order. While there is no contact with the majority, nothing
    /// is written.
    async fn run(self, mut queue: mpsc::Receiver<Write>, faults: mpsc::Sender<Told>) {
        while let Some(write) = queue.recv().await {
            let bytes = match write {
                Write::Keys(typed) => typed.bytes().clone(),
                Write::Submit(permit, submit) => {
                    let now = self.node.sessions.ports().clock.now().elapsed;
                    let Ok(line) = permit.redeem(now) else {
                        if faults.try_send(Told::plain(Code::PermitExpired)).is_err() {
                            tracing::debug!("nobody asks why a line is not submitted");
                        }
                        return;
                    };
                    Bytes::copy_from_slice(&[submit.spend(line)])
                }
                Write::End => {
                    if self.tether.while_fresh(self.target.eof()).await.is_err() {
                        tracing::debug!("the target was gone at the end of the keys");
                    }
                    return;
                }
            };
            if self.tether.while_fresh(self.target.data_bytes(bytes.clone())).await.is_err() {
                return;
            }
            self.meter.lock().pass(&bytes);
        }
    }
}
