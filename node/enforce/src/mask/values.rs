//! Values that lie within larger messages, such as the cells of a row: each is masked as a text of
//! its own, and a message whose values need no change passes without a copy.
//!
//! Whoever knows the protocol says where values are and how their lengths are written; all bytes
//! between them pass as they are, so they must be structure and nothing else.
//!
//! **How.** All values of a batch are laid one behind the other, a line break between them, and
//! looked through as one stream: a line break ends whatever may span cells. Only in messages where
//! something is found is each value masked by itself.

use std::sync::Arc;

use bytes::Bytes;

use super::columns::{self, New};
use super::compile::MaskPlan;
use super::engine::{mask_text, scanners};
use super::masked::{Masked, Raw};
use super::scan::{Found, Pending, Scanner, Then};
use super::text::Text;
use super::window::Finding;

/// What lies between two values.
const BREAK: &[u8] = b"\n";
/// The stream is begun anew behind so many bytes: its buffer must not stay large.
const STREAM_BYTES: u64 = 256 * 1024;
/// Width of a length before a value or a message, in bytes; big-endian.
const LENGTH_BYTES: usize = 4;
/// The longest message whose length is in digits, in bytes (git's `gitprotocol-common`).
const PACKET_BYTES: i64 = 65_520;
/// The length that says that there is no value.
const NULL: [u8; LENGTH_BYTES] = (-1_i32).to_be_bytes();

/// One value within a batch of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its first byte.
    pub start: usize,
    /// Offset after its last byte.
    pub end: usize,
    /// Where the length of its message is written: four bytes, which count themselves.
    pub message: usize,
    /// How the value is written.
    pub form: Form,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Text, its length in the four bytes before it.
    Counted,
    /// Text, its length nowhere but in its message's.
    Bare,
    /// Not text but may hold some, its length in the four bytes before it: a value in which
    /// something is found becomes no value at all.
    Sealed,
    /// Text of a masked column, its length in the four bytes before it: replaced by the mask of
    /// this number in the plan, whatever it holds.
    Masked(u16),
    /// Its length in the four bytes before it: replaced by these bytes, or by no value at all,
    /// whatever it holds.
    Fixed(Option<&'static [u8]>),
    /// Text to the end of its message, whose length is four digits of sixteen, and counts them; cut
    /// off where it would be longer than such a message may be.
    Packet,
    /// Text of a database in which masked values may be: replaced by [`super::SILENT`].
    Silent,
    /// A value within a line of COPY: replaced by the mask of this number, or by no value.
    Line {
        /// The mask.
        rule: Option<u16>,
        /// Whether it may be in quotes; otherwise behind backslashes.
        csv: bool,
        /// What stands between values.
        delimiter: u8,
    },
}

impl Form {
    /// Whether values are replaced whatever they hold.
    fn is_replaced(self) -> bool {
        !matches!(self, Self::Counted | Self::Bare | Self::Packet | Self::Sealed)
    }

    /// How many bytes before the value say how long it is.
    fn counted(self) -> usize {
        match self {
            Self::Bare | Self::Packet | Self::Silent | Self::Line { .. } => 0,
            Self::Counted | Self::Sealed | Self::Masked(_) | Self::Fixed(_) => LENGTH_BYTES,
        }
    }
}

/// Places that do not lie within their batch, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the value at byte {0} does not lie where it is said to")]
pub struct Misplaced(pub usize);

/// Masks values, batch after batch.
pub struct ValueMasker {
    plan: Arc<MaskPlan>,
    scanners: Vec<Box<dyn Scanner>>,
    text: Text,
    found: Vec<Found>,
}

impl std::fmt::Debug for ValueMasker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ValueMasker")
    }
}

impl ValueMasker {
    /// A masker of values by a plan.
    #[must_use]
    pub fn new(plan: Arc<MaskPlan>) -> Self {
        let scanners = scanners(&plan);
        Self { plan, scanners, text: Text::new(), found: Vec::new() }
    }

    /// Whether it masks by this plan.
    #[must_use]
    pub fn is_of(&self, plan: &Arc<MaskPlan>) -> bool {
        Arc::ptr_eq(&self.plan, plan)
    }

    /// Masks the values of a batch. Offsets of findings are those in their own value.
    ///
    /// # Errors
    /// [`Misplaced`] when a place does not lie in the batch, behind the one before.
    pub fn mask(
        &mut self,
        batch: Bytes,
        places: &[Place],
    ) -> Result<(Masked, Vec<Finding>), Misplaced> {
        check(&batch, places)?;
        let replaced = places.iter().any(|place| place.form.is_replaced());
        if places.is_empty() || !self.finds(&batch, places) && !replaced {
            return Ok((Masked::new(batch), Vec::new()));
        }
        let touched = self.touched(places);
        let mut findings = Vec::new();
        let rewritten = rewrite(&self.plan, &batch, places, &touched, &mut findings);
        self.begin_anew();
        Ok((Masked::new(Bytes::from(rewritten)), findings))
    }

    /// Looks through all values; whether anything is found.
    fn finds(&mut self, batch: &[u8], places: &[Place]) -> bool {
        if self.text.end() > STREAM_BYTES {
            self.begin_anew();
        }
        self.found.clear();
        let begun = self.text.end();
        for place in places {
            self.text.push(&batch[place.start..place.end]);
            self.text.push(BREAK);
        }
        let pending = self.scan(Then::More);
        let is_undecided = pending.hold.min(pending.open) < self.text.end();
        if is_undecided {
            self.scan(Then::Ended);
        }
        let finds = !self.found.is_empty();
        if finds {
            for found in &mut self.found {
                found.start = found.start.saturating_sub(begun);
                found.end = found.end.saturating_sub(begun);
            }
        } else if is_undecided {
            self.begin_anew();
        } else {
            self.text.forget_before(self.text.end());
        }
        finds
    }

