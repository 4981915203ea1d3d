//! Which targets a forward would lead to.

use node_enforce::forward::Address;
use proto::reading::ForwardOperation::Connect;
use proto::target::TargetKind;

use crate::display::Display;
use crate::forward::{Known, Machine, hosts, port, targets};

/// `NAME KIND MACHINE/PORT`, where a machine is its addresses with `+` between them, perhaps behind
/// its name and `=`. Who has a loopback address is the node's own machine.
fn known(written: &str) -> Known {
    let mut words = written.split(' ');
    let name = words.next().expect("a name").parse().expect("a name");
    let kind = match words.next().expect("a kind") {
        "ssh" => TargetKind::Ssh,
        "postgres" => TargetKind::Postgres,
        other => panic!("no kind: {other}"),
    };
    let (machine, port) = words.next().and_then(|one| one.rsplit_once('/')).expect("an address");
    let mut one = Machine::default();
    let at = match machine.split_once('=') {
        Some((name, at)) => {
            one.name = Some(name.to_owned());
            at
        }
        None => machine,
    };
    for address in at.split('+').filter(|address| !address.is_empty()) {
        one.at.push(address.parse().expect("an address"));
    }
    one.is_here = one.at.iter().any(std::net::IpAddr::is_loopback);
    Known { name, kind, port: port.parse().expect("a port"), machine: one }
}

const CLUSTER: &[&str] = &[
    "web-1 ssh 10.0.0.5/22",
    "web-2 ssh web-2.internal=10.0.0.6/2222",
    "orders postgres 10.0.0.5/5432",
    "ledger postgres db.internal=10.0.0.9/5432",
    "lost postgres gone.internal=/5433",
    "dev ssh 127.0.0.1/2201",
    "six ssh fd00::6/22",
];

/// From `own`, to an address that leads to these.
#[track_caller]
fn check(own: &str, asked: &str, at: &[&str], expected: &[&str]) {
    let cluster: Vec<_> = CLUSTER.iter().map(|one| known(one)).collect();
    let own = cluster.iter().find(|one| one.name.as_str() == own).expect("a target");
    let address = if asked.starts_with('/') {
        Address::socket(asked)
    } else {
        let (host, port) = asked.rsplit_once(':').expect("a port");
        Address::place(host, port.parse().expect("a port"), Connect)
    };
    let address = address.unwrap_or_else(|| panic!("{asked} is no address"));
    let at: Vec<_> = at.iter().map(|one| one.parse().expect("an address")).collect();
    // 10.0.0.1 is an address of the node.
    let here = |one: std::net::IpAddr| one.is_loopback() || one.to_string() == "10.0.0.1";
    let found = targets(&address, &at, &here, own, &cluster);
    let found: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found, expected, "{asked} at {at:?} from {}", own.name);
}

#[test]
fn targets_are_known_by_address_and_name() {
    check("web-1", "10.0.0.9:5432", &[], &["ledger"]);
    check("web-1", "10.9:5432", &[], &["ledger"]);
    check("web-1", "::ffff:10.0.0.9:5432", &[], &["ledger"]);
    check("web-1", "[64:ff9b::a00:9]:5432", &[], &["ledger"]);
    check("web-1", "167772169:5432", &[], &["ledger"]);
    check("web-1", "db.internal:5432", &["10.0.0.9"], &["ledger"]);
    check("web-1", "DB.internal.:5432", &["10.0.0.9"], &["ledger"]);
    check("web-1", "alias.internal:5432", &["10.1.1.1", "10.0.0.9"], &["ledger"]);
    check("web-1", "[fd00::6]:22", &[], &["six"]);
    check("web-1", "[fd00:0:0::6]:22", &[], &["six"]);
    check("web-1", "web-2.internal:2222", &["10.0.0.6"], &["web-2"]);
    // What is on the node's own machine, by another of its addresses.
    check("web-1", "10.0.0.1:2201", &[], &["dev"]);
    check("web-1", "gw-1.internal:2201", &["10.0.0.1"], &["dev"]);
    // A name that leads elsewhere today is still the target's.
    check("web-1", "db.internal:5432", &["10.7.7.7"], &["ledger"]);
    // Another port, another machine.
    check("web-1", "10.0.0.9:80", &[], &[]);
    check("web-1", "10.0.0.10:5432", &[], &[]);
    check("web-1", "web-2.internal:22", &["10.0.0.6"], &[]);
}

