//! What a login is bound to: a digest of the server's certificate (RFC 5929,
//! `tls-server-end-point`).

use ring::digest;
use x509_parser::prelude::{FromDer as _, X509Certificate};

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
