//! A file transfer: the client's packets go to the target one by one, the target's to the client.
//!
//! What is to be done is decided in [`Transfer`]; here it is done. As with a shell, one task alone
//! writes to the target, so that one which takes nothing holds up no answers; what was judged it
//! writes out of its permit.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use node_enforce::mask::{Piece, Place};
use node_gate::{Carried, CommandText, Ending, Permit, Preparation};
use node_session::Tether;
use node_session::seal::Meter;
use parking_lot::Mutex;
use proto::event::{Outcome, Stream};
use proto::refusal::{Code, Told};
use russh::{ChannelWriteHalf, Sig, client};
use tokio::sync::mpsc;

use super::door::{self, Leaving};
use super::exec::{Heard as HeardOfEnd, INPUT_LOOK, Running, lost, while_it_lasts};
use super::input::EndOnDrop;
use super::node::Node;
use super::output::Arrived;
use super::shell::read;
use super::target::Dialled;
use crate::sftp::{Answered, Broken, Content, Heard, Sending, Step, Transfer};

/// How many writes may wait for a target that takes none.
const WRITES: usize = 4;

/// What is written to the target.
enum Write {
    /// What needs no verdict: it is of what was let open before, or opens nothing.
    Passed(Bytes),
    Permitted(Permit, Sending),
    Looking(Preparation, Sending),
    /// The client sends no more.
    End,
}

/// What a file transfer waits for.
enum Next {
    Arrived(Arrived),
    Input(Bytes),
    InputEnded,
    Written,
    Signal(Sig),
    Fault(Told),
    /// Nothing came for a while.
    Late,
}

/// A file transfer that runs.
struct Files {
    transfer: Transfer,
    input: mpsc::Receiver<Bytes>,
    /// Whether the client sends no more, and whether the target was told.
    input_ended: bool,
    end_told: bool,
    writes: mpsc::Sender<Write>,
    /// What is to be written, in order; no packet of the client is looked at before it is.
    to_write: VecDeque<Write>,
    faults: mpsc::Receiver<Told>,
}

impl Files {
    /// Whether nothing of the client waits to be looked at or written.
    fn is_idle(&self) -> bool {
        self.to_write.is_empty() && !self.transfer.is_behind()
    }
}

