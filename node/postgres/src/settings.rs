//! Which parameters of a client's startup reach the database: those that say how values look, and
//! none that changes what a statement means or who runs it.

/// Passed on as they are.
const PASSED: &[&str] = &[
    "DateStyle",
    "IntervalStyle",
    "TimeZone",
    "extra_float_digits",
    "bytea_output",
    "geqo",
    "lc_messages",
];
/// The longest value, in bytes.
const VALUE_BYTES: usize = 128;
/// Prefix of options of the protocol itself, which are refused by name and not by an error.
pub(crate) const PROTOCOL_OPTION: &str = "_pq_.";

/// What becomes of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The database gets it.
    Passed,
    /// It says who connects to what, or is ours to say.
    Ours,
    /// It asks for an option of the protocol that is not there.
    Unknown,
    /// The connection is refused.
    Refused,
}

/// What becomes of one.
pub(crate) fn fate(name: &str, value: &str) -> Fate {
    if name.starts_with(PROTOCOL_OPTION) {
        return Fate::Unknown;
    }
    let passes = PASSED.iter().any(|known| known.eq_ignore_ascii_case(name));
    match name {
        "user" | "database" | "application_name" => Fate::Ours,
        // Whatever says that it is not for replication is not.
        "replication" if matches!(value, "false" | "off" | "no" | "0") => Fate::Ours,
        // PostgreSQL takes any spelling, and so do its clients.
        "client_encoding" if is_utf8(value) => Fate::Ours,
        "options" if value.trim().is_empty() => Fate::Ours,
        _ if passes && value.len() <= VALUE_BYTES => Fate::Passed,
        _ => Fate::Refused,
    }
}

fn is_utf8(value: &str) -> bool {
    let plain: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
    matches!(plain.to_ascii_lowercase().as_str(), "utf8" | "unicode" | "auto")
}
