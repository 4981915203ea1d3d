//! `targets.yaml`: what is read, and each way to get it wrong.

use std::path::Path;

use proto::target::{CredentialSource, HostKeys, Place, Target, TargetKind, Tls};

use super::{line, name, new_key};
use crate::document::Problems;
use crate::targets::{Options, parse};

fn read(text: &str, trust_on_first_use: bool) -> Result<Vec<Target>, Problems> {
    parse("t.yaml", text, &Options { base: Path::new("/etc/sallyport"), trust_on_first_use })
}

#[test]
fn the_example_of_the_design() {
    let key = line(&new_key());
    let text = format!(
        "targets:
  - name: web-1
    kind: ssh
    address: 127.0.0.1:2201
    labels: {{ env: staging, tier: 1 }}
    host_keys: [\"{key} root@web-1\"]
    credential: {{ private_key: {{ file: web-1.key }} }}
    as: [deploy, root]
  - name: web-2
    kind: ssh
    address: \"[2001:db8::1]:22\"
    host_keys: trust-on-first-use
    credential: {{ private_key: {{ env: WEB_2_KEY }} }}
    as: [deploy@corp]
  - name: web-3
    kind: ssh
    address: web-3.internal:22
    host_keys: [{key}]
    credential: {{ private_key: {{ file: /keys/web-3 }} }}
    as: [deploy]
"
    );
    let targets = read(&text, true).unwrap();
    let labels = [("env", "staging"), ("tier", "1")];
    let expected = Target {
        name: name("web-1"),
        kind: TargetKind::Ssh,
        address: "127.0.0.1:2201".to_owned(),
        labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        host_keys: HostKeys::Pinned(vec![key]),
        credential: CredentialSource::File("/etc/sallyport/web-1.key".to_owned()),
        logins: vec!["deploy".to_owned(), "root".to_owned()],
    };
    assert_eq!(targets[0], expected);
    assert_eq!(targets[1].host_keys, HostKeys::TrustOnFirstUse);
    assert_eq!(targets[1].credential, CredentialSource::Environment("WEB_2_KEY".to_owned()));
    assert_eq!(targets[2].credential, CredentialSource::File("/keys/web-3".to_owned()));
    let problems = read(&text, false).unwrap_err();
    assert_eq!(
        problems.to_string(),
        "t.yaml:12:16: trust-on-first-use is for dev only, \
         expected host_keys: [\"ssh-ed25519 AAAA…\"]"
    );
}

/// A good target on one line, with one field replaced (or taken out, by an empty text).
fn with(field: &str, value: &str) -> String {
    let fields = [
        ("name", "web-1"),
        ("kind", "ssh"),
        ("address", "web-1:22"),
        ("host_keys", "trust-on-first-use"),
        ("credential", "{ private_key: { file: k } }"),
        ("as", "[deploy]"),
    ];
    let is_new = !fields.iter().any(|(name, _)| *name == field);
    let replaced = fields.map(|(name, old)| (name, if name == field { value } else { old }));
    let added = is_new.then_some((field, value));
    let mut text = String::from("targets:\n  - {\n");
    for (name, value) in replaced.into_iter().chain(added).filter(|(_, text)| !text.is_empty()) {
        text += &format!("    {name}: {value},\n");
    }
    text + "    }\n"
}

/// What is wrong when one field is, each as `line:column: what`.
#[track_caller]
fn check(field: &str, value: &str, expected: &[&str]) {
    let text = with(field, value);
    let said = match read(&text, true) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.all().iter().map(ToString::to_string).collect(),
    };
    let expected: Vec<_> = expected.iter().map(|text| format!("t.yaml:{text}")).collect();
    assert_eq!(said, expected, "{text}");
}

#[test]
fn addresses() {
    for good in ["a:1", "web-1.internal:22", "10.0.0.1:65535", "'[::1]:22'", "a_b.example.:22"] {
        check("address", good, &[]);
    }
    let example = "expected host:port such as web-1.internal:22 or [2001:db8::1]:22";
    for (bad, what) in [
        ("web-1", "has no port"),
        ("web-1:0", "has no port from 1 to 65535"),
        ("web-1:65536", "has no port from 1 to 65535"),
        ("web-1:+22", "has no port from 1 to 65535"),
        ("web-1:", "has no port from 1 to 65535"),
        (":22", "has no host name or address"),
        ("2001:db8::1:22", "has an IPv6 address without brackets"),
        ("[2001:db8::x]:22", "has no IPv6 address in its brackets"),
        ("[10.0.0.1]:22", "has no IPv6 address in its brackets"),
        ("a b:22", "has no host name or address"),
        ("user@host:22", "has no host name or address"),
        ("ssh://host:22", "has an IPv6 address without brackets"),
        ("a..b:22", "has no host name or address"),
        ("-a:22", "has no host name or address"),
        ("10.0.0.256:22", "has no host name or address"),
        ("10.1:22", "has no host name or address"),
    ] {
        let text = format!("5:14: address {bad:?} {what}, {example}");
        check("address", &format!("'{bad}'"), &[&text]);
    }
    check("address", "", &["3:11: address is missing, expected host:port"]);
}

