//! The client's side: what each of its packets asks.

use bytes::Bytes;
use node_enforce::files::{Action, PATH_LIMIT, Request, Seen, normal};
use node_enforce::mask::AROUND_BYTES;
use proto::refusal::Told;

use super::opened::{Opened, Passage, Sent};
use super::wire::{Broken, Fields, KIND_AT, PACKET_LIMIT, Packet, VERSION, kind, status};
use super::{
    Content, OPEN_LIMIT, PENDING_LIMIT, Pending, Phase, Step, Transfer, UNDER_WAY_LIMIT, Waiting,
};

/// How much content one answer holds at most, in bytes: with what lies around it, and what OpenSSH
/// keeps room for, it fits into a packet.
pub(super) const READ_LIMIT: usize = PACKET_LIMIT - 1024 - 2 * AROUND_BYTES;

/// A read as the target is asked: with what lies around what the client wants.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) handle: Bytes,
    /// Where the content begins that the client wants, and how much.
    pub(super) offset: u64,
    pub(super) length: usize,
    /// How much before it is asked for, too.
    pub(super) before: usize,
}

impl Asked {
    fn new(handle: Bytes, offset: u64, length: u32) -> Self {
        let before = AROUND_BYTES.min(usize::try_from(offset).unwrap_or(usize::MAX));
        let length = READ_LIMIT.min(usize::try_from(length).unwrap_or(usize::MAX));
        Self { handle, offset, length, before }
    }

    /// How much the target is asked for.
    pub(super) fn whole(&self) -> usize {
        self.before + self.length + AROUND_BYTES
    }

    /// Where that begins.
    pub(super) fn begins(&self) -> u64 {
        self.offset - self.before as u64
    }
}

/// The packet that asks for content.
pub(super) fn read(id: u32, handle: &[u8], offset: u64, length: usize) -> Bytes {
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    Packet::numbered(kind::READ, id).text(handle).long(offset).number(length).done()
}

/// The packet of a request that was judged.
pub(super) fn packet(id: u32, request: &Request) -> Bytes {
    let (number, name) = match request.action {
        Action::Open => (kind::OPEN, None),
        Action::OpenDirectory => (kind::OPENDIR, None),
        Action::Remove => (kind::REMOVE, None),
        Action::MakeDirectory => (kind::MKDIR, None),
        Action::RemoveDirectory => (kind::RMDIR, None),
        Action::SetAttributes => (kind::SETSTAT, None),
        Action::SetOpenAttributes => (kind::FSETSTAT, None),
        Action::Rename => (kind::RENAME, None),
        Action::Symlink => (kind::SYMLINK, None),
        Action::Stat => (kind::STAT, None),
        Action::LinkStat => (kind::LSTAT, None),
        Action::ReadLink => (kind::READLINK, None),
        Action::SetLinkAttributes => (kind::EXTENDED, Some(LSETSTAT)),
        Action::PosixRename => (kind::EXTENDED, Some(POSIX_RENAME)),
        Action::Hardlink => (kind::EXTENDED, Some(HARDLINK)),
        Action::CopyData => (kind::EXTENDED, Some(COPY_DATA)),
        Action::FileSystem => (kind::EXTENDED, Some(STATVFS)),
    };
    let mut packet = Packet::numbered(number, id);
    if let Some(name) = name {
        packet = packet.text(name);
    }
    match (request.action, &request.paths[..]) {
        // What names something open by its handle holds its path for the verdict alone.
        (Action::SetOpenAttributes | Action::CopyData, _) => {}
        (_, paths) => packet = paths.iter().fold(packet, |packet, path| packet.text(path)),
    }
    packet.raw(&request.rest).done()
}

pub(super) const POSIX_RENAME: &[u8] = b"posix-rename@openssh.com";
pub(super) const HARDLINK: &[u8] = b"hardlink@openssh.com";
pub(super) const FSYNC: &[u8] = b"fsync@openssh.com";
pub(super) const STATVFS: &[u8] = b"statvfs@openssh.com";
pub(super) const FSTATVFS: &[u8] = b"fstatvfs@openssh.com";
pub(super) const LSETSTAT: &[u8] = b"lsetstat@openssh.com";
pub(super) const LIMITS: &[u8] = b"limits@openssh.com";
pub(super) const EXPAND_PATH: &[u8] = b"expand-path@openssh.com";
pub(super) const COPY_DATA: &[u8] = b"copy-data";
pub(super) const USERS_GROUPS: &[u8] = b"users-groups-by-id@openssh.com";
/// The extensions that there are (OpenSSH's `PROTOCOL`, section 4).
pub(super) const EXTENSIONS: &[&[u8]] = &[
    POSIX_RENAME,
    HARDLINK,
    FSYNC,
    STATVFS,
    FSTATVFS,
    LSETSTAT,
    LIMITS,
    EXPAND_PATH,
    COPY_DATA,
    USERS_GROUPS,
];
/// Attributes: how long a file is, and its times (section 5).
const SIZE: u32 = 0x1;
const TIMES: u32 = 0x8;
/// Bytes of the figures of a file system: eleven numbers.
const FILE_SYSTEM_BYTES: usize = 88;