impl Running<'_> {
    /// Passes requests and answers until the transfer ended; then says what passed of what is open.
    pub(super) async fn serve_files(&mut self, target: &mut Dialled) -> Result<Ending, Ending> {
        let (sent, input) = mpsc::channel(1);
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
        let (transfer, to_write) = (Transfer::new(), VecDeque::new());
        let (input_ended, end_told) = (false, false);
        let mut files = Files { transfer, input, input_ended, end_told, writes, to_write, faults };
        let ended = self.pass_files(target, &mut files).await;
        writer.end().await;
        drop(reads);
        for (command, passed) in files.transfer.over() {
            // Whether the target did it, nobody was told.
            let outcome = Outcome::Failed(Told::plain(Code::TargetLost));
            let outcome = if passed.is_some() { Outcome::ClientLeft } else { outcome };
            let passed = passed.map(|file| Carried::File(Box::new(file)));
            if let Err(told) = self.session.answered(command, outcome, passed).await {
                tracing::warn!(session = %self.session.id(), %told, "what passed is not recorded");
            }
        }
        ended
    }

    async fn pass_files(
        &mut self,
        target: &mut Dialled,
        files: &mut Files,
    ) -> Result<Ending, Ending> {
        let mut heard = HeardOfEnd::default();
        let mut seen = 0;
        loop {
            while let Some(answer) = files.transfer.hear().map_err(|broken| of_target(&broken))? {
                self.answered(files, answer).await?;
            }
            while files.to_write.is_empty() {
                match files.transfer.step().map_err(|broken| of_client(&broken))? {
                    Step::Idle => break,
                    step => self.asked(files, step).await?,
                }
            }
            // The end is the last thing that is written: answers may still ask for more.
            let done = files.is_idle() && files.transfer.is_settled();
            if files.input_ended && !files.end_told && done {
                files.end_told = true;
                files.to_write.push_back(Write::End);
            }
            match self.next_of_files(target, files).await? {
                Next::Arrived(Arrived::Bytes(Stream::Output, bytes)) => {
                    files.transfer.target(&bytes);
                }
                Next::Arrived(arrived) => {
                    if let Some(ending) = self.arrived(arrived, &mut heard).await? {
                        return Ok(ending);
                    }
                }
                Next::Input(bytes) => files.transfer.client(&bytes),
                Next::InputEnded => files.input_ended = true,
                Next::Written => {}
                Next::Signal(signal) => self.signal(target, signal).await?,
                Next::Fault(told) => return Err(Ending::Failed(told)),
                Next::Late => self.look_at_input(&mut seen),
            }
        }
    }

    /// Does what the client's next packet asks.
    async fn asked(&mut self, files: &mut Files, step: Step) -> Result<(), Ending> {
        match step {
            Step::Idle => Ok(()),
            Step::Send(packet) => {
                files.to_write.push_back(Write::Passed(packet));
                Ok(())
            }
            Step::Answer(packet) => self.message(packet, &[]).await,
            Step::Look(asked) => match self.session.look(asked.clone()).await {
                Ok(Some(preparation)) => {
                    let sending = files.transfer.allowed(None, None).ok_or_else(bug)?;
                    files.to_write.push_back(Write::Looking(preparation, sending));
                    Ok(())
                }
                Ok(None) => self.judge_file(files, asked).await,
                Err(told) => self.refuse_file(files, &told).await,
            },
            Step::Judge(asked) => self.judge_file(files, asked).await,
            Step::Content(content) => self.upload(files, content).await,
        }
    }

    /// Has content written as it is, or not at all.
    async fn upload(&mut self, files: &mut Files, content: Content) -> Result<(), Ending> {
        let Content { message, from, before, after, .. } = &content;
        let piece = Piece { message: message.clone(), from: *from, before, after };
        let (found, told) = match files.transfer.writes_too_much(&content) {
            Some(told) => (Vec::new(), told),
            None => match self.session.upload(&piece) {
                Ok(()) => {
                    files.to_write.push_back(Write::Passed(files.transfer.writes(content)));
                    return Ok(());
                }
                Err(detectors) => {
                    let text = "which may not be sent there, so no more of it is written";
                    holds(Code::UploadRefused, &detectors, text)
                }
            },
        };
        self.say(&told).await?;
        files.transfer.barred(content, found, &told);
        Ok(())
    }

    /// What a client does not show of an answer is said aloud too.
    async fn say(&mut self, told: &Told) -> Result<(), Ending> {
        let client = self.client;
        self.meanwhile(client.tell(told)).await?.map_err(|_| Ending::ClientLeft)
    }

    async fn judge_file(&mut self, files: &mut Files, asked: Vec<u8>) -> Result<(), Ending> {
        let leaving = Leaving::Closing;
        match door::judge(&mut self.session, self.client, leaving, asked).await {
            Ok(permit) => {
                let command = self.session.last_command();
                let limit = self.session.file_limit(command);
                let sending = files.transfer.allowed(Some(command), limit).ok_or_else(bug)?;
                files.to_write.push_back(Write::Permitted(permit, sending));
                Ok(())
            }
            Err(told) => self.refuse_file(files, &told).await,
        }
    }

    async fn refuse_file(&mut self, files: &mut Files, told: &Told) -> Result<(), Ending> {
        self.say(told).await?;
        let answer = files.transfer.refused(told).ok_or_else(bug)?;
        self.message(answer, &[]).await
    }

    /// Does what the target's next packet answers.
    async fn answered(&mut self, files: &mut Files, heard: Heard) -> Result<(), Ending> {
        match heard {
            Heard::Send(packet) => {
                files.to_write.push_back(Write::Passed(packet));
                Ok(())
            }
            Heard::Pass(packet, places) => self.message(packet, &places).await,
            Heard::Answered(Answered { command, status, passed }, packet, places) => {
                let passed = passed.map(|file| Carried::File(Box::new(file)));
                let recorded =
                    self.session.answered(command, Outcome::Exited(status), passed).await;
                recorded.map_err(Ending::Refused)?;
                self.message(packet, &places).await
            }
            Heard::Content(content) => self.content(files, &content).await,
        }
    }

    /// Passes content on as it is, or not at all.
    async fn content(&mut self, files: &mut Files, content: &Content) -> Result<(), Ending> {
        let Content { message, from, before, after, .. } = content;
        let piece = Piece { message: message.clone(), from: *from, before, after };
        let (found, told) = match files.transfer.reads_too_much(content) {
            Some(told) => (Vec::new(), told),
            None => match self.session.content(&piece) {
                Ok(release) => {
                    files.transfer.passed(content);
                    return self.release(vec![release]).await;
                }
                Err(detectors) => {
                    let text = "which is masked here, so it is not given out";
                    holds(Code::ContentWithheld, &detectors, text)
                }
            },
        };
        self.say(&told).await?;
        let answer = files.transfer.withheld(content, found, &told);
        self.message(answer, &[]).await
    }

    /// Passes a packet to the client, its texts masked.
    async fn message(&mut self, packet: Bytes, places: &[Place]) -> Result<(), Ending> {
        let release = self.session.values(packet, places, 0).map_err(Ending::Refused)?;
        self.release(vec![release]).await
    }

    async fn next_of_files(
        &mut self,
        target: &mut Dialled,
        files: &mut Files,
    ) -> Result<Next, Ending> {
        let (client, channel) = (self.client, &mut self.input);
        // What waits for answers is not added to.
        let is_hungry = files.is_idle() && !files.input_ended;
        let Files { input, writes, to_write, faults, .. } = files;
        let has_write = !to_write.is_empty();
        let written = async {
            let Ok(place) = writes.reserve().await else { return false };
            if let Some(write) = to_write.pop_front() {
                place.send(write);
            }
            true
        };
        let next = async {
            tokio::select! {
                biased;
                () = client.gone.cancelled() => Err(Ending::ClientLeft),
                Some(told) = channel.faults.recv() => Ok(Next::Fault(told)),
                Some(told) = faults.recv() => Ok(Next::Fault(told)),
                // Whoever writes is gone: nothing that is asked from now on is answered.
                went = written, if has_write => {
                    if went { Ok(Next::Written) } else { Err(lost()) }
                }
                Some(signal) = channel.signals.recv() => Ok(Next::Signal(signal)),
                arrived = target.output.next() => Ok(Next::Arrived(arrived)),
                bytes = input.recv(), if is_hungry => {
                    Ok(bytes.map_or(Next::InputEnded, Next::Input))
                }
                () = tokio::time::sleep(INPUT_LOOK) => Ok(Next::Late),
            }
        };
        while_it_lasts(&mut self.session, next).await
    }
}

