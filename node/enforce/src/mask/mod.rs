//! Masking: secrets and personal data are taken out of a stream while it streams.
//!
//! Bytes go in as [`Raw`], and leave only as [`Masked`], which nothing but the masker can make.
//!
//! **How.** Every scanner turns the stream into spans that shall be masked. What the spans are is a
//! function of the stream alone, never of how it was cut into chunks; a scanner also says up to
//! which byte it has decided. The engine unites overlapping spans (the strongest action wins),
//! renders what is decided, and holds the rest. So any split gives the same output.
//!
//! **Held back.** Only what can still become secret: a public prefix such as `ghp_`, a key, a
//! separator and a prompt leave at once. At most [`HOLD_LIMIT`] bytes are held; what is undecided
//! or incomplete at its bound is masked.
//!
//! **Covered.** The table of [`detectors`], each with examples; known values (as they are, base64
//! in three phases and both alphabets, hex in either case, URL-encoded, JSON-escaped), user
//! patterns and lists of words, at any split; through colours and other sequences that leave the
//! cursor where it is, through lines broken at column 80, and through readline's breaks at the
//! edge. Titles, links and the clipboard are text.
//!
//! **Not covered.** Secrets cut by sequences that move the cursor, by overstriking, by zero-width
//! or full-width characters; UTF-16; base64 wrapped over lines, gzip, `\u` escapes and double
//! encodings, also of known values; up to two characters at each edge of a known value's base64
//! that mix with its neighbours; values in XML elements; `-pVALUE` and `-p VALUE`; the first twenty
//! digits of Azure's keys; YAML block scalars and multi-line values other than PEM and Kubernetes
//! Secrets; flow mappings of Secrets; cards with separators in other groups than 4-4-4-4 and 4-6-5;
//! PEM inside base64 with line breaks; values without quotes that are expressions of a programming
//! language. Masking is for accident, not against a person who encodes on purpose.

mod action;
mod blocks;
mod columns;
mod compile;
mod content;
mod detector;
mod engine;
mod known;
mod marks;
mod masked;
mod pattern;
mod plan;
mod scan;
mod select;
mod spans;
mod terminal;
mod text;
mod values;
mod window;
mod words;

#[cfg(test)]
mod tests;

pub use columns::SILENT;
pub use compile::{
    CONSTANT_MAX_BYTES, KNOWN_MAX_BYTES, KNOWN_MAX_COUNT, KNOWN_MIN_BYTES, MaskPlan,
    PATTERN_MAX_BYTES, PATTERN_MAX_COUNT, PlanError, RULES_MAX_COUNT, WORD_LISTS_MAX_COUNT,
};
pub use content::{AROUND_BYTES, Piece, content};
pub use detector::{Confidence, DetectorInfo, Example, detectors, is_detector};
pub use engine::{HOLD_LIMIT, Masker, mask_by_default, mask_text};
pub use masked::{Masked, Raw};
pub use pattern::{PATTERN_WINDOW_BYTES, check_pattern};
pub use plan::{Action, Class, Detect, KnownValue, MaskKey, MaskRule};
pub(crate) use spans::strength;
pub use values::{Form, Misplaced, Place, ValueMasker};
pub use window::{Finding, Findings, Span, Window};
pub use words::{WORD_MAX_BYTES, WORD_MIN_BYTES, WORDS_MAX_COUNT, WordError, WordList};