    fn scan(&mut self, then: Then) -> Pending {
        let mut pending = Pending::none(self.text.end());
        for scanner in &mut self.scanners {
            pending = pending.and(scanner.scan(&self.text, then, &mut self.found));
        }
        pending
    }

    fn begin_anew(&mut self) {
        (self.scanners, self.text) = (scanners(&self.plan), Text::new());
        self.found.clear();
    }

    /// For each place, whether something was found in its message.
    fn touched(&mut self, places: &[Place]) -> Vec<bool> {
        self.found.sort_unstable_by_key(|found| (found.start, found.end));
        let mut messages = Vec::new();
        let (mut begins, mut index) = (0_u64, 0);
        for found in &self.found {
            // Places in order, and finds by their start: each is looked at once, and again only
            // where one find reaches over several.
            while index < places.len() && begins + width(&places[index]) <= found.start {
                begins += width(&places[index]);
                index += 1;
            }
            let (mut at, mut over) = (begins, index);
            while over < places.len() && at < found.end {
                if messages.last() != Some(&places[over].message) {
                    messages.push(places[over].message);
                }
                at += width(&places[over]);
                over += 1;
            }
        }
        messages.sort_unstable();
        let holds = |place: &Place| messages.binary_search(&place.message).is_ok();
        places.iter().map(|place| place.form.is_replaced() || holds(place)).collect()
    }
}

fn width(place: &Place) -> u64 {
    (place.end - place.start + BREAK.len()) as u64
}

/// Places in order, each within the batch and behind the lengths that belong to it.
fn check(batch: &[u8], places: &[Place]) -> Result<(), Misplaced> {
    let mut free = 0;
    for place in places {
        let counted = place.form.counted();
        let fits = place.start >= free + counted
            && place.start <= place.end
            && place.end <= batch.len()
            && place.message + LENGTH_BYTES <= place.start;
        if !fits {
            return Err(Misplaced(place.start));
        }
        free = place.end;
    }
    Ok(())
}

/// A message whose values change: where its length stands in what is written, and what it is.
struct Message {
    at: usize,
    written_at: usize,
    length: i64,
}

/// Writes a batch anew: touched values masked, lengths as they are then.
fn rewrite(
    plan: &Arc<MaskPlan>,
    batch: &[u8],
    places: &[Place],
    touched: &[bool],
    findings: &mut Vec<Finding>,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(batch.len());
    let mut copied = 0;
    let mut message: Option<Message> = None;
    for (place, _) in places.iter().zip(touched).filter(|(_, touched)| **touched) {
        let Some(new) = replacement(plan, place, &batch[place.start..place.end], findings) else {
            continue;
        };
        // A message begins behind the values of the one before: nothing of it is written yet.
        let mut current =
            message.take().filter(|one| one.at == place.message).unwrap_or_else(|| {
                let written_at = out.len() + place.message.saturating_sub(copied);
                Message { at: place.message, written_at, length: length(batch, place) }
            });
        let counted = place.form.counted();
        let from = place.start - counted;
        out.extend_from_slice(&batch[copied..from]);
        let before = out.len();
        match new {
            New::Null => out.extend_from_slice(&NULL),
            New::Bytes(mut bytes) => {
                if place.form == Form::Packet {
                    let others = current.length - (place.end - from) as i64;
                    bytes.truncate(usize::try_from(PACKET_BYTES - others).unwrap_or(0));
                }
                if counted > 0 {
                    out.extend_from_slice(&written(bytes.len() as i64));
                }
                out.extend_from_slice(&bytes);
            }
        }
        current.length += (out.len() - before) as i64 - (place.end - from) as i64;
        let length = match place.form {
            Form::Packet => digits(current.length),
            _ => written(current.length),
        };
        out[current.written_at..current.written_at + LENGTH_BYTES].copy_from_slice(&length);
        message = Some(current);
        copied = place.end;
    }
    out.extend_from_slice(&batch[copied..]);
    out
}

/// What a value becomes, unless it stays as it is.
fn replacement(
    plan: &Arc<MaskPlan>,
    place: &Place,
    value: &[u8],
    findings: &mut Vec<Finding>,
) -> Option<New> {
    if let Some(new) = columns::replaced(plan, place.form, value) {
        findings.push(columns::finding(plan, place.form, value.len()));
        return Some(new);
    }
    let (masked, mut found) = mask_text(plan, Raw::new(value));
    let changed = !found.is_empty();
    findings.append(&mut found);
    changed.then(|| match place.form {
        Form::Sealed => New::Null,
        _ => New::Bytes(masked.bytes().to_vec()),
    })
}

/// The length of a value's message.
fn length(batch: &[u8], place: &Place) -> i64 {
    let mut bytes = [0; LENGTH_BYTES];
    bytes.copy_from_slice(&batch[place.message..place.message + LENGTH_BYTES]);
    if place.form == Form::Packet {
        let digits = std::str::from_utf8(&bytes).ok();
        return digits.and_then(|text| i64::from_str_radix(text, 16).ok()).unwrap_or(0);
    }
    i64::from(i32::from_be_bytes(bytes))
}

fn digits(length: i64) -> [u8; LENGTH_BYTES] {
    let mut digits = [0; LENGTH_BYTES];
    digits.copy_from_slice(format!("{:04x}", length.clamp(0, PACKET_BYTES)).as_bytes());
    digits
}

/// A masked value is at most a few times as long as the value, which was within a message.
fn written(length: i64) -> [u8; LENGTH_BYTES] {
    i32::try_from(length).unwrap_or(i32::MAX).to_be_bytes()
}
