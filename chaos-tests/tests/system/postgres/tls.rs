//! TLS on both sides: what the gateway asks of databases, and what clients may ask of it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use chaos_tests::live::{DatabaseScene, PERSON_PASSWORD, Reaped, SHORT, run};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

const POLICY: &str = "version: 1\ngrants:\n  - { name: eng, who: {}, targets: {}, as: [app], \
                      channels: [query] }\n";
const ENCRYPTED: &str = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";

/// A certificate that vouches for itself under a name, and its key.
fn certify(name: &str) -> Result<(String, String)> {
    let key = rcgen::KeyPair::generate()?;
    let certificate = rcgen::CertificateParams::new(vec![name.to_owned()])?.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// What a client gets of a database with this certificate, when the target's document says so of
/// TLS, with that authority.
fn asked(server: Option<&(String, String)>, authority: &str, tls: &str) -> Result<String> {
    let mut files = vec![("ca.pem", authority)];
    if let Some((certificate, key)) = server {
        files.extend([("server.pem", certificate.as_str()), ("server.key", key.as_str())]);
    }
    let scene = DatabaseScene::start_with(POLICY, "create table t(a int)", &files, tls)?;
    let said = scene.psql("alice", ENCRYPTED)?;
    let text = if said.status.success() { said.text() } else { said.said() };
    Ok(text.trim().to_owned())
}

#[test]
fn a_database_proves_who_it_is() -> Result<()> {
    let (here, there) = (certify("127.0.0.1")?, certify("db.example.com")?);
    assert_eq!(asked(Some(&there), "", "tls: require")?, "t");
    assert_eq!(asked(Some(&here), &here.0, "tls: verify-full, ca: ca.pem")?, "t");
    for (what, server, authority, tls) in [
        ("no TLS at all", None, "", "tls: require"),
        ("another authority", Some(&here), there.0.as_str(), "tls: verify-full, ca: ca.pem"),
        ("another name", Some(&there), there.0.as_str(), "tls: verify-full, ca: ca.pem"),
    ] {
        let said = asked(server, authority, tls)?;
        assert!(said.contains("SP-1302"), "{what}: {said}");
    }
    Ok(())
}

/// The real client, with variables of its own.
fn psql(scene: &DatabaseScene, variables: &[(&str, &str)]) -> Result<Reaped> {
    let mut client = scene.client("alice", &["-c", "select 7"])?;
    client.envs(variables.iter().copied());
    run(&mut client, Vec::new(), SHORT)
}

#[test]
fn a_client_may_ask_for_all_that_its_library_can() -> Result<()> {
    let scene = DatabaseScene::start(POLICY, "create table t(a int)")?;
    let ca = scene.node.ready.ca.display().to_string();
    let verified = [("PGSSLMODE", "verify-full"), ("PGSSLROOTCERT", ca.as_str())];
    for variables in [
        &[("PGSSLMODE", "disable")][..],
        &[("PGSSLMODE", "require")],
        &verified,
        // It refuses to go on unless the login is bound to the connection.
        &[("PGSSLMODE", "require"), ("PGCHANNELBINDING", "require")],
        &[("PGSSLMODE", "require"), ("PGCHANNELBINDING", "disable")],
        &[("PGSSLMODE", "prefer"), ("PGGSSENCMODE", "prefer")],
    ] {
        let said = psql(&scene, variables)?;
        assert_eq!(said.text().trim(), "7", "{variables:?}: {}", said.said());
    }
    // Without TLS there is nothing that a login could be bound to.
    let said = psql(&scene, &[("PGSSLMODE", "disable"), ("PGCHANNELBINDING", "require")])?;
    assert!(!said.status.success());
    Ok(())
}

/// Speaks TLS at once, naming a protocol or none; what the server says to a startup then.
fn at_once(scene: &DatabaseScene, protocol: Option<&str>) -> Result<Vec<u8>> {
    let (host, port) = scene.address()?;
    let pem = std::fs::read(&scene.node.ready.ca)?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocol.iter().map(|name| name.as_bytes().to_vec()).collect();
    let name = ServerName::try_from(host.to_owned())?;
    let connection = ClientConnection::new(Arc::new(config), name)?;
    let stream = TcpStream::connect(format!("{host}:{port}"))?;
    stream.set_read_timeout(Some(SHORT))?;
    let mut stream = StreamOwned::new(connection, stream);
    let startup = [&[0, 0, 0, 0, 0, 3, 0, 0][..], b"user\0alice\0database\0orders\0\0"].concat();
    let length = u32::try_from(startup.len()).context("it is short")?.to_be_bytes();
    stream.write_all(&[&length[..], &startup[4..]].concat())?;
    let mut heard = vec![0; 64];
    let read = stream.read(&mut heard).unwrap_or(0);
    heard.truncate(read);
    Ok(heard)
}

/// What is meant for another protocol could be turned here: so the protocol must be named.
#[test]
fn tls_at_once_names_the_protocol() -> Result<()> {
    let scene = DatabaseScene::start(POLICY, "create table t(a int)")?;
    let heard = at_once(&scene, Some("postgresql"))?;
    assert!(heard.starts_with(b"R") && heard.windows(18).any(|part| part == b"SCRAM-SHA-256-PLUS"));
    assert!(at_once(&scene, None).unwrap_or_default().is_empty());
    assert!(at_once(&scene, Some("http/1.1")).unwrap_or_default().is_empty());
    Ok(())
}

/// A credential that the cluster gives out: for the ordinary client, for a while.
#[test]
fn credentials_that_the_cluster_gives_out() -> Result<()> {
    let scene = DatabaseScene::start(POLICY, "create table t(a int)")?;
    let (host, port) = scene.address()?;
    let token = scene.bob_token()?;
    let at = format!("{host}:{port}");
    let asked = ["env", "orders", "--postgres", &at];
    let said = scene.node.call_as(&token, &asked)?;
    assert!(said.status.success(), "{}", said.said());
    let text = said.text();
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("export {name}='")));
        line.map(|line| line.trim_end_matches('\'').to_owned()).context("a variable")
    };
    let (user, password) = (value("PGUSER")?, value("PGPASSWORD")?);
    assert!(user.starts_with("bob+"), "{user}");
    let said = {
        let mut client = scene.client(&user, &["-c", "select 7"])?;
        client.env("PGPASSWORD", &password).env("PGSSLMODE", "verify-ca");
        client.env("PGSSLROOTCERT", value("PGSSLROOTCERT")?);
        run(&mut client, Vec::new(), SHORT)?
    };
    assert_eq!(said.text().trim(), "7", "{}", said.said());
    // The real client, run by the command line, in its place.
    let said = scene
        .node
        .call_as(&token, &["psql", "orders", "--postgres", &at, "--", "-XAtc", "select 8"])?;
    assert_eq!(said.text().trim(), "8", "{}", said.said());
    // Another's name, another's password, and what the administrator may not have.
    let stolen = user.replacen("bob", "alice", 1);
    for (user, password) in [(stolen.as_str(), password.as_str()), (&user, PERSON_PASSWORD)] {
        let mut client = scene.client(user, &["-c", "select 7"])?;
        let said = run(client.env("PGPASSWORD", password), Vec::new(), SHORT)?;
        assert!(said.said().contains("SP-1506"), "{user}: {}", said.said());
    }
    let said = scene.node.administer(&asked)?;
    assert!(!said.status.success() && said.said().contains("SP-1504"), "{}", said.said());
    let issued = scene.events_of("credential.issued")?;
    assert_eq!(issued.len(), 2);
    assert!(
        issued
            .iter()
            .all(|one| one["actor"]["person"] == "bob" && !one.to_string().contains(&password))
    );
    let sessions = scene.events_of("session.opened")?;
    assert!(sessions.iter().all(|one| one["actor"]["person"] == "bob"), "{sessions:?}");
    Ok(())
}
