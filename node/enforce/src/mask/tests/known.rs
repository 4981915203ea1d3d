//! Known values, in each encoding that is promised.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use super::*;

const VALUE: &[u8] = b"p\"\\ \t/ >?~\xC3\xA4+secret";

#[track_caller]
fn hides(encoded: &str) {
    let plan = plan(&[], &[known("vault", VALUE)]);
    check(&plan, &format!("x{encoded}y"), &format!("x{}y", stars(encoded.len())));
}

#[test]
fn encodings() {
    hides(std::str::from_utf8(VALUE).expect("it is UTF-8"));
    hides(&VALUE.iter().map(|b| format!("{b:02x}")).collect::<String>());
    hides(&VALUE.iter().map(|b| format!("{b:02X}")).collect::<String>());
    hides("p%22%5C%20%09%2F%20%3E%3F~%C3%A4%2Bsecret");
    hides("p%22%5c%20%09%2f%20%3e%3f~%c3%a4%2bsecret");
    hides("p\\\"\\\\ \\t/ >?~ä+secret");
}

#[test]
fn base64_in_each_phase() {
    let plan = plan(&[], &[known("vault", VALUE)]);
    for phase in 0..6 {
        let text = [&b"abcdef"[..phase], VALUE, b"tail"].concat();
        for encoded in [STANDARD.encode(&text), URL_SAFE.encode(&text)] {
            let (masked, findings) = every_split(&plan, encoded.as_bytes());
            assert_eq!(findings.len(), 1, "phase {phase}: {masked}");
            let hidden = masked.bytes().filter(|b| *b == b'*').count();
            assert!(hidden >= VALUE.len() * 8 / 6 - 1, "phase {phase}: {masked}");
        }
    }
}

#[test]
fn one_inside_another_and_half_of_one() {
    let plan = plan(&[], &[known("a", b"abcabcabd"), known("b", b"bcabcabcabd!")]);
    check(&plan, "abcabcabcabd!", "a************");
    check(&plan, "abcabcabcabd abcabcab", "abc********* abcabcab");
}
