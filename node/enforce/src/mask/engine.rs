//! The masker of one stream: it feeds the scanners, unites what they find, and lets go of what is
//! decided.
//!
//! It must never let a byte go that a scanner still holds, and never let one go in the clear that a
//! span covers.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::action;
use super::compile::MaskPlan;
use super::detector::{CardScanner, EmailScanner, Ipv4Scanner};
use super::known::KnownScanner;
use super::masked::{Masked, Raw};
use super::pattern::PatternScanner;
use super::plan::MaskKey;
use super::scan::{Found, Pending, Scanner};
use super::spans::{Spans, strength};
use super::text::Text;
use super::trigger::TriggerScanner;
use super::window::{Finding, Window};

/// Most bytes that are held back at a time. Half of it is the most that a candidate may be
/// undecided (see the scanners' own bounds), half the longest value that an action other than
/// `redact` may need as a whole.
pub const HOLD_LIMIT: usize = 8 * 1024;
/// Longer united spans are masked byte by byte whatever their action.
const COMPONENT_LIMIT: u64 = 4 * 1024;
/// Input is worked through in pieces of this size, so that the buffer stays small. Bytes.
const PIECE_BYTES: usize = 32 * 1024;

/// Masks one direction of one stream.
pub struct Masker {
    plan: Arc<MaskPlan>,
    scanners: Vec<Box<dyn Scanner>>,
    text: Text,
    found: Vec<Found>,
    spans: Spans,
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
            text: Text::new(),
            found: Vec::new(),
            spans: Spans::default(),
            sent: 0,
            client_sent: 0,
        }
    }

    /// Takes the next bytes, and gives all that may leave now.
    pub fn feed(&mut self, raw: Raw<'_>) -> Window {
        let mut out = Output::with_capacity(raw.bytes().len());
        for piece in raw.bytes().chunks(PIECE_BYTES) {
            self.text.push(piece);
            self.turn(false, &mut out);
        }
        out.into_window()
    }

    /// The stream has ended: gives the rest, and starts anew.
    pub fn finish(&mut self) -> Window {
        let mut out = Output::with_capacity(self.held());
        self.turn(true, &mut out);
        *self = Self::new(Arc::clone(&self.plan));
        out.into_window()
    }

    /// Bytes held back now.
    #[must_use]
    pub fn held(&self) -> usize {
        usize::try_from(self.text.end() - self.sent).expect("the buffer fits in memory")
    }

    /// Bytes in memory: those held, and a little before them.
    #[cfg(test)]
    pub(super) fn buffered(&self) -> usize {
        usize::try_from(self.text.end() - self.text.base()).expect("the buffer fits in memory")
    }

    fn turn(&mut self, ended: bool, out: &mut Output) {
        let mut pending = Pending::none(self.text.end());
        for scanner in &mut self.scanners {
            pending = pending.and(scanner.scan(&self.text, ended, &mut self.found));
        }
        for found in self.found.drain(..) {
            let treatment = &self.plan.treatments[usize::from(found.treatment)];
            self.spans.insert(found, strength(&treatment.action));
        }
        self.release(pending, out);
        self.text.forget_before(self.sent);
    }

    /// Lets go of all that is decided.
    fn release(&mut self, pending: Pending, out: &mut Output) {
        let settled = pending.hold.min(pending.open);
        while let Some(component) = self.spans.front() {
            if component.start.max(self.sent) > pending.hold {
                break;
            }
            let (start, end, winner) = (component.start, component.end, component.winner);
            let closed = end <= settled;
            let by_byte = self.plan.eager || end - start > COMPONENT_LIMIT;
            if start > self.sent {
                out.plain(self.text.slice(self.sent, start));
                self.client_sent += start - self.sent;
                self.sent = start;
            }
            if !closed && !by_byte {
                return;
            }
            let left_at = *component.left_at.get_or_insert(self.client_sent);
            let stop = end.min(pending.hold).max(self.sent);
            let raw = self.text.slice(self.sent, stop);
            let treatment = &self.plan.treatments[usize::from(winner)];
            let before = out.len();
            if by_byte {
                out.masked(|sink| action::stars(raw, sink));
            } else {
                out.masked(|sink| action::apply(treatment, &self.plan.key, raw, sink));
            }
            self.client_sent += out.len() - before;
            self.sent = stop;
            if !closed {
                return;
            }
            out.findings.push(Finding {
                detector: Arc::clone(&treatment.detector),
                rule: Arc::clone(&treatment.rule),
                action: if by_byte { "redact" } else { action::name(&treatment.action) },
                offset: left_at,
                length: self.client_sent - left_at,
            });
            self.spans.pop();
        }
        if self.sent < pending.hold {
            out.plain(self.text.slice(self.sent, pending.hold));
            self.client_sent += pending.hold - self.sent;
            self.sent = pending.hold;
        }
    }
}

pub(super) fn scanners(plan: &MaskPlan) -> Vec<Box<dyn Scanner>> {
    let mut scanners: Vec<Box<dyn Scanner>> = Vec::new();
    if let Some(triggers) = &plan.triggers {
        scanners.push(Box::new(TriggerScanner::new(Arc::clone(triggers))));
    }
    if let Some(known) = &plan.known {
        scanners.push(Box::new(KnownScanner::new(Arc::clone(known))));
    }
    if let Some(treatment) = plan.email {
        scanners.push(Box::new(EmailScanner::new(treatment)));
    }
    if let Some(treatment) = plan.card {
        scanners.push(Box::new(CardScanner::new(treatment)));
    }
    if let Some(treatment) = plan.ipv4 {
        scanners.push(Box::new(Ipv4Scanner::new(treatment)));
    }
    for pattern in &plan.patterns {
        scanners.push(Box::new(PatternScanner::new(Arc::clone(pattern))));
    }
    scanners
}

/// What leaves in one window: built twice, since the record may one day be masked more.
struct Output {
    client: Vec<u8>,
    record: Vec<u8>,
    findings: Vec<Finding>,
}

impl Output {
    fn with_capacity(bytes: usize) -> Self {
        Self {
            client: Vec::with_capacity(bytes),
            record: Vec::with_capacity(bytes),
            findings: Vec::new(),
        }
    }

    fn len(&self) -> u64 {
        self.client.len() as u64
    }

    fn plain(&mut self, bytes: &[u8]) {
        self.client.extend_from_slice(bytes);
        self.record.extend_from_slice(bytes);
    }

    fn masked(&mut self, render: impl Fn(&mut Vec<u8>)) {
        render(&mut self.client);
        render(&mut self.record);
    }

    fn into_window(self) -> Window {
        debug_assert_eq!(self.client.len(), self.record.len(), "both outputs are equally long");
        Window {
            client: Masked::new(Bytes::from(self.client)),
            record: Masked::new(Bytes::from(self.record)),
            record_masked: Vec::new(),
            findings: self.findings,
        }
    }
}

/// Masks one text as a stream of its own.
#[must_use]
pub fn mask_text(plan: &Arc<MaskPlan>, raw: Raw<'_>) -> (Masked, Vec<Finding>) {
    let mut masker = Masker::new(Arc::clone(plan));
    let Window { client: first, mut findings, .. } = masker.feed(raw);
    let Window { client: rest, findings: more, .. } = masker.finish();
    findings.extend(more);
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