/// A request that cannot be passed on, and is not judged: why, for the client.
struct Refused(u32, &'static str);

type Taken = Result<Result<Step, Refused>, Broken>;

const NOT_OPEN: Refused = Refused(status::FAILURE, "nothing is open under this handle");

impl Transfer {
    /// What is to be done about the client's next packet, if it is its turn.
    ///
    /// # Errors
    /// [`Broken`] when it is none; nothing behind it can be read.
    pub(crate) fn step(&mut self) -> Result<Step, Broken> {
        if let Some(step) = self.late() {
            return Ok(step);
        }
        let Some(packet) = self.client.peek()? else { return Ok(Step::Idle) };
        match self.phase {
            Phase::Greeting => {
                let mut fields = Fields::from(packet, KIND_AT + 1);
                if packet[KIND_AT] != kind::INIT {
                    return Err(Broken::OutOfTurn);
                }
                if fields.number()? < VERSION {
                    return Err(Broken::Malformed);
                }
                self.client.take()?;
                self.phase = Phase::Greeted;
                return Ok(Step::Send(Packet::new(kind::INIT).number(VERSION).done()));
            }
            Phase::Greeted | Phase::Locating { .. } => return Ok(Step::Idle),
            Phase::Open { .. } => {}
        }
        let full = self.pending.len() >= PENDING_LIMIT || self.under_way >= UNDER_WAY_LIMIT;
        if self.waiting.is_some() || full || self.must_wait(packet) {
            return Ok(Step::Idle);
        }
        let Some(packet) = self.client.take()? else { return Ok(Step::Idle) };
        let id = Fields::from(&packet, KIND_AT + 1).number()?;
        if self.pending.contains_key(&id) {
            return Err(Broken::OutOfTurn);
        }
        match self.ask(id, &packet)? {
            Ok(step) => Ok(step),
            Err(Refused(code, text)) => Ok(Step::Answer(status(id, code, text))),
        }
    }

    /// Whether a packet closes what is being read or written: that is answered first, since the
    /// target may be asked for more of it, and what was written is counted then.
    fn must_wait(&self, packet: &[u8]) -> bool {
        let handle = Fields::of(packet).text().ok().filter(|_| packet[KIND_AT] == kind::CLOSE);
        handle.and_then(|handle| self.open.get(handle)).is_some_and(|open| open.busy > 0)
    }

    fn ask(&mut self, id: u32, packet: &Bytes) -> Taken {
        let fields = Fields::of(packet);
        match packet[KIND_AT] {
            kind::INIT => Err(Broken::OutOfTurn),
            kind::CLOSE => self.close(id, packet),
            kind::READ => self.read(id, packet),
            kind::WRITE => self.write(id, packet),
            kind::FSTAT => self.on_open(id, packet, fields, Pending::Attributes),
            kind::READDIR => self.on_open(id, packet, fields, Pending::Names),
            kind::REALPATH => self.ask_for(id, packet, Pending::Names, 1),
            kind::OPEN => self.named(id, Action::Open, fields),
            kind::OPENDIR => self.named(id, Action::OpenDirectory, fields),
            kind::REMOVE => self.named(id, Action::Remove, fields),
            kind::MKDIR => self.named(id, Action::MakeDirectory, fields),
            kind::RMDIR => self.named(id, Action::RemoveDirectory, fields),
            kind::SETSTAT => self.named(id, Action::SetAttributes, fields),
            kind::FSETSTAT => self.set_open_attributes(id, packet),
            kind::RENAME => self.named(id, Action::Rename, fields),
            kind::SYMLINK => self.named(id, Action::Symlink, fields),
            kind::STAT => self.named(id, Action::Stat, fields),
            kind::LSTAT => self.named(id, Action::LinkStat, fields),
            kind::READLINK => self.named(id, Action::ReadLink, fields),
            kind::EXTENDED => self.extended(id, packet),
            _ => Ok(Err(Refused(status::OP_UNSUPPORTED, "this kind of request is not known"))),
        }
    }

    fn extended(&mut self, id: u32, packet: &Bytes) -> Taken {
        let mut fields = Fields::of(packet);
        let name = fields.text()?;
        match name {
            POSIX_RENAME => self.named(id, Action::PosixRename, fields),
            HARDLINK => self.named(id, Action::Hardlink, fields),
            LSETSTAT => self.named(id, Action::SetLinkAttributes, fields),
            STATVFS => self.named(id, Action::FileSystem, fields),
            COPY_DATA => self.copy_data(id, fields),
            FSYNC => self.on_open(id, packet, fields, Pending::Status),
            FSTATVFS => self.on_open(id, packet, fields, Pending::Figures(FILE_SYSTEM_BYTES)),
            LIMITS => self.ask_for(id, packet, Pending::Limits, 1),
            EXPAND_PATH => self.ask_for(id, packet, Pending::Names, 2),
            USERS_GROUPS => self.ask_for(id, packet, Pending::Lists, 3),
            _ => Ok(Err(Refused(status::OP_UNSUPPORTED, "this extension is not served"))),
        }
    }

    /// Passes on what names no file, or tells only what a name stands for: so many texts.
    fn ask_for(&mut self, id: u32, packet: &Bytes, pending: Pending, texts: usize) -> Taken {
        let mut fields = Fields::of(packet);
        for _ in 0..texts {
            fields.text()?;
        }
        fields.end()?;
        self.pending.insert(id, pending);
        Ok(Ok(Step::Send(packet.clone())))
    }

    /// Passes on what asks about something open, and nothing else.
    fn on_open(
        &mut self,
        id: u32,
        packet: &Bytes,
        mut fields: Fields<'_>,
        pending: Pending,
    ) -> Taken {
        let handle = fields.text()?;
        fields.end()?;
        if !self.open.contains_key(handle) {
            return Ok(Err(NOT_OPEN));
        }
        self.pending.insert(id, pending);
        Ok(Ok(Step::Send(packet.clone())))
    }

    fn close(&mut self, id: u32, packet: &Bytes) -> Taken {
        let mut fields = Fields::of(packet);
        let handle = fields.text()?;
        fields.end()?;
        let Some(opened) = self.open.remove(handle) else { return Ok(Err(NOT_OPEN)) };
        self.pending.insert(id, Pending::Close(Box::new(opened)));
        Ok(Ok(Step::Send(packet.clone())))
    }

    fn read(&mut self, id: u32, packet: &Bytes) -> Taken {
        let mut fields = Fields::of(packet);
        let (handle, offset, length) = (fields.text()?, fields.long()?, fields.number()?);
        fields.end()?;
        let Some(opened) = self.open.get_mut(handle) else { return Ok(Err(NOT_OPEN)) };
        if !opened.reads || opened.is_folder {
            return Ok(Err(Refused(status::FAILURE, "it is not open for reading")));
        }
        if let Some((_, told)) = &opened.withheld {
            return Ok(Ok(denied(id, told)));
        }
        if length == 0 || offset > i64::MAX as u64 - u64::from(u32::MAX) {
            return Ok(Err(Refused(status::FAILURE, "there is no such place in a file")));
        }
        opened.busy += 1;
        let asked = Asked::new(packet.slice_ref(handle), offset, length);
        self.under_way += asked.whole();
        let packet = read(id, handle, asked.begins(), asked.whole());
        self.pending.insert(id, Pending::Read(asked));
        Ok(Ok(Step::Send(packet)))
    }

    fn write(&mut self, id: u32, packet: &Bytes) -> Taken {
        let mut fields = Fields::of(packet);
        let (handle, offset, data) = (fields.text()?, fields.long()?, fields.text()?);
        fields.end()?;
        let Some(opened) = self.open.get_mut(handle) else { return Ok(Err(NOT_OPEN)) };
        if !opened.writes || opened.is_folder {
            return Ok(Err(Refused(status::FAILURE, "it is not open for writing")));
        }
        if let Some((_, told)) = &opened.barred {
            return Ok(Ok(denied(id, told)));
        }
        let (message, handle) = (packet.clone(), packet.slice_ref(handle));
        let (from, before) = (packet.len() - data.len(), opened.sent.before(offset));
        let after = Bytes::new();
        Ok(Ok(Step::Content(Content { message, from, before, after, id, handle, offset })))
    }

    /// What names files by paths: to be judged.
    fn named(&mut self, id: u32, action: Action, mut fields: Fields<'_>) -> Taken {
        let Phase::Open { start } = &self.phase else { return Err(Broken::OutOfTurn) };
        let mut written = Vec::new();
        for _ in 0..action.paths() {
            written.push(fields.text()?);
        }
        let rest = fields.rest().to_vec();
        well_formed(action, fields)?;
        let mut paths = Vec::new();
        for (at, path) in written.iter().enumerate() {
            // What a link leads to is relative to where the link lies. It is sent as it is judged:
            // a relative one would lead elsewhere once the link is renamed.
            let from = match (action, written.get(1)) {
                (Action::Symlink, Some(link)) if at == 0 => {
                    normal(&folder(&normal(start, link)), path)
                }
                _ => normal(start, path),
            };
            if path.len() > PATH_LIMIT || from.len() > PATH_LIMIT || path.contains(&0) {
                return Ok(Err(Refused(
                    status::FAILURE,
                    "it is too long, or holds what no path may",
                )));
            }
            if path.is_empty() {
                return Ok(Err(Refused(status::FAILURE, "a path is empty")));
            }
            paths.push(from);
        }
        if matches!(action, Action::Open | Action::OpenDirectory)
            && self.open.len() + self.opening >= OPEN_LIMIT
        {
            return Ok(Err(Refused(status::FAILURE, "too much is open")));
        }
        Ok(Ok(self.judge(id, Request { action, paths, rest })))
    }

    fn set_open_attributes(&mut self, id: u32, packet: &Bytes) -> Taken {
        let mut fields = Fields::of(packet);
        let rest = fields.rest().to_vec();
        let handle = fields.text()?;
        let flags = fields.clone().number()?;
        fields.attributes(&mut Vec::new())?;
        fields.end()?;
        let Some(opened) = self.open.get(handle) else { return Ok(Err(NOT_OPEN)) };
        // A file that is cut off must not look whole.
        if let Some((_, told)) = &opened.barred {
            return Ok(Ok(denied(id, told)));
        }
        // How long a file is, and when it was changed, is what writing it says as well.
        if opened.writes && flags & !(SIZE | TIMES) == 0 {
            self.pending.insert(id, Pending::Status);
            return Ok(Ok(Step::Send(packet.clone())));
        }
        let paths = vec![opened.path.clone()];
        Ok(Ok(self.judge(id, Request { action: Action::SetOpenAttributes, paths, rest })))
    }

    fn copy_data(&mut self, id: u32, mut fields: Fields<'_>) -> Taken {
        let rest = fields.rest().to_vec();
        let (from, _, _) = (fields.text()?, fields.long()?, fields.long()?);
        let (to, _) = (fields.text()?, fields.long()?);
        fields.end()?;
        let (Some(from), Some(to)) = (self.open.get(from), self.open.get(to)) else {
            return Ok(Err(NOT_OPEN));
        };
        let paths = vec![from.path.clone(), to.path.clone()];
        Ok(Ok(self.judge(id, Request { action: Action::CopyData, paths, rest })))
    }

    fn judge(&mut self, id: u32, request: Request) -> Step {
        let looks = request.action.only_looks();
        let seen = Seen::Request(request.clone()).encode();
        self.waiting = Some(Waiting { id, request });
        if looks { Step::Look(seen) } else { Step::Judge(seen) }
    }

    /// What is expected of the target after a request that was judged.
    pub(super) fn expected(
        &mut self,
        command: Option<u64>,
        limit: Option<u64>,
        request: &Request,
    ) -> Pending {
        match (request.action, command) {
            (Action::Stat | Action::LinkStat, _) => Pending::Attributes,
            (Action::ReadLink, _) => Pending::Names,
            (Action::FileSystem, _) => Pending::Figures(FILE_SYSTEM_BYTES),
            (_, None) => Pending::Status,
            (Action::Open | Action::OpenDirectory, Some(command)) => {
                self.opening += 1;
                let is_folder = request.action == Action::OpenDirectory;
                let (reads, writes) = request.opens_for();
                Pending::Open(Box::new(Opened {
                    command,
                    path: request.paths.first().cloned().unwrap_or_default(),
                    is_folder,
                    reads,
                    writes,
                    busy: 0,
                    read: Passage::default(),
                    written: Passage::default(),
                    sent: Sent::default(),
                    limit,
                    withheld: None,
                    barred: None,
                }))
            }
            (_, Some(command)) => Pending::Judged(command),
        }
    }
}

fn denied(id: u32, told: &Told) -> Step {
    Step::Answer(status(id, status::PERMISSION_DENIED, &told.to_string()))
}

/// That what follows the paths is what the protocol says.
fn well_formed(action: Action, mut fields: Fields<'_>) -> Result<(), Broken> {
    match action {
        Action::Open => {
            fields.number()?;
            fields.attributes(&mut Vec::new())?;
        }
        Action::MakeDirectory | Action::SetAttributes | Action::SetLinkAttributes => {
            fields.attributes(&mut Vec::new())?;
        }
        _ => {}
    }
    fields.end()
}

/// The folder that a path in normal form lies in.
fn folder(path: &[u8]) -> Vec<u8> {
    let slash = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    path[..slash.max(1)].to_vec()
}
