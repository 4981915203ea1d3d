//! Keys, requests, authorities and what certificates say.

use proto::time::Utc;
use rustls_pki_types::CertificateDer;
use zeroize::Zeroizing;

use super::{DAY, NOW, name};
use crate::certificate::{
    Authority, CertificateError, CertificateRequest, PeerName, Presented, PrivateKey,
};
use crate::random::new_key;

fn peer(node: &str, raft_id: u64) -> PeerName {
    PeerName { cluster: name("prod"), node: name(node), raft_id }
}

fn authority() -> Authority {
    Authority::create(&name("prod"), new_key().unwrap(), NOW).unwrap()
}

fn request(key: &PrivateKey) -> CertificateRequest {
    CertificateRequest::from_der(&key.request().unwrap()).unwrap()
}

#[test]
fn a_node_has_exactly_one_way_to_be_named() {
    let name = peer("gw-1", 7);
    assert_eq!(name.to_string(), "sallyport://prod/gw-1/7");
    assert_eq!("sallyport://prod/gw-1/7".parse(), Ok(name));
    for wrong in [
        "",
        "sallyport://prod/gw-1",
        "sallyport://prod/gw-1/",
        "sallyport://prod/gw-1/x",
        "sallyport://prod/gw-1/+7",
        "sallyport://prod/gw-1/07",
        "sallyport://prod/gw-1/-7",
        "sallyport://prod/gw-1/18446744073709551616",
        "sallyport://prod/gw-1/7/",
        "sallyport://prod/gw-1/7?x",
        "sallyport:///gw-1/7",
        "sallyport://prod//7",
        "sallyport://pr%6fd/gw-1/7",
        "https://prod/gw-1/7",
        "Sallyport://prod/gw-1/7",
        " sallyport://prod/gw-1/7",
    ] {
        assert!(wrong.parse::<PeerName>().is_err(), "{wrong}");
    }
}

#[test]
fn a_certificate_says_who_with_which_key_and_how_long() {
    let key = new_key().unwrap();
    let certificate = authority().issue_node(&request(&key), &peer("gw-1", 7), NOW).unwrap();
    let presented = Presented::read(&certificate).unwrap();
    assert_eq!(presented.name, peer("gw-1", 7));
    assert_eq!(presented.key, key.digest());
    assert_eq!(presented.not_before, Utc(NOW.0 - DAY));
    assert_eq!(presented.not_after, Utc(NOW.0 + 30 * DAY));
    assert!(!presented.should_be_renewed(Utc(NOW.0 + 14 * DAY)));
    assert!(presented.should_be_renewed(Utc(NOW.0 + 15 * DAY)));
    assert!(!presented.is_over(Utc(NOW.0 + 30 * DAY)));
    assert!(presented.is_over(Utc(NOW.0 + 30 * DAY + 1)));
}

#[test]
fn a_certificate_of_an_api_or_an_authority_names_no_node() {
    let authority = authority();
    let hosts = ["gw-1.internal".to_owned(), "192.0.2.1".to_owned()];
    let api = authority.issue_api(&request(&new_key().unwrap()), &hosts, NOW).unwrap();
    for certificate in [&api, authority.certificate()] {
        assert!(matches!(Presented::read(certificate), Err(CertificateError::Unreadable(_))));
    }
    let wrong = ["gw\u{e4}".to_owned()];
    assert!(authority.issue_api(&request(&new_key().unwrap()), &wrong, NOW).is_err());
}

#[test]
fn damaged_certificates_never_panic() {
    let key = new_key().unwrap();
    let certificate = authority().issue_node(&request(&key), &peer("gw-1", 7), NOW).unwrap();
    for index in 0..certificate.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut damaged = certificate.to_vec();
            damaged[index] ^= flip;
            if let Ok(read) = Presented::read(&CertificateDer::from(damaged)) {
                assert_eq!(read.name.to_string().parse(), Ok(read.name), "byte {index}");
            }
        }
        let cut = CertificateDer::from(certificate[..index].to_vec());
        assert!(Presented::read(&cut).is_err(), "cut to {index}");
    }
    let longer = CertificateDer::from([&certificate[..], &[0]].concat());
    assert!(Presented::read(&longer).is_err());
}

#[test]
fn a_request_proves_its_key() {
    let key = new_key().unwrap();
    let der = key.request().unwrap();
    assert_eq!(CertificateRequest::from_der(&der).unwrap().digest(), key.digest());
    for index in 0..der.len() {
        let mut changed = der.clone();
        changed[index] ^= 0x01;
        // Only what the signature does not cover and nobody reads may change.
        if let Ok(read) = CertificateRequest::from_der(&changed) {
            assert_eq!(read.digest(), key.digest(), "byte {index}");
            assert!(index > 110, "byte {index} is signed, and was changed");
        }
    }
    let other_kind = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let other = rcgen::CertificateParams::default().serialize_request(&other_kind).unwrap();
    assert!(CertificateRequest::from_der(other.der()).is_err());
    let larger = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let larger = rcgen::CertificateParams::default().serialize_request(&larger).unwrap();
    assert!(CertificateRequest::from_der(larger.der()).is_err());
}

#[test]
fn keys_and_authorities_are_kept_as_bytes() {
    let key = new_key().unwrap();
    let again = PrivateKey::from_der(Zeroizing::new(key.to_der().to_vec())).unwrap();
    assert_eq!(again.digest(), key.digest());
    assert!(PrivateKey::from_der(Zeroizing::new(b"no key".to_vec())).is_err());

    let authority = authority();
    let kept = authority.to_bytes();
    let again = Authority::from_bytes(&kept).unwrap();
    assert_eq!(again.digest(), authority.digest());
    assert_eq!(again.certificate(), authority.certificate());
    for length in 0..kept.len() {
        assert!(Authority::from_bytes(&kept[..length]).is_err(), "cut to {length}");
    }
    let certificate = authority.certificate().len();
    let mixed = [&kept[..5 + certificate], new_key().unwrap().to_der()].concat();
    assert!(matches!(Authority::from_bytes(&mixed), Err(CertificateError::OtherKey)));
}

#[test]
fn private_keys_are_not_printed() {
    let key = new_key().unwrap();
    assert_eq!(format!("{key:?}"), format!("PrivateKey({})", key.digest()));
    let authority = authority();
    assert_eq!(format!("{authority:?}"), format!("Authority({})", authority.digest()));
}

#[test]
fn no_serial_number_is_given_twice() {
    let (authority, key) = (authority(), new_key().unwrap());
    let serial = |at: Utc, raft_id: u64| {
        let certificate = authority.issue_node(&request(&key), &peer("gw-1", raft_id), at).unwrap();
        let (_, read) = x509_parser::parse_x509_certificate(&certificate).unwrap();
        read.raw_serial().to_vec()
    };
    assert_eq!(serial(NOW, 7), serial(NOW, 7));
    assert_ne!(serial(NOW, 7), serial(Utc(NOW.0 + 1), 7));
    assert_ne!(serial(NOW, 7), serial(NOW, 8));
}
