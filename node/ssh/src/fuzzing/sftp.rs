//! Packets of a client and of a server, before a file transfer.
//!
//! Each packet stands behind a byte that says whose it is: even of the client, odd of the target.
//! Where the server is the honest one, an odd byte lets it answer what it was asked so far.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use node_enforce::files::{Action, Seen, normal};
use node_enforce::mask::AROUND_BYTES;
use proto::event::FileTransferred;
use proto::refusal::{Code, Told};

use super::packets::{self, BODY_AT, Fields, KIND_AT, framed, number};
use super::pieces;
use super::server::{Server, byte};
use crate::sftp::{
    Broken, Content, Heard, OPEN_LIMIT, PENDING_LIMIT, Sending, Step, Transfer, UNDER_WAY_LIMIT,
};

/// The longest packet, in bytes.
const PACKET_BYTES: usize = 256 * 1024;
/// What is refused.
const BLOCKED: &[u8] = b"/blocked";

/// What happened, in the order of each side.
#[derive(Debug, Default, PartialEq, Eq)]
struct Done {
    judged: Vec<Vec<u8>>,
    to_target: Vec<Bytes>,
    to_client: Vec<Bytes>,
    /// What is recorded of commands.
    ended: Vec<(u64, Option<FileTransferred>)>,
    broken: bool,
}

/// A transfer, and what must be so of it.
struct Scene {
    transfer: Transfer,
    server: Option<Server>,
    withholds: bool,
    /// How many bytes of a file may pass, and whether some of what is written may not.
    limit: Option<u64>,
    bars: bool,
    /// Whether a write was refused whose answer waits.
    late: bool,
    cuts: u8,
    /// What the client says that was not asked for yet, and the packets that were not looked at.
    coming: VecDeque<Vec<u8>>,
    said: Vec<u8>,
    /// How often the client is owed an answer to a number.
    owed: BTreeMap<u32, u32>,
    /// Commands that were let go, and whether they ended.
    commands: Vec<bool>,
    answers: VecDeque<Bytes>,
    /// Reads of the client: where, and how much.
    reads: BTreeMap<u32, (u64, u32)>,
    /// Bytes of content that went to each side.
    passed: [u64; 2],
    done: Done,
}

/// Puts packets through a transfer. The first byte chooses whether the server is honest, how much
/// it gives at a time, whether content is withheld or barred and how much of a file may pass, the
/// second how all is cut.
///
/// # Panics
/// When something is not as it must be.
pub fn sftp(bytes: &[u8]) {
    let [choice, cuts, packets @ ..] = bytes else { return };
    let whole = play(packets, *choice, 0);
    assert_eq!(play(packets, *choice, *cuts), whole, "another cut");
}

fn play(packets: &[u8], choice: u8, cuts: u8) -> Done {
    let most = if choice & 2 == 2 { 600 } else { u64::MAX };
    let mut scene = Scene {
        transfer: Transfer::new(),
        server: (choice & 1 == 1).then_some(Server { most, open: BTreeSet::new() }),
        withholds: choice & 4 == 4,
        limit: (choice & 8 == 8).then_some(700),
        bars: choice & 16 == 16,
        late: false,
        cuts,
        coming: VecDeque::new(),
        said: Vec::new(),
        owed: BTreeMap::new(),
        commands: Vec::new(),
        answers: VecDeque::new(),
        reads: BTreeMap::new(),
        passed: [0; 2],
        done: Done::default(),
    };
    scene.done.broken = scene.talk(packets).is_err();
    scene.over();
    scene.done
}

impl Scene {
    fn talk(&mut self, packets: &[u8]) -> Result<(), Broken> {
        let mut rest = packets;
        while let [whose, behind @ ..] = rest {
            let (packet, behind) = behind.split_at(framed(behind));
            rest = behind;
            if whose & 1 == 0 {
                self.coming.extend(pieces(packet, self.cuts).map(<[u8]>::to_vec));
                self.look()?;
            } else if self.server.is_some() {
                self.serve()?;
            } else {
                self.target(packet)?;
            }
        }
        while !self.answers.is_empty() {
            self.serve()?;
        }
        if self.server.is_some() {
            let owed = self.owed.values().any(|count| *count > 0);
            let rests = self.transfer.is_behind() || !self.transfer.is_settled();
            assert!(!owed && !rests && self.coming.is_empty(), "something has no answer");
        }
        Ok(())
    }

