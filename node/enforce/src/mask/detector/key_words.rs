//! The words that make a secret of the value beside them, longest first.

use super::key_value::Word;

const AUTHORIZATION: &str = "authorization";
const AWS_SECRET: &str = "aws-secret-key";
const KEY_VALUE: &str = "key-value";

/// Detector, word in lower case, and how it is to be read. They match in either case.
pub(in crate::mask) const KEY_WORDS: &[(&str, &str, Word)] = &[
    (AWS_SECRET, "secret_access_key", Word::Strong),
    (AWS_SECRET, "secretaccesskey", Word::Strong),
    (AWS_SECRET, "aws_secret_key", Word::Strong),
    (AUTHORIZATION, "authorization", Word::Header),
    (KEY_VALUE, "client_secret", Word::Strong),
    (KEY_VALUE, "client-secret", Word::Strong),
    (KEY_VALUE, "clientsecret", Word::Strong),
    (KEY_VALUE, "access_token", Word::Strong),
    (KEY_VALUE, "access-token", Word::Strong),
    (KEY_VALUE, "accesstoken", Word::Strong),
    (KEY_VALUE, "private_key", Word::Strong),
    (KEY_VALUE, "private-key", Word::Strong),
    (KEY_VALUE, "account_key", Word::Strong),
    (KEY_VALUE, "privatekey", Word::Strong),
    (KEY_VALUE, "passphrase", Word::Strong),
    (KEY_VALUE, "access_key", Word::Strong),
    (KEY_VALUE, "access-key", Word::Strong),
    (KEY_VALUE, "secret_key", Word::Strong),
    (KEY_VALUE, "secret-key", Word::Strong),
    (KEY_VALUE, "accountkey", Word::Strong),
    (KEY_VALUE, "auth_token", Word::Strong),
    (KEY_VALUE, "auth-token", Word::Strong),
    (KEY_VALUE, "credential", Word::Weak),
    (KEY_VALUE, "accesskey", Word::Strong),
    (KEY_VALUE, "secretkey", Word::Strong),
    (KEY_VALUE, "authtoken", Word::Strong),
    (KEY_VALUE, "password", Word::Strong),
    (KEY_VALUE, "api_key", Word::Strong),
    (KEY_VALUE, "api-key", Word::Strong),
    (KEY_VALUE, "apikey", Word::Strong),
    (KEY_VALUE, "passwd", Word::Weak),
    (KEY_VALUE, "secret", Word::Weak),
    (KEY_VALUE, "token", Word::Weak),
    (KEY_VALUE, "auth", Word::Weak),
    (KEY_VALUE, "pwd", Word::Pwd),
];
