//! File transfer as it passes: each packet of the client is read before the target sees it, each of
//! the target before the client does.
//!
//! Pure: bytes and verdicts go in, what to do comes out. What opens, changes, removes or lists is
//! to be judged first, with its path in normal form; it is sent as it was judged, from its permit.
//! What follows on an open file passes. Content passes as it is or not at all. A packet that is
//! none, or comes out of turn, ends the transfer; what is not known is refused.

mod opened;
mod replies;
mod requests;
mod wire;

use std::collections::HashMap;

use bytes::Bytes;
use node_enforce::files::{Request, Seen};
use node_enforce::mask::Place;
use proto::event::FileTransferred;
use proto::refusal::Told;

use opened::Opened;
use wire::{Framer, Packet, kind, status};

pub(crate) use opened::Passage;
pub(crate) use wire::Broken;

/// How many requests may be without an answer; more wait.
pub(crate) const PENDING_LIMIT: usize = 1024;
/// How much content may be asked for or sent without an answer, in bytes; more waits. What is kept
/// of a transfer is about as much.
pub(crate) const UNDER_WAY_LIMIT: usize = 4 * 1024 * 1024;
/// How much may be open; more is refused.
pub(crate) const OPEN_LIMIT: usize = 256;
/// The longest name of something open, in bytes (section 6.2).
const HANDLE_LIMIT: usize = 256;

/// What is to be done about what the client asks.
#[derive(Debug)]
pub(crate) enum Step {
    /// To be sent to the target.
    Send(Bytes),
    /// To be judged; the verdict is told to [`Transfer::allowed`] or [`Transfer::refused`].
    Judge(Vec<u8>),
    /// To be judged as what only looks.
    Look(Vec<u8>),
    /// Content for the target; what is found in it is told to [`Transfer::writes`] or
    /// [`Transfer::barred`].
    Content(Content),
    /// To be answered to the client.
    Answer(Bytes),
    /// Nothing, until more comes.
    Idle,
}

/// What is to be done about what the target answers.
#[derive(Debug)]
pub(crate) enum Heard {
    /// To be sent to the target.
    Send(Bytes),
    /// To be passed to the client, with the texts in it masked.
    Pass(Bytes, Vec<Place>),
    /// Content for the client.
    Content(Content),
    /// What was judged ended, with this status; of a file that it opened this passed. Then the
    /// answer is to be passed.
    Answered(Answered, Bytes, Vec<Place>),
}

/// How something that was judged ended.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) command: u64,
    /// What the target said of it (section 7).
    pub(crate) status: u32,
    pub(crate) passed: Option<FileTransferred>,
}

/// Content of a file, for the client or for the target, with what lies around it.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) message: Bytes,
    /// Where the content begins in the message.
    pub(crate) from: usize,
    pub(crate) before: Bytes,
    pub(crate) after: Bytes,
    id: u32,
    handle: Bytes,
    offset: u64,
}

/// A request that may be sent: which one.
#[derive(Debug)]
pub(crate) struct Sending {
    id: u32,
}

impl Sending {
    /// The packet of what was judged.
    pub(crate) fn packet(self, judged: &[u8]) -> Option<Bytes> {
        match Seen::decode(judged) {
            Some(Seen::Request(request)) => Some(requests::packet(self.id, &request)),
            _ => None,
        }
    }
}

/// How far the two sides have come.
enum Phase {
    /// The client says its version first.
    Greeting,
    /// Then the target does.
    Greeted,
    /// The target is asked where paths begin; its own version is kept until it says so.
    Locating { hello: Bytes },
    /// Where they do.
    Open { start: Vec<u8> },
}

/// What the target is to answer.
enum Pending {
    /// A status alone.
    Status,
    /// A status, to what was judged under this number.
    Judged(u64),
    /// Something open, or a status.
    Open(Box<Opened>),
    /// A status, after which a file is closed.
    Close(Box<Opened>),
    /// A status, after which this is written.
    Write { handle: Bytes, offset: u64, data: Bytes },
    /// Content, or a status.
    Read(requests::Asked),
    /// What lies behind content that came already.
    Behind(requests::Asked, Bytes),
    /// Names, or a status.
    Names,
    /// Attributes, or a status.
    Attributes,
    /// So many bytes of figures, or a status.
    Figures(usize),
    /// How much a packet may hold.
    Limits,
    /// Two lists of names.
    Lists,
}

impl Pending {
    /// What is recorded when it has no answer that can be read.
    fn unanswered(&self) -> Option<(u64, Option<FileTransferred>)> {
        match self {
            Self::Judged(command) => Some((*command, None)),
            Self::Open(opened) => Some((opened.command, None)),
            Self::Close(opened) => Some(opened.left()),
            _ => None,
        }
    }
}

/// What waits for its verdict.
struct Waiting {
    id: u32,
    request: Request,
}

/// One file transfer.
pub(crate) struct Transfer {
    phase: Phase,
    client: Framer,
    target: Framer,
    pending: HashMap<u32, Pending>,
    open: HashMap<Bytes, Opened>,
    /// How many opens have no answer yet.
    opening: usize,
    /// How much content is asked for or sent and has no answer yet, in bytes.
    under_way: usize,
    waiting: Option<Waiting>,
    /// The answer to a write that is refused, until what was written before it is answered.
    late: Option<(Bytes, Bytes)>,
    /// What the target answered with what cannot be read; nothing follows that.
    misread: Option<(u64, Option<FileTransferred>)>,
}

