//! The values of a mapping in YAML (1.2), each key on a line of its own and deeper than the key of
//! the mapping.

use super::Values;
use super::scalar::Scalar;
use super::section::Step;
use crate::mask::text::Text;

/// Longest key. Bytes.
const KEY_MAX: u64 = 256;

/// Where in a mapping a byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Before the first byte of a line.
    Indent(u64),
    /// In a key of this column, whose first byte is at a place.
    Key(u64, u64),
    /// Behind a key of this column and its colon.
    Gap(u64),
    /// In a value of a key of this column.
    Value(u64, Close, Scalar),
    /// Behind a value.
    Rest(u64),
}

/// What ends a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Close {
    Line,
    Double { escaped: bool },
    Single,
}

/// A mapping whose key and line have been read.
#[derive(Debug)]
pub(super) struct Mapping {
    column: u64,
    phase: Phase,
    /// Column of the last key: what is deeper goes on with its value.
    key: Option<u64>,
}

impl Mapping {
    pub(super) fn new(column: u64) -> Self {
        Self { column, phase: Phase::Indent(0), key: None }
    }

    pub(super) fn take(&mut self, values: Values, text: &Text, at: u64, byte: u8) -> Step {
        let (phase, step) = match (self.phase, byte) {
            (Phase::Value(column, close, scalar), _) => {
                return self.in_value((column, close, scalar), values, text, at, byte);
            }
            (Phase::Indent(_), b'\n' | b'\r') => (Phase::Indent(0), Step::Goes),
            (Phase::Indent(column), b' ') => (Phase::Indent(column + 1), Step::Goes),
            (Phase::Indent(column), _) => return self.line(column, at, byte),
            (Phase::Key(..) | Phase::Gap(_) | Phase::Rest(_), b'\n') => {
                (Phase::Indent(0), Step::Goes)
            }
            (Phase::Key(_, begin), _) if at - begin > KEY_MAX => return Step::Ends,
            (Phase::Key(column, _), b':') => (Phase::Gap(column), Step::Goes),
            (Phase::Gap(_), b' ' | b'\t' | b'\r') => (self.phase, Step::Goes),
            // A value that is none: an alias, a comment, the mark of a block.
            (Phase::Gap(column), b'#' | b'&' | b'*' | b'|' | b'>' | b'{' | b'[') => {
                (Phase::Rest(column), Step::Goes)
            }
            (Phase::Gap(column), b'"') => {
                let scalar = Scalar::new(at + 1);
                (Phase::Value(column, Close::Double { escaped: false }, scalar), Step::Goes)
            }
            (Phase::Gap(column), b'\'') => {
                (Phase::Value(column, Close::Single, Scalar::new(at + 1)), Step::Goes)
            }
            (Phase::Gap(column), _) => {
                (Phase::Value(column, Close::Line, Scalar::new(at)), Step::Goes)
            }
            (phase, _) => (phase, Step::Goes),
        };
        self.phase = phase;
        step
    }

    /// The first byte of a line that is not empty.
    fn line(&mut self, column: u64, at: u64, byte: u8) -> Step {
        if column <= self.column {
            return Step::Ends;
        }
        self.phase = match self.key {
            // A block, or what else goes on with a value.
            Some(key) if column > key => Phase::Value(column, Close::Line, Scalar::new(at)),
            _ if byte == b'#' => Phase::Rest(column),
            _ => {
                self.key = Some(column);
                Phase::Key(column, at)
            }
        };
        Step::Goes
    }

    fn in_value(
        &mut self,
        (column, close, mut scalar): (u64, Close, Scalar),
        values: Values,
        text: &Text,
        at: u64,
        byte: u8,
    ) -> Step {
        let ends = match close {
            Close::Line => matches!(byte, b'\n' | b'\r'),
            Close::Single => matches!(byte, b'\'' | b'\n'),
            Close::Double { escaped } => byte == b'\n' || byte == b'"' && !escaped,
        };
        if ends {
            let next = if byte == b'\n' { Phase::Indent(0) } else { Phase::Rest(column) };
            self.phase = next;
            return Step::Value(scalar.decide(values, text, at));
        }
        let close = match close {
            Close::Double { escaped } => Close::Double { escaped: byte == b'\\' && !escaped },
            other => other,
        };
        scalar.reaches(values, text, at);
        self.phase = Phase::Value(column, close, scalar);
        Step::Goes
    }

    /// The span of a value that is certain and goes on.
    pub(super) fn growing(&self, position: u64) -> Option<(u64, u64)> {
        match self.phase {
            Phase::Value(_, _, scalar) if scalar.certain => Some((scalar.begin, position)),
            _ => None,
        }
    }

    /// The span of the value that the stream's end ends.
    pub(super) fn ended(&self, values: Values, text: &Text, position: u64) -> Option<(u64, u64)> {
        match self.phase {
            Phase::Value(_, _, scalar) => scalar.decide(values, text, position),
            _ => None,
        }
    }

    pub(super) fn hold(&self, position: u64) -> u64 {
        match self.phase {
            Phase::Value(_, _, scalar) => scalar.hold(position),
            _ => position,
        }
    }
}