/// The detectors that found something in a file, and what is told of it.
fn holds(code: Code, detectors: &[Arc<str>], so: &str) -> (Vec<String>, Told) {
    let text = format!("The file holds something ({}) {so}.", detectors.join(", "));
    (detectors.iter().map(ToString::to_string).collect(), Told::new(code, text))
}

fn bug() -> Ending {
    Ending::Failed(Told::plain(Code::Internal))
}

fn of_client(broken: &Broken) -> Ending {
    let code = match broken {
        Broken::TooLong(_) => Code::MessageTooLarge,
        Broken::Malformed | Broken::OutOfTurn => Code::ProtocolBroken,
    };
    Ending::Failed(Told::new(code, format!("The file transfer ends: {broken}.")))
}

fn of_target(broken: &Broken) -> Ending {
    tracing::warn!(%broken, "a target does not keep to the protocol of file transfers");
    lost()
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
            let now = || self.node.sessions.ports().clock.now().elapsed;
            let packet = match write {
                Write::Passed(packet) => Some(packet),
                Write::Permitted(permit, sending) => packet(permit.redeem(now()).ok(), sending),
                Write::Looking(looking, sending) => packet(looking.redeem(now()).ok(), sending),
                Write::End => {
                    if self.tether.while_fresh(self.target.eof()).await.is_err() {
                        tracing::debug!("the target was gone at the end of the input");
                    }
                    return;
                }
            };
            let Some(packet) = packet else {
                if faults.try_send(Told::plain(Code::PermitExpired)).is_err() {
                    tracing::debug!("nobody asks why a request is not sent");
                }
                return;
            };
            if self.tether.while_fresh(self.target.data_bytes(packet.clone())).await.is_err() {
                return;
            }
            self.meter.lock().pass(&packet);
        }
    }
}

/// What was judged, as it is sent.
fn packet(redeemed: Option<CommandText>, sending: Sending) -> Option<Bytes> {
    sending.packet(redeemed?.bytes())
}
