//! What went wrong in other servers of SSH while they found out who is calling.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::live::{SHORT, Scene, run, until};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use russh::keys::ssh_key::certificate::{Builder, CertType};

use super::raw::{Raw, login, message, open, string};
use super::rude::place;

/// The public half of a key of `ssh-keygen`, as it goes over the wire.
fn public(key: &Path) -> Result<Vec<u8>> {
    let private = russh::keys::load_secret_key(key, None)?;
    let pair = private.key_data().ed25519().context("an Ed25519 key")?;
    let pair = Ed25519KeyPair::from_seed_unchecked(&pair.private.to_bytes());
    Ok(pair.ok().context("an Ed25519 key")?.public_key().as_ref().to_vec())
}

fn asked(port: u16) -> Result<Raw> {
    let mut raw = Raw::keyed(port)?;
    raw.serve("ssh-userauth")?;
    Ok(raw)
}

/// Says something where a login belongs, and gives the number of the answer.
fn answered(raw: &mut Raw, request: &[u8]) -> Result<u8> {
    raw.packet(request)?;
    raw.hear()?.first().copied().context("an answer")
}

#[test]
fn a_key_counts_when_it_signed_for_this_user_on_this_connection() -> Result<()> {
    let scene = Scene::start()?;
    let (port, user) = place(&scene)?;
    let (key, stranger) = (&scene.key.file, &scene.stranger.file);
    let shown = login(&user, &public(key)?, false);

    // Shown and not signed with: "sign", and nothing more.
    let mut raw = asked(port)?;
    assert_eq!(answered(&mut raw, &shown)?, message::AUTH_KEY_OK);
    raw.packet(&open(0, 1))?;
    assert_eq!(answered(&mut raw, &shown)?, message::AUTH_KEY_OK, "no channel before a login");

    // Everybody's key is answered alike.
    let mut raw = asked(port)?;
    let nobodys = login(&user, &public(stranger)?, false);
    assert_eq!(answered(&mut raw, &nobodys)?, message::AUTH_KEY_OK);
    // One key shown, another one signed with.
    let signed = raw.signed(&user, stranger)?;
    assert_eq!(answered(&mut raw, &shown)?, message::AUTH_KEY_OK);
    assert_eq!(answered(&mut raw, &signed)?, message::AUTH_FAILURE);
    // Somebody's key, and another one's signature.
    let ours = raw.signed(&user, key)?;
    let length = ours.len() - signed.len();
    assert_eq!(length, 0, "both are of one kind");
    let at = ours.len() - 64;
    let mixed = [&ours[..at], &signed[at..]].concat();
    assert_eq!(answered(&mut raw, &mixed)?, message::AUTH_FAILURE);

    // Shown and signed for one user, sent for another.
    let mut raw = asked(port)?;
    let other = raw.signed("nobody@web-1", key)?;
    assert_eq!(answered(&mut raw, &shown)?, message::AUTH_KEY_OK);
    assert_eq!(answered(&mut raw, &other)?, message::AUTH_FAILURE, "judged as whom it signed for");
    let signed = raw.signed(&user, key)?;
    let behind =
        signed.strip_prefix([&[message::AUTH_REQUEST][..], &string(&user)].concat().as_slice());
    let behind = behind.context("a request begins with its user")?;
    let swapped = [&[message::AUTH_REQUEST][..], &string("free@free-1"), behind].concat();
    assert_eq!(answered(&mut raw, &swapped)?, message::AUTH_FAILURE);

    // A signature of another connection.
    let mut raw = asked(port)?;
    assert_eq!(answered(&mut raw, &signed)?, message::AUTH_FAILURE);
    let signed = raw.signed(&user, key)?;
    assert_eq!(answered(&mut raw, &signed)?, message::AUTH_SUCCESS);

    // The record of a login is not waited for.
    let one = || Ok((scene.events_of("login.succeeded")?.len() == 1).then_some(()));
    until("one login is recorded", SHORT, one)?;
    assert_eq!(scene.events_of("session.opened")?.len(), 0);
    Ok(())
}

