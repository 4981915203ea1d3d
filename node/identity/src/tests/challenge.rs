//! Logins by signature, ours and those of the real `ssh-keygen -Y sign`.

use russh::keys::ssh_key::LineEnding;
use russh::keys::{HashAlg, PrivateKey};

use super::{at, keygen, name, new_key, person, ssh_keygen};
use crate::challenge::{CHALLENGES, Challenges, LoginError, NAMESPACE, SignError, sign_challenge};
use crate::directory::Directory;
use crate::keys;

fn challenges() -> Challenges {
    Challenges::new(name("prod"))
}

#[test]
fn a_challenge_says_what_it_is_for() {
    let challenge = challenges().issue([0; 32], at(0));
    assert_eq!(challenge, format!("sallyport-login/1 prod {}", "A".repeat(43)));
}

#[test]
fn our_own_signature() {
    let key = new_key();
    let directory = Directory::new(&[person("alice", &[&key])]);
    let challenges = challenges();
    let challenge = challenges.issue([1; 32], at(5));
    let signature = sign_challenge(&key, &challenge).unwrap();
    let subject = challenges.redeem(&challenge, &signature, &directory, at(64)).unwrap();
    assert_eq!(subject.person, name("alice"));
    assert_eq!(subject.credential, keys::fingerprint(key.public_key()));
    assert!(challenges.is_empty());
}

#[test]
fn real_ssh_keygen_signs_and_our_signature_verifies_with_it() {
    for kind in [&["ed25519"][..], &["ecdsa", "-b", "521"], &["rsa", "-b", "3072"]] {
        let (folder, public) = keygen(kind);
        let mut alice = person("alice", &[]);
        alice.ssh_keys = vec![keys::normalise(&public).unwrap()];
        let directory = Directory::new(&[alice]);
        let challenges = challenges();
        let challenge = challenges.issue([2; 32], at(0));
        let file = folder.path().join("challenge");
        std::fs::write(&file, &challenge).unwrap();
        let sign = ["-q", "-Y", "sign", "-f", "key", "-n", NAMESPACE, "challenge"];
        ssh_keygen(folder.path(), &sign);
        let signature = std::fs::read_to_string(folder.path().join("challenge.sig")).unwrap();
        let subject = challenges.redeem(&challenge, &signature, &directory, at(1));
        assert_eq!(subject.unwrap().person, name("alice"), "{kind:?}");

        // The other way round: ssh-keygen reads what we sign with the key that it made.
        let key = PrivateKey::read_openssh_file(folder.path().join("key")).unwrap();
        let ours = sign_challenge(&key, &challenge).unwrap();
        std::fs::write(folder.path().join("ours.sig"), ours).unwrap();
        let script =
            format!("ssh-keygen -Y check-novalidate -n {NAMESPACE} -s ours.sig < challenge");
        let mut shell = std::process::Command::new("sh");
        let output = shell.args(["-c", &script]).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{kind:?}: {output:?}");
    }
}

#[test]
fn one_try_each_within_a_minute() {
    let key = new_key();
    let directory = Directory::new(&[person("alice", &[&key])]);
    let challenges = challenges();
    let sign = |challenge: &str| sign_challenge(&key, challenge).unwrap();
    let redeem = |challenge: &str, signature: &str, now| {
        challenges.redeem(challenge, signature, &directory, at(now)).map(|subject| subject.person)
    };
    let first = challenges.issue([1; 32], at(0));
    assert_eq!(redeem(&first, &sign(&first), 59), Ok(name("alice")));
    assert_eq!(redeem(&first, &sign(&first), 59), Err(LoginError::UnknownChallenge));
    // A failed try spends it too.
    let second = challenges.issue([2; 32], at(0));
    assert_eq!(redeem(&second, "nonsense", 1), Err(LoginError::NotASignature));
    assert_eq!(redeem(&second, &sign(&second), 1), Err(LoginError::UnknownChallenge));
    let third = challenges.issue([3; 32], at(0));
    assert_eq!(redeem(&third, &sign(&third), 60), Err(LoginError::Expired));
    // One that this node never issued, with a good signature.
    let foreign = Challenges::new(name("staging")).issue([4; 32], at(0));
    assert_eq!(redeem(&foreign, &sign(&foreign), 1), Err(LoginError::UnknownChallenge));
}

