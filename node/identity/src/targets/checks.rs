//! Checks of single values of a targets document: kind, address, login. Each error says what stands
//! there and what was expected.

use proto::target::{TargetKind, Tls};
use serde_saphyr::Spanned;

/// The longest login, in bytes.
const LOGIN_BYTES: usize = 256;
/// The longest host name, in bytes (RFC 1035, 2.3.4).
const HOST_BYTES: usize = 253;

pub(super) fn check_kind(kind: &str) -> Result<TargetKind, String> {
    match kind {
        "ssh" => Ok(TargetKind::Ssh),
        "postgres" => Ok(TargetKind::Postgres),
        "kubernetes" => {
            Err(format!("kind {kind} is not in this version; expected ssh or postgres"))
        }
        other => Err(format!("kind {other:?}, expected ssh or postgres")),
    }
}

/// The longest name of a database, in bytes.
const DATABASE_BYTES: usize = 63;

pub(super) fn check_database(name: &str) -> Result<String, String> {
    let fits = (1..=DATABASE_BYTES).contains(&name.len()) && !name.chars().any(char::is_control);
    if fits {
        return Ok(name.to_owned());
    }
    Err(format!("database {name:?}, expected 1 to {DATABASE_BYTES} bytes of plain text"))
}

pub(super) fn check_tls(word: &str) -> Result<Tls, String> {
    match word {
        "disable" => Ok(Tls::Disable),
        "require" => Ok(Tls::Require),
        "verify-full" => Ok(Tls::VerifyFull),
        other => Err(format!("tls {other:?}, expected disable, require or verify-full")),
    }
}

/// `host:port`, where host is a name, an IPv4 address, or an IPv6 address in brackets.
pub(super) fn check_address(text: &str) -> Result<String, String> {
    let wrong = |what: &str| {
        let example = "expected host:port such as web-1.internal:22 or [2001:db8::1]:22";
        Err(format!("address {text:?} {what}, {example}"))
    };
    let Some((host, port)) = text.rsplit_once(':') else {
        return wrong("has no port");
    };
    let port_is_plain = port.bytes().all(|byte| byte.is_ascii_digit());
    if !port_is_plain || !port.parse::<u16>().is_ok_and(|port| port > 0) {
        return wrong("has no port from 1 to 65535");
    }
    if let Some(inside) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        if inside.parse::<std::net::Ipv6Addr>().is_err() {
            return wrong("has no IPv6 address in its brackets");
        }
    } else if host.contains(':') {
        return wrong("has an IPv6 address without brackets");
    } else if !is_host(host) {
        return wrong("has no host name or address");
    }
    Ok(text.to_owned())
}

fn is_host(host: &str) -> bool {
    if host.parse::<std::net::Ipv4Addr>().is_ok() {
        return true;
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let label_fits = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(fits) && !label.starts_with('-')
    };
    let name = host.strip_suffix('.').unwrap_or(host);
    // A last label of digits only would be an address, and this is none.
    let last = name.rsplit('.').next().unwrap_or_default();
    let last_is_number = last.bytes().all(|byte| byte.is_ascii_digit());
    host.len() <= HOST_BYTES && name.split('.').all(label_fits) && !last_is_number
}

pub(super) fn check_login(login: &Spanned<String>) -> Result<String, String> {
    let text = &login.value;
    let plain = !text.chars().any(|char| char.is_control() || char.is_whitespace());
    if text.is_empty() || text.len() > LOGIN_BYTES || !plain || text.starts_with('-') {
        return Err(format!("login {text:?}, expected 1 to {LOGIN_BYTES} bytes without spaces"));
    }
    Ok(text.clone())
}
