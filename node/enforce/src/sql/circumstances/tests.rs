//! Circumstances as bytes: what is written is read, and nothing else is.

use proptest::prelude::*;

use super::*;
use crate::sql::SqlCommand;

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

fn borrowed(pairs: &Pairs) -> Vec<(&[u8], &[u8])> {
    pairs.iter().map(|(name, value)| (&name[..], &value[..])).collect()
}

#[test]
fn what_is_not_of_this_form_is_no_command() {
    #[track_caller]
    fn check(bytes: &[u8], text: Option<&[u8]>) {
        assert_eq!(SqlCommand::parse(bytes).map(|command| command.text), text, "{bytes:?}");
    }
    check(b"SELECT 1", Some(b"SELECT 1"));
    check(b"", Some(b""));
    check(b"\xff\0SELECT 1", Some(b"SELECT 1"));
    check(b"\xffsa\0b\0\0SELECT 1", Some(b"SELECT 1"));
    check(b"\xff", None);
    check(b"\xffSELECT 1", None);
    check(b"\xffsa\0b", None);
    check(b"\xffsa\0b\0", None);
    check(b"\xffxa\0b\0\0SELECT 1", None);
    check(b"\xfft\x0023,25\0\0SELECT 1", Some(b"SELECT 1"));
    check(b"\xfft\0\0\0SELECT 1", None);
    check(b"\xfft\x0023,-1\0\0SELECT 1", None);
    check(b"\xffta\x0023\0\0SELECT 1", None);
    // Behind them is a command as any: with a Bind, or what is none.
    check(b"\xffsa\0b\0\0SELECT 1\0\0\0\0\0\0\0\0\0", Some(b"SELECT 1"));
    check(b"\xffsa\0b\0\0SELECT 1\0\0", None);
    // There are no circumstances within circumstances: what stands there is no text.
    check(b"\xff\0\xffsa\0b\0\0SELECT 1", None);
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        settings: Pairs,
        prepared: Pairs,
        types: Vec<u32>,
        text in "[^\\x00]{0,20}",
    ) {
        let without_nul = |pairs: Pairs| -> Pairs {
            let clean = |text: Vec<u8>| text.into_iter().filter(|byte| *byte != 0).collect();
            pairs.into_iter().map(|(name, value)| (clean(name), clean(value))).collect()
        };
        let (settings, prepared) = (without_nul(settings), without_nul(prepared));
        let (settings, prepared) = (borrowed(&settings), borrowed(&prepared));
        let written = Circumstances { settings, prepared, types };
        let mut bytes = Vec::new();
        written.write(&mut bytes);
        bytes.extend_from_slice(text.as_bytes());
        prop_assert_eq!(Circumstances::cut(&bytes), Some((written, text.as_bytes())));
    }
}
