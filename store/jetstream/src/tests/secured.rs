//! Servers that speak TLS: they must prove who they are, and nothing is said to others.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::server::Server;
use crate::fault::Fault;
use crate::link::{Link, Servers};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    CertifiedIssuer::self_signed(params, key).expect("an authority")
}

/// A server whose certificate is for a name, and the file of the authority that it is from.
fn server(folder: &tempfile::TempDir, name: &str) -> (Server, PathBuf) {
    let authority = authority();
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
    let certificate = params.signed_by(&key, &authority).expect("a certificate");
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    };
    let (public, private) =
        (file("server.pem", certificate.pem()), file("server.key", key.serialize_pem()));
    let authority = file("ca.pem", authority.pem());
    (Server::with(&format!("tls {{ cert_file: {public:?}, key_file: {private:?} }}\n")), authority)
}

async fn open(url: String, authority: Option<PathBuf>) -> Result<Link, Fault> {
    let servers = Servers {
        urls: vec![url],
        credentials: None,
        authority,
        name: "test".to_owned(),
        inbox: "_INBOX".to_owned(),
    };
    Link::open(&servers).await
}

fn secured(server: &Server) -> String {
    format!("tls://127.0.0.1:{}", server.port)
}

#[tokio::test]
async fn a_server_that_proves_itself_is_believed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, authority) = server(&folder, "127.0.0.1");
    let link = open(secured(&server), Some(authority)).await.expect("a connection");
    assert!(!link.version().is_empty());
}

#[tokio::test]
async fn any_other_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let (right, own) = server(&folder, "127.0.0.1");
    let (plain, elsewhere) = (Server::start(), tempfile::tempdir().expect("a folder"));
    let (named, other) = server(&elsewhere, "elsewhere.example");
    let refused = [
        ("another authority", secured(&right), Some(other.clone())),
        ("the machine's own authorities", secured(&right), None),
        ("another name", secured(&named), Some(other)),
        ("no TLS where it is asked for", plain.url(), Some(own)),
        ("no TLS, and an address with it", secured(&plain), None),
    ];
    for (why, url, authority) in refused {
        let said = open(url, authority).await.map(drop);
        assert!(matches!(said, Err(Fault::Unreachable(_))), "{why}: {said:?}");
    }
}
