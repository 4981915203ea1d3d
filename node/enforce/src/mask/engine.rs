//! The masker of one stream: it feeds the scanners, unites what they find, and lets go of what is
//! decided.
//!
//! It must never let a byte go that a scanner still holds, and never let one go in the clear that a
//! span covers.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::action;
use super::compile::MaskPlan;
use super::detector::is_plain_scalar;
use super::known::KnownScanner;
use super::marks::MarkScanner;
use super::masked::{Masked, Raw};
use super::pattern::PatternScanner;
use super::plan::MaskKey;
use super::scan::{Found, Pending, Scanner, Then};
use super::spans::{Spans, strength};
use super::terminal::{Asides, Terminal};
use super::text::Text;
use super::window::{Finding, Findings, Masking, Window};
use super::words::WordScanner;

/// Most bytes that are held back at a time. Half of it is the most that a candidate may be
/// undecided (see the scanners' own bounds), half the longest value that an action other than
/// `redact` may need as a whole.
pub const HOLD_LIMIT: usize = 8 * 1024;
/// Longer united spans are masked byte by byte whatever their action.
const COMPONENT_LIMIT: u64 = 4 * 1024;
/// Input is worked through in pieces of this size, so that they stay near. Bytes.
const PIECE_BYTES: usize = 64 * 1024;

/// So many finds, spans and asides have room between two chunks.
const SPARE: usize = 8;

/// Masks one direction of one stream.
pub struct Masker {
    plan: Arc<MaskPlan>,
    scanners: Vec<Box<dyn Scanner>>,
    terminal: Terminal,
    /// What is held, and a little before it.
    kept: Text,
    found: Vec<Found>,
    spans: Spans,
    /// How many finds the last chunk had: the next may have as many.
    many: usize,
    /// Offset in the raw stream up to which all has left.
    sent: u64,
    /// Bytes that have left for the client.
    client_sent: u64,
}

impl std::fmt::Debug for Masker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Masker({} bytes held)", self.held())
    }
}

impl Masker {
    /// A masker at the start of a stream.
    #[must_use]
    pub fn new(plan: Arc<MaskPlan>) -> Self {
        Self {
            scanners: scanners(&plan),
            plan,
            terminal: Terminal::new(),
            kept: Text::new(),
            found: Vec::new(),
            spans: Spans::default(),
            many: 0,
            sent: 0,
            client_sent: 0,
        }
    }

    /// Takes the next bytes, and gives all that may leave now.
    pub fn feed(&mut self, raw: Raw<'_>) -> Window {
        let mut findings = Findings::default();
        if raw.bytes().len() <= PIECE_BYTES {
            return Window::of(self.turn(raw.bytes(), Then::More, &mut findings), findings);
        }
        let mut client = Vec::with_capacity(raw.bytes().len());
        for piece in raw.bytes().chunks(PIECE_BYTES) {
            client.extend_from_slice(&self.turn(piece, Then::More, &mut findings));
        }
        Window::of(Bytes::from(client), findings)
    }

    /// No byte has come for a while: gives what is held and no more than the beginning of
    /// something, which a program may wait for an answer to. What begins so and goes on is masked
    /// from there on. Nothing, when nothing is held.
    pub fn quiet(&mut self) -> Option<Window> {
        if self.held() == 0 {
            return None;
        }
        let mut findings = Findings::default();
        let held = self.turn(&[], Then::Quiet, &mut findings);
        (!held.is_empty()).then(|| Window::of(held, findings))
    }

    /// The stream has ended: gives the rest, and starts anew.
    pub fn finish(&mut self) -> Window {
        let mut findings = Findings::default();
        let rest = self.turn(&[], Then::Ended, &mut findings);
        *self = Self::new(Arc::clone(&self.plan));
        Window::of(rest, findings)
    }

    /// Bytes held back now.
    #[must_use]
    pub fn held(&self) -> usize {
        let text = usize::try_from(self.kept.end() - self.sent).expect("the buffer fits in memory");
        text + self.terminal.kept() + self.terminal.asides.len()
    }