impl Transfer {
    pub(crate) fn new() -> Self {
        Self {
            phase: Phase::Greeting,
            client: Framer::default(),
            target: Framer::default(),
            pending: HashMap::new(),
            open: HashMap::new(),
            opening: 0,
            under_way: 0,
            waiting: None,
            late: None,
            misread: None,
        }
    }

    /// Bytes came from the client.
    pub(crate) fn client(&mut self, bytes: &[u8]) {
        self.client.push(bytes);
    }

    /// Whether a whole packet of the client waits for answers of the target.
    pub(crate) fn is_behind(&self) -> bool {
        self.late.is_some() || matches!(self.client.peek(), Ok(Some(_)))
    }

    /// Whether the target owes no answer, so that nothing more is to be sent to it.
    pub(crate) fn is_settled(&self) -> bool {
        self.pending.is_empty() && !matches!(self.phase, Phase::Greeted | Phase::Locating { .. })
    }

    /// How much is kept: answers that are owed, what is open or to be opened, content under way.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn kept(&self) -> [usize; 3] {
        [self.pending.len(), self.open.len() + self.opening, self.under_way]
    }

    /// Bytes came from the target.
    pub(crate) fn target(&mut self, bytes: &[u8]) {
        self.target.push(bytes);
    }

    /// What was to be judged may be sent, under this number of its command; of what only looks
    /// there is none. Of a file that it opens at most `limit` bytes pass, either way.
    pub(crate) fn allowed(&mut self, command: Option<u64>, limit: Option<u64>) -> Option<Sending> {
        let Waiting { id, request } = self.waiting.take()?;
        let pending = self.expected(command, limit, &request);
        self.pending.insert(id, pending);
        Some(Sending { id })
    }

    /// Content may be sent to the target; gives its packet.
    pub(crate) fn writes(&mut self, content: Content) -> Bytes {
        let Content { message, from, id, handle, offset, .. } = content;
        let data = message.slice(from..);
        if let Some(opened) = self.open.get_mut(&handle) {
            opened.busy += 1;
            opened.sent.pass(offset, &data);
        }
        self.under_way += data.len();
        self.pending.insert(id, Pending::Write { handle, offset, data });
        message
    }

    /// Content may not be sent to the target, perhaps because of what these detectors found in it.
    /// Nothing more is written to the file. The client is answered when it has heard of all that
    /// was written before: OpenSSH's goes by the last answer that comes, and would call it done.
    pub(crate) fn barred(&mut self, content: Content, detectors: Vec<String>, told: &Told) {
        if let Some(opened) = self.open.get_mut(&content.handle) {
            opened.barred.get_or_insert((detectors, told.clone()));
        }
        let answer = status(content.id, status::PERMISSION_DENIED, &told.to_string());
        self.late = Some((content.handle, answer));
    }

    /// The answer to a write that was refused, if it is its turn; or that there is one to wait for.
    fn late(&mut self) -> Option<Step> {
        let (handle, answer) = self.late.take()?;
        if self.open.get(&handle).is_some_and(|opened| opened.busy > 0) {
            self.late = Some((handle, answer));
            return Some(Step::Idle);
        }
        Some(Step::Answer(answer))
    }

    /// What was to be judged may not be sent; gives the client's answer.
    pub(crate) fn refused(&mut self, told: &Told) -> Option<Bytes> {
        let Waiting { id, .. } = self.waiting.take()?;
        Some(status(id, status::PERMISSION_DENIED, &told.to_string()))
    }

    /// Why content may not pass to the client, when policy lets less of the file pass.
    pub(crate) fn reads_too_much(&self, content: &Content) -> Option<Told> {
        let opened = self.open.get(&content.handle)?;
        opened.is_too_much(opened.read.bytes(), content.message.len() - content.from)
    }

    /// The same of content for the target.
    pub(crate) fn writes_too_much(&self, content: &Content) -> Option<Told> {
        let opened = self.open.get(&content.handle)?;
        opened.is_too_much(opened.sent.bytes, content.message.len() - content.from)
    }

    /// Content was passed to the client.
    pub(crate) fn passed(&mut self, content: &Content) {
        if let Some(opened) = self.open.get_mut(&content.handle) {
            let bytes = content.message.get(content.from..).unwrap_or_default();
            opened.read.pass(content.offset, bytes);
        }
    }

    /// Content was not passed to the client, perhaps because of what these detectors found in it;
    /// gives the client's answer. Nothing more is read of the file.
    pub(crate) fn withheld(
        &mut self,
        content: &Content,
        detectors: Vec<String>,
        told: &Told,
    ) -> Bytes {
        if let Some(opened) = self.open.get_mut(&content.handle) {
            opened.withheld.get_or_insert((detectors, told.clone()));
        }
        status(content.id, status::PERMISSION_DENIED, &told.to_string())
    }

    /// The transfer is over: what has no answer, by its number, and what passed of each file that
    /// is still open.
    pub(crate) fn over(&mut self) -> Vec<(u64, Option<FileTransferred>)> {
        let pending = self.pending.drain().filter_map(|(_, pending)| pending.unanswered());
        let open = self.open.drain().map(|(_, opened)| opened.left());
        let mut all: Vec<_> = open.chain(pending).chain(self.misread.take()).collect();
        all.sort_by_key(|(command, _)| *command);
        all
    }
}

/// The question where paths begin. It is asked while nothing else is, so any number will do.
fn locate() -> Bytes {
    Packet::numbered(kind::REALPATH, 0).text(b".").done()
}
