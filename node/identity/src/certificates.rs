//! What client certificates (X.509) are known by: each person lists what theirs may say, or which
//! key they are of. That an authority vouches for a certificate, that its time is not over and that
//! whoever shows it has its key is for the listener to find out.
//!
//! A listing is `KIND:VALUE` and compared as a whole, byte by byte: the same value of another kind
//! is another listing, and no pattern matches anything.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// What stands before a listing where people are kept and where the record names it: so it is
/// neither a key nor the fingerprint of one.
pub const PREFIX: &str = "x509:";
/// The longest listing, in bytes.
pub const LISTING_BYTES: usize = 512;
/// Length of a digest of a public key, in bytes.
const DIGEST_BYTES: usize = 32;

/// One thing that a certificate may be known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing<'a> {
    /// The subject's common name.
    CommonName(&'a str),
    /// An alternative name: an e-mail address.
    Email(&'a str),
    /// An alternative name: a URI.
    Uri(&'a str),
    /// An alternative name: a host name.
    Dns(&'a str),
    /// SHA-256 of the public key's DER (`SubjectPublicKeyInfo`).
    Key(&'a [u8; DIGEST_BYTES]),
}

/// A text that is no listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not what a certificate is known by, expected cn:NAME, email:ADDRESS, uri:URI, dns:HOST or \
     sha256:BASE64 of its public key"
)]
pub struct NotAListing;

impl std::fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::CommonName(name) => write!(f, "cn:{name}"),
            Self::Email(address) => write!(f, "email:{address}"),
            Self::Uri(uri) => write!(f, "uri:{uri}"),
            Self::Dns(host) => write!(f, "dns:{host}"),
            Self::Key(digest) => write!(f, "sha256:{}", STANDARD_NO_PAD.encode(digest)),
        }
    }
}

/// The one spelling of a listing that a document has.
///
/// # Errors
/// [`NotAListing`] when it is none.
pub fn normalise(text: &str) -> Result<String, NotAListing> {
    let (kind, value) = text.split_once(':').ok_or(NotAListing)?;
    let is_plain = !value.is_empty()
        && value.trim() == value
        && text.len() <= LISTING_BYTES
        && !value.chars().any(char::is_control);
    if !is_plain {
        return Err(NotAListing);
    }
    let listing = match kind {
        "cn" => Listing::CommonName(value),
        "email" => Listing::Email(value),
        "uri" => Listing::Uri(value),
        "dns" => Listing::Dns(value),
        "sha256" => {
            let digest = STANDARD_NO_PAD.decode(value.trim_end_matches('='));
            let digest = digest.ok().and_then(|bytes| bytes.try_into().ok());
            return digest.map(|digest| Listing::Key(&digest).to_string()).ok_or(NotAListing);
        }
        _ => return Err(NotAListing),
    };
    Ok(listing.to_string())
}
