//! Who may do what, and databases that are not as they must be.

use store_views::conformance::{deliver, record};
use store_views::{Begins, Home as _, HomeError, Projector, Table};

use super::server::Postgres;
use super::{home, options};
use crate::{Options, PostgresHome, SCHEMA, Tls};

fn filled(server: &Postgres) -> String {
    let database = server.database().unwrap();
    let mut projector = Projector::new(home(server, &database), "journal of gw-1", Begins::AtOne);
    deliver(&mut projector, record(12).events).unwrap();
    database
}

#[test]
fn an_auditor_reads_everything_and_changes_nothing() {
    let server = Postgres::start().unwrap();
    let database = filled(&server);
    // What a role is set to it can set again; what it may not do it cannot.
    let auditor = |text: &str| {
        let text = format!("begin read write; {text}; rollback");
        server.sql("sallyport_auditor", &database, &text)
    };
    for table in Table::ALL {
        let name = format!("{SCHEMA}.{}", table.name());
        let count: u64 = auditor(&format!("select count(*) from {name}")).unwrap().parse().unwrap();
        assert!(count > 0, "{name}");
        let first = table.columns()[0];
        for refused in [
            format!("delete from {name}"),
            format!("update {name} set {first} = {first}"),
            format!("insert into {name} select * from {name}"),
            format!("truncate {name}"),
            format!("drop table {name}"),
            format!("alter table {name} add column more text"),
        ] {
            let said = auditor(&refused).unwrap_err().to_string();
            let denied = said.contains("permission denied") || said.contains("must be owner");
            assert!(denied, "{refused}: {said}");
        }
    }
    for refused in [
        format!("create table {SCHEMA}.mine (a int)"),
        format!("delete from {SCHEMA}.cursors"),
        format!("update {SCHEMA}.about set cluster = 'other'"),
        "create table mine (a int)".to_owned(),
        "create schema mine".to_owned(),
        "create temporary table mine (a int)".to_owned(),
        "set role sallyport_projector".to_owned(),
    ] {
        let said = auditor(&refused).unwrap_err().to_string();
        assert!(said.contains("denied"), "{refused}: {said}");
    }
    let delete = "delete from sallyport_audit.sessions";
    let said = server.sql("sallyport_auditor", &database, delete).unwrap_err().to_string();
    assert!(said.contains("read-only transaction"), "{said}");
    let as_of = auditor("select chain from sallyport_audit.as_of() where lag >= '0'").unwrap();
    assert_eq!(as_of, "control\ngw-1\ngw-2");
}

/// Columns are as the rows say, and a column that only a newer program knows keeps its value.
#[test]
fn columns_are_only_added() {
    let server = Postgres::start().unwrap();
    let database = filled(&server);
    let root = |text: &str| server.sql("postgres", &database, text).unwrap();
    for table in Table::ALL {
        let name = table.name();
        let columns = root(&format!(
            "select string_agg(column_name, ' ' order by ordinal_position)
             from information_schema.columns
             where table_schema = '{SCHEMA}' and table_name = '{name}' and column_name <> 'place'"
        ));
        assert_eq!(columns, table.columns().join(" "), "{name}");
    }
    root("alter table sallyport_audit.sessions add column newer text default 'kept'");
    root("update sallyport_audit.sessions set newer = 'mine'");
    root("insert into sallyport_audit.migrations (number, name) values (99, 'newer')");
    let mut home = home(&server, &database);
    let rows = home.scan(Table::Sessions, "gw-1", None, 100).unwrap();
    let cursors = home.cursors().unwrap();
    let (chain, from) = cursors[1].clone();
    let to = store_views::Cursor { seq: from.seq + 1, ..from.clone() };
    let step = store_views::Step {
        moves: vec![store_views::Move { chain, from: Some(from), to }],
        rows,
        source: None,
    };
    home.take(&step).unwrap();
    let kept = root("select count(*) from sallyport_audit.sessions where newer <> 'mine'");
    assert_eq!(kept, "0");
}

#[test]
fn what_is_not_as_it_must_be_is_said() {
    let server = Postgres::start().unwrap();
    let database = filled(&server);
    let said = |options: Options| match PostgresHome::new(options).unwrap().cursors() {
        Err(HomeError::Unfit(text)) => text,
        other => panic!("{other:?}"),
    };
    let other = said(options(&server, &database, "other"));
    assert!(other.contains("holds the views of cluster acme, not of other"), "{other}");
    let missing = said(options(&server, "nowhere", "acme"));
    assert!(missing.contains("\"nowhere\" does not exist"), "{missing}");
    let url = server.url(&database);
    let wrong = std::sync::Arc::new(|| Ok(zeroize::Zeroizing::new("wrong".to_owned())));
    let denied = said(Options::new(&url, Some(wrong), Tls::Disable, "acme").unwrap());
    assert!(denied.contains("password authentication failed"), "{denied}");
    let absent = std::sync::Arc::new(|| Err("the file of the password is missing".to_owned()));
    let absent = said(Options::new(&url, Some(absent), Tls::Disable, "acme").unwrap());
    assert_eq!(absent, "the file of the password is missing");
    // Somebody who may not make the schema.
    let empty = server.database().unwrap();
    let revoke = format!("revoke create on database {empty} from sallyport_projector");
    server.sql("postgres", &empty, &revoke).unwrap();
    let rights = said(options(&server, &empty, "acme"));
    assert!(rights.contains("permission denied for database"), "{rights}");
    let latin = "create database latin encoding 'LATIN1' template template0";
    server.sql("postgres", "postgres", latin).unwrap();
    let latin = said(options(&server, "latin", "acme"));
    assert!(latin.contains("encoding is LATIN1, expected UTF8"), "{latin}");
}

/// With TLS the certificate must be by the authority that is named, and for the host.
#[test]
fn the_server_must_prove_who_it_is() {
    let certify = |host: &str| {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec![host.to_owned()]).unwrap();
        (certificate.self_signed(&key).unwrap().pem(), key.serialize_pem())
    };
    let (good, key) = certify("127.0.0.1");
    let (other, _) = certify("127.0.0.1");
    let server = Postgres::with(|folder| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::write(folder.join("server.pem"), &good)?;
        std::fs::write(folder.join("server.key"), &key)?;
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(folder.join("server.key"), private)?;
        let file = |name: &str| folder.join(name).display().to_string();
        Ok(vec![
            "ssl=on".to_owned(),
            format!("ssl_cert_file={}", file("server.pem")),
            format!("ssl_key_file={}", file("server.key")),
        ])
    })
    .unwrap();
    let database = server.database().unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let with = |pem: &str| {
        let authorities = folder.path().join("ca.pem");
        std::fs::write(&authorities, pem).unwrap();
        let mut options = options(&server, &database, "acme");
        options.tls = Tls::VerifyFull { authorities };
        PostgresHome::new(options).unwrap().cursors()
    };
    assert_eq!(with(&good).unwrap(), []);
    let error = with(&other).unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");
    let none = with("").unwrap_err().to_string();
    assert!(none.contains("there is no certificate in it"), "{none}");
}
