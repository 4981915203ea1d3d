//! A push to a git repository: what it asks to change is read before the target sees it, and
//! judged; then the pack passes by, counted and digested.

use std::sync::Arc;

use bytes::Bytes;
use node_enforce::files::{Ask, Push, ask};
use node_gate::{COMMAND_LIMIT, Carried, Ending};
use node_session::Tether;
use node_session::seal::Meter;
use parking_lot::Mutex;
use proto::event::{FileTransferred, Outcome, Passed};
use proto::refusal::{Code, Told};
use russh::{ChannelWriteHalf, Sig, client};
use tokio::sync::mpsc;

use super::door::{self, Leaving};
use super::exec::{Heard, Running, lost, while_it_lasts};
use super::input::EndOnDrop;
use super::output::Arrived;
use super::shell::read;
use super::target::Dialled;
use crate::sftp::Passage;

/// A push with nothing in it.
const NOTHING: &[u8] = b"0000";

/// What is waited for while it is not known what a push asks.
enum Next {
    Arrived(Arrived),
    Input(Option<Bytes>),
    Signal(Sig),
    Fault(Told),
}

/// What lies at the start of the input: what is asked, and what came behind it.
enum Asked {
    /// All of it.
    Whole(Vec<u8>, Bytes),
    /// The input ended before that.
    Ended,
    /// The command ended before that.
    Over(Ending),
}

