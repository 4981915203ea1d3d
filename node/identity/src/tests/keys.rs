//! One spelling for each key, and which are refused.

use super::{keygen, line, new_key, ssh_keygen};
use crate::keys::{BadKey, fingerprint, normalise, read};

#[test]
fn real_keys_are_read_and_have_the_fingerprint_that_ssh_keygen_prints() {
    let kinds: [&[&str]; 5] = [
        &["ed25519"],
        &["ecdsa", "-b", "256"],
        &["ecdsa", "-b", "384"],
        &["ecdsa", "-b", "521"],
        &["rsa", "-b", "2048"],
    ];
    for kind in kinds {
        let (folder, public) = keygen(kind);
        let words: Vec<_> = public.split(' ').collect();
        assert_eq!(normalise(&public), Ok(words[..2].join(" ")), "{kind:?}");
        let listed = ssh_keygen(folder.path(), &["-l", "-f", "key.pub"]);
        let expected = listed.split(' ').nth(1).unwrap();
        assert_eq!(fingerprint(&read(&public).unwrap()), expected, "{kind:?}");
    }
}

#[test]
fn spellings() {
    let key = line(&new_key());
    let (algorithm, base64) = key.split_once(' ').unwrap();
    for text in [
        key.clone(),
        format!("{key} alice@laptop"),
        format!("{key} several words of comment"),
        format!("  {key}\n"),
        format!("{algorithm}\t {base64}   c"),
    ] {
        assert_eq!(normalise(&text), Ok(key.clone()), "{text:?}");
    }
}

#[test]
fn bad_keys() {
    let key = line(&new_key());
    let base64 = key.split_once(' ').unwrap().1;
    let (_folder, small) = keygen(&["rsa", "-b", "1024"]);
    let certificate = format!("ssh-ed25519-cert-v01@openssh.com {base64}");
    let private = ["-----BEGIN OPENSSH PRIV", "ATE KEY-----\nAAAA"].concat();
    let cases: &[(&str, BadKey)] = &[
        ("", BadKey::NotAKey),
        ("ssh-ed25519", BadKey::NotAKey),
        ("ssh-ed25519 AAAA", BadKey::NotAKey),
        ("ssh-ed25519 !!!!", BadKey::NotAKey),
        (base64, BadKey::NotAKey),
        (&format!("ssh-rsa {base64}"), BadKey::NotAKey),
        (&format!("ssh-nonsense {base64}"), BadKey::NotAKey),
        (&format!("{key}A"), BadKey::NotAKey),
        (&key[..key.len() - 8], BadKey::NotAKey),
        (&format!("{key}\n{key}"), BadKey::NotAKey),
        (&format!("{key} {}", "x".repeat(20_000)), BadKey::NotAKey),
        (&format!("from=\"10.0.0.1\" {key}"), BadKey::Options),
        (&format!("no-pty,command=\"a b\" {key}"), BadKey::Options),
        (&format!("cert-authority {key}"), BadKey::Options),
        (&certificate, BadKey::Certificate),
        (&private, BadKey::Private),
        (&format!("ssh-dss {base64}"), BadKey::Weak("DSA".into())),
        (&small, BadKey::Weak("RSA with 1024 bits".into())),
    ];
    for (text, expected) in cases {
        assert_eq!(normalise(text), Err(expected.clone()), "{text:?}");
    }
}

#[test]
fn security_keys_are_named_as_not_in_this_version() {
    // sk-ssh-ed25519@openssh.com: the algorithm, 32 bytes of key, and the application.
    use base64::Engine as _;
    let kind = "sk-ssh-ed25519@openssh.com";
    let mut bytes = Vec::new();
    let key = new_key();
    let point = key.public_key().key_data().ed25519().unwrap().0;
    for part in [kind.as_bytes(), &point[..], b"ssh:"] {
        bytes.extend_from_slice(&u32::try_from(part.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(part);
    }
    let text = format!("{kind} {}", base64::engine::general_purpose::STANDARD.encode(bytes));
    assert_eq!(normalise(&text), Err(BadKey::Unsupported(kind.to_owned())));
}
