//! `node.yaml`: what it means, and where it is wrong.

use std::path::Path;
use std::time::Duration;

use node_api::notify::HookKind;
use node_ssh::KeyExchange;
use store_postgres::Tls;

use crate::config::{Address, PasswordFrom, parse};

const WHOLE: &str = "\
name: gw-1
data: data
listen: { ssh: 127.0.0.1:2222, api: 127.0.0.1:8443, cluster: 127.0.0.1:7400 }
events: { stream: none }
secrets: { files: secrets }
contact: 5s
";

#[test]
fn what_is_said_counts_and_paths_are_relative_to_the_file() {
    let text = format!("{WHOLE}client_ca: people-ca.pem\n");
    let config = parse(Path::new("/etc/sallyport/node.yaml"), &text).expect("it is right");
    assert_eq!(config.node.as_str(), "gw-1");
    assert_eq!(config.cluster, None);
    assert_eq!(config.data, Path::new("/etc/sallyport/data"));
    assert_eq!(config.secrets.files.as_deref(), Some(Path::new("/etc/sallyport/secrets")));
    assert!(!config.secrets.environment && !config.secrets.anywhere);
    assert_eq!(config.client_ca.as_deref(), Some(Path::new("/etc/sallyport/people-ca.pem")));
    assert_eq!(config.contact, Duration::from_secs(5));
    assert_eq!(config.drain, Duration::from_secs(20));
    assert!(!config.trust_on_first_use, "only dev believes what it sees first");
    let addresses = config.addresses();
    assert_eq!(
        (addresses.cluster.as_str(), addresses.api.as_str()),
        ("127.0.0.1:7400", "127.0.0.1:8443")
    );
}

#[test]
fn which_key_exchanges_clients_may_choose() {
    #[track_caller]
    fn check(text: &str, expected: Option<KeyExchange>) {
        let config = parse(Path::new("node.yaml"), &format!("{WHOLE}{text}"));
        assert_eq!(config.ok().map(|config| config.key_exchange), expected, "{text}");
    }
    check("", Some(KeyExchange::Any));
    check("ssh: {}\n", Some(KeyExchange::Any));
    check("ssh: { key_exchange: any }\n", Some(KeyExchange::Any));
    check("ssh: { key_exchange: post-quantum }\n", Some(KeyExchange::PostQuantum));
    check("ssh: { key_exchange: fast }\n", None);
    check("ssh: { ciphers: none }\n", None);
}

