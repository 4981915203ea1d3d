//! The cluster's authority: it certifies nodes to each other, and their API to clients.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use proto::ids::{Digest, Name};
use proto::time::Utc;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyUsagePurpose, SanType, SerialNumber, date_time_ymd,
};
use rustls_pki_types::CertificateDer;
use zeroize::Zeroizing;

use super::key::sha256;
use super::{
    AUTHORITY_LIFE, BACKDATED, CERTIFICATE_LIFE, CertificateError, CertificateRequest, PeerName,
    PrivateKey,
};

/// The first byte of a kept authority.
const KEPT_VERSION: u8 = 1;

/// Bytes of a serial number (RFC 5280 allows 20).
const SERIAL_BYTES: usize = 16;

/// A certificate that signs others, with its key. The key is a secret of the cluster.
#[derive(Clone)]
pub struct Authority {
    certificate: CertificateDer<'static>,
    key: PrivateKey,
}

impl Authority {
    /// A new authority of a cluster, for a new key.
    ///
    /// # Errors
    /// [`CertificateError`] when it cannot be made.
    pub fn create(cluster: &Name, key: PrivateKey, now: Utc) -> Result<Self, CertificateError> {
        // The key is in the name, so that two authorities of one cluster are never confused.
        let about_key = key.digest().to_string();
        let common = format!("sallyport {cluster} authority {}", &about_key[..16]);
        let mut params = params(&common, now, AUTHORITY_LIFE);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.serial_number = Some(serial(key.digest(), &common, now));
        let certificate = params.self_signed(&key.pair()?)?.der().clone();
        Ok(Self { certificate, key })
    }

    /// Its certificate.
    #[must_use]
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// SHA-256 of its certificate (DER): what a join file pins.
    #[must_use]
    pub fn digest(&self) -> Digest {
        sha256(&self.certificate)
    }

    /// Certificate and key, to be kept as a secret of the cluster.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let key = self.key.to_der();
        let mut bytes = Zeroizing::new(Vec::with_capacity(5 + self.certificate.len() + key.len()));
        bytes.push(KEPT_VERSION);
        // A certificate of an authority is some hundred bytes.
        let length = u32::try_from(self.certificate.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&self.certificate);
        bytes.extend_from_slice(key);
        bytes
    }

    /// Reads what [`Self::to_bytes`] gave.
    ///
    /// # Errors
    /// [`CertificateError`] when it is something else, or key and certificate do not belong
    /// together.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CertificateError> {
        let bad = || CertificateError::Unreadable("not a kept authority".to_owned());
        let (&[version, l0, l1, l2, l3], rest) = bytes.split_first_chunk().ok_or_else(bad)?;
        let length = usize::try_from(u32::from_be_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
        if version != KEPT_VERSION || rest.len() < length {
            return Err(bad());
        }
        let (certificate, key) = rest.split_at(length);
        let key = PrivateKey::from_der(Zeroizing::new(key.to_vec()))?;
        let (_, read) = x509_parser::parse_x509_certificate(certificate).map_err(|_| bad())?;
        if sha256(read.public_key().raw) != key.digest() {
            return Err(CertificateError::OtherKey);
        }
        Ok(Self { certificate: CertificateDer::from(certificate.to_vec()), key })
    }

    /// Certifies a node to its peers: it names the node and nothing else.
    ///
    /// # Errors
    /// [`CertificateError`] when it cannot be made.
    pub fn issue_node(
        &self,
        request: &CertificateRequest,
        name: &PeerName,
        now: Utc,
    ) -> Result<CertificateDer<'static>, CertificateError> {
        let uri = SanType::URI(name.to_string().try_into()?);
        let both = [ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(request, name.node.as_str(), vec![uri], &both, now)
    }

    /// Certifies the API of a node to its clients, under host names and addresses. Peers do not
    /// take it: it names no node.
    ///
    /// # Errors
    /// [`CertificateError`] when a name is none, or the certificate cannot be made.
    pub fn issue_api(
        &self,
        request: &CertificateRequest,
        hosts: &[String],
        now: Utc,
    ) -> Result<CertificateDer<'static>, CertificateError> {
        let name = |host: &String| match host.parse::<IpAddr>() {
            Ok(address) => Ok(SanType::IpAddress(address)),
            Err(_) => host.as_str().try_into().map(SanType::DnsName),
        };
        let names = hosts.iter().map(name).collect::<Result<_, _>>()?;
        let server = [ExtendedKeyUsagePurpose::ServerAuth];
        self.issue(request, "sallyport api", names, &server, now)
    }

    fn issue(
        &self,
        request: &CertificateRequest,
        common: &str,
        names: Vec<SanType>,
        usages: &[ExtendedKeyUsagePurpose],
        now: Utc,
    ) -> Result<CertificateDer<'static>, CertificateError> {
        let mut params = params(common, now, CERTIFICATE_LIFE);
        params.serial_number = Some(serial(request.digest(), &format!("{names:?}"), now));
        params.subject_alt_names = names;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = usages.to_vec();
        params.use_authority_key_identifier_extension = true;
        let issuer = Issuer::from_ca_cert_der(&self.certificate, self.key.pair()?)?;
        Ok(params.signed_by(request.key(), &issuer)?.der().clone())
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({})", self.digest())
    }
}

fn params(common: &str, now: Utc, life: Duration) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(common);
    let since_1970 = Duration::from_micros(u64::try_from(now.0).unwrap_or(0));
    let from = since_1970.saturating_sub(BACKDATED);
    params.not_before = date_time_ymd(1970, 1, 1) + from;
    params.not_after = date_time_ymd(1970, 1, 1) + (since_1970 + life);
    params
}

/// Another one for each key, purpose and time: an authority never gives a number twice.
fn serial(key: Digest, about: &str, now: Utc) -> SerialNumber {
    let text = format!("{key} {about} {}", now.0);
    let mut bytes = [0; SERIAL_BYTES];
    bytes.copy_from_slice(&sha256(text.as_bytes()).0[..SERIAL_BYTES]);
    // A serial number is positive.
    bytes[0] &= 0x7f;
    SerialNumber::from_slice(&bytes)
}

pub(super) fn common_name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}