#[test]
fn bad_signatures() {
    let (key, nobodys) = (new_key(), new_key());
    let directory = Directory::new(&[person("alice", &[&key])]);
    let challenges = challenges();
    let mut count = 0;
    let mut check = |make: &dyn Fn(&str) -> String, expected: &LoginError| {
        count += 1;
        let challenge = challenges.issue([count; 32], at(0));
        let answer = challenges.redeem(&challenge, &make(&challenge), &directory, at(1));
        assert_eq!(answer.as_ref(), Err(expected), "{expected}");
    };
    let armored = |key: &PrivateKey, namespace: &str, text: &str| {
        let signature = key.sign(namespace, HashAlg::Sha512, text.as_bytes()).unwrap();
        signature.to_pem(LineEnding::LF).unwrap()
    };
    let wrong = LoginError::WrongSignature { fingerprint: keys::fingerprint(key.public_key()) };
    check(&|_| String::new(), &LoginError::NotASignature);
    check(&|challenge| challenge.to_owned(), &LoginError::NotASignature);
    check(&|_| "x".repeat(1_000_000), &LoginError::NotASignature);
    check(
        &|text| armored(&key, NAMESPACE, text).replace("AAAA", "AAA"),
        &LoginError::NotASignature,
    );
    // A signature made for something else must not log anybody in.
    check(&|text| armored(&key, "file", text), &LoginError::WrongNamespace);
    check(&|_| armored(&key, NAMESPACE, "another text"), &wrong);
    check(&|text| armored(&key, NAMESPACE, &format!("{text}\n")), &wrong);
    check(&|text| armored(&key, NAMESPACE, &text.replace("prod", "test")), &wrong);
    let fingerprint = keys::fingerprint(nobodys.public_key());
    check(&|text| armored(&nobodys, NAMESPACE, text), &LoginError::UnknownKey { fingerprint });
    // Somebody else's signature under alice's name: the key inside is swapped, the rest is kept.
    let swapped = |text: &str| {
        let theirs = nobodys.sign(NAMESPACE, HashAlg::Sha512, text.as_bytes()).unwrap();
        let key = key.public_key().key_data().clone();
        let forged = russh::keys::ssh_key::SshSig::new(
            key,
            NAMESPACE,
            HashAlg::Sha512,
            theirs.signature().clone(),
        );
        forged.unwrap().to_pem(LineEnding::LF).unwrap()
    };
    check(&swapped, &wrong);
    let (folder, _) = keygen(&["rsa", "-b", "1024"]);
    let weak = PrivateKey::read_openssh_file(folder.path().join("key")).unwrap();
    let unfit = LoginError::UnfitKey {
        fingerprint: keys::fingerprint(weak.public_key()),
        reason: keys::BadKey::Weak("RSA with 1024 bits".to_owned()),
    };
    check(&|text| armored(&weak, NAMESPACE, text), &unfit);
}

#[test]
fn the_table_is_bounded() {
    let challenges = challenges();
    let nonce = |n: usize| {
        let mut nonce = [0; 32];
        nonce[..8].copy_from_slice(&u64::try_from(n).unwrap().to_le_bytes());
        nonce
    };
    let issued: Vec<_> = (0..CHALLENGES + 10).map(|n| challenges.issue(nonce(n), at(0))).collect();
    assert_eq!(challenges.len(), CHALLENGES);
    let redeem = |challenge| challenges.redeem(challenge, "", &Directory::default(), at(1));
    assert_eq!(redeem(&issued[9]), Err(LoginError::UnknownChallenge));
    assert_eq!(redeem(&issued[10]), Err(LoginError::NotASignature));
    // Expired ones make room by themselves.
    let _fresh = challenges.issue(nonce(0), at(60));
    assert_eq!(challenges.len(), 1);
}

#[test]
fn only_login_challenges_are_signed() {
    let key = new_key();
    let nonce = "A".repeat(43);
    for text in [
        "",
        "anything",
        &format!("sallyport-login/2 prod {nonce}"),
        &format!("sallyport-login/1 {nonce}"),
        &format!("sallyport-login/1 pr/od {nonce}"),
        &format!("sallyport-login/1 prod {nonce} more"),
        &format!("sallyport-login/1 prod {nonce}\n"),
        "sallyport-login/1 prod AAAA",
    ] {
        assert_eq!(sign_challenge(&key, text), Err(SignError::NotAChallenge), "{text:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    ssh_keygen(folder.path(), &["-q", "-N", "words", "-t", "ed25519", "-f", "key"]);
    let locked = PrivateKey::read_openssh_file(folder.path().join("key")).unwrap();
    let challenge = challenges().issue([0; 32], at(0));
    assert_eq!(sign_challenge(&locked, &challenge), Err(SignError::CannotSign));
}
