//! Where values that may be secret are in a database's messages. What is not named here passes as
//! it is: numbers, dates, and the protocol's own words.

use std::sync::Arc;

use node_enforce::mask::{Form, Place};

use super::frame::HEADER_BYTES;
use super::read::{Column, Reader};
use crate::types;
use crate::veil::View;

/// A message that is not what its kind says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message of kind {0:#04x} from the database is not right")]
pub(crate) struct Malformed(pub(crate) u8);

/// The columns of a result, as far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    columns: Arc<[Column]>,
    // What columns are taken for that were never described.
    otherwise: Column,
    origins: Arc<[(u32, i16)]>,
}

impl Shape {
    pub(crate) fn described(columns: Vec<Column>) -> Self {
        let otherwise = Column { kind: 0, binary: true };
        Self { columns: columns.into(), otherwise, origins: Arc::default() }
    }

    /// The same columns, with the tables and columns that they are.
    pub(crate) fn with_origins(mut self, origins: Vec<(u32, i16)>) -> Self {
        self.origins = origins.into();
        self
    }

    /// The table and column that each column is; none of what was never described.
    pub(crate) fn origins(&self) -> &[(u32, i16)] {
        &self.origins
    }

    /// Columns of no known type, in text or perhaps in binary.
    pub(crate) fn undescribed(binary: bool) -> Self {
        let otherwise = Column { kind: 0, binary };
        Self { columns: Arc::default(), otherwise, origins: Arc::default() }
    }

    /// The same columns, in the formats that a `Bind` asks for: one for all, or one for each.
    pub(crate) fn in_formats(&self, binary: &[bool]) -> Self {
        let any = binary.contains(&true);
        let format = |index: usize| match binary {
            [] => false,
            [all] => *all,
            each => each.get(index).copied().unwrap_or(any),
        };
        let columns = self.columns.iter().enumerate();
        let columns = columns.map(|(index, one)| Column { binary: format(index), ..*one });
        let otherwise = Column { kind: 0, binary: any };
        Self { columns: columns.collect(), otherwise, origins: self.origins.clone() }
    }

    pub(crate) fn column(&self, index: usize) -> Column {
        self.columns.get(index).copied().unwrap_or(self.otherwise)
    }

    /// A column, and whether it was described.
    fn described_column(&self, index: usize) -> (Column, bool) {
        (self.column(index), index < self.columns.len())
    }
}

/// Finds the places of a message that begins at `at` in its batch.
pub(crate) struct Finder<'a> {
    pub(crate) places: &'a mut Vec<Place>,
    pub(crate) at: usize,
}

