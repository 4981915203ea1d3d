//! A database's rows as the record shows them: a line for each, with the names of the columns
//! above. Made of what was masked, for people to read; nobody gets rows from here.

use crate::codec::frame::{HEADER_BYTES, whole};
use crate::codec::places::Shape;
use crate::codec::read::{self, Column, Reader};
use crate::config::TARGET_MESSAGE_BYTES;
use crate::types;

/// How much of a value is shown, in bytes.
const VALUE_BYTES: usize = 1024;
/// How much of a value in binary that is of no known type is shown, in bytes.
const BINARY_BYTES: usize = 32;
const BETWEEN: &str = " | ";

/// Which columns rows have.
#[derive(Clone, Debug)]
pub(crate) enum Columns {
    /// As each `RowDescription` says: a text may hold several statements.
    AsDescribed(Shape),
    /// Those of the portal that runs, in the formats that its `Bind` asked for.
    Bound(Shape),
}

impl Default for Columns {
    fn default() -> Self {
        Self::Bound(Shape::default())
    }
}

/// Whole messages, masked, as lines.
pub(crate) fn shown(messages: &[u8], columns: Columns) -> String {
    let (mut shape, follows) = match columns {
        Columns::AsDescribed(shape) => (shape, true),
        Columns::Bound(shape) => (shape, false),
    };
    let (mut out, mut at) = (String::new(), 0);
    while let Ok(Some(frame)) = whole(&messages[at..], TARGET_MESSAGE_BYTES) {
        let body = &messages[at + HEADER_BYTES..at + frame.bytes];
        match frame.kind {
            b'T' => {
                names(&mut out, body);
                if let Some(described) = read::columns(body).filter(|_| follows) {
                    shape = Shape::described(described);
                }
            }
            b'D' => row(&mut out, body, &shape),
            b'd' => copied(&mut out, body),
            _ => {}
        }
        at += frame.bytes;
    }
    out
}

fn names(out: &mut String, body: &[u8]) {
    const BEHIND_NAME: usize = 18;
    let mut reader = Reader::new(body);
    for index in 0..reader.u16().unwrap_or_default() {
        let Some(name) = reader.name() else { break };
        out.push_str(if index == 0 { "" } else { BETWEEN });
        text(out, &String::from_utf8_lossy(name));
        if reader.take(BEHIND_NAME).is_none() {
            break;
        }
    }
    out.push('\n');
}

fn row(out: &mut String, body: &[u8], shape: &Shape) {
    let mut reader = Reader::new(body);
    for index in 0..usize::from(reader.u16().unwrap_or_default()) {
        out.push_str(if index == 0 { "" } else { BETWEEN });
        match reader.length() {
            Some(Some(length)) => {
                let value = reader.take(length).unwrap_or_default();
                cell(out, value, shape.column(index));
            }
            Some(None) => out.push_str("null"),
            None => break,
        }
    }
    out.push('\n');
}

fn copied(out: &mut String, body: &[u8]) {
    match std::str::from_utf8(body) {
        Ok(line) => text(out, line.trim_end_matches('\n')),
        Err(_) => binary(out, body),
    }
    out.push('\n');
}

fn cell(out: &mut String, value: &[u8], column: Column) {
    if !column.binary {
        return text(out, &String::from_utf8_lossy(value));
    }
    match types::number(column.kind, value) {
        Some(number) => out.push_str(&number),
        None => match types::text(column.kind, value).map(std::str::from_utf8) {
            Some(Ok(value)) => text(out, value),
            _ => binary(out, value),
        },
    }
}

/// On one line, whatever it holds; nothing in it moves a terminal's cursor.
fn text(out: &mut String, value: &str) {
    let cut = &value[..value.floor_char_boundary(VALUE_BYTES)];
    for letter in cut.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            letter if letter.is_control() => out.extend(letter.escape_unicode()),
            letter => out.push(letter),
        }
    }
    more(out, cut.len(), value.len());
}

fn binary(out: &mut String, value: &[u8]) {
    let cut = &value[..value.len().min(BINARY_BYTES)];
    out.push_str("\\x");
    cut.iter().for_each(|byte| out.push_str(&format!("{byte:02x}")));
    more(out, cut.len(), value.len());
}

fn more(out: &mut String, shown: usize, length: usize) {
    if shown < length {
        out.push_str(&format!("… {length} bytes"));
    }
}
