//! The API's certificate: issued at each start by a CA that is made once and whose certificate is
//! given to clients (`ca.pem`). The server's own key never touches the disk.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

use crate::directory::{Directory, DirectoryError};
use crate::secrets;

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The CA's files.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// Making a certificate failed.
    #[error("the API's certificate cannot be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// TLS does not take it.
    #[error("the API's certificate cannot be used: {0}")]
    Tls(#[from] rustls::Error),
}

/// TLS of the API, for clients that know `ca.pem`.
///
/// # Errors
/// [`CertificateError`] when the CA cannot be read or made.
pub(crate) fn tls(
    directory: &Directory,
    node: &str,
    listening: SocketAddr,
) -> Result<Arc<ServerConfig>, CertificateError> {
    let authority = authority(directory)?;
    let key = KeyPair::generate()?;
    let mut server = CertificateParams::default();
    server.distinguished_name = name(&format!("Sallyport node {node}"));
    server.subject_alt_names = names(node, listening)?;
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.use_authority_key_identifier_extension = true;
    validity(&mut server);
    let certificate = server.signed_by(&key, &authority)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    Ok(Arc::new(config))
}

/// Where the CA's certificate is.
#[must_use]
pub(crate) fn authority_path(directory: &Directory) -> std::path::PathBuf {
    directory.path("ca.pem")
}

fn authority(directory: &Directory) -> Result<Issuer<'static, KeyPair>, CertificateError> {
    let path = directory.keys().join("ca.key.pem");
    let text = secrets::kept(&path, || {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        Ok(Zeroizing::new(key.serialize_pem().into_bytes()))
    })?;
    let what = "not text".to_owned();
    let text = std::str::from_utf8(&text)
        .map_err(|_| DirectoryError::Damaged { path: path.clone(), what })?;
    let key = KeyPair::from_pem(text)?;
    let path = authority_path(directory);
    match fs::read_to_string(&path) {
        Ok(text) => return Ok(Issuer::from_ca_cert_pem(&text, key)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(DirectoryError::io(&path)(error).into()),
    }
    let mut params = CertificateParams::default();
    params.distinguished_name = name("Sallyport API CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    validity(&mut params);
    let certificate = params.self_signed(&key)?;
    // Not a secret: whoever verifies the API reads it.
    fs::write(&path, certificate.pem()).map_err(DirectoryError::io(&path))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644))
        .map_err(DirectoryError::io(&path))?;
    Ok(Issuer::new(params, key))
}

/// From before any clock that is merely wrong, to long after: rotation is an entry of the control
/// plane, not an accident of a date.
fn validity(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2025, 1, 1);
    params.not_after = date_time_ymd(2045, 1, 1);
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

/// What clients may call the API: the node, this machine, and the address that it listens on.
fn names(node: &str, listening: SocketAddr) -> Result<Vec<SanType>, rcgen::Error> {
    let mut names = vec![SanType::DnsName("localhost".try_into()?)];
    if let Ok(node) = node.try_into() {
        names.push(SanType::DnsName(node));
    }
    for address in ["127.0.0.1", "::1"].iter().filter_map(|text| text.parse().ok()) {
        names.push(SanType::IpAddress(address));
    }
    if !listening.ip().is_unspecified() && !listening.ip().is_loopback() {
        names.push(SanType::IpAddress(listening.ip()));
    }
    Ok(names)
}