impl Finder<'_> {
    fn add(&mut self, start: usize, length: usize, form: Form) {
        if length == 0 && !matches!(form, Form::Fixed(_)) {
            return;
        }
        let begins = self.at + HEADER_BYTES + start;
        let (end, message) = (begins + length, self.at + 1);
        self.places.push(Place { start: begins, end, message, form });
    }

    /// The cells of a `DataRow`.
    pub(crate) fn row(
        &mut self,
        body: &[u8],
        shape: &Shape,
        view: View<'_>,
    ) -> Result<(), Malformed> {
        let bad = Malformed(b'D');
        let mut reader = Reader::new(body);
        let count = usize::from(reader.u16().ok_or(bad)?);
        self.cells(&mut reader, count, (shape, view), bad)?;
        if reader.rest().is_empty() { Ok(()) } else { Err(bad) }
    }

    fn cells(
        &mut self,
        reader: &mut Reader<'_>,
        count: usize,
        (shape, view): (&Shape, View<'_>),
        bad: Malformed,
    ) -> Result<(), Malformed> {
        for index in 0..count {
            let Some(length) = reader.length().ok_or(bad)? else { continue };
            let start = reader.at();
            reader.take(length).ok_or(bad)?;
            let (column, described) = shape.described_column(index);
            let replaced = view.form(index, column, described);
            if let Some(form) = replaced.or_else(|| types::form(column)) {
                self.add(start, length, form);
            }
        }
        Ok(())
    }

    /// The whole of a message that is text, such as `CopyData`.
    pub(crate) fn all(&mut self, body: &[u8]) -> Result<(), Malformed> {
        self.add(0, body.len(), Form::Bare);
        Ok(())
    }

    /// A tuple of a copy in binary: fields with their lengths, the first one behind a header.
    pub(crate) fn tuple(&mut self, body: &[u8], view: View<'_>) -> Result<(), Malformed> {
        const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
        const END: u16 = u16::MAX;
        let bad = Malformed(b'd');
        let shape = Shape::undescribed(true);
        let mut reader = Reader::new(body);
        if body.starts_with(SIGNATURE) {
            reader.take(SIGNATURE.len() + 4).ok_or(bad)?;
            let extension = reader.length().ok_or(bad)?.ok_or(bad)?;
            reader.take(extension).ok_or(bad)?;
        }
        while !reader.rest().is_empty() {
            let count = reader.u16().ok_or(bad)?;
            if count == END {
                break;
            }
            self.cells(&mut reader, usize::from(count), (&shape, view), bad)?;
        }
        if reader.rest().is_empty() { Ok(()) } else { Err(bad) }
    }

    /// The texts of an error or a notice; its codes, lines and places in the server's source pass.
    pub(crate) fn fields(&mut self, kind: u8, body: &[u8]) -> Result<(), Malformed> {
        let bad = Malformed(kind);
        let mut reader = Reader::new(body);
        loop {
            let letter = reader.u8().ok_or(bad)?;
            if letter == 0 {
                break;
            }
            let start = reader.at();
            let value = reader.name().ok_or(bad)?;
            if !matches!(letter, b'S' | b'V' | b'C' | b'P' | b'p' | b'L' | b'F' | b'R') {
                self.add(start, value.len(), Form::Bare);
            }
        }
        if reader.rest().is_empty() { Ok(()) } else { Err(bad) }
    }

    /// As [`Finder::fields`], of a message in which masked values may be: none of it is shown but
    /// how grave it is, and its code.
    pub(crate) fn silent(&mut self, kind: u8, body: &[u8]) -> Result<(), Malformed> {
        let before = self.places.len();
        self.fields(kind, body)?;
        for place in &mut self.places[before..] {
            place.form = Form::Silent;
        }
        Ok(())
    }

    /// A line of a copy with masked columns in it.
    pub(crate) fn line(
        &mut self,
        body: &[u8],
        view: View<'_>,
        (csv, delimiter): (bool, u8),
    ) -> Result<(), Malformed> {
        let line = body.strip_suffix(b"\n").ok_or(Malformed(b'd'))?;
        let fields = fields_of(line, csv, delimiter).ok_or(Malformed(b'd'))?;
        let count = fields.len();
        for (index, (start, end)) in fields.into_iter().enumerate() {
            match view.within(index, count, csv, delimiter) {
                Some(form) => {
                    let (begins, message) = (self.at + HEADER_BYTES + start, self.at + 1);
                    let end = self.at + HEADER_BYTES + end;
                    self.places.push(Place { start: begins, end, message, form });
                }
                None => self.add(start, end - start, Form::Bare),
            }
        }
        Ok(())
    }

    /// As [`Finder::texts`], of which only the first is shown.
    pub(crate) fn silent_behind(
        &mut self,
        kind: u8,
        body: &[u8],
        skip: usize,
    ) -> Result<(), Malformed> {
        let before = self.places.len();
        self.texts(kind, body, skip)?;
        for place in self.places.iter_mut().skip(before + 1) {
            place.form = Form::Silent;
        }
        Ok(())
    }

    /// Texts that end with a zero byte, behind so many other bytes: `NotificationResponse`,
    /// `ParameterStatus`, `CommandComplete`.
    pub(crate) fn texts(&mut self, kind: u8, body: &[u8], skip: usize) -> Result<(), Malformed> {
        let bad = Malformed(kind);
        let mut reader = Reader::new(body);
        reader.take(skip).ok_or(bad)?;
        while !reader.rest().is_empty() {
            let start = reader.at();
            let value = reader.name().ok_or(bad)?;
            self.add(start, value.len(), Form::Bare);
        }
        Ok(())
    }

    /// The names of a `RowDescription`'s columns.
    pub(crate) fn names(&mut self, body: &[u8]) -> Result<(), Malformed> {
        const BEHIND_NAME: usize = 18;
        let bad = Malformed(b'T');
        let mut reader = Reader::new(body);
        for _ in 0..reader.u16().ok_or(bad)? {
            let start = reader.at();
            let name = reader.name().ok_or(bad)?;
            self.add(start, name.len(), Form::Bare);
            reader.take(BEHIND_NAME).ok_or(bad)?;
        }
        if reader.rest().is_empty() { Ok(()) } else { Err(bad) }
    }
}

/// Where the values of a line are; none when it is no whole line.
fn fields_of(line: &[u8], csv: bool, delimiter: u8) -> Option<Vec<(usize, usize)>> {
    let (mut fields, mut start, mut quoted, mut at) = (Vec::new(), 0, false, 0);
    while at < line.len() {
        match line[at] {
            b'"' if csv => quoted = !quoted,
            b'\\' if !csv => at += 1,
            byte if byte == delimiter && !quoted => {
                fields.push((start, at));
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    fields.push((start, line.len()));
    (!quoted && at == line.len()).then_some(fields)
}
