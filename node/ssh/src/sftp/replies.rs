//! The target's side: what each of its packets answers.

use bytes::Bytes;
use node_enforce::files::normal;
use node_enforce::mask::{AROUND_BYTES, Form, Place};
use proto::event::FileTransferred;

use super::requests::{Asked, EXTENSIONS, READ_LIMIT, read};
use super::wire::{BODY_AT, Broken, Fields, KIND_AT, PACKET_LIMIT, Packet, VERSION, kind, status};
use super::{Answered, Content, HANDLE_LIMIT, Heard, Pending, Phase, Transfer, locate};

impl Transfer {
    /// What is to be done about the target's next packet; nothing when none is whole.
    ///
    /// # Errors
    /// [`Broken`] when it is none, or answers nothing.
    pub(crate) fn hear(&mut self) -> Result<Option<Heard>, Broken> {
        let Some(packet) = self.target.take()? else { return Ok(None) };
        let heard = match self.phase {
            Phase::Greeting => return Err(Broken::OutOfTurn),
            Phase::Greeted => self.greeted(&packet)?,
            Phase::Locating { .. } => self.located(&packet)?,
            Phase::Open { .. } => {
                let id = Fields::from(&packet, KIND_AT + 1).number()?;
                let pending = self.pending.remove(&id).ok_or(Broken::OutOfTurn)?;
                let unanswered = pending.unanswered();
                self.answer(id, packet, pending).inspect_err(|_| self.misread = unanswered)?
            }
        };
        Ok(Some(heard))
    }

    /// The target's version and extensions. The client is told of those that are known here, once
    /// it is known where paths begin; it waits for that.
    fn greeted(&mut self, packet: &Bytes) -> Result<Heard, Broken> {
        let mut fields = Fields::from(packet, KIND_AT + 1);
        if packet[KIND_AT] != kind::VERSION || fields.number()? != VERSION {
            return Err(Broken::OutOfTurn);
        }
        let mut hello = Packet::new(kind::VERSION).number(VERSION);
        while !fields.rest().is_empty() {
            let (name, version) = (fields.text()?, fields.text()?);
            let is_number = version.len() <= 4 && version.iter().all(u8::is_ascii_digit);
            if EXTENSIONS.contains(&name) && is_number {
                hello = hello.text(name).text(version);
            }
        }
        self.phase = Phase::Locating { hello: hello.done() };
        Ok(Heard::Send(locate()))
    }

    fn located(&mut self, packet: &Bytes) -> Result<Heard, Broken> {
        let mut fields = Fields::of(packet);
        if packet[KIND_AT] != kind::NAME || fields.number()? != 1 {
            return Err(Broken::OutOfTurn);
        }
        let start = fields.text()?;
        if !start.starts_with(b"/") || start.contains(&0) {
            return Err(Broken::Malformed);
        }
        let open = Phase::Open { start: normal(b"/", start) };
        match std::mem::replace(&mut self.phase, open) {
            Phase::Locating { hello } => Ok(Heard::Pass(hello, Vec::new())),
            _ => Err(Broken::OutOfTurn),
        }
    }

