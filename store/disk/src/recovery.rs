//! Opening: reads every live record, tells a torn end from damage, and cuts only the former.
//!
//! Whatever was surely durable must be there, or nothing is opened and nothing is changed. What
//! decides is (1) the watermark, and (2) what each record says was durable when it was written. So
//! only the batch that was written last can be taken for torn when it was in truth damaged, and
//! only if the power went before the system wrote the watermark out: that one case is not told
//! apart here, and is why the head of the chain is also kept elsewhere.

use std::sync::Arc;

use proto::event::Head;
use store_log::{Heads, Position};

use crate::account::Account;
use crate::catalog::{ARCHIVE, Catalog, LIVE, Segment, first_position, path};
use crate::cursor::Cursor;
use crate::error::OpenError;
use crate::format::{Found, Frame, HEADER_BYTES, Header};
use crate::options::Options;
use crate::storage::{File, Storage};
use crate::tail::{PIECE, Rest};
use crate::watermark::{Mark, Watermark, open_watermark};
use crate::writer::{Open, sha256};

/// What opening found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The oldest live position; 1 in an empty journal.
    pub first: Position,
    /// The last position; 0 in an empty journal.
    pub last: Position,
    /// How far the journal had noted that it was durable.
    pub watermark: Position,
    /// Slots of the watermark, of two, that could not be read.
    pub watermark_slots_lost: u8,
    /// Bytes of a torn end that were cut, 0 when the end was whole.
    pub cut_bytes: u64,
    /// The file that was cut, and the offset.
    pub cut_at: Option<(String, u64)>,
}

/// What opening gives to the writer.
pub(crate) struct Ground {
    pub(crate) recovered: Recovered,
    pub(crate) catalog: Catalog,
    pub(crate) account: Account,
    pub(crate) heads: Heads,
    pub(crate) watermark: Watermark,
    /// The segment that goes on; none in an empty journal.
    pub(crate) open: Option<Open>,
    /// What is left of that segment.
    pub(crate) room: u64,
    pub(crate) archived_bytes: u64,
}

struct Opening<'a> {
    storage: &'a dyn Storage,
    ground: Ground,
    mark: Mark,
}

/// Reads everything that is live and makes it ready to go on.
pub(crate) fn recover(storage: &dyn Storage, options: &Options) -> Result<Ground, OpenError> {
    for folder in [LIVE, ARCHIVE] {
        storage.make_folder(folder).map_err(OpenError::io(format!("making {folder}")))?;
    }
    let (live, archived) = (segments(storage, LIVE)?, segments(storage, ARCHIVE)?);
    let empty = live.is_empty() && archived.is_empty();
    let (watermark, mark, lost) = open_watermark(storage, empty)?;
    let recovered = Recovered {
        first: live.first().copied().unwrap_or(Position(1)),
        watermark: mark.position,
        watermark_slots_lost: lost,
        ..Recovered::default()
    };
    let ground = Ground {
        recovered,
        catalog: Catalog::default(),
        account: Account::new(options),
        heads: Heads::default(),
        watermark,
        open: None,
        room: 0,
        archived_bytes: 0,
    };
    let mut opening = Opening { storage, ground, mark };
    opening.archived(&archived, &live)?;
    opening.live(&live, options)?;
    opening.tidy(&archived, &live)?;
    Ok(opening.ground)
}