/// What is seen from a target's own machine.
#[test]
fn a_machine_is_known_to_itself() {
    for local in ["localhost", "LOCALHOST.", "x.localhost", "127.0.0.1", "127.1", "0", "::1", "::"]
    {
        check("web-1", &format!("{local}:5432"), &[], &["orders"]);
        check("web-1", &format!("{local}:22"), &[], &["web-1"]);
        // Its own port has another number outside.
        check("web-2", &format!("{local}:22"), &[], &["web-2"]);
        check("web-2", &format!("{local}:2222"), &[], &["web-2"]);
        check("web-2", &format!("{local}:5432"), &[], &[]);
        check("dev", &format!("{local}:2201"), &[], &["dev"]);
        check("web-1", &format!("{local}:2201"), &[], &[]);
    }
    check("web-1", "10.0.0.5:5432", &[], &["orders"]);
    check("web-1", "me.example:5432", &["127.0.0.1"], &["orders"]);
    check("web-1", "/run/postgresql/.s.PGSQL.5432", &[], &["orders"]);
    check("web-1", "/tmp/x/../.s.PGSQL.5432", &[], &["orders"]);
    check("web-2", "/run/postgresql/.s.PGSQL.5432", &[], &[]);
    check("web-1", "/run/postgresql/.s.PGSQL.5432.lock", &[], &[]);
    check("web-1", "/run/docker.sock", &[], &[]);
}

/// What cannot be told counts.
#[test]
fn what_is_not_known_is_not_ruled_out() {
    check("web-1", "nobody.knows:5432", &[], &["ledger", "orders"]);
    check("web-1", "nobody.knows:443", &[], &[]);
    check("web-1", "10.1.1.1:5433", &[], &["lost"]);
    check("lost", "localhost:5432", &[], &["ledger", "orders"]);
}

#[test]
fn the_port_of_a_socket() {
    let of = |path: &str| port(&Address::socket(path).expect("a path"));
    assert_eq!(of("/run/.s.PGSQL.5432"), Some(5432));
    assert_eq!([of("/run/.s.PGSQL."), of("/run/.s.PGSQL.70000"), of("/run/x")], [None; 3]);
}

/// What was judged is where the target is sent, and not what the name may lead to by then.
#[test]
fn the_target_is_sent_to_what_was_judged() {
    #[track_caller]
    fn check(host: &str, at: &[&str], expected: &[&str]) {
        let address = Address::place(host, 80, Connect).expect("an address");
        let Address::Place { host, .. } = address else { panic!("{address} is a port") };
        let at: Vec<_> = at.iter().map(|one| one.parse().expect("an address")).collect();
        assert_eq!(hosts(&host, &at), expected);
    }
    check("db.internal", &["10.0.0.5", "fd00::5"], &["10.0.0.5", "fd00::5"]);
    check("db.internal", &[], &["db.internal"]);
    check("localhost", &[], &["localhost"]);
    check("127.1", &[], &["127.0.0.1"]);
    check("[::1]", &[], &["::1"]);
}

#[test]
fn displays_that_are_passed_on() {
    let new = |protocol, cookie: &str, screen| Display::new(false, protocol, cookie, screen);
    let known = "MIT-MAGIC-COOKIE-1";
    assert!(new(known, "0123456789abcdefABCDEF", 0).is_some());
    assert!(new(known, &"a".repeat(128), 255).is_some());
    for (protocol, cookie, screen) in [
        (known, "", 0),
        (known, "xyz", 0),
        (known, "ab cd", 0),
        (known, &"a".repeat(129), 0),
        (known, "ab", 256),
        ("SUN-DES-1", "ab", 0),
        ("", "ab", 0),
    ] {
        assert!(new(protocol, cookie, screen).is_none(), "{protocol} {cookie} {screen}");
    }
}
