//! The values of an object in JSON (RFC 8259), also where it stands in a text in JSON itself, as in
//! an annotation: there each quote has a backslash before it.

use super::Values;
use super::scalar::Scalar;
use super::section::Step;
use crate::mask::text::Text;

/// Where in an object a byte is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Before a key.
    #[default]
    Key,
    InKey,
    /// Behind a colon.
    Value,
    InValue(Scalar),
    /// Within what is no text of its own: another object, or a list.
    Nested(u32),
    InNested(u32),
}

/// An object whose brace has been read.
#[derive(Debug, Default)]
pub(super) struct Object {
    phase: Phase,
    /// Backslashes before each of its quotes; known with the first.
    level: Option<u64>,
    /// Backslashes right before this place.
    backslashes: u64,
}

impl Object {
    pub(super) fn take(&mut self, values: Values, text: &Text, at: u64, byte: u8) -> Step {
        if byte == b'\\' {
            self.backslashes += 1;
            return Step::Goes;
        }
        let before = std::mem::take(&mut self.backslashes);
        if byte == b'"' {
            let level = *self.level.get_or_insert(before.min(1));
            // One more level of escapes doubles the backslashes.
            if (before % (2 << level)) != level {
                return if before < level { Step::Ends } else { Step::Goes };
            }
            return self.quote(values, text, at, level);
        }
        self.phase = match (self.phase, byte) {
            // No text goes over a line.
            (Phase::InKey | Phase::InNested(_), b'\n') => return Step::Ends,
            (Phase::InValue(scalar), b'\n') => {
                self.phase = Phase::Key;
                return Step::Value(scalar.decide(values, text, at - before));
            }
            (Phase::InValue(mut scalar), _) => {
                scalar.reaches(values, text, at);
                Phase::InValue(scalar)
            }
            (Phase::Key, b'}') => return Step::Ends,
            (Phase::Key, b':') => Phase::Value,
            (Phase::Value, b'}') => return Step::Ends,
            (Phase::Value, b',') => Phase::Key,
            (Phase::Value, b'{' | b'[') => Phase::Nested(1),
            (Phase::Nested(depth), b'{' | b'[') => Phase::Nested(depth + 1),
            (Phase::Nested(1), b'}' | b']') => Phase::Key,
            (Phase::Nested(depth), b'}' | b']') => Phase::Nested(depth - 1),
            (phase, _) => phase,
        };
        Step::Goes
    }

    fn quote(&mut self, values: Values, text: &Text, at: u64, level: u64) -> Step {
        let (phase, step) = match self.phase {
            Phase::Key => (Phase::InKey, Step::Goes),
            Phase::InKey => (Phase::Key, Step::Goes),
            Phase::Value => (Phase::InValue(Scalar::new(at + 1)), Step::Goes),
            Phase::InValue(scalar) => {
                let span = scalar.decide(values, text, at - level);
                (Phase::Key, Step::Value(span))
            }
            Phase::Nested(depth) => (Phase::InNested(depth), Step::Goes),
            Phase::InNested(depth) => (Phase::Nested(depth), Step::Goes),
        };
        self.phase = phase;
        step
    }

    /// The span of a value that is certain and goes on.
    pub(super) fn growing(&self, position: u64) -> Option<(u64, u64)> {
        match self.phase {
            Phase::InValue(scalar) if scalar.certain => {
                Some((scalar.begin, position - self.backslashes))
            }
            _ => None,
        }
    }

    /// The span of the value that the stream's end cuts off.
    pub(super) fn ended(&self, values: Values, text: &Text, position: u64) -> Option<(u64, u64)> {
        match self.phase {
            Phase::InValue(scalar) => scalar.decide(values, text, position - self.backslashes),
            _ => None,
        }
    }

    pub(super) fn hold(&self, position: u64) -> u64 {
        match self.phase {
            Phase::InValue(scalar) => scalar.hold(position - self.backslashes),
            _ => position,
        }
    }
}
