//! The words that make a secret of the value beside them, longest first.

use super::entry::{Confidence, DetectorInfo};
use super::key_value::Word;
use super::{cookie, kubernetes};
use crate::mask::plan::Class;

pub(super) const AUTHORIZATION: DetectorInfo = DetectorInfo {
    name: "authorization",
    class: Some(Class::Credentials),
    only_by_name: false,
    description: "the credentials of an HTTP Authorization header",
    confidence: Confidence::Medium,
    examples: &["Authorization: Bearer «abc.def»", "-H 'Authorization: token «abc»'"],
    others: &["Authorization: required", "Authorization: Bearer <token>"],
};
pub(super) const AWS_SECRET: DetectorInfo = DetectorInfo {
    name: "aws-secret-key",
    class: Some(Class::Credentials),
    only_by_name: false,
    description: "AWS secret keys beside their key word",
    confidence: Confidence::High,
    examples: &["aws_secret_access_key = «bPxRfiCYzK7MDENG·wJalrXUtnFEMI5h2Qe8tYu3L»"],
    others: &["aws_secret_access_key = ${SECRET}"],
};
pub(super) const KEY_VALUE: DetectorInfo = DetectorInfo {
    name: "key-value",
    class: Some(Class::Credentials),
    only_by_name: false,
    description: "key=value, key: value and \"key\": \"value\" secrets",
    confidence: Confidence::Medium,
    examples: &[
        "password=«hunter2»",
        "{\"apiToken\":\"«abcd»\"}",
        "https://a.blob.core/x?sp=r&sig=«bPxRfiCYzK7MDENGwJalrXUtnFEMI5h2Qe8tYu3Lk%3D»",
        "client-key-data: «LS0tLS1CRUdJ»",
        "export DB_PASSWORD='«hun ter»'",
    ],
    others: &[
        "token: expired",
        "password=${PASSWORD} secret=<secret>",
        "let token = lexer.next();",
        "sig=SIGTERM",
    ],
};

/// Detector, word in lower case, and how it is to be read. They match in either case.
pub(in crate::mask) const KEY_WORDS: &[(&str, &str, Word)] = &[
    (cookie::INFO.name, "cookie", Word::Cookie),
    (kubernetes::INFO.name, "stringdata", Word::StringData),
    (kubernetes::INFO.name, "data", Word::Data),
    (kubernetes::INFO.name, "kind", Word::Kind),
    (AWS_SECRET.name, "secret_access_key", Word::Strong),
    (AWS_SECRET.name, "secretaccesskey", Word::Strong),
    (AWS_SECRET.name, "aws_secret_key", Word::Strong),
    (AUTHORIZATION.name, "authorization", Word::Header),
    (KEY_VALUE.name, "client-key-data", Word::Strong),
    (KEY_VALUE.name, "private_key_id", Word::Strong),
    (KEY_VALUE.name, "presharedkey", Word::Strong),
    (KEY_VALUE.name, "client_secret", Word::Strong),
    (KEY_VALUE.name, "client-secret", Word::Strong),
    (KEY_VALUE.name, "clientsecret", Word::Strong),
    (KEY_VALUE.name, "access_token", Word::Strong),
    (KEY_VALUE.name, "access-token", Word::Strong),
    (KEY_VALUE.name, "accesstoken", Word::Strong),
    (KEY_VALUE.name, "private_key", Word::Strong),
    (KEY_VALUE.name, "private-key", Word::Strong),
    (KEY_VALUE.name, "account_key", Word::Strong),
    (KEY_VALUE.name, "privatekey", Word::Strong),
    (KEY_VALUE.name, "passphrase", Word::Strong),
    (KEY_VALUE.name, "access_key", Word::Strong),
    (KEY_VALUE.name, "access-key", Word::Strong),
    (KEY_VALUE.name, "secret_key", Word::Strong),
    (KEY_VALUE.name, "secret-key", Word::Strong),
    (KEY_VALUE.name, "accountkey", Word::Strong),
    (KEY_VALUE.name, "auth_token", Word::Strong),
    (KEY_VALUE.name, "auth-token", Word::Strong),
    (KEY_VALUE.name, "credential", Word::Weak),
    (KEY_VALUE.name, "accesskey", Word::Strong),
    (KEY_VALUE.name, "secretkey", Word::Strong),
    (KEY_VALUE.name, "authtoken", Word::Strong),
    (KEY_VALUE.name, "password", Word::Strong),
    (KEY_VALUE.name, "api_key", Word::Strong),
    (KEY_VALUE.name, "api-key", Word::Strong),
    (KEY_VALUE.name, "apikey", Word::Strong),
    (KEY_VALUE.name, "passwd", Word::Weak),
    (KEY_VALUE.name, "secret", Word::Weak),
    (KEY_VALUE.name, "token", Word::Weak),
    (KEY_VALUE.name, "auth", Word::Weak),
    (KEY_VALUE.name, "pwd", Word::Pwd),
    (KEY_VALUE.name, "sig", Word::Long),
];
