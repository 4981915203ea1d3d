//! How refusals are said, and with which exit status.

use node_gate::Ending;
use proto::refusal::{Code, Told};

use crate::stderr::{closing_reason, exit_status, line};

#[test]
fn a_refusal_is_one_harmless_line() {
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let told = Told::new(Code::BlockedByRule, text);
        assert_eq!(String::from_utf8(line(&told)).expect("text"), expected);
    }
    check("Ask the platform team.", "sallyport: SP-1201: Ask the platform team.\n");
    check("  two\nlines\r\n ", "sallyport: SP-1201: two lines\n");
    check("red \u{1b}[31mtext", "sallyport: SP-1201: red  [31mtext\n");
    check("hid\u{200b}den \u{202e}back", "sallyport: SP-1201: hid den  back\n");
    check("Zürich ☂", "sallyport: SP-1201: Zürich ☂\n");
    check("", "sallyport: SP-1201: \n");
    let long = line(&Told::new(Code::BlockedByRule, "ü".repeat(4000)));
    assert!(long.len() <= 1025 && long.ends_with("ü\n".as_bytes()));
}

#[test]
fn scripts_can_tell_a_refusal_from_a_fault() {
    let faults = [1008, 1301, 1302, 1303, 1304, 1305, 1306, 1307, 1405, 1901];
    for code in Code::ALL {
        let expected = if faults.contains(&code.number()) { 255 } else { 126 };
        assert_eq!(exit_status(*code), expected, "{code}");
    }
}

#[test]
fn a_session_closes_for_a_reason() {
    #[track_caller]
    fn check(ending: Ending, expected: &str) {
        assert_eq!(closing_reason(&ending), expected);
    }
    check(Ending::Exited(0), "finished");
    check(Ending::Exited(9), "finished");
    check(Ending::Signalled("TERM".to_owned()), "finished");
    check(Ending::ClientLeft, "client left");
    check(Ending::Refused(Told::plain(Code::Draining)), "drained");
    check(Ending::Refused(Told::plain(Code::PermitExpired)), "SP-1205");
    check(Ending::Failed(Told::plain(Code::TargetLost)), "SP-1306");
}
