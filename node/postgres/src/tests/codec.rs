//! The protocol's bytes, split and broken.

use node_enforce::mask::{Form, Place};
use proto::refusal::Code;

use crate::codec::frame::{BadFrame, Frame, head, whole};
use crate::codec::places::{Finder, Shape};
use crate::codec::read::{self, Column};
use crate::codec::startup::{self, Startup};
use crate::codec::write;
use crate::veil::View;

const LIMIT: usize = 1024;

#[test]
fn lengths_are_checked_before_they_are_believed() {
    #[track_caller]
    fn check(length: u32, expected: Result<Option<usize>, &str>) {
        let bytes = [&[b'Q'][..], &length.to_be_bytes(), &[0; 8]].concat();
        let found = match head(&bytes, LIMIT) {
            Ok(frame) => Ok(frame.map(|frame| frame.bytes)),
            Err(BadFrame::Length { .. }) => Err("length"),
            Err(BadFrame::TooLarge { .. }) => Err("too large"),
        };
        assert_eq!(found, expected, "{length}");
    }
    check(u32::MAX, Err("too large"));
    check(0, Err("length"));
    check(3, Err("length"));
    check(4, Ok(Some(5)));
    check(1023, Ok(Some(1024)));
    check(1024, Err("too large"));
    check((1 << 31) - 1, Err("too large"));
    check(1 << 31, Err("too large"));
}

#[test]
fn a_message_is_whole_or_it_is_not() {
    let mut bytes = Vec::new();
    write::message(&mut bytes, b'Q', |out| write::text(out, b"select 1"));
    for cut in 0..bytes.len() {
        assert_eq!(whole(&bytes[..cut], LIMIT), Ok(None), "{cut}");
    }
    let expected = Ok(Some(Frame { kind: b'Q', bytes: bytes.len() }));
    assert_eq!(whole(&bytes, LIMIT), expected);
    bytes.extend_from_slice(b"more");
    assert_eq!(whole(&bytes, LIMIT), expected);
}

#[test]
fn what_comes_first() {
    #[track_caller]
    fn check(body: &[u8], expected: &str) {
        let found = match startup::read(body) {
            Ok(Startup::Tls) => "tls".to_owned(),
            Ok(Startup::Gss) => "gss".to_owned(),
            Ok(Startup::Cancel { process, secret }) => format!("cancel {process} {secret:?}"),
            Ok(Startup::Begin(begin)) => format!("3.{} {:?}", begin.minor, begin.parameters),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected);
    }
    let number = |number: u32| number.to_be_bytes();
    check(&number(80_877_103), "tls");
    check(&number(80_877_104), "gss");
    check(&[&number(80_877_103)[..], b"x"].concat(), "its parameters are not right");
    check(&[&number(80_877_102)[..], &number(7), b"abcd"].concat(), "cancel 7 [97, 98, 99, 100]");
    check(&[&number(80_877_102)[..], &number(7), b"abc"].concat(), "its parameters are not right");
    check(
        &[&number(80_877_102)[..], &number(7), &[1; 257]].concat(),
        "its parameters are not right",
    );
    check(&number(2 << 16), "it speaks protocol 2.0");
    check(&[&number(3 << 16)[..], b"user\0a\0\0"].concat(), r#"3.0 [("user", "a")]"#);
    check(&[&number((3 << 16) | 2)[..], b"\0"].concat(), "3.2 []");
    check(&[&number(3 << 16)[..], b"user\0a\0"].concat(), "its parameters are not right");
    check(&[&number(3 << 16)[..], b"user\0a\0\0x"].concat(), "its parameters are not right");
    check(
        &[&number(3 << 16)[..], b"user\0a\0user\0b\0\0"].concat(),
        "its parameters are not right",
    );
    check(&[&number(3 << 16)[..], b"user\0\xff\0\0"].concat(), "its parameters are not right");
    check(b"", "its parameters are not right");
    for length in [0, 3, 7, 10_001, u32::MAX, (1 << 31) - 1] {
        assert!(startup::length(length.to_be_bytes()).is_err(), "{length}");
    }
    assert_eq!(startup::length(8_u32.to_be_bytes()), Ok(8));
}

/// What a client is told has a state that it knows (PostgreSQL documentation, appendix A).
#[test]
fn refusals_of_a_login_have_their_states() {
    #[track_caller]
    fn check(code: Code, expected: &str) {
        assert_eq!(write::sqlstate(code), expected, "{code}");
    }
    check(Code::LoginRefused, "28P01");
    check(Code::CertificateRefused, "28000");
    check(Code::PermissionDenied, "42501");
}

fn row(cells: &[Option<&[u8]>]) -> Vec<u8> {
    let mut body = u16::try_from(cells.len()).unwrap_or(0).to_be_bytes().to_vec();
    for cell in cells {
        match cell {
            None => body.extend_from_slice(&(-1_i32).to_be_bytes()),
            Some(value) => {
                body.extend_from_slice(&u32::try_from(value.len()).unwrap_or(0).to_be_bytes());
                body.extend_from_slice(value);
            }
        }
    }
    body
}

#[test]
fn values_of_a_row_are_found() {
    let column = |kind, binary| Column { kind, binary };
    let shape = Shape::described(vec![
        column(23, false),
        column(25, false),
        column(25, true),
        column(20, false),
        column(1009, true),
    ]);
    let body = row(&[Some(b"7"), Some(b"abc"), Some(b"d"), Some(b"12"), Some(b"xyz")]);
    let mut places = Vec::new();
    let mut finder = Finder { places: &mut places, at: 10 };
    finder.row(&body, &shape, View::Plain).expect("a row");
    let shown: Vec<_> = places
        .iter()
        .map(|place: &Place| (&body[place.start - 15..place.end - 15], place.form, place.message))
        .collect();
    let expected: Vec<(&[u8], Form, usize)> = vec![
        (b"abc", Form::Counted, 11),
        (b"d", Form::Counted, 11),
        (b"12", Form::Sealed, 11),
        (b"xyz", Form::Sealed, 11),
    ];
    assert_eq!(shown, expected);
}

#[test]
fn rows_that_are_none_are_refused() {
    #[track_caller]
    fn check(body: &[u8]) {
        let mut places = Vec::new();
        let mut finder = Finder { places: &mut places, at: 0 };
        assert!(finder.row(body, &Shape::default(), View::Plain).is_err(), "{body:?}");
    }
    check(b"");
    check(b"\0");
    check(b"\0\x01");
    check(b"\0\x01\0\0\0\x02a");
    check(b"\0\x01\xff\xff\xff\xfe");
    check(b"\0\x01\x7f\xff\xff\xffa");
    check(b"\0\x01\0\0\0\x01ab");
    check(b"\0\0x");
}

#[test]
fn binds_are_taken_apart_whole_or_not_at_all() {
    let body = b"p\0s\0\0\x01\0\x01\0\x02\0\0\0\x02hi\xff\xff\xff\xff\0\x02\0\x01\0\0";
    let bind = read::bind(body).expect("a bind");
    assert_eq!((bind.portal, bind.statement), (&b"p"[..], &b"s"[..]));
    assert_eq!(bind.binary, [true, false]);
    assert_eq!(bind.rest, &body[4..]);
    for cut in 0..body.len() {
        assert_eq!(read::bind(&body[..cut]), None, "{cut}");
    }
    assert_eq!(read::bind(&[&body[..], b"x"].concat()), None);
}
