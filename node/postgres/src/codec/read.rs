//! Taking bodies of messages apart.

/// Reads a body from its beginning; what is not there is nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Where the next byte is.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// What is left.
    pub(crate) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    pub(crate) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = self.rest().get(..length)?;
        self.at += length;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = self.rest().first_chunk::<N>().copied()?;
        self.at += N;
        Some(bytes)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// A length that may say that there is no value: within what is left, or nothing at all.
    pub(crate) fn length(&mut self) -> Option<Option<usize>> {
        match self.array().map(i32::from_be_bytes)? {
            -1 => Some(None),
            length => {
                let length = usize::try_from(length).ok()?;
                (length <= self.rest().len()).then_some(Some(length))
            }
        }
    }

    /// Bytes up to a zero byte, which is taken too.
    pub(crate) fn name(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest();
        let end = rest.iter().position(|byte| *byte == 0)?;
        self.at += end + 1;
        Some(&rest[..end])
    }

    /// As [`Reader::name`], of UTF-8.
    pub(crate) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.name()?).ok()
    }
}

/// One column of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Column {
    /// The type's number in `pg_type`.
    pub(crate) kind: u32,
    /// Whether values come in binary.
    pub(crate) binary: bool,
}

/// The columns of a `RowDescription`.
pub(crate) fn columns(body: &[u8]) -> Option<Vec<Column>> {
    let mut reader = Reader::new(body);
    let count = usize::from(reader.u16()?);
    let mut columns = Vec::with_capacity(count.min(body.len() / 18));
    for _ in 0..count {
        reader.name()?;
        reader.take(6)?;
        let kind = reader.u32()?;
        reader.take(6)?;
        columns.push(Column { kind, binary: reader.u16()? != 0 });
    }
    reader.rest().is_empty().then_some(columns)
}

/// Of each column of a `RowDescription` the table and the column there that it is.
pub(crate) fn origins(body: &[u8]) -> Option<Vec<(u32, i16)>> {
    let mut reader = Reader::new(body);
    let count = usize::from(reader.u16()?);
    let mut origins = Vec::with_capacity(count.min(body.len() / 18));
    for _ in 0..count {
        reader.name()?;
        let table = reader.u32()?;
        origins.push((table, reader.u16()?.cast_signed()));
        reader.take(12)?;
    }
    Some(origins)
}

/// A `Parse`: its statement's name, its text.
pub(crate) fn parse(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut reader = Reader::new(body);
    let (name, text) = (reader.name()?, reader.name()?);
    let types = usize::from(reader.u16()?);
    (reader.rest().len() == types * 4).then_some((name, text))
}

/// A `Bind`, as far as it is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bind<'a> {
    pub(crate) portal: &'a [u8],
    pub(crate) statement: &'a [u8],
    /// What stands behind both names.
    pub(crate) rest: &'a [u8],
    /// For each column of the result whether it is to come in binary; one for all, or none.
    pub(crate) binary: Vec<bool>,
}

pub(crate) fn bind(body: &[u8]) -> Option<Bind<'_>> {
    let mut reader = Reader::new(body);
    let (portal, statement) = (reader.name()?, reader.name()?);
    let rest = reader.rest();
    for _ in 0..reader.u16()? {
        reader.u16()?;
    }
    for _ in 0..reader.u16()? {
        if let Some(length) = reader.length()? {
            reader.take(length)?;
        }
    }
    let count = usize::from(reader.u16()?);
    let mut binary = Vec::with_capacity(count.min(body.len() / 2));
    for _ in 0..count {
        binary.push(reader.u16()? != 0);
    }
    reader.rest().is_empty().then_some(Bind { portal, statement, rest, binary })
}

/// A `Describe` or `Close`: of what, and its name.
pub(crate) fn named(body: &[u8]) -> Option<(u8, &[u8])> {
    let mut reader = Reader::new(body);
    let (of, name) = (reader.u8()?, reader.name()?);
    (matches!(of, b'S' | b'P') && reader.rest().is_empty()).then_some((of, name))
}

/// An `Execute`: its portal, and how many rows at most.
pub(crate) fn execute(body: &[u8]) -> Option<(&[u8], u32)> {
    let mut reader = Reader::new(body);
    let (portal, rows) = (reader.name()?, reader.u32()?);
    reader.rest().is_empty().then_some((portal, rows))
}

/// A field of an error or a notice, by its letter.
pub(crate) fn field(body: &[u8], letter: u8) -> Option<&[u8]> {
    let mut reader = Reader::new(body);
    while let Some(kind) = reader.u8().filter(|kind| *kind != 0) {
        let value = reader.name()?;
        if kind == letter {
            return Some(value);
        }
    }
    None
}
