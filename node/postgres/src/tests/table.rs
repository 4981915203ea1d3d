//! Rows as the record shows them.

use crate::codec::places::Shape;
use crate::codec::read::Column;
use crate::codec::write::message;
use crate::table::{Columns, shown};

fn row(cells: &[Option<&[u8]>]) -> Vec<u8> {
    let mut out = Vec::new();
    message(&mut out, b'D', |out| {
        out.extend_from_slice(&u16::try_from(cells.len()).expect("few cells").to_be_bytes());
        for cell in cells {
            match cell {
                Some(value) => {
                    let length = u32::try_from(value.len()).expect("a short cell");
                    out.extend_from_slice(&length.to_be_bytes());
                    out.extend_from_slice(value);
                }
                None => out.extend_from_slice(&(-1_i32).to_be_bytes()),
            }
        }
    });
    out
}

fn names(columns: &[(&str, u32, u16)]) -> Vec<u8> {
    let mut out = Vec::new();
    message(&mut out, b'T', |out| {
        out.extend_from_slice(&u16::try_from(columns.len()).expect("few columns").to_be_bytes());
        for (name, kind, format) in columns {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(&[0; 7]);
            out.extend_from_slice(&kind.to_be_bytes());
            out.extend_from_slice(&[0; 6]);
            out.extend_from_slice(&format.to_be_bytes());
        }
    });
    out
}

#[track_caller]
fn check(messages: &[Vec<u8>], columns: Columns, expected: &str) {
    assert_eq!(shown(&messages.concat(), columns), expected);
}

#[test]
fn text_is_on_one_line_whatever_it_holds() {
    let none = || Columns::AsDescribed(Shape::default());
    let head = names(&[("id", 23, 0), ("na\nme", 25, 0)]);
    check(
        &[head, row(&[Some(b"1"), Some(b"a\tb\\\n\x1b[2J")]), row(&[None, Some(b"")])],
        none(),
        "id | na\\nme\n1 | a\\tb\\\\\\n\\u{1b}[2J\nnull | \n",
    );
    let long = [b'x'; 3000];
    let text = names(&[("a", 25, 0)]);
    let expected = format!("a\n{}… 3000 bytes\n", "x".repeat(1024));
    check(&[text, row(&[Some(&long)])], none(), &expected);
}

#[test]
fn binary_values_of_known_types_are_read() {
    let column = |kind| Column { kind, binary: true };
    let columns = [16, 20, 21, 23, 25, 3802, 2950].map(column).to_vec();
    check(
        &[row(&[
            Some(b"\x01"),
            Some(&7_i64.to_be_bytes()),
            Some(&(-2_i16).to_be_bytes()),
            Some(&3_i32.to_be_bytes()),
            Some(b"text"),
            Some(b"\x01{}"),
            Some(b"\x01\x02"),
        ])],
        Columns::Bound(Shape::described(columns)),
        "t | 7 | -2 | 3 | text | {} | \\x0102\n",
    );
    // What is not as long as its type says is shown as it is.
    let columns = Columns::Bound(Shape::described(vec![column(20)]));
    check(&[row(&[Some(b"\x01")])], columns, "\\x01\n");
}

#[test]
fn what_is_copied_is_shown_line_by_line() {
    let mut copied = Vec::new();
    message(&mut copied, b'd', |out| out.extend_from_slice(b"1\tx\n"));
    message(&mut copied, b'd', |out| out.extend_from_slice(b"\xff\n"));
    check(&[copied], Columns::default(), "1\\tx\n\\xff0a\n");
}
