//! The search for everything that the built-in detectors find, in one stream.
//!
//! Each place is looked at once, and what may begin there reads on by itself; numbers at the end
//! of what is known are looked at again when more is. So nothing depends on chunks.

use std::sync::{Arc, LazyLock};

use memchr::memmem::Finder;

use super::super::blocks::{BLOCK, Bits, places};
use super::super::detector::Candidate;
use super::super::scan::{Found, Pending, Scanner, Then};
use super::super::text::Text;
use super::literals::{Hit, LONGEST};
use super::running::{JWT, Running};
use super::sweep::may_be_literals;
use super::{Marks, Start};
use crate::mask::detector::word_before;
use crate::mask::scan::glued;

const JWT_BEGIN: &[u8] = b"eyJ";
const NETRC_BEGIN: &[u8] = b"machine ";

/// So many hits have room between two chunks.
const SPARE: usize = 8;

/// What long runs are made of.
#[cfg(test)]
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-+/".contains(&byte)
}

static JWTS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(JWT_BEGIN));
static NETRCS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(NETRC_BEGIN));

/// The search in one stream.
pub(in crate::mask) struct MarkScanner {
    pub(super) marks: Arc<Marks>,
    pub(super) running: Running,
    /// Up to here every place has been looked at.
    pub(super) position: u64,
    /// From here on numbers are still to be looked for.
    pub(super) numbers: u64,
    /// Parts of what is new that are long runs of token bytes: `[from, to)` behind its beginning.
    pub(super) regions: Vec<(usize, usize)>,
    /// Where a run begins with a part of a prefix.
    pub(super) late: Option<u64>,
    /// Where a run begins of which too little is known to be anything.
    pub(super) begun: Option<u64>,
    hits: Vec<Hit>,
}

impl MarkScanner {
    pub(in crate::mask) fn new(marks: Arc<Marks>) -> Self {
        Self {
            marks,
            running: Running::default(),
            position: 0,
            numbers: 0,
            regions: Vec::new(),
            late: None,
            begun: None,
            hits: Vec::new(),
        }
    }

    /// Starts a token behind its prefix, if all of that stands before `at`.
    pub(super) fn token(
        &mut self,
        start: &Start,
        at: u64,
        text: (&Text, bool),
        found: &mut Vec<Found>,
    ) {
        let length = start.prefix.len() as u64;
        let Some(begin) = at.checked_sub(length).filter(|begin| *begin >= text.0.base()) else {
            return;
        };
        if start.shape.is_cut_short(text.0.rest(at)) || text.0.slice(begin, at) != start.prefix {
            return;
        }
        if start.shape.bounded && glued(text.0, begin) {
            return;
        }
        let (kind, shape) = ((start.kind, start.treatment), start.shape);
        let is_mark = matches!(start.prefix.last(), Some(b'$' | b'~'));
        let token = || Candidate::token(shape, at, !is_mark);
        self.running.start(kind, at, token, text, found);
    }

    /// Starts what a literal begins at `at`, if it is known to its end.
    pub(super) fn literal(
        &mut self,
        marks: &Marks,
        at: u64,
        text: (&Text, bool),
        found: &mut Vec<Found>,
    ) {
        let rest = text.0.rest(at);
        if let Some(treatment) = marks.jwt
            && rest.starts_with(JWT_BEGIN)
        {
            self.web_token(treatment, at + JWT_BEGIN.len() as u64, text, found);
        }
        let Some(literals) = &marks.literals else { return };
        literals.at(rest, |length, start| self.behind(start, at + length as u64, text, found));
    }

    /// Starts what a prefix begins that ends before `at`, unless all of it was known before.
    pub(super) fn behind(
        &mut self,
        start: &Start,
        at: u64,
        text: (&Text, bool),
        found: &mut Vec<Found>,
    ) {
        if at > self.position {
            self.token(start, at, text, found);
        }
    }

    fn web_token(
        &mut self,
        treatment: u16,
        body: u64,
        text: (&Text, bool),
        found: &mut Vec<Found>,
    ) {
        if body > self.position {
            self.running.start((JWT, treatment), body, || Candidate::jwt(body), text, found);
        }
    }