    fn answer(&mut self, id: u32, packet: Bytes, pending: Pending) -> Result<Heard, Broken> {
        let is_status = packet[KIND_AT] == kind::STATUS;
        match pending {
            Pending::Read(asked) => return self.content(id, &packet, asked),
            Pending::Behind(asked, came) => return self.behind(id, &packet, asked, &came),
            Pending::Write { handle, offset, data } => {
                return self.written(packet, &handle, offset, &data);
            }
            Pending::Open(opened) => {
                self.opening -= 1;
                if is_status {
                    return answered(opened.command, None, packet);
                }
                let mut fields = Fields::of(&packet);
                let handle = fields.text()?;
                fields.end()?;
                let taken = handle.len() > HANDLE_LIMIT || self.open.contains_key(handle);
                if packet[KIND_AT] != kind::HANDLE || taken {
                    return Err(Broken::OutOfTurn);
                }
                self.open.insert(Bytes::copy_from_slice(handle), *opened);
                return Ok(Heard::Pass(packet, Vec::new()));
            }
            _ if is_status => {
                return match pending {
                    Pending::Judged(command) => answered(command, None, packet),
                    Pending::Close(opened) => answered(opened.command, opened.file(true), packet),
                    _ => {
                        let places = of_status(&packet)?;
                        Ok(Heard::Pass(packet, places))
                    }
                };
            }
            _ => {}
        }
        match (packet[KIND_AT], pending) {
            (kind::NAME, Pending::Names) => {
                let places = of_names(&packet)?;
                Ok(Heard::Pass(packet, places))
            }
            (kind::ATTRS, Pending::Attributes) => {
                let (mut fields, mut texts) = (Fields::of(&packet), Vec::new());
                fields.attributes(&mut texts)?;
                fields.end()?;
                Ok(Heard::Pass(packet, texts.into_iter().map(place).collect()))
            }
            (kind::EXTENDED_REPLY, Pending::Figures(length)) => {
                let exact = packet.len() == BODY_AT + length;
                exact.then_some(Heard::Pass(packet, Vec::new())).ok_or(Broken::Malformed)
            }
            (kind::EXTENDED_REPLY, Pending::Limits) => limits(id, &packet),
            (kind::EXTENDED_REPLY, Pending::Lists) => lists(id, &packet),
            _ => Err(Broken::OutOfTurn),
        }
    }

    fn content(&mut self, id: u32, packet: &Bytes, asked: Asked) -> Result<Heard, Broken> {
        if packet[KIND_AT] == kind::STATUS {
            return self.no_content(packet, &asked);
        }
        let data = data(packet)?;
        if data.len() > asked.whole() {
            return Err(Broken::Malformed);
        }
        if data.len() == asked.whole() {
            return Ok(self.found(id, &asked, &data, b""));
        }
        // It is the file's end, or the target gives no more at a time: what lies behind tells.
        let handle = asked.handle.clone();
        let at = asked.begins() + data.len() as u64;
        self.pending.insert(id, Pending::Behind(asked, data));
        Ok(Heard::Send(read(id, &handle, at, AROUND_BYTES)))
    }

    fn behind(
        &mut self,
        id: u32,
        packet: &Bytes,
        asked: Asked,
        came: &Bytes,
    ) -> Result<Heard, Broken> {
        if packet[KIND_AT] != kind::STATUS {
            let behind = data(packet)?;
            return Ok(self.found(id, &asked, came, &behind));
        }
        if Fields::of(packet).number()? == status::EOF {
            return Ok(self.found(id, &asked, came, b""));
        }
        self.no_content(packet, &asked)
    }

    fn no_content(&mut self, packet: &Bytes, asked: &Asked) -> Result<Heard, Broken> {
        self.read_answered(asked);
        let places = of_status(packet)?;
        Ok(Heard::Pass(packet.clone(), places))
    }

    fn read_answered(&mut self, asked: &Asked) {
        self.under_way = self.under_way.saturating_sub(asked.whole());
        if let Some(opened) = self.open.get_mut(&asked.handle) {
            opened.busy = opened.busy.saturating_sub(1);
        }
    }

    /// Counts what the target says that it took.
    fn written(
        &mut self,
        packet: Bytes,
        handle: &Bytes,
        offset: u64,
        data: &[u8],
    ) -> Result<Heard, Broken> {
        if packet[KIND_AT] != kind::STATUS {
            return Err(Broken::OutOfTurn);
        }
        let took = Fields::of(&packet).number()? == status::OK;
        self.under_way = self.under_way.saturating_sub(data.len());
        if let Some(opened) = self.open.get_mut(handle) {
            opened.busy = opened.busy.saturating_sub(1);
            if took {
                opened.written.pass(offset, data);
            }
        }
        let places = of_status(&packet)?;
        Ok(Heard::Pass(packet, places))
    }

