//! Certificates in place of passwords: people's toward the gateway, the gateway's toward a database.
//! The real client shows them, and the real server asks for them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chaos_tests::live::{DatabaseScene, PERSON_PASSWORD, Reaped, SHORT, run};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, PublicKeyData as _, SanType, date_time_ymd,
};

const POLICY: &str = "version: 1\ngrants:\n  - { name: eng, who: {}, targets: {}, as: [app], \
                      channels: [query] }\n";
const TABLES: &str = "create table t(a int)";
const NO_ONE: &str = "The client certificate is not that of the user who is asked for.";

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Result<Authority> {
    let mut about = CertificateParams::default();
    about.distinguished_name = named(name);
    about.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Ok(CertifiedIssuer::self_signed(about, KeyPair::generate()?)?)
}

fn named(name: &str) -> DistinguishedName {
    let mut named = DistinguishedName::new();
    named.push(DnType::CommonName, name);
    named
}

/// A certificate of an authority, and its key, in PEM.
fn certify(
    by: &Authority,
    name: &str,
    change: impl FnOnce(&mut CertificateParams) -> Result<()>,
) -> Result<(String, String)> {
    let key = KeyPair::generate()?;
    let mut about = CertificateParams::default();
    about.distinguished_name = named(name);
    about.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    change(&mut about)?;
    Ok((about.signed_by(&key, by)?.pem(), key.serialize_pem()))
}

/// The real client, which has a certificate and no password.
fn show(scene: &DatabaseScene, user: &str, shown: &(String, String)) -> Result<Reaped> {
    let (certificate, key) = (scene.path("own.crt"), scene.path("own.key"));
    fs::write(&certificate, &shown.0)?;
    fs::write(&key, &shown.1)?;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600))?;
    let mut client = scene.client(user, &["-w", "-c", "select 7"])?;
    client.env_remove("PGPASSWORD").env("PGSSLMODE", "verify-full");
    client.env("PGSSLROOTCERT", &scene.node.ready.ca);
    client.env("PGSSLCERT", &certificate).env("PGSSLKEY", &key);
    run(&mut client, Vec::new(), SHORT)
}

fn alternative(name: SanType) -> impl FnOnce(&mut CertificateParams) -> Result<()> {
    move |about| {
        about.subject_alt_names = vec![name];
        Ok(())
    }
}

#[test]
fn people_log_in_with_certificates() -> Result<()> {
    let (known, other) = (authority("people")?, authority("people")?);
    let pem = known.pem();
    let scene =
        DatabaseScene::start_with(POLICY, TABLES, &[("clients.pem", &pem)], "tls: disable")?;
    let good = |_: &mut CertificateParams| Ok(());
    let expired = |about: &mut CertificateParams| {
        about.not_after = date_time_ymd(2020, 1, 1);
        Ok(())
    };
    let early = |about: &mut CertificateParams| {
        about.not_before = date_time_ymd(3000, 1, 1);
        Ok(())
    };
    let of_server = |about: &mut CertificateParams| {
        about.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        Ok(())
    };
    let (uri, email) = ("https://example.com/people/alice", "bob@example.com");
    let alice = certify(&known, "alice", good)?;
    let by_uri = certify(&known, "7", alternative(SanType::URI(uri.try_into()?)))?;
    let by_email = certify(&known, "b", alternative(SanType::Rfc822Name(email.try_into()?)))?;
    for (user, shown) in
        [("alice", &alice), ("alice/app", &alice), ("alice", &by_uri), ("bob", &by_email)]
    {
        let said = show(&scene, user, shown)?;
        ensure!(said.text().trim() == "7", "{user}: {}", said.said());
    }
    let of_another = alternative(SanType::Rfc822Name("alice".try_into()?));
    for (what, user, shown, told) in [
        ("another authority", "alice", certify(&other, "alice", good)?, "No authority that"),
        ("its time is over", "alice", certify(&known, "alice", expired)?, "has expired"),
        ("its time has not begun", "alice", certify(&known, "alice", early)?, "not valid yet"),
        ("a server's", "alice", certify(&known, "alice", of_server)?, "not one that clients"),
        ("somebody else's", "bob", alice.clone(), NO_ONE),
        ("nobody's", "alice", certify(&known, "mallory", good)?, NO_ONE),
        ("a name of another kind", "alice", certify(&known, "x", of_another)?, NO_ONE),
    ] {
        let said = show(&scene, user, &shown)?;
        let text = said.said();
        ensure!(!said.status.success() && text.contains("FATAL:  SP-1517"), "{what}: {text}");
        ensure!(text.contains(told), "{what}: {text}");
    }
    // Nobody who shows none is asked for one.
    let said = scene.psql("alice", "select 8")?;
    ensure!(said.text().trim() == "8", "{}", said.said());
    recorded(&scene)?;
    revoked(&scene, &alice)
}

