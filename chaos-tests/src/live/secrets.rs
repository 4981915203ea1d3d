//! Secrets that were never anybody's: made anew for each run, so that no scanner of this
//! repository and no detector under test can know them by heart.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rand::seq::IndexedRandom as _;

/// A made-up secret, and how a program would print it.
#[derive(Clone, Debug)]
pub struct Secret {
    /// What it looks like.
    pub kind: &'static str,
    /// The bytes that nobody may see.
    pub secret: String,
    /// A line that holds it.
    pub line: String,
}

const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const MIXED: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const DIGITS: &[u8] = b"0123456789";

fn letters(alphabet: &[u8], count: usize) -> String {
    let mut random = rand::rng();
    let letter = || char::from(*alphabet.choose(&mut random).unwrap_or(&b'A'));
    std::iter::repeat_with(letter).take(count).collect()
}

/// A word that occurs nowhere else, to find one command again.
#[must_use]
pub fn marker() -> String {
    format!("mark-{}", letters(b"0123456789abcdef", 16))
}

/// One fresh secret of each kind that is masked by default.
#[must_use]
pub fn fresh_secrets() -> Vec<Secret> {
    let token = |kind, prefix: &str, alphabet, count| {
        let secret = letters(alphabet, count);
        Secret { kind, line: format!("found {prefix}{secret} there"), secret }
    };
    let mut secrets = vec![
        token("aws", "AKIA", UPPER, 16),
        token("github", "ghp_", MIXED, 36),
        token("gitlab", "glpat-", MIXED, 20),
        token("stripe", "sk_live_", MIXED, 24),
        token("npm", "npm_", MIXED, 36),
        token("pypi", "pypi-AgEIcHlwaS5vcmc", MIXED, 60),
    ];
    let slack = format!("{}-{}-{}", letters(DIGITS, 12), letters(DIGITS, 13), letters(MIXED, 24));
    secrets.push(Secret { kind: "slack", line: format!("x xoxb-{slack} y"), secret: slack });
    let password = letters(MIXED, 18);
    let line = format!("see https://deploy:{password}@db.internal/orders for it");
    secrets.push(Secret { kind: "url", secret: password, line });
    let value = letters(MIXED, 22);
    secrets.push(Secret { kind: "key-value", line: format!("DB_PASSWORD={value}"), secret: value });
    secrets.push(web_token());
    secrets.push(private_key());
    secrets
}

fn web_token() -> Secret {
    let encode = |text: String| URL_SAFE_NO_PAD.encode(text);
    let header = encode(r#"{"alg":"HS256","typ":"JWT"}"#.to_owned());
    let claims = encode(format!(r#"{{"sub":"{}"}}"#, letters(MIXED, 16)));
    let signature = letters(MIXED, 43);
    let line = format!("bearer {header}.{claims}.{signature} end");
    Secret { kind: "jwt", secret: signature, line }
}

fn private_key() -> Secret {
    let mut lines = Vec::new();
    for _ in 0..6 {
        lines.push(STANDARD.encode(letters(MIXED, 48)));
    }
    let secret = lines[3].clone();
    let kind = "PRIVATE KEY";
    let body = lines.join("\n");
    let line = format!("-----BEGIN {kind}-----\n{body}\n-----END {kind}-----");
    Secret { kind: "pem", secret, line }
}