#[test]
fn kinds() {
    let later = "4:11: kind kubernetes is not in this version; expected ssh or postgres";
    check("kind", "kubernetes", &[later]);
    check("kind", "SSH", &["4:11: kind \"SSH\", expected ssh or postgres"]);
    let extra = "3:11: database is for targets of other kinds, expected none for ssh";
    check("database", "orders", &[extra]);
}

/// A database, with a part of the line replaced.
fn database(old: &str, new: &str) -> Result<Vec<Target>, Vec<String>> {
    let text = "targets:\n  - { name: orders, kind: postgres, address: \"127.0.0.1:5432\", \
        database: orders, tls: verify-full, ca: db.pem, labels: { env: prod }, \
        credential: { user: app, password: { env: ORDERS_PASSWORD } } }\n";
    assert!(text.contains(old), "{old}");
    let read = read(&text.replace(old, new), false);
    read.map_err(|problems| problems.all().iter().map(ToString::to_string).collect())
}

#[test]
fn databases() {
    let read = database("", "").expect("the design's own example");
    let known = read[0].database().expect("a database");
    assert_eq!((known.name.as_str(), known.tls), ("orders", Tls::VerifyFull));
    assert_eq!(known.authority.as_deref(), Some("/etc/sallyport/db.pem"));
    assert_eq!(read[0].logins, ["app"]);
    assert_eq!(read[0].credential, CredentialSource::Environment("ORDERS_PASSWORD".to_owned()));
    let open = database("verify-full, ca: db.pem", "disable").expect("in the clear");
    let known = open[0].database().expect("a database");
    assert_eq!((known.tls, &known.authority), (Tls::Disable, &None));
    assert!(database("labels", "as: [app], labels").is_ok());

    #[track_caller]
    fn check(old: &str, new: &str, expected: &str) {
        let said = database(old, new).expect_err("it is wrong");
        let said: Vec<_> = said.iter().map(|one| one.split(": ").skip(1).collect()).collect();
        let said: Vec<Vec<&str>> = said;
        let said: Vec<_> = said.iter().map(|words| words.join(": ")).collect();
        assert_eq!(said, [expected], "{new}");
    }
    check(", ca: db.pem", "", "verify-full needs to know the authority, expected ca: FILE");
    check("verify-full", "prefer", "tls \"prefer\", expected disable, require or verify-full");
    check("database: orders, ", "", "database is missing, expected its name");
    check(
        "database: orders",
        "database: \"\"",
        "database \"\", expected 1 to 63 bytes of plain text",
    );
    let expected = "expected { user: NAME, password: { env: NAME } }, \
                    { user: NAME, password: { file: F } } or \
                    { user: NAME, certificate: { file: F }, private_key: { file: F } }";
    check("user: app, ", "", &format!("user is missing, {expected}"));
    let password = "password: { env: ORDERS_PASSWORD }";
    check(&format!(", {password}"), "", &format!("password is missing, {expected}"));
    let together = format!("certificate and private_key go together, {expected}");
    check(password, "certificate: { file: a }", &together);
    check(password, "private_key: { file: a }", &together);
    check(password, &format!("{password}, certificate: {{ file: a }}"), &together);
    check(
        password,
        "certificate: { file: a }, private_key: { env: A }",
        &format!("private_key needs a file, {expected}"),
    );
    let missing = "password needs either file or env";
    check("{ env: ORDERS_PASSWORD }", "{}", &format!("{missing}, {expected}"));
    check("labels", "as: [root], labels", "as is not the credential's own user, expected [app]");
    check(
        "labels",
        "host_keys: [x], labels",
        "host_keys is for targets of other kinds, expected none for postgres",
    );
}

