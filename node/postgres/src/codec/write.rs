//! Messages of our own making, toward clients and targets.

use proto::refusal::{Code, Told};

/// Appends a message: its kind, its length, and what `body` writes.
pub(crate) fn message(out: &mut Vec<u8>, kind: u8, body: impl FnOnce(&mut Vec<u8>)) {
    out.push(kind);
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    body(out);
    let length = u32::try_from(out.len() - at).unwrap_or(u32::MAX);
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
}

/// A message that is one of these with nothing in it.
pub(crate) fn empty(out: &mut Vec<u8>, kind: u8) {
    message(out, kind, |_| {});
}

/// Appends a text and the zero byte behind it; a zero byte within would cut it.
pub(crate) fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(bytes.iter().copied().filter(|byte| *byte != 0));
    out.push(0);
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    /// The statement failed.
    Error,
    /// The connection is over.
    Fatal,
    /// Nothing failed.
    Notice,
}

/// An error or a notice about a refusal: its code is in the message and in the detail.
pub(crate) fn told(out: &mut Vec<u8>, severity: Severity, told: &Told) {
    let (kind, word) = match severity {
        Severity::Error => (b'E', "ERROR"),
        Severity::Fatal => (b'E', "FATAL"),
        Severity::Notice => (b'N', "NOTICE"),
    };
    let state = if severity == Severity::Notice { "00000" } else { sqlstate(told.code) };
    message(out, kind, |out| {
        let mut field = |letter: u8, value: &str| {
            out.push(letter);
            text(out, value.as_bytes());
        };
        field(b'S', word);
        field(b'V', word);
        field(b'C', state);
        field(b'M', &format!("{}: {}", told.code, told.text));
        if severity != Severity::Notice {
            field(b'D', &format!("Sallyport {}: {}.", told.code, told.code.title()));
        }
        out.push(0);
    });
}

/// The SQLSTATE that goes with a code (PostgreSQL documentation, appendix A).
pub(crate) fn sqlstate(code: Code) -> &'static str {
    match code {
        Code::LoginRefused | Code::TooManyRequests => "28P01",
        Code::CertificateRefused => "28000",
        Code::SettingRefused => "22023",
        Code::MessageTooLarge | Code::CommandTooLong => "54000",
        Code::ProtocolBroken | Code::BadRequest => "08P01",
        Code::ChannelRefused => "0A000",
        Code::NotFound => "26000",
        Code::LimitReached => "53400",
        Code::TooManySessions => "53300",
        Code::ApprovalWithdrawn => "57014",
        Code::Draining | Code::SessionEnded | Code::ContactLost => "57P01",
        Code::NoQuorum
        | Code::RecordUnavailable
        | Code::RecordFull
        | Code::RecordUnconfirmed
        | Code::StreamDown => "57P03",
        Code::TargetUnreachable
        | Code::HostKeyMismatch
        | Code::TargetRefusedLogin
        | Code::TargetTimeout
        | Code::CredentialMissing => "08001",
        Code::TargetLost => "08006",
        Code::Internal => "XX000",
        // insufficient_privilege
        _ => "42501",
    }
}

/// A login: what the server asks for (`AuthenticationRequest`).
pub(crate) fn authentication(out: &mut Vec<u8>, number: u32, rest: &[u8]) {
    message(out, b'R', |out| {
        out.extend_from_slice(&number.to_be_bytes());
        out.extend_from_slice(rest);
    });
}

/// `BackendKeyData`.
pub(crate) fn key(out: &mut Vec<u8>, process: u32, secret: &[u8]) {
    message(out, b'K', |out| {
        out.extend_from_slice(&process.to_be_bytes());
        out.extend_from_slice(secret);
    });
}

/// `NegotiateProtocolVersion`: the newest minor version, and options that are not known.
pub(crate) fn negotiate(out: &mut Vec<u8>, minor: u32, unknown: &[&str]) {
    message(out, b'v', |out| {
        out.extend_from_slice(&((3 << 16) | minor).to_be_bytes());
        let count = u32::try_from(unknown.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&count.to_be_bytes());
        unknown.iter().for_each(|name| text(out, name.as_bytes()));
    });
}

/// An `Execute` toward the target.
pub(crate) fn execute(out: &mut Vec<u8>, portal: &[u8], rows: u32) {
    message(out, b'E', |out| {
        text(out, portal);
        out.extend_from_slice(&rows.to_be_bytes());
    });
}
