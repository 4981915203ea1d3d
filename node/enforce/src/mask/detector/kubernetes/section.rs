//! A section of values: `data:` or `stringData:` of an object, in either language.

use super::json::Object;
use super::yaml::Mapping;
use super::{Values, column};
use crate::mask::detector::{Machine, Progress};
use crate::mask::text::Text;

/// What is left of a section to read.
enum Language {
    /// Behind the separator.
    Unknown,
    Json(Object),
    Yaml(Mapping),
}

/// What one byte makes of a section.
pub(super) enum Step {
    Goes,
    /// A value has ended before this place, behind which nothing of it is.
    Value(Option<(u64, u64)>),
    Ends,
}

/// A section whose key and separator have been read.
pub(in crate::mask) struct Section {
    values: Values,
    begin: u64,
    /// Column of its key.
    column: Option<u64>,
    position: u64,
    language: Language,
}

impl Section {
    /// The section whose key begins at `key`, and whose separator is at `at`.
    pub(in crate::mask) fn new(values: Values, text: &Text, key: u64, at: u64) -> Self {
        let (begin, column) = (at + 1, column(text, key));
        Self { values, begin, column, position: begin, language: Language::Unknown }
    }

    /// Reads what stands before the first key.
    fn begins(&mut self, byte: u8) -> Step {
        self.language = match (byte, self.column) {
            (b' ' | b'\t' | b'\r', _) => return Step::Goes,
            (b'{', _) => Language::Json(Object::default()),
            (b'\n', Some(column)) => Language::Yaml(Mapping::new(column)),
            _ => return Step::Ends,
        };
        Step::Goes
    }

    /// The span of a value that is certain and goes on.
    fn growing(&self) -> Option<(u64, u64)> {
        match &self.language {
            Language::Unknown => None,
            Language::Json(object) => object.growing(self.position),
            Language::Yaml(mapping) => mapping.growing(self.position),
        }
    }

    /// The span of a value that has no end of its own.
    fn ended(&self, text: &Text) -> Option<(u64, u64)> {
        match &self.language {
            Language::Unknown => None,
            Language::Json(object) => object.ended(self.values, text, self.position),
            Language::Yaml(mapping) => mapping.ended(self.values, text, self.position),
        }
    }
}

impl Machine for Section {
    fn advance(&mut self, text: &Text, ended: bool) -> Progress {
        while let Some(byte) = text.get(self.position) {
            let at = self.position;
            let step = match &mut self.language {
                Language::Json(object) => object.take(self.values, text, at, byte),
                Language::Yaml(mapping) => mapping.take(self.values, text, at, byte),
                Language::Unknown => self.begins(byte),
            };
            match step {
                Step::Goes => self.position += 1,
                Step::Value(span) => {
                    self.position += 1;
                    if let Some(span) = span {
                        return Progress::Next(span);
                    }
                }
                Step::Ends => return Progress::Done(self.ended(text)),
            }
        }
        if ended {
            return Progress::Done(self.ended(text));
        }
        Progress::Open(self.growing())
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn hold(&self) -> u64 {
        match &self.language {
            Language::Unknown => self.position,
            Language::Json(object) => object.hold(self.position),
            Language::Yaml(mapping) => mapping.hold(self.position),
        }
    }

    fn open(&self) -> Option<u64> {
        self.growing().map(|(begin, _)| begin)
    }

    fn exclusive_from(&self) -> Option<u64> {
        Some(self.begin)
    }
}