    /// The honest server answers what it was asked so far. What it says is never wrong.
    fn serve(&mut self) -> Result<(), Broken> {
        for answer in std::mem::take(&mut self.answers) {
            self.target(&answer)?;
        }
        Ok(())
    }

    fn target(&mut self, packet: &[u8]) -> Result<(), Broken> {
        for piece in pieces(packet, self.cuts) {
            self.transfer.target(piece);
            self.hear()?;
        }
        Ok(())
    }

    fn hear(&mut self) -> Result<(), Broken> {
        loop {
            let heard = self.transfer.hear();
            assert!(self.server.is_none() || heard.is_ok(), "an honest server: {heard:?}");
            match heard? {
                None => return Ok(()),
                Some(Heard::Send(packet)) => self.sent(packet),
                Some(Heard::Pass(packet, places)) => {
                    assert!(places.iter().all(|place| place.end <= packet.len()));
                    self.passed(packet);
                }
                Some(Heard::Answered(answered, packet, _)) => {
                    self.ended(answered.command, answered.passed);
                    self.passed(packet);
                }
                Some(Heard::Content(content)) => self.content(content),
            }
            self.look()?;
        }
    }

    /// Looks at all that the client said, as far as it is its turn.
    fn look(&mut self) -> Result<(), Broken> {
        loop {
            loop {
                match self.transfer.step()? {
                    Step::Idle => break,
                    Step::Send(packet) => self.unjudged(packet),
                    Step::Content(content) => self.written(content),
                    Step::Judge(seen) => self.judged(seen, true),
                    Step::Look(seen) => self.judged(seen, false),
                    Step::Answer(packet) => {
                        if !std::mem::take(&mut self.late) {
                            self.take();
                        }
                        self.passed(packet);
                    }
                }
                self.bounded();
            }
            if self.transfer.is_behind() {
                return Ok(());
            }
            let Some(piece) = self.coming.pop_front() else { return Ok(()) };
            self.said.extend_from_slice(&piece);
            self.transfer.client(&piece);
        }
    }

    /// Takes the client's next packet: each is dealt with once, and in order.
    fn take(&mut self) -> Bytes {
        let length = framed(&self.said);
        let packet: Bytes = self.said.drain(..length).collect();
        assert!(packet.len() > KIND_AT, "nothing is done without a packet");
        if packet[KIND_AT] != packets::INIT {
            let id = number(&packet);
            *self.owed.entry(id).or_default() += 1;
            let mut fields = Fields::of(&packet);
            if packet[KIND_AT] == packets::READ
                && let (Some(_), Some(at), Some(length)) =
                    (fields.text(), fields.long(), fields.number())
            {
                self.reads.insert(id, (at, length));
            }
        }
        packet
    }

    /// What is sent without a verdict opens, changes and lists nothing.
    fn unjudged(&mut self, packet: Bytes) {
        let asked = self.take();
        assert_eq!(packet[KIND_AT], asked[KIND_AT], "it is what the client asked");
        assert!(packets::needs_no_verdict(&packet), "{packet:?} is sent without a verdict");
        assert_ne!(packet[KIND_AT], packets::WRITE, "what is written is looked through");
        self.sent(packet);
    }

    /// What is written goes as the client wrote it, or not at all.
    fn written(&mut self, content: Content) {
        let asked = self.take();
        assert_eq!(content.message, asked, "it is what the client asked");
        let data = asked.slice(content.from..);
        assert!(content.before.len() <= AROUND_BYTES && asked.ends_with(&data));
        let told = self.transfer.writes_too_much(&content).or_else(|| {
            (self.bars && data.len().is_multiple_of(3)).then(|| Told::plain(Code::UploadRefused))
        });
        if let Some(told) = told {
            self.late = true;
            return self.transfer.barred(content, vec!["found".to_owned()], &told);
        }
        self.passed[1] += data.len() as u64;
        let packet = self.transfer.writes(content);
        assert_eq!(packet, asked);
        self.sent(packet);
    }