#[test]
fn six_signatures_in_vain_end_a_connection() -> Result<()> {
    let scene = Scene::start()?;
    let (port, user) = place(&scene)?;
    let mut raw = asked(port)?;
    for _ in 0..6 {
        let signed = raw.signed(&user, &scene.stranger.file)?;
        assert_eq!(answered(&mut raw, &signed)?, message::AUTH_FAILURE);
    }
    let signed = raw.signed(&user, &scene.key.file)?;
    assert_eq!(answered(&mut raw, &signed)?, message::DISCONNECT, "also when the seventh is right");
    assert_eq!(scene.events_of("login.succeeded")?.len(), 0);
    Ok(())
}

/// The stranger's key, under a name of its own.
fn subject(scene: &Scene, name: &str) -> Result<PathBuf> {
    let subject = scene.path(name);
    fs::copy(&scene.stranger.file, &subject)?;
    fs::copy(scene.stranger.file.with_extension("pub"), subject.with_extension("pub"))?;
    Ok(subject)
}

/// Certifies it for principals that `ssh-keygen` would not take.
fn certified_for(scene: &Scene, name: &str, principal: &str) -> Result<PathBuf> {
    let subject = subject(scene, name)?;
    let key = russh::keys::load_secret_key(&subject, None)?;
    let mut certificate = Builder::new([7; 32], key.public_key(), 0, u64::from(u32::MAX))?;
    certificate.cert_type(CertType::User)?.key_id(name)?.valid_principal(principal)?;
    let authority = russh::keys::load_secret_key(&scene.key.file, None)?;
    let file = scene.path(&format!("{name}-cert.pub"));
    fs::write(&file, certificate.sign(&authority)?.to_openssh()?)?;
    Ok(file)
}

/// Certifies it, as `ssh-keygen` is told to, by this authority.
fn certified(scene: &Scene, name: &str, authority: &Path, options: &[&str]) -> Result<PathBuf> {
    let subject = subject(scene, name)?;
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-s"]).arg(authority).args(["-I", name]).args(options);
    let made = run(keygen.arg(subject.with_extension("pub")), Vec::new(), SHORT)?;
    ensure!(made.status.success(), "{}", made.said());
    Ok(scene.path(&format!("{name}-cert.pub")))
}

fn is_kept_out(scene: &Scene, name: &str, certificate: &Path) -> Result<()> {
    let shown = format!("CertificateFile={}", certificate.display());
    let client = scene.ssh().key(&scene.path(name)).with(&["-o", &shown]);
    let ended = client.run("echo never")?;
    ensure!(ended.status == Some(255), "{name}: {}", ended.errors);
    ensure!(ended.errors.contains("Permission denied"), "{name}: {}", ended.errors);
    Ok(())
}

/// No authority vouches for people over SSH: whatever a certificate says, it is nobody's. A person's
/// own key least of all makes one.
#[test]
fn no_certificate_gets_anybody_in() -> Result<()> {
    let scene = Scene::start()?;
    let (_, user) = place(&scene)?;
    let (person, login) = (&scene.key.file, scene.target.login.as_str());
    let all = format!("{user},{login},alice");
    let table: &[(&str, &Path, &[&str])] = &[
        ("no-principals", person, &[]),
        ("many-principals", person, &["-n", &all]),
        ("right-principal", person, &["-n", &user]),
        ("a-host", person, &["-h", "-n", &user]),
        ("expired", person, &["-n", &user, "-V", "20200101:20210101"]),
        ("not-yet", person, &["-n", &user, "-V", "20990101:20990102"]),
        ("forced-command", person, &["-n", &user, "-O", "force-command=true"]),
        ("of-the-stranger", &scene.stranger.file, &["-n", &user]),
        ("of-the-target", &scene.target.host_key.file, &["-n", &user]),
    ];
    for (name, authority, options) in table {
        let certificate = certified(&scene, name, authority, options).context(*name)?;
        is_kept_out(&scene, name, &certificate)?;
    }
    for (name, principal) in [("empty-principal", ""), ("comma-in-it", &all)] {
        let certificate = certified_for(&scene, name, principal).context(name)?;
        is_kept_out(&scene, name, &certificate)?;
    }
    assert_eq!(scene.events_of("login.succeeded")?.len(), 0);
    assert_eq!(scene.target.log()?, []);
    let failed = scene.events_of("login.failed")?;
    let certificates =
        failed.iter().filter(|data| data["reason"] == "certificates are not accepted");
    // Those that are out of date, or a host's, are refused before anybody asks whose they are.
    assert!(certificates.count() >= 8, "{failed:?}");
    Ok(())
}