/// The record says what was shown, and why it was not enough.
fn recorded(scene: &DatabaseScene) -> Result<()> {
    let succeeded = scene.events_of("login.succeeded")?;
    let shown: Vec<_> = succeeded
        .iter()
        .filter(|one| one["method"] == "certificate")
        .filter_map(|one| one["actor"]["credential"].as_str())
        .collect();
    let uri = "x509:uri:https://example.com/people/alice";
    let expected = ["x509:cn:alice", "x509:cn:alice", uri, "x509:email:bob@example.com"];
    ensure!(shown == expected, "{shown:?}");
    let failed = scene.events_of("login.failed")?;
    let failed: Vec<_> = failed.iter().filter(|one| one["method"] == "certificate").collect();
    ensure!(failed.len() == 7, "{failed:?}");
    let reasons: Vec<_> = failed.iter().filter_map(|one| one["reason"].as_str()).collect();
    for reason in [
        "no authority that is known here",
        "it has expired",
        "it is a certificate of alice",
        "nobody",
    ] {
        ensure!(reasons.iter().any(|one| one.contains(reason)), "{reason}: {reasons:?}");
    }
    Ok(())
}

/// What a person does not list any more opens nothing, however long it is good; her key does.
fn revoked(scene: &DatabaseScene, alice: &(String, String)) -> Result<()> {
    let key = KeyPair::from_pem(&alice.1)?;
    let digest = ring::digest::digest(&ring::digest::SHA256, &key.subject_public_key_info());
    let digest = STANDARD_NO_PAD.encode(digest);
    let file = scene.path("others.yaml");
    for (listed, lets_in) in [("cn:alicia".to_owned(), false), (format!("sha256:{digest}"), true)] {
        let text = format!("people:\n  - {{ name: alice, certificates: [\"{listed}\"] }}\n");
        fs::write(&file, text)?;
        let path = file.to_str().context("a temporary folder's name is text")?;
        let said = scene.node.administer(&["people", "apply", "-f", path])?;
        ensure!(said.status.success(), "{}", said.said());
        let said = show(scene, "alice", alice)?;
        ensure!(said.status.success() == lets_in, "{listed}: {}", said.said());
    }
    let listed = scene.node.administer(&["people", "list", "--output", "json"])?.text();
    ensure!(listed.contains(&format!("sha256:{digest}")), "{listed}");
    Ok(())
}

/// Where nobody vouches for people, certificates are not asked for.
#[test]
fn without_an_authority_nobody_is_asked() -> Result<()> {
    let scene = DatabaseScene::start(POLICY, TABLES)?;
    let shown = certify(&authority("people")?, "alice", |_| Ok(()))?;
    let said = show(&scene, "alice", &shown)?;
    // A password is, and the client has none.
    ensure!(said.said().contains("no password supplied"), "{}", said.said());
    Ok(())
}

/// What a database lets in: everybody of its own, the gateway with its certificate.
const RULES: &str = "host all postgres 127.0.0.1/32 scram-sha-256\n\
                     hostnossl all app 127.0.0.1/32 scram-sha-256\n";

/// What Alice gets of a database that asks the gateway for a certificate, and perhaps a password.
fn through(rule: &str, gateway: &(String, String), credential: &str) -> Result<String> {
    let server = authority("databases")?;
    let (own, key) = certify(&server, "db", |about| {
        about.subject_alt_names = vec![SanType::IpAddress("127.0.0.1".parse()?)];
        about.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        Ok(())
    })?;
    let rules = format!("{RULES}hostssl all app 127.0.0.1/32 {rule}\n");
    let files = [
        ("ca.pem", server.pem()),
        ("server.pem", own),
        ("server.key", key),
        ("server.ca", CLIENTS.with(|known| known.pem())),
        ("server.hba", rules),
        ("app.crt", gateway.0.clone()),
        ("app.key", gateway.1.clone()),
    ];
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let tls = "tls: verify-full, ca: ca.pem";
    let scene = DatabaseScene::start_as(POLICY, TABLES, &files, tls, credential)?;
    let said =
        scene.psql("alice", "select client_dn from pg_stat_ssl where pid = pg_backend_pid()")?;
    let text = if said.status.success() { said.text() } else { said.said() };
    ensure!(!text.contains(PERSON_PASSWORD), "{text}");
    Ok(text.trim().to_owned())
}

thread_local! {
    /// Who vouches for what the gateway shows.
    static CLIENTS: Authority = authority("gateways").expect("an authority");
}

#[test]
fn the_gateway_shows_its_certificate_to_a_database() -> Result<()> {
    const BOTH: &str = "user: app, certificate: { file: app.crt }, private_key: { file: app.key }";
    let password = format!("{BOTH}, password: {{ file: app.password }}");
    let app = CLIENTS.with(|known| certify(known, "app", |_| Ok(())))?;
    let stranger = certify(&authority("gateways")?, "app", |_| Ok(()))?;
    let other = (app.0.clone(), stranger.1.clone());
    for (what, rule, gateway, credential, told) in [
        ("alone", "cert", &app, BOTH, "/CN=app"),
        ("and a password", "scram-sha-256 clientcert=verify-full", &app, &password, "/CN=app"),
        ("no password", "scram-sha-256 clientcert=verify-full", &app, BOTH, "SP-1303"),
        // The server may hang up before it has said why.
        ("another authority's", "cert", &stranger, BOTH, "SP-130"),
        ("none", "cert", &app, "user: app, password: { file: app.password }", "SP-1303"),
        ("another's key", "cert", &other, BOTH, "SP-1305"),
    ] {
        let said = through(rule, gateway, credential)?;
        ensure!(said.contains(told), "{what}: {said}");
    }
    Ok(())
}