    /// A verdict, and what comes of it: the same request, with paths in normal form.
    fn judged(&mut self, seen: Vec<u8>, counts: bool) {
        let asked = self.take();
        let Some(Seen::Request(request)) = Seen::decode(&seen) else { panic!("{seen:?}") };
        assert_eq!(Seen::Request(request.clone()).encode(), seen, "it is read as it was written");
        assert_eq!(counts, !request.action.only_looks());
        for path in &request.paths {
            assert_eq!(normal(b"/", path), *path, "a path in normal form");
        }
        assert!(matches!(self.transfer.step(), Ok(Step::Idle) | Err(_)), "a verdict is waited for");
        if request.paths.iter().any(|path| path.starts_with(BLOCKED)) {
            let told = Told::plain(Code::BlockedByRule);
            let answer = self.transfer.refused(&told).expect("something waits");
            self.passed(answer);
        } else {
            let command = counts.then_some(self.commands.len() as u64);
            self.commands.extend(counts.then_some(false));
            let sending = self.transfer.allowed(command, self.limit).expect("something waits");
            self.permitted(sending, &seen, &asked, request.action);
        }
        self.done.judged.push(seen);
        assert!(self.transfer.allowed(None, None).is_none(), "a verdict counts once");
    }

    fn permitted(&mut self, sending: Sending, seen: &[u8], asked: &[u8], action: Action) {
        let packet = sending.packet(seen).expect("a request");
        assert_eq!(packet[KIND_AT..BODY_AT], asked[KIND_AT..BODY_AT], "{action:?}");
        self.sent(packet);
    }

    fn sent(&mut self, packet: Bytes) {
        assert_eq!(framed(&packet), packet.len(), "one whole packet");
        if let Some(server) = &mut self.server {
            self.answers.push_back(server.answer(&packet));
        }
        self.done.to_target.push(packet);
    }

    /// Content is what the client asked for, and no more of it.
    fn content(&mut self, content: Content) {
        let data = &content.message[content.from..];
        let told = self.transfer.reads_too_much(&content).or_else(|| {
            (self.withholds && data.len().is_multiple_of(3))
                .then(|| Told::plain(Code::ContentWithheld))
        });
        if let Some(told) = told {
            let answer = self.transfer.withheld(&content, vec!["found".to_owned()], &told);
            return self.passed(answer);
        }
        let id = number(&content.message);
        if content.message[KIND_AT] == packets::DATA {
            let (from, length) = self.reads[&id];
            assert!(data.len() <= length as usize, "more than was asked for");
            let mut places = (from..).zip(data);
            assert!(self.server.is_none() || places.all(|(at, found)| *found == byte(at)));
            self.passed[0] += data.len() as u64;
        }
        self.transfer.passed(&content);
        self.passed(content.message);
    }

    /// The client gets an answer that it is owed.
    fn passed(&mut self, packet: Bytes) {
        assert_eq!(framed(&packet), packet.len(), "one whole packet");
        if packet[KIND_AT] != packets::VERSION {
            let id = number(&packet);
            let owed = self.owed.get_mut(&id).filter(|count| **count > 0);
            *owed.expect("nobody asked for this answer") -= 1;
        }
        self.done.to_client.push(packet);
    }

    /// What is recorded of a command: once.
    fn ended(&mut self, command: u64, passed: Option<FileTransferred>) {
        let ended = &mut self.commands[usize::try_from(command).expect("few")];
        assert!(!std::mem::replace(ended, true), "command {command} ends twice");
        self.done.ended.push((command, passed));
    }

    /// What is kept is bounded, however much is asked for.
    fn bounded(&self) {
        let [pending, open, under_way] = self.transfer.kept();
        assert!(pending <= PENDING_LIMIT && open <= OPEN_LIMIT, "{pending} {open}");
        assert!(under_way < UNDER_WAY_LIMIT + 2 * PACKET_BYTES, "{under_way}");
    }

    /// The end: every command ended, and what is recorded of content is what passed.
    fn over(&mut self) {
        for (command, passed) in self.transfer.over() {
            self.ended(command, passed);
        }
        assert!(self.commands.iter().all(|ended| *ended), "a command has no end");
        let files = self.done.ended.iter().filter_map(|(_, file)| file.as_ref());
        let (read, written) = files.fold((0, 0), |(read, written), file| {
            (read + file.read.bytes, written + file.written.bytes)
        });
        assert_eq!(read, self.passed[0], "what was read is recorded");
        assert!(written <= self.passed[1], "more is recorded than was written");
    }
}