    /// Literals that began before what is new, and end in it.
    fn straddling(&mut self, text: (&Text, bool), found: &mut Vec<Found>) {
        let marks = Arc::clone(&self.marks);
        let before = text.0.last(self.position, LONGEST as u64);
        let bits = Bits::before(before);
        let run = bits.token.leading_ones().min(LONGEST as u32);
        if run == 0 {
            return;
        }
        let first = self.position - u64::from(run);
        for place in places(may_be_literals(&bits) >> (BLOCK as u32 - run)) {
            self.literal(&marks, first + place as u64, text, found);
        }
    }

    /// Looks for literals and web tokens in long runs.
    fn search_regions(&mut self, text: (&Text, bool), found: &mut Vec<Found>) {
        let marks = Arc::clone(&self.marks);
        let base = self.position.saturating_sub(LONGEST as u64).max(text.0.base());
        let bytes = text.0.rest(base);
        // Regions count from the first new byte; a literal may begin before it.
        let new = usize::try_from(self.position - base).expect("within the buffer");
        let mut hits = std::mem::take(&mut self.hits);
        for (from, to) in std::mem::take(&mut self.regions) {
            let (from, to) = (new + from, (new + to).min(bytes.len()));
            if let Some(treatment) = marks.jwt {
                self.search_web_tokens(treatment, (base, from, to), text, found);
            }
            let Some(literals) = &marks.literals else { continue };
            hits.clear();
            literals.find(bytes, from, to, &mut hits);
            for &(end, literal) in &hits {
                self.behind(&literals.starts[literal], base + end as u64, text, found);
            }
        }
        hits.shrink_to(SPARE);
        self.hits = hits;
    }

    fn search_web_tokens(
        &mut self,
        treatment: u16,
        (base, from, to): (u64, usize, usize),
        text: (&Text, bool),
        found: &mut Vec<Found>,
    ) {
        let bytes = text.0.rest(base);
        let mut at = from;
        while let Some(hit) = JWTS.find(&bytes[at..to]) {
            let body = base + (at + hit + JWT_BEGIN.len()) as u64;
            at += hit + 1;
            self.web_token(treatment, body, text, found);
            if let Some(read) = self.running.has_read(JWT) {
                at = at.max(usize::try_from(read.saturating_sub(base)).unwrap_or(to)).min(to);
            }
        }
    }

    fn search_entries(&mut self, treatment: u16, text: (&Text, bool), found: &mut Vec<Found>) {
        let base = self.position.saturating_sub(NETRC_BEGIN.len() as u64 - 1).max(text.0.base());
        for hit in NETRCS.find_iter(text.0.rest(base)) {
            let begin = base + hit as u64;
            if text.0.before(begin).is_none_or(|before| before.is_ascii_whitespace()) {
                self.machine(treatment, begin + NETRC_BEGIN.len() as u64, text, found);
            }
        }
    }

    fn undecided_numbers(&self, text: &Text) -> u64 {
        if !self.marks.numbers.any {
            return text.end();
        }
        self.marks.numbers.undecided_from(text, self.numbers)
    }
}

impl Scanner for MarkScanner {
    fn scan(&mut self, text: &Text, then: Then, found: &mut Vec<Found>) -> Pending {
        let (ended, first) = (then == Then::Ended, found.len());
        self.running.advance(text, ended, found);
        if let Some(at) = self.late.take() {
            self.first(&Arc::clone(&self.marks), at, (text, ended), found);
        }
        if let Some(at) = self.begun.take() {
            self.key_of_azure(&Arc::clone(&self.marks), at, (text, ended), found);
        }
        self.straddling((text, ended), found);
        let undecided = match then {
            Then::More => self.undecided_numbers(text),
            // Digits that are no number yet are let go, and those that are one are not.
            Then::Quiet | Then::Ended => text.end(),
        };
        self.sweep((text, ended), undecided, found);
        self.search_regions((text, ended), found);
        if let Some(treatment) = self.marks.frames.netrc {
            self.search_entries(treatment, (text, ended), found);
        }
        self.position = text.end();
        let until = match then {
            // A number may go on, but not one that was found.
            Then::Quiet => found[first..].iter().map(|one| one.end).max().unwrap_or_default(),
            Then::More | Then::Ended => undecided,
        };
        self.numbers = until.max(self.numbers);
        self.running.forget_before(self.position.saturating_sub(1));
        let mut pending = self.running.pending(self.position);
        if then == Then::More {
            pending = pending.and(Pending::from(self.numbers));
            if let Some(word) = self.marks.email.and_then(|_| word_before(text, text.end())) {
                pending = pending.and(Pending::from(word));
            }
        }
        pending
    }
}