const NOTIFIED: &str = "notifications:
  - { name: chat, url_file: chat.url, kind: slack, secret_file: /keys/chat }
  - { name: siem, url: \"https://siem/hook\", kind: json, secret_file: siem, include_text: true, ca: ca.pem }
";

#[test]
fn who_is_told() {
    let text = format!("{WHOLE}{NOTIFIED}");
    let config = parse(Path::new("/etc/sallyport/node.yaml"), &text).expect("it is right");
    let [chat, siem] = config.notifications.as_slice() else { panic!("two of them") };
    assert_eq!(
        (chat.name.as_str(), chat.kind, chat.include_text),
        ("chat", HookKind::Slack, false)
    );
    assert_eq!(chat.url, Address::InFile("/etc/sallyport/chat.url".into()));
    assert_eq!(chat.secret, Path::new("/keys/chat"));
    assert_eq!(chat.authorities, Path::new("/etc/ssl/certs/ca-certificates.crt"));
    assert_eq!((siem.kind, siem.include_text), (HookKind::Json, true));
    assert_eq!(siem.authorities, Path::new("/etc/sallyport/ca.pem"));
    assert!(!format!("{siem:?}").contains("hook"), "an address may be a secret");
    let mistake = |change: (&str, &str), expected: &str| {
        let text = text.replace(change.0, change.1);
        let said = parse(Path::new("node.yaml"), &text).expect_err(expected).to_string();
        assert!(said.contains(expected), "{said:?} does not say {expected:?}");
    };
    mistake(("kind: slack", "kind: pager"), "node.yaml:8:45: \"pager\", expected slack, teams");
    mistake(("url_file: chat.url, ", ""), "node.yaml:8:13: expected either url or url_file");
    mistake(("url_file: chat.url", "url_file: x, url: y"), "expected either url or url_file");
    mistake(("name: siem", "name: chat"), "node.yaml:9:13: chat is named twice");
    mistake(("secret_file: siem, ", ""), "secret_file");
    mistake(("include_text: true", "include_everything: true"), "include_everything");
}

/// What the README shows is right as it stands.
#[test]
fn who_is_told_as_the_readme_shows_it() {
    let readme = include_str!("../../../../README.md");
    let block = readme.split("```yaml\n").find(|block| block.starts_with("notifications:"));
    let (block, _) = block.and_then(|block| block.split_once("```")).expect("a block of YAML");
    let config = parse(Path::new("/etc/sallyport/node.yaml"), &format!("{WHOLE}{block}"));
    let told = config.expect("it is right").notifications;
    let kinds: Vec<_> = told.iter().map(|one| (one.kind, one.include_text)).collect();
    assert_eq!(kinds, [(HookKind::Slack, false), (HookKind::Json, true)]);
    for name in [node_api::notify::SIGNATURE_HEADER, node_api::notify::TIMESTAMP_HEADER] {
        assert!(readme.contains(name), "the README does not name {name}");
    }
}

const VIEWS: &str = "views:
  postgres:
    url: postgres://audit@db:5433/sallyport
    password: { file: views.password }
    ca: /keys/db.pem
";

#[test]
fn where_the_views_are_kept() {
    let text = format!("{WHOLE}{VIEWS}");
    let config = |text: &str| parse(Path::new("/etc/sallyport/node.yaml"), text);
    let views = config(&text).expect("it is right").views.expect("a database");
    assert_eq!(views.url, "postgres://audit@db:5433/sallyport");
    let file = Path::new("/etc/sallyport/views.password").to_path_buf();
    assert_eq!(views.password, Some(PasswordFrom::File(file)));
    assert_eq!(views.tls, Tls::VerifyFull { authorities: "/keys/db.pem".into() });
    assert_eq!(config(WHOLE).expect("it is right").views, None);
    let mistake = |change: (&str, &str), expected: &str| {
        let text = text.replace(change.0, change.1);
        let said = parse(Path::new("node.yaml"), &text).expect_err(expected).to_string();
        assert!(said.contains(expected), "{said:?} does not say {expected:?}");
    };
    mistake(("audit@db", "audit:x@db"), "node.yaml:9:10: the URL holds a password");
    mistake(("audit@db", "db"), "node.yaml:9:10: expected a user in the URL");
    mistake(("postgres://audit", "mysql://audit"), "node.yaml:9:10: expected postgres://USER@HOST");
    mistake(("{ file: views.password }", "{}"), "node.yaml:10:15: expected either { file: PATH }");
    mistake(("ca: /keys/db.pem", "tls: maybe"), "node.yaml:11:10: \"maybe\", expected verify-full");
    mistake(("  postgres:", "  mysql:"), "mysql");
}

#[test]
fn where_the_stream_is() {
    let of = |events: &str| {
        let text = WHOLE.replace("{ stream: none }", events);
        parse(Path::new("/etc/sallyport/node.yaml"), &text).expect("it is right").stream
    };
    assert_eq!(of("{ stream: none }"), None);
    let stream = of("{ nats: [\"nats://a:4222\", \"tls://[::1]:4222\"] }").expect("a stream");
    assert_eq!(stream.servers, ["nats://a:4222", "tls://[::1]:4222"]);
    assert_eq!((stream.replicas, stream.sync), (3, Duration::from_secs(120)));
    assert_eq!((stream.credentials, stream.authority), (None, None));
    let said = "{ nats: [\"nats://a:4222\"], sync: always, replicas: 1, credentials: a.creds }";
    let stream = of(said).expect("a stream");
    assert_eq!((stream.replicas, stream.sync), (1, Duration::ZERO));
    assert_eq!(stream.credentials.as_deref(), Some(Path::new("/etc/sallyport/a.creds")));
    let stream = of("{ nats: [\"nats://a:4222\"], sync: 10s }").expect("a stream");
    assert_eq!(stream.sync, Duration::from_secs(10));
}

#[track_caller]
fn wrong(change: (&str, &str), expected: &str) {
    let text = WHOLE.replace(change.0, change.1);
    assert_ne!(text, WHOLE, "the case changes something");
    let said = parse(Path::new("node.yaml"), &text).expect_err(expected).to_string();
    assert!(said.contains(expected), "{said:?} does not say {expected:?}");
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    wrong(("name: gw-1", "name: a/b"), "node.yaml:1:7: ");
    wrong(("name: gw-1", "name: control"), "node.yaml:1:7: `control` is the control plane's");
    wrong(("ssh: 127.0.0.1:2222", "ssh: nowhere"), "node.yaml:3:16: expected HOST:PORT");
    wrong(("cluster: 127.0.0.1:7400", "cluster: 0.0.0.0:7400"), "expected an `advertise`");
    let events = |text: &str, expected: &str| wrong(("{ stream: none }", text), expected);
    events("{ stream: some }", "node.yaml:4:9: expected { stream: none } or { nats:");
    events("{ stream: none, sync: always }", "expected { stream: none } or { nats:");
    events("{ stream: none, nats: [\"nats://a:1\"] }", "expected either stream: none or nats");
    events("{ nats: [\"nats://u:p@a:4222\"] }", "expected nats://HOST:PORT");
    events("{ nats: [\"http://a:4222\"] }", "expected nats://HOST:PORT");
    events("{ nats: [\"nats://a:4222\"], replicas: 0 }", "replicas: expected 1 to 5");
    events("{ nats: [\"nats://a:4222\"], sync: never }", "sync: expected always, or a time");
    events("{ nats: [\"nats://a:4222\"], sync: 2h }", "sync: expected always, or a time");
    wrong(("contact: 5s", "contact: 1s"), "node.yaml:6:10: expected 2s to 5m");
    wrong(("contact: 5s", "contact: soon"), "node.yaml:6:10: expected a duration such as 15s");
    wrong(("contact: 5s", "drain: 48h"), "node.yaml:6:8: expected at most 24h");
    wrong(("contact: 5s", "journal_quota: 5"), "node.yaml:6:16: expected at least");
    wrong(("contact: 5s", "advertise: { api: \"0.0.0.0:1\" }"), "expected HOST:PORT that others");
    wrong(("contact: 5s", "contakt: 5s"), "node.yaml:6:1");
}
