//! Which segments there are, and roughly where in them each position is.
//!
//! It knows names, ranges and every so many-th offset; it never holds content. An archived
//! segment's offsets are only known once it was read, and forgotten again.

use std::collections::{BTreeMap, HashMap};

use store_log::Position;

use crate::format::{HEADER_BYTES, Header};

/// Live segments, beneath the directory.
pub(crate) const LIVE: &str = "segments";
/// Sealed segments that left the quota.
pub(crate) const ARCHIVE: &str = "archive";
/// A known offset at least every so many bytes.
pub(crate) const MARK_BYTES: u64 = 32 * 1024;
/// So many archived segments have their offsets in memory, about 32 KiB each.
const ARCHIVED_WITH_MARKS: usize = 64;

/// One segment.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) header: Header,
    pub(crate) archived: bool,
    /// Where its last known record ends.
    pub(crate) end: u64,
    /// How many bytes of it each share has.
    pub(crate) shares: HashMap<u64, u64>,
    marks: Vec<(Position, u64)>,
}

/// All segments, by first position.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    segments: BTreeMap<Position, Segment>,
}

/// Where reading a position starts.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) first: Position,
    pub(crate) archived: bool,
    pub(crate) salt: u64,
    pub(crate) capacity: u64,
    /// A record that starts at `offset`, at or before the position.
    pub(crate) known: Position,
    pub(crate) offset: u64,
    /// The first position of the segment after this one.
    pub(crate) until: Option<Position>,
    /// Whether it is worth telling the catalog what is found on the way.
    pub(crate) unmarked: bool,
}

/// The name of a segment's file.
pub(crate) fn file_name(first: Position) -> String {
    format!("{:020}.segment", first.0)
}

/// A segment's path, live or archived.
pub(crate) fn path(first: Position, archived: bool) -> String {
    format!("{}/{}", if archived { ARCHIVE } else { LIVE }, file_name(first))
}

/// The first position that a file's name says, when it is the name of a segment.
pub(crate) fn first_position(name: &str) -> Option<Position> {
    let digits = name.strip_suffix(".segment").filter(|digits| digits.len() == 20)?;
    digits.parse().ok().map(Position)
}

impl Segment {
    pub(crate) fn new(header: Header, archived: bool) -> Self {
        let (shares, marks) = (HashMap::new(), Vec::new());
        Self { header, archived, end: HEADER_BYTES, shares, marks }
    }

    /// Notes a record that starts at `offset` and ends at `end`.
    pub(crate) fn note(&mut self, position: Position, share: u64, offset: u64, end: u64) {
        if self.marks.last().is_none_or(|(_, last)| offset >= last + MARK_BYTES) {
            self.marks.push((position, offset));
        }
        *self.shares.entry(share).or_default() += end - offset;
        self.end = end;
    }
}

impl Catalog {
    pub(crate) fn insert(&mut self, segment: Segment) {
        self.segments.insert(segment.header.first, segment);
    }

    pub(crate) fn get_mut(&mut self, first: Position) -> Option<&mut Segment> {
        self.segments.get_mut(&first)
    }

    /// All segments, oldest first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Segment> {
        self.segments.values()
    }

    /// The oldest segment that can move: live and sealed, i.e. not the last.
    pub(crate) fn oldest_sealed(&self) -> Option<&Segment> {
        let last = self.segments.keys().next_back()?;
        self.segments.values().find(|segment| !segment.archived && segment.header.first < *last)
    }

    /// Where to look for a position; `None` when no segment begins at or before it.
    pub(crate) fn place(&self, position: Position) -> Option<Place> {
        let (first, segment) = self.segments.range(..=position).next_back()?;
        let after = segment.marks.partition_point(|(known, _)| *known <= position);
        let mark = after.checked_sub(1).map(|index| segment.marks[index]);
        let (known, offset) = mark.unwrap_or((*first, HEADER_BYTES));
        Some(Place {
            first: *first,
            archived: segment.archived,
            salt: segment.header.salt,
            capacity: segment.header.capacity,
            known,
            offset,
            until: self.segments.range(position.next()..).next().map(|(first, _)| *first),
            unmarked: segment.archived && segment.marks.is_empty(),
        })
    }

    /// The first position of the segment that holds a place of a chain, if any does.
    pub(crate) fn segment_of(&self, control: bool, seq: u64) -> Option<Position> {
        let begins_before = |segment: &&Segment| {
            let before = &segment.header.before;
            (if control { before.control.seq } else { before.node.seq }) < seq
        };
        // Places only grow, so the last segment that began before this one has it.
        self.segments.values().rev().find(begins_before).map(|segment| segment.header.first)
    }

    /// Remembers offsets in an archived segment, and forgets those of another if need be.
    pub(crate) fn remember(&mut self, first: Position, marks: Vec<(Position, u64)>) {
        let with_marks: Vec<Position> = self
            .segments
            .values()
            .filter(|segment| segment.archived && !segment.marks.is_empty())
            .map(|segment| segment.header.first)
            .collect();
        if with_marks.len() >= ARCHIVED_WITH_MARKS {
            let farthest = with_marks.iter().max_by_key(|other| other.0.abs_diff(first.0));
            if let Some(segment) = farthest.and_then(|other| self.segments.get_mut(other)) {
                segment.marks = Vec::new();
            }
        }
        if let Some(segment) = self.segments.get_mut(&first) {
            segment.marks = marks;
        }
    }

    /// A segment is in the archive now; its offsets stay only as long as there is room for them.
    pub(crate) fn archived(&mut self, first: Position) {
        let Some(segment) = self.segments.get_mut(&first) else {
            return;
        };
        segment.archived = true;
        segment.shares = HashMap::new();
        let marks = std::mem::take(&mut segment.marks);
        self.remember(first, marks);
    }
}
