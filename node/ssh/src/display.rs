//! What a client asks for when it forwards its display (RFC 4254, 6.3.1), as far as that is passed
//! on.

use zeroize::Zeroizing;

/// The one protocol by which a display is opened; OpenSSH's clients show no other.
const PROTOCOL: &str = "MIT-MAGIC-COOKIE-1";
/// The longest cookie, in hexadecimal digits.
const COOKIE_DIGITS: usize = 128;
/// The highest number of a screen.
const SCREENS: u32 = 255;

/// What the target is told of a display.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Display {
    /// Whether one connection is all.
    pub(crate) single: bool,
    /// What a connection is known by: made up by the client, who puts the true one in its place.
    pub(crate) cookie: Zeroizing<String>,
    pub(crate) screen: u32,
}

impl Display {
    /// The protocol of its cookie.
    pub(crate) const PROTOCOL: &str = PROTOCOL;

    /// What is passed on; nothing when it is in no form that is known here.
    pub(crate) fn new(single: bool, protocol: &str, cookie: &str, screen: u32) -> Option<Self> {
        let fits = !cookie.is_empty() && cookie.len() <= COOKIE_DIGITS;
        let is_hex = fits && cookie.bytes().all(|digit| digit.is_ascii_hexdigit());
        let known = protocol == PROTOCOL && is_hex && screen <= SCREENS;
        known.then(|| Self { single, cookie: Zeroizing::new(cookie.to_owned()), screen })
    }
}
