//! The literals that start candidates, with their detector and what they start.
//!
//! Formats are public facts of their vendors. Key words match in either case, the others exactly.

use super::Kind;
use super::key_value::Word;
use super::token::Shape;

fn alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

fn upper(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

const fn run(alphabet: fn(u8) -> bool, min: u64) -> Shape {
    Shape { alphabet, min, exact: false, dotted: false, bounded: false }
}

const fn bounded(shape: Shape) -> Shape {
    Shape { bounded: true, ..shape }
}

const fn token(shape: &'static Shape) -> Kind {
    Kind::Token(shape)
}

static AWS: Shape = Shape { exact: true, ..bounded(run(upper, 16)) };
static ALNUM_36: Shape = run(alphanumeric, 36);
static GITHUB_FINE: Shape = run(word, 36);
static GITLAB: Shape = Shape { dotted: true, ..run(word, 20) };
static GITLAB_BOUNDED: Shape = bounded(Shape { dotted: true, ..run(word, 20) });
static SLACK: Shape = run(word, 10);
static STRIPE: Shape = bounded(run(alphanumeric, 10));
static STRIPE_HOOK: Shape = bounded(run(base64, 32));
static PYPI: Shape = run(word, 50);

const AWS_ID: &str = "aws-access-key-id";
const GITHUB: &str = "github-token";
const GITLAB_TOKEN: &str = "gitlab-token";
const SLACK_TOKEN: &str = "slack-token";
const STRIPE_KEY: &str = "stripe-key";
const AWS_SECRET: &str = "aws-secret-key";
const KEY_VALUE: &str = "key-value";
const STRONG: Kind = Kind::KeyValue(Word::Strong);
const WEAK: Kind = Kind::KeyValue(Word::Weak);

/// Detector, literal, and what the literal starts.
pub(in crate::mask) const LITERALS: &[(&str, &str, Kind)] = &[
    (AWS_ID, "AKIA", token(&AWS)),
    (AWS_ID, "ASIA", token(&AWS)),
    (AWS_ID, "ABIA", token(&AWS)),
    (AWS_ID, "ACCA", token(&AWS)),
    (GITHUB, "ghp_", token(&ALNUM_36)),
    (GITHUB, "gho_", token(&ALNUM_36)),
    (GITHUB, "ghu_", token(&ALNUM_36)),
    (GITHUB, "ghs_", token(&ALNUM_36)),
    (GITHUB, "ghr_", token(&ALNUM_36)),
    (GITHUB, "github_pat_", token(&GITHUB_FINE)),
    (GITLAB_TOKEN, "glpat-", token(&GITLAB)),
    (GITLAB_TOKEN, "gldt-", token(&GITLAB_BOUNDED)),
    (GITLAB_TOKEN, "glrt-", token(&GITLAB_BOUNDED)),
    (GITLAB_TOKEN, "glptt-", token(&GITLAB_BOUNDED)),
    (GITLAB_TOKEN, "glcbt-", token(&GITLAB_BOUNDED)),
    (GITLAB_TOKEN, "glft-", token(&GITLAB_BOUNDED)),
    (GITLAB_TOKEN, "glimt-", token(&GITLAB_BOUNDED)),
    (GITLAB_TOKEN, "glagent-", token(&GITLAB_BOUNDED)),
    (GITLAB_TOKEN, "gloas-", token(&GITLAB_BOUNDED)),
    (GITLAB_TOKEN, "glsoat-", token(&GITLAB_BOUNDED)),
    (GITLAB_TOKEN, "glffct-", token(&GITLAB_BOUNDED)),
    (GITLAB_TOKEN, "GR1348941", token(&GITLAB_BOUNDED)),
    (SLACK_TOKEN, "xoxa-", token(&SLACK)),
    (SLACK_TOKEN, "xoxb-", token(&SLACK)),
    (SLACK_TOKEN, "xoxc-", token(&SLACK)),
    (SLACK_TOKEN, "xoxd-", token(&SLACK)),
    (SLACK_TOKEN, "xoxe-", token(&SLACK)),
    (SLACK_TOKEN, "xoxo-", token(&SLACK)),
    (SLACK_TOKEN, "xoxp-", token(&SLACK)),
    (SLACK_TOKEN, "xoxr-", token(&SLACK)),
    (SLACK_TOKEN, "xoxs-", token(&SLACK)),
    (SLACK_TOKEN, "xapp-", token(&SLACK)),
    (STRIPE_KEY, "sk_live_", token(&STRIPE)),
    (STRIPE_KEY, "sk_test_", token(&STRIPE)),
    (STRIPE_KEY, "sk_prod_", token(&STRIPE)),
    (STRIPE_KEY, "rk_live_", token(&STRIPE)),
    (STRIPE_KEY, "rk_test_", token(&STRIPE)),
    (STRIPE_KEY, "rk_prod_", token(&STRIPE)),
    (STRIPE_KEY, "whsec_", token(&STRIPE_HOOK)),
    ("npm-token", "npm_", token(&ALNUM_36)),
    ("pypi-token", "pypi-AgE", token(&PYPI)),
    ("jwt", "eyJ", Kind::Jwt),
    ("private-key", "-----BEGIN ", Kind::Pem),
    ("url-password", "://", Kind::Url),
    ("authorization", "authorization", Kind::KeyValue(Word::Header)),
    (AWS_SECRET, "secret_access_key", STRONG),
    (AWS_SECRET, "secretaccesskey", STRONG),
    (AWS_SECRET, "aws_secret_key", STRONG),
    (KEY_VALUE, "password", STRONG),
    (KEY_VALUE, "passphrase", STRONG),
    (KEY_VALUE, "api_key", STRONG),
    (KEY_VALUE, "api-key", STRONG),
    (KEY_VALUE, "apikey", STRONG),
    (KEY_VALUE, "access_key", STRONG),
    (KEY_VALUE, "access-key", STRONG),
    (KEY_VALUE, "accesskey", STRONG),
    (KEY_VALUE, "secret_key", STRONG),
    (KEY_VALUE, "secret-key", STRONG),
    (KEY_VALUE, "secretkey", STRONG),
    (KEY_VALUE, "account_key", STRONG),
    (KEY_VALUE, "accountkey", STRONG),
    (KEY_VALUE, "private_key", STRONG),
    (KEY_VALUE, "private-key", STRONG),
    (KEY_VALUE, "privatekey", STRONG),
    (KEY_VALUE, "client_secret", STRONG),
    (KEY_VALUE, "client-secret", STRONG),
    (KEY_VALUE, "clientsecret", STRONG),
    (KEY_VALUE, "access_token", STRONG),
    (KEY_VALUE, "access-token", STRONG),
    (KEY_VALUE, "accesstoken", STRONG),
    (KEY_VALUE, "auth_token", STRONG),
    (KEY_VALUE, "auth-token", STRONG),
    (KEY_VALUE, "authtoken", STRONG),
    (KEY_VALUE, "passwd", WEAK),
    (KEY_VALUE, "pwd", Kind::KeyValue(Word::Pwd)),
    (KEY_VALUE, "token", WEAK),
    (KEY_VALUE, "secret", WEAK),
    (KEY_VALUE, "credential", WEAK),
    (KEY_VALUE, "auth", WEAK),
];
