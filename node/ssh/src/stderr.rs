//! How a refusal or a fault is said to an SSH client: one line on standard error, and an exit
//! status that scripts can tell from the command's own.

use node_gate::Ending;
use proto::refusal::{Code, Told};

/// The exit status of what was not let run: as a shell says "found, but cannot be run".
pub(crate) const REFUSED: u32 = 126;
/// The exit status of a connection that failed: as `ssh` itself says it.
pub(crate) const FAILED: u32 = 255;
/// What is said when a shell opens.
pub(crate) const RECORDED: &str = "sallyport: This session is recorded.\r\n";
/// The longest reason, in bytes.
const REASON_BYTES: usize = 1024 - "sallyport: ".len();

/// The line for a client's terminal. Nothing in it can move a cursor.
pub(crate) fn line(told: &Told) -> Vec<u8> {
    let mut line = format!("sallyport: {}", reason(told)).into_bytes();
    line.push(b'\n');
    line
}

/// The same as a reason, e.g. of a channel that is not opened.
pub(crate) fn reason(told: &Told) -> String {
    let text = told.text.trim();
    let mut reason = format!("{}: ", told.code);
    for character in text.chars() {
        if reason.len() + character.len_utf8() > REASON_BYTES {
            break;
        }
        reason.push(if harmless(character) { character } else { ' ' });
    }
    reason
}

/// The same for a terminal in which something else stands on the line already.
pub(crate) fn line_of_its_own(told: &Told) -> Vec<u8> {
    let mut line = b"\r\n".to_vec();
    line.extend(self::line(told));
    line.insert(line.len() - 1, b'\r');
    line
}

/// Control characters, and those that turn the direction of text or hide it.
fn harmless(character: char) -> bool {
    let hides = matches!(character,
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{2028}' | '\u{2029}');
    !character.is_control() && !hides
}

/// The exit status that goes with a code.
pub(crate) fn exit_status(code: Code) -> u32 {
    match code {
        Code::TargetUnreachable
        | Code::HostKeyMismatch
        | Code::TargetRefusedLogin
        | Code::TargetTimeout
        | Code::CredentialMissing
        | Code::TargetLost
        | Code::TargetRefusedChannel
        | Code::InputBehind
        | Code::ContactLost
        | Code::Internal => FAILED,
        _ => REFUSED,
    }
}

/// Why a session closed, for its last event.
pub(crate) fn closing_reason(ending: &Ending) -> String {
    match ending {
        Ending::Exited(_) | Ending::Signalled(_) => "finished".to_owned(),
        Ending::ClientLeft => "client left".to_owned(),
        Ending::Refused(told) if told.code == Code::Draining => "drained".to_owned(),
        Ending::Failed(told) | Ending::Refused(told) => told.code.to_string(),
    }
}