impl Opening<'_> {
    /// Reads the headers of archived segments, and the whole of the last one.
    fn archived(&mut self, archived: &[Position], live: &[Position]) -> Result<(), OpenError> {
        // A segment that is in both places was being copied; the live one counts.
        let archived: Vec<_> = archived.iter().filter(|first| !live.contains(first)).collect();
        for first in &archived {
            let name = path(**first, true);
            let (file, header) = self.header(&name, **first)?;
            let length = file.length().map_err(OpenError::io(format!("reading {name}")))?;
            self.ground.archived_bytes += length;
            self.ground.catalog.insert(Segment::new(header, true));
        }
        match (archived.last(), live.first()) {
            (Some(last), Some(next)) if **last > *next => {
                Err(OpenError::damaged(&path(**last, true), last.0, "it is newer than a live one"))
            }
            (Some(last), Some(next)) => self.ends_before(**last, *next),
            (Some(last), None) => {
                let what = "no live segment follows it";
                Err(OpenError::damaged(&path(**last, true), last.0, what))
            }
            (None, _) => Ok(()),
        }
    }

    fn ends_before(&self, first: Position, next: Position) -> Result<(), OpenError> {
        let name = path(first, true);
        let (file, header) = self.header(&name, first)?;
        let mut cursor = Cursor::start(file, header.salt, header.capacity, first);
        while cursor.expected < next {
            let position = cursor.expected.0;
            match cursor.next().map_err(OpenError::io(format!("reading {name}")))? {
                Found::Record(..) => {}
                Found::End => return Err(OpenError::damaged(&name, position, "it ends too early")),
                Found::Flaw(what) => return Err(OpenError::damaged(&name, position, what)),
            }
        }
        Ok(())
    }

    fn live(&mut self, live: &[Position], options: &Options) -> Result<(), OpenError> {
        if let Some(first) = live.first().filter(|first| !options.archive && first.0 > 1) {
            let what = "segments before it are gone, and nothing is archived here";
            return Err(OpenError::damaged(&path(*first, false), first.0, what));
        }
        let mut last = Position(live.first().map_or(0, |first| first.0 - 1));
        for (index, first) in live.iter().enumerate() {
            let name = path(*first, false);
            if *first != last.next() {
                let what = format!("the segment before it ends at {}", last.0);
                return Err(OpenError::damaged(&name, last.next().0, what));
            }
            let (file, header) = self.header(&name, *first)?;
            if index == 0 {
                self.ground.heads = header.before.clone();
            }
            let is_last = index + 1 == live.len();
            last = self.segment(&name, &file, header, is_last)?;
        }
        if last < self.mark.position {
            let name = live.last().map_or(LIVE.to_owned(), |first| path(*first, false));
            let what = format!("records up to {} were durable", self.mark.position.0);
            return Err(OpenError::damaged(&name, last.next().0, what));
        }
        self.ground.recovered.last = last;
        self.settle_end(last)
    }

    fn header(&self, name: &str, first: Position) -> Result<(Arc<dyn File>, Header), OpenError> {
        let reading = || OpenError::io(format!("reading {name}"));
        let file = self.storage.open(name).map_err(reading())?;
        let mut sector = vec![0; usize::try_from(HEADER_BYTES).unwrap_or(0)];
        let read = file.read_at(0, &mut sector).map_err(reading())?;
        let header = Header::decode(name, first.0, &sector[..read])?;
        if header.first != first {
            return Err(OpenError::damaged(name, first.0, "it is the header of another segment"));
        }
        if file.length().map_err(reading())? != header.capacity {
            return Err(OpenError::damaged(name, first.0, "the file has another length"));
        }
        Ok((file, header))
    }

    /// Reads one live segment; gives its last position.
    fn segment(
        &mut self,
        name: &str,
        file: &Arc<dyn File>,
        header: Header,
        is_last: bool,
    ) -> Result<Position, OpenError> {
        let reading = || OpenError::io(format!("reading {name}"));
        let Header { capacity, first, salt, .. } = header;
        let mut segment = Segment::new(header, false);
        let mut cursor = Cursor::start(Arc::clone(file), salt, capacity, first);
        let (mut node, mut control) = (None, None);
        let flaw = loop {
            let start = cursor.offset;
            match cursor.next().map_err(reading())? {
                Found::End => break None,
                Found::Flaw(what) => break Some(what),
                Found::Record(frame, content) => {
                    let head = if frame.control { &mut control } else { &mut node };
                    *head = Some((frame, content.to_vec()));
                    let end = cursor.offset;
                    segment.note(frame.position, frame.share, start, end);
                    self.ground.account.add(frame.share, end - start);
                }
            }
        };
        self.take_heads(node, control);
        let (end, expected) = (cursor.offset, cursor.expected);
        let rest = Rest::read(file.as_ref(), salt, end, capacity).map_err(reading())?;
        if !rest.bytes.is_empty() || flaw.is_some() {
            let what = flaw.unwrap_or("something is there that is no record");
            let torn = is_last
                && expected > self.mark.position
                && !rest.holds_later_batch(expected, capacity);
            if !torn {
                return Err(OpenError::damaged(name, expected.0, what));
            }
            self.ground.recovered.cut_bytes = rest.bytes.len() as u64;
            self.ground.recovered.cut_at = Some((name.to_owned(), end));
        }
        if is_last {
            self.ground.room = capacity - end;
            let file = Arc::clone(file);
            self.ground.open = Some(Open { file, salt, first, offset: end });
        }
        self.ground.catalog.insert(segment);
        Ok(Position(expected.0 - 1))
    }

    fn take_heads(&mut self, node: Option<(Frame, Vec<u8>)>, control: Option<(Frame, Vec<u8>)>) {
        let head =
            |frame: &Frame, content: &[u8]| Head { seq: frame.seq, hash: Some(sha256(content)) };
        if let Some((frame, content)) = node {
            self.ground.heads.node = head(&frame, &content);
            self.ground.heads.epoch = frame.epoch;
        }
        if let Some((frame, content)) = control {
            self.ground.heads.control = head(&frame, &content);
        }
    }

    /// Makes the end durable: nothing that is served from now on may still be lost.
    fn settle_end(&mut self, last: Position) -> Result<(), OpenError> {
        let Some(open) = &self.ground.open else {
            return Ok(());
        };
        let name = path(open.first, false);
        let failed = || OpenError::io(format!("settling the end of {name}"));
        let from = if self.mark.segment == open.first && self.mark.position.0 > 0 {
            self.mark.offset
        } else {
            HEADER_BYTES
        };
        // A sync that failed may have left records readable and marked as written. Written once
        // more, they are synced for certain.
        let mut at = from;
        let mut piece = vec![0; PIECE];
        while at < open.offset {
            let count = usize::try_from(open.offset - at).unwrap_or(PIECE).min(PIECE);
            let read = open.file.read_at(at, &mut piece[..count]).map_err(failed())?;
            open.file.write_at(at, &piece[..read]).map_err(failed())?;
            at += (read as u64).max(1);
        }
        let mut left = self.ground.recovered.cut_bytes;
        let mut at = open.offset;
        piece.fill(0);
        while left > 0 {
            // Zeroes, so that what is cut can never pass for a record again.
            let count = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            open.file.write_at(at, &piece[..count]).map_err(failed())?;
            (at, left) = (at + count as u64, left - count as u64);
        }
        open.file.sync().map_err(failed())?;
        let mark = Mark { position: last, segment: open.first, offset: open.offset };
        if mark != self.mark {
            self.ground.watermark.write(mark).map_err(failed())?;
        }
        self.ground.watermark.sync().map_err(failed())
    }

    /// Removes what an interrupted run left: spare segments, unfinished copies.
    fn tidy(&self, archived: &[Position], live: &[Position]) -> Result<(), OpenError> {
        let failed = || OpenError::io("tidying the directory".to_owned());
        for (folder, mark) in [(LIVE, "spare-"), (ARCHIVE, ".partial")] {
            for name in self.storage.list(folder).map_err(failed())? {
                if name.contains(mark) {
                    self.storage.remove(&format!("{folder}/{name}")).map_err(failed())?;
                }
            }
        }
        for first in archived.iter().filter(|first| live.contains(first)) {
            self.storage.remove(&path(*first, true)).map_err(failed())?;
        }
        self.storage.sync_folder(LIVE).map_err(failed())?;
        self.storage.sync_folder(ARCHIVE).map_err(failed())
    }
}

fn segments(storage: &dyn Storage, folder: &str) -> Result<Vec<Position>, OpenError> {
    let names = storage.list(folder).map_err(OpenError::io(format!("listing {folder}")))?;
    let mut firsts: Vec<_> = names.iter().filter_map(|name| first_position(name)).collect();
    firsts.sort_unstable();
    Ok(firsts)
}