impl Running<'_> {
    /// Serves a push: nothing of the input reaches the target before what it asks is judged.
    pub(super) async fn serve_push(
        &mut self,
        target: &mut Dialled,
        repository: &str,
    ) -> Result<Ending, Ending> {
        let (sent, mut input) = mpsc::channel(1);
        let (fault, mut faults) = mpsc::channel(1);
        let outlet = self.input.take_outlet();
        let _reads = outlet.map(|outlet| EndOnDrop::spawn(read(outlet, sent, fault.clone())));
        let mut heard = Heard::default();
        let (lines, behind) = match self.asks(target, &mut input, &mut faults, &mut heard).await? {
            Asked::Whole(lines, behind) => (lines, behind),
            Asked::Ended => (Vec::new(), Bytes::new()),
            Asked::Over(ending) => return Ok(ending),
        };
        let judged = !lines.is_empty() && lines != NOTHING;
        if (Push { repository, lines: &lines }).has_options() {
            let text = "Options of a push (`git push -o`) are not read here: push without them.";
            return Err(Ending::Refused(Told::new(Code::Unreadable, text)));
        }
        let lines = if judged { self.judge_push(repository, &lines).await? } else { lines };
        let command = self.session.last_command();
        let pack = Arc::new(Mutex::new(Passage::default()));
        let pump = Pump {
            target: target.write.clone(),
            meter: self.meter.clone(),
            tether: self.session.tether(),
            pack: pack.clone(),
        };
        let pump = EndOnDrop::spawn(pump.run(lines.into(), behind, input));
        let ended = self.pass(target, faults, &mut heard).await;
        pump.end().await;
        if judged {
            let passed = FileTransferred {
                command,
                read: Passed::default(),
                written: pack.lock().total(),
                closed: ended.is_ok(),
                found: Default::default(),
                told: None,
            };
            let outcome = match &ended {
                Ok(Ending::Exited(status)) => Outcome::Exited(*status),
                Ok(Ending::Signalled(signal)) => Outcome::Signalled(signal.clone()),
                Ok(_) | Err(Ending::ClientLeft) => Outcome::ClientLeft,
                Err(Ending::Refused(told)) => Outcome::Refused(told.clone()),
                Err(_) => Outcome::Failed(Told::plain(Code::TargetLost)),
            };
            let passed = Carried::File(Box::new(passed));
            if let Err(told) = self.session.answered(command, outcome, Some(passed)).await {
                tracing::warn!(session = %self.session.id(), %told, "what passed is not recorded");
            }
        }
        ended
    }

    /// Waits until it is known what the push asks.
    async fn asks(
        &mut self,
        target: &mut Dialled,
        input: &mut mpsc::Receiver<Bytes>,
        faults: &mut mpsc::Receiver<Told>,
        heard: &mut Heard,
    ) -> Result<Asked, Ending> {
        let mut came = Vec::new();
        loop {
            match ask(&came) {
                Ask::Whole(length) => {
                    let behind = Bytes::copy_from_slice(&came[length..]);
                    came.truncate(length);
                    return Ok(Asked::Whole(came, behind));
                }
                Ask::More if came.len() <= COMMAND_LIMIT => {}
                Ask::More => {
                    let text = format!("A push asks for more than {COMMAND_LIMIT} bytes tell.");
                    return Err(Ending::Failed(Told::new(Code::CommandTooLong, text)));
                }
                Ask::Broken => {
                    let text = "The push does not keep to git's protocol.";
                    return Err(Ending::Failed(Told::new(Code::ProtocolBroken, text)));
                }
            }
            match self.next_of_push(target, input, faults).await? {
                Next::Arrived(arrived) => {
                    if let Some(ending) = self.arrived(arrived, heard).await? {
                        return Ok(Asked::Over(ending));
                    }
                }
                Next::Input(Some(bytes)) => came.extend_from_slice(&bytes),
                Next::Input(None) => return Ok(Asked::Ended),
                Next::Signal(signal) => self.signal(target, signal).await?,
                Next::Fault(told) => return Err(Ending::Failed(told)),
            }
        }
    }

    /// Judges what a push asks; gives it back out of its permit.
    async fn judge_push(&mut self, repository: &str, lines: &[u8]) -> Result<Vec<u8>, Ending> {
        let asked = Push { repository, lines }.encode();
        let leaving = Leaving::Signal(&mut self.input.signals);
        let judged = door::judge(&mut self.session, self.client, leaving, asked).await;
        let permit = judged.map_err(Ending::Refused)?;
        let now = self.node.sessions.ports().clock.now().elapsed;
        let expired = |_| Ending::Refused(Told::plain(Code::PermitExpired));
        let text = permit.redeem(now).map_err(expired)?;
        Push::decode(text.bytes()).map(|push| push.lines.to_vec()).ok_or_else(lost)
    }

    async fn next_of_push(
        &mut self,
        target: &mut Dialled,
        input: &mut mpsc::Receiver<Bytes>,
        faults: &mut mpsc::Receiver<Told>,
    ) -> Result<Next, Ending> {
        let (client, channel) = (self.client, &mut self.input);
        let next = async {
            tokio::select! {
                biased;
                () = client.gone.cancelled() => Err(Ending::ClientLeft),
                Some(told) = channel.faults.recv() => Ok(Next::Fault(told)),
                Some(told) = faults.recv() => Ok(Next::Fault(told)),
                Some(signal) = channel.signals.recv() => Ok(Next::Signal(signal)),
                arrived = target.output.next() => Ok(Next::Arrived(arrived)),
                bytes = input.recv() => Ok(Next::Input(bytes)),
            }
        };
        while_it_lasts(&mut self.session, next).await
    }
}

/// Passes the input on.
struct Pump {
    target: Arc<ChannelWriteHalf<client::Msg>>,
    meter: Arc<Mutex<Meter>>,
    tether: Tether,
    pack: Arc<Mutex<Passage>>,
}

impl Pump {
    /// Writes what was asked, then the pack, then the end. While there is no contact with the
    /// majority, nothing is written.
    async fn run(self, lines: Bytes, behind: Bytes, mut input: mpsc::Receiver<Bytes>) {
        if !self.write(&lines).await {
            return;
        }
        let mut next = Some(behind);
        while let Some(bytes) = next {
            if !self.write(&bytes).await {
                return;
            }
            self.pack.lock().pass_on(&bytes);
            next = input.recv().await;
        }
        if self.tether.while_fresh(self.target.eof()).await.is_err() {
            tracing::debug!("the target was gone at the end of the input");
        }
    }

    async fn write(&self, bytes: &Bytes) -> bool {
        if bytes.is_empty() {
            return true;
        }
        let sent = self.tether.while_fresh(self.target.data_bytes(bytes.clone())).await;
        if sent.is_ok() {
            self.meter.lock().pass(bytes);
        }
        sent.is_ok()
    }
}