    /// What came, cut into what lies before the content, the content, and what lies behind it.
    fn found(&mut self, id: u32, asked: &Asked, came: &Bytes, behind: &[u8]) -> Heard {
        let short = came.len() <= asked.before && asked.before > 0;
        if short && !behind.is_empty() {
            // The file goes on; the target gives less at a time than what lies before the content.
            let again = Asked { before: 0, ..asked.clone() };
            let packet = read(id, &again.handle, again.begins(), again.whole());
            self.under_way = self.under_way.saturating_sub(asked.before);
            self.pending.insert(id, Pending::Read(again));
            return Heard::Send(packet);
        }
        self.read_answered(asked);
        let before = came.slice(..asked.before.min(came.len()));
        let ends = came.len().min(asked.before + asked.length);
        let content = came.slice(before.len()..ends.max(before.len()));
        if content.is_empty() {
            return Heard::Pass(status(id, status::EOF, "End of file"), Vec::new());
        }
        let after: Bytes = [&came[ends..], behind].concat().into();
        let packet = Packet::numbered(kind::DATA, id).text(&content).done();
        let from = packet.len() - content.len();
        let (handle, offset) = (asked.handle.clone(), asked.offset);
        Heard::Content(Content { message: packet, from, before, after, id, handle, offset })
    }
}

/// A status that ends what was judged.
fn answered(command: u64, passed: Option<FileTransferred>, packet: Bytes) -> Result<Heard, Broken> {
    let (places, status) = (of_status(&packet)?, Fields::of(&packet).number()?);
    Ok(Heard::Answered(Answered { command, status, passed }, packet, places))
}

/// The content in a packet; there is some.
fn data(packet: &Bytes) -> Result<Bytes, Broken> {
    let mut fields = Fields::of(packet);
    let data = fields.text()?;
    fields.end()?;
    if packet[KIND_AT] != kind::DATA || data.is_empty() {
        return Err(Broken::OutOfTurn);
    }
    Ok(packet.slice_ref(data))
}

/// A text in a packet, its length in the four bytes before it.
fn place((start, end): (usize, usize)) -> Place {
    Place { start, end, message: 0, form: Form::Counted }
}

/// The texts in a status: a message, and the language it is in. Older servers leave them out.
fn of_status(packet: &[u8]) -> Result<Vec<Place>, Broken> {
    let mut fields = Fields::of(packet);
    fields.number()?;
    let mut places = Vec::new();
    while !fields.rest().is_empty() {
        let length = fields.text()?.len();
        places.push(place((fields.at() - length, fields.at())));
    }
    Ok(places)
}

/// The texts in a list of names: each twice, alone and as `ls -l` shows it.
fn of_names(packet: &[u8]) -> Result<Vec<Place>, Broken> {
    let mut fields = Fields::of(packet);
    let mut texts = Vec::new();
    for _ in 0..fields.number()? {
        for _ in 0..2 {
            let length = fields.text()?.len();
            texts.push((fields.at() - length, fields.at()));
        }
        fields.attributes(&mut texts)?;
    }
    fields.end()?;
    Ok(texts.into_iter().map(place).collect())
}

/// How much a packet may hold: the target's figures, but never more than what is taken here.
fn limits(id: u32, packet: &[u8]) -> Result<Heard, Broken> {
    let mut fields = Fields::of(packet);
    let mut least = |ours: usize| -> Result<u64, Broken> {
        let (theirs, ours) = (fields.long()?, ours as u64);
        Ok(if theirs == 0 { ours } else { theirs.min(ours) })
    };
    let around = 2 * AROUND_BYTES as u64;
    let whole = least(PACKET_LIMIT)?;
    let read = least(READ_LIMIT + 2 * AROUND_BYTES)?.saturating_sub(around).max(1);
    let (written, open) = (least(PACKET_LIMIT - 1024)?, least(super::OPEN_LIMIT)?);
    fields.end()?;
    let packet = Packet::numbered(kind::EXTENDED_REPLY, id).long(whole).long(read);
    Ok(Heard::Pass(packet.long(written).long(open).done(), Vec::new()))
}

/// Two lists, each a text of texts: lengths within lengths, so they pass as they are or not at all.
fn lists(id: u32, packet: &Bytes) -> Result<Heard, Broken> {
    let mut fields = Fields::of(packet);
    let (from, _, _) = (fields.at(), fields.text()?, fields.text()?);
    fields.end()?;
    let (before, after, handle) = (Bytes::new(), Bytes::new(), Bytes::new());
    let message = packet.clone();
    Ok(Heard::Content(Content { message, from, before, after, id, handle, offset: 0 }))
}
