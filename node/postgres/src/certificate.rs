//! What is read in certificates: what a login is bound to, a digest of the server's (RFC 5929,
//! `tls-server-end-point`), and what a client's is known by.

use node_identity::certificates::Listing;
use ring::digest;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// Algorithms of signatures whose digest is SHA-384, by their object identifiers.
const SHA384: &[&str] = &["1.2.840.10045.4.3.3", "1.2.840.113549.1.1.12"];
/// Those whose digest is SHA-512.
const SHA512: &[&str] = &["1.2.840.10045.4.3.4", "1.2.840.113549.1.1.13"];

/// The digest, by the algorithm that the certificate is signed with; SHA-256 in place of older
/// ones, and for those that have none of their own.
pub(crate) fn binding(certificate: &[u8]) -> Vec<u8> {
    let signed_with = X509Certificate::from_der(certificate)
        .map(|(_, parsed)| parsed.signature_algorithm.algorithm.to_id_string())
        .unwrap_or_default();
    let algorithm = match signed_with.as_str() {
        oid if SHA384.contains(&oid) => &digest::SHA384,
        oid if SHA512.contains(&oid) => &digest::SHA512,
        _ => &digest::SHA256,
    };
    digest::digest(algorithm, certificate).as_ref().to_vec()
}

/// Asks about everything that a certificate may be known by; nothing is asked about one that cannot
/// be read whole.
pub(crate) fn listings<T>(certificate: &[u8], ask: impl FnOnce(&[Listing<'_>]) -> T) -> Option<T> {
    let (rest, parsed) = X509Certificate::from_der(certificate).ok()?;
    if !rest.is_empty() {
        return None;
    }
    let key: [u8; 32] =
        digest::digest(&digest::SHA256, parsed.public_key().raw).as_ref().try_into().ok()?;
    let mut says = vec![Listing::Key(&key)];
    let mut common = parsed.subject().iter_common_name();
    // Of two of them nobody knows which an authority has looked at.
    if let (Some(only), None) = (common.next(), common.next()) {
        says.push(Listing::CommonName(only.as_str().ok()?));
    }
    let others = parsed.subject_alternative_name().ok()?;
    for name in others.iter().flat_map(|others| &others.value.general_names) {
        match name {
            GeneralName::RFC822Name(address) => says.push(Listing::Email(address)),
            GeneralName::URI(uri) => says.push(Listing::Uri(uri)),
            GeneralName::DNSName(host) => says.push(Listing::Dns(host)),
            _ => {}
        }
    }
    Some(ask(&says))
}