    /// Room in memory for those held, and a little before them. Bytes.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.kept.room()
    }

    fn turn(&mut self, bytes: &[u8], then: Then, findings: &mut Findings) -> Bytes {
        let mut text = self.kept.continued(bytes.len());
        let plain = self.terminal.asides.is_empty() && self.terminal.passes(bytes);
        if plain {
            text.push(bytes);
        } else {
            text.extend(|to| {
                self.terminal.take(bytes, to);
                if then != Then::More {
                    self.terminal.settle(to);
                }
            });
        }
        let mut pending = Pending::none(text.end());
        // A text full of finds would make room for them again and again.
        let room = if self.many > SPARE { self.many.min(bytes.len()) } else { 0 };
        self.found.reserve(room);
        for scanner in &mut self.scanners {
            pending = pending.and(scanner.scan(&text, then, &mut self.found));
        }
        self.many = self.found.len();
        self.spans.reserve(room);
        findings.reserve(room);
        for found in self.found.drain(..) {
            let treatment = &self.plan.treatments[usize::from(found.treatment)];
            self.spans.insert(found, strength(&treatment.action));
        }
        let from = self.sent;
        let mut out = Output::new(self.plan.eager && plain, text.len_from(from), room);
        self.release(&text, pending, &mut out, findings);
        findings.named_by(&self.plan);
        self.client_sent += out.asides(&mut self.terminal.asides, self.sent);
        self.kept.keep(&text, self.sent);
        self.shrink();
        match out {
            Output::InPlace(ranges) => {
                text.into_released((from, self.sent), &ranges, action::star_from)
            }
            Output::Copied(bytes) => Bytes::from(bytes),
        }
    }

    /// What one chunk needed much room for, the next seldom does.
    fn shrink(&mut self) {
        self.found.shrink_to(SPARE);
        self.spans.shrink_to(SPARE);
        self.terminal.asides.shrink_to(SPARE);
    }

    /// Lets go of all that is decided.
    fn release(
        &mut self,
        text: &Text,
        pending: Pending,
        out: &mut Output,
        findings: &mut Findings,
    ) {
        let settled = pending.hold.min(pending.open);
        let asides = &mut self.terminal.asides;
        while let Some(component) = self.spans.front() {
            if component.start.max(self.sent) > pending.hold {
                break;
            }
            let (start, end, winner) = (component.start, component.end, component.winner);
            let closed = end <= settled;
            let by_byte = self.plan.eager || end - start > COMPONENT_LIMIT;
            if start > self.sent {
                self.client_sent += out.plain(text, (self.sent, start), asides);
                self.sent = start;
            }
            if !closed && !by_byte {
                return;
            }
            self.client_sent += out.asides(asides, self.sent);
            let begins = self.sent == start;
            let left_at = *component.left_at.get_or_insert(self.client_sent);
            let stop = end.min(pending.hold).max(self.sent);
            let treatment = &self.plan.treatments[usize::from(winner)];
            let plain = begins && treatment.yaml && is_plain_scalar(text, start);
            self.client_sent += if by_byte {
                out.stars(text, (self.sent, stop), if plain { b'x' } else { b'*' }, asides)
            } else {
                let key = &self.plan.key;
                let apply =
                    |value: &[u8], to: &mut Vec<u8>| action::apply(treatment, key, value, to);
                out.applied(text, (self.sent, stop), asides, apply)
            };
            let left_to = component.left_to.get_or_insert(left_at);
            if stop > self.sent {
                *left_to = self.client_sent;
            }
            let length = *left_to - left_at;
            self.sent = stop;
            if !closed {
                return;
            }
            let place = Masking { offset: left_at, length, treatment: winner, by_byte };
            findings.push(place);
            self.spans.pop();
        }
        if self.sent < pending.hold {
            self.client_sent += out.plain(text, (self.sent, pending.hold), asides);
            self.sent = pending.hold;
        }
    }
}

pub(super) fn scanners(plan: &MaskPlan) -> Vec<Box<dyn Scanner>> {
    let mut scanners: Vec<Box<dyn Scanner>> =
        vec![Box::new(MarkScanner::new(Arc::clone(&plan.marks)))];
    if let Some(known) = &plan.known {
        scanners.push(Box::new(KnownScanner::new(Arc::clone(known))));
    }
    for pattern in &plan.patterns {
        scanners.push(Box::new(PatternScanner::new(Arc::clone(pattern))));
    }
    for (list, treatment) in &plan.words {
        scanners.push(Box::new(WordScanner::new(Arc::clone(list), *treatment)));
    }
    scanners
}

/// What leaves in one turn.
enum Output {
    /// What has arrived, with stars in these ranges: no byte becomes longer or shorter.
    /// Each with its first byte.
    InPlace(Vec<(u64, u64, u8)>),
    Copied(Vec<u8>),
}