#[test]
fn certificates_of_databases() {
    let both = "certificate: { file: app.crt }, private_key: { file: /keys/app.key }";
    let password = "password: { env: ORDERS_PASSWORD }";
    for (credential, place) in [
        (both.to_owned(), None),
        (format!("{both}, {password}"), Some(Place::Environment("ORDERS_PASSWORD".to_owned()))),
    ] {
        let read = database(password, &credential).expect("a certificate");
        let shown = read[0].certificate().expect("a certificate");
        assert_eq!(shown.certificate, "/etc/sallyport/app.crt");
        assert_eq!(shown.private_key, "/keys/app.key");
        assert_eq!(read[0].secret(), place);
    }
    let rest = "labels: { env: prod }, credential: { user: app, ";
    let said = database(
        &format!("verify-full, ca: db.pem, {rest}{password}"),
        &format!("disable, {rest}{both}"),
    );
    let said = said.expect_err("there is no TLS to show it in");
    assert!(said[0].contains("tls: disable has no place for a certificate"), "{said:?}");
}

#[test]
fn host_keys() {
    const EXPECTED: &str = "expected host_keys: [\"ssh-ed25519 AAAA…\"]";
    let check = |value, what: &str| check("host_keys", value, &[what]);
    check("", &format!("3:11: host_keys is missing, {EXPECTED}"));
    check("anything", &format!("6:16: host_keys is \"anything\", {EXPECTED}"));
    check("{ ca: ssh-ed25519 }", &format!("6:16: a host CA is not in this version, {EXPECTED}"));
    check("{ cb: x }", "6:18: unknown field `cb`, expected one of ca");
    check("[]", "6:16: 0 host keys, expected 1 to 16");
    check(
        "3",
        "6:5: invalid type: integer `3`, expected a list of host keys, or trust-on-first-use",
    );
    let form = "expected \"ssh-ed25519 AAAA…\"";
    check("[x]", &format!("6:17: not a public key in OpenSSH's one-line form, {form}"));
}

#[test]
fn credentials() {
    const EXPECTED: &str =
        "expected { private_key: { file: F } } or { private_key: { env: NAME } }";
    let check = |value, what: &str| check("credential", value, &[&format!("{what}, {EXPECTED}")]);
    check("", "3:11: credential is missing");
    check("{ ca: true }", "7:17: certificates from the cluster's CA are not in this version");
    check(
        "{ user: a, password: { env: B } }",
        "7:17: user, password and certificate are for targets of other kinds",
    );
    check("{}", "7:17: no private_key");
    check("{ private_key: {} }", "7:17: private_key needs either file or env");
    check("{ private_key: { file: '' } }", "7:17: private_key needs either file or env");
    check("{ private_key: { file: a, env: B } }", "7:17: private_key needs either file or env");
    check(
        "{ private_key: { env: a=b } }",
        "7:17: private_key has an env that is not the name of a variable in capitals",
    );
}

#[test]
fn logins_labels_and_names() {
    let none = "0 logins in as, expected 1 to 64, the default first";
    check("as", "", &[&format!("3:11: {none}")]);
    check("as", "[]", &[&format!("8:9: {none}")]);
    check("as", "deploy", &["8:9: expected a list"]);
    check(
        "as",
        "[a, '', a, 'b c', -x]",
        &[
            "8:13: login \"\", expected 1 to 256 bytes without spaces",
            "8:17: login a is listed twice, expected once",
            "8:20: login \"b c\", expected 1 to 256 bytes without spaces",
            "8:27: login \"-x\", expected 1 to 256 bytes without spaces",
        ],
    );
    check(
        "labels",
        "{ env: '', ok: \"a\\tb\" }",
        &[
            "9:20: label value \"\", expected 1 to 256 bytes of plain text",
            "9:28: label value \"a\\tb\", expected 1 to 256 bytes of plain text",
        ],
    );
    let rule = "1 to 64 letters, digits, '.', '_' or '-', first a letter or digit";
    check("name", "a/b", &[&format!("3:11: \"a/b\" is not a name: {rule}")]);
    check(
        "colour",
        "red",
        &["9:5: unknown field `colour`, expected one of name, kind, address, labels, host_keys, \
             credential, as, database, tls, ca"],
    );
    let twice = with("x", "") + with("x", "").strip_prefix("targets:\n").unwrap();
    let said = read(&twice, true).unwrap_err().to_string();
    assert_eq!(said, "t.yaml:11:11: web-1 is named in line 3 too, expected once");
}

#[test]
fn the_schema_requires_what_the_reader_requires() {
    let schema = crate::targets::schema().to_value();
    let required = &schema["$defs"]["Target"]["required"];
    let required: Vec<_> = required.as_array().unwrap().iter().map(|name| name.as_str()).collect();
    let expected = ["name", "kind", "address", "host_keys", "credential", "as"];
    assert_eq!(required, expected.map(Some));
}