/// Each gives how many bytes leave.
impl Output {
    /// With room for so many bytes, and so many ranges of stars.
    fn new(in_place: bool, bytes: usize, ranges: usize) -> Self {
        match in_place {
            true => Self::InPlace(Vec::with_capacity(ranges)),
            false => Self::Copied(Vec::with_capacity(bytes)),
        }
    }

    #[inline]
    fn plain(&mut self, text: &Text, range: (u64, u64), asides: &mut Asides) -> u64 {
        match self {
            Self::InPlace(_) => range.1 - range.0,
            Self::Copied(out) => weave(text, range, asides, out, |_| {}),
        }
    }

    /// Stars, but for the first byte.
    fn stars(&mut self, text: &Text, range: (u64, u64), first: u8, asides: &mut Asides) -> u64 {
        match self {
            Self::InPlace(ranges) => {
                ranges.push((range.0, range.1, first));
                range.1 - range.0
            }
            Self::Copied(out) => {
                let from = out.len();
                let length = weave(text, range, asides, out, action::star);
                // No aside stands before the first byte of a value.
                if let Some(byte) = out.get_mut(from).filter(|byte| **byte == b'*') {
                    *byte = first;
                }
                length
            }
        }
    }

    /// The value without its asides is replaced; they follow.
    fn applied(
        &mut self,
        text: &Text,
        range: (u64, u64),
        asides: &mut Asides,
        apply: impl FnOnce(&[u8], &mut Vec<u8>),
    ) -> u64 {
        // Only stars are written in place, and they are not applied.
        let Self::Copied(out) = self else { return 0 };
        let before = out.len();
        if asides.next().is_none_or(|(at, _)| at >= range.1) {
            apply(text.slice(range.0, range.1), out);
        } else {
            let (mut value, mut beside) = (Vec::new(), Vec::new());
            let mut at = range.0;
            while let Some((place, breaks)) = asides.next().filter(|(at, _)| *at < range.1) {
                value.extend_from_slice(text.slice(at, place));
                asides.leave(&mut beside);
                at = place + u64::from(breaks);
            }
            value.extend_from_slice(text.slice(at, range.1));
            apply(&value, out);
            out.extend_from_slice(&beside);
            action::star(&mut value);
        }
        (out.len() - before) as u64
    }

    /// Asides before the byte at `at` leave.
    fn asides(&mut self, asides: &mut Asides, at: u64) -> u64 {
        let Self::Copied(out) = self else { return 0 };
        let before = out.len();
        asides.leave_before(at, out);
        (out.len() - before) as u64
    }
}

/// Writes a part of the text with its asides where they stood; breaks are nowhere.
fn weave(
    text: &Text,
    (from, to): (u64, u64),
    asides: &mut Asides,
    out: &mut Vec<u8>,
    render: impl Fn(&mut [u8]),
) -> u64 {
    let before = out.len();
    let copy = |from: u64, to: u64, out: &mut Vec<u8>| {
        let begin = out.len();
        out.extend_from_slice(text.slice(from, to));
        render(&mut out[begin..]);
    };
    let mut at = from;
    while let Some((place, breaks)) = asides.next().filter(|(at, _)| *at < to) {
        copy(at, place, out);
        asides.leave(out);
        at = place + u64::from(breaks);
    }
    copy(at, to, out);
    (out.len() - before) as u64
}

/// Masks one text as a stream of its own.
#[must_use]
pub fn mask_text(plan: &Arc<MaskPlan>, raw: Raw<'_>) -> (Masked, Vec<Finding>) {
    let mut masker = Masker::new(Arc::clone(plan));
    let Window { client: first, findings, .. } = masker.feed(raw);
    let Window { client: rest, findings: more, .. } = masker.finish();
    let findings = findings.iter().chain(more.iter()).collect();
    if rest.bytes().is_empty() {
        return (first, findings);
    }
    (Masked::new(Bytes::from([&first.bytes()[..], rest.bytes()].concat())), findings)
}

/// Masks a text that belongs to no session, such as the name that a stranger claims, with what is
/// masked by default.
#[must_use]
pub fn mask_by_default(text: &str) -> String {
    static DEFAULTS: OnceLock<Arc<MaskPlan>> = OnceLock::new();
    let plan = DEFAULTS.get_or_init(|| {
        // Nothing is hashed by default, so the key is never used.
        let plan = MaskPlan::compile(&[], &[], MaskKey::new([0; 32]));
        Arc::new(plan.expect("no rules and no values compile"))
    });
    let (masked, _) = mask_text(plan, Raw::new(text.as_bytes()));
    String::from_utf8_lossy(masked.bytes()).into_owned()
}
