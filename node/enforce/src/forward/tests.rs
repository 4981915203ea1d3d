//! What is an address, and how it is written.

use proto::reading::ForwardOperation::{self, Connect, Listen};

use super::{Address, Seen};

#[track_caller]
fn check_place(host: &str, port: u32, operation: ForwardOperation, expected: Option<&str>) {
    let address = Address::place(host, port, operation).map(|address| address.to_string());
    assert_eq!(address.as_deref(), expected, "{host:?}:{port}");
    if let Some(text) = address {
        let again = Address::parse(&text, operation).map(|address| address.to_string());
        assert_eq!(again.as_deref(), expected, "what is in normal form stays so");
    }
}

#[test]
fn one_spelling_for_each_place() {
    let connect = |spelled: &str, expected: &str| {
        for host in spelled.split(' ') {
            check_place(host, 22, Connect, Some(&format!("{expected}:22")));
        }
    };
    // Names.
    connect("db.internal DB.Internal db.internal. DB.INTERNAL.", "db.internal");
    connect("a_b-c.d", "a_b-c.d");
    connect("localhost LocalHost. foo.localhost a.b.LOCALHOST.", "localhost");
    // What `inet_aton` takes for an address.
    connect("127.0.0.1 127.1 127.0.1 0x7f.1 0177.0.0.1 0X7F.0.0.0x1 2130706433", "127.0.0.1");
    connect("0x7f000001 017700000001 ::ffff:127.0.0.1 [::ffff:7f00:1]", "127.0.0.1");
    connect("10.5 10.0.5 012.5 0xa000005", "10.0.0.5");
    connect("1.2.3", "1.2.0.3");
    connect("2001:db8::1 2001:DB8:0::1 [2001:db8:0:0:0:0:0:1]", "[2001:db8::1]");
    // Whoever connects to nobody reaches itself.
    connect("0 0.0.0.0 0x0 ::ffff:0.0.0.0", "127.0.0.1");
    connect(":: [::] ::1 [::1] 0:0:0:0:0:0:0:1", "[::1]");
    let long = |count| vec!["x"; count].join(".");
    connect(&long(127), &long(127));
    let label = format!("{}.a", "x".repeat(63));
    connect(&label, &label);
}

#[test]
fn what_is_no_host_is_asked_of_nobody() {
    let none = |host: &str| check_place(host, 22, Connect, None);
    let wrong = "* . a..b a:b a/b - -a.b ü 256.1.1.1 1.2.3.4.5 4294967296 0x1ffffffff 08 host.08 \
                 host.1 [1.2.3.4] [a] [] fe80::1%eth0 % a,b @ a;b $(x)";
    wrong.split(' ').for_each(none);
    ["", "a b", " a", "a\n", "a\0b"].into_iter().for_each(none);
    none(&format!("x{}.a", "x".repeat(63)));
    none(&vec!["x"; 128].join("."));
}

#[test]
fn ports_and_places_to_listen_at() {
    check_place("a", 0, Connect, None);
    check_place("a", 65_535, Connect, Some("a:65535"));
    check_place("a", 65_536, Connect, None);
    check_place("", 0, Listen, Some("*:0"));
    check_place("*", 80, Listen, Some("*:80"));
    check_place("0.0.0.0", 80, Listen, Some("0.0.0.0:80"));
    check_place("::", 80, Listen, Some("[::]:80"));
    check_place("localhost", 80, Listen, Some("localhost:80"));
}

#[test]
fn paths_of_sockets() {
    #[track_caller]
    fn check(path: &str, expected: Option<&str>) {
        let socket = Address::socket(path).map(|address| address.to_string());
        assert_eq!(socket.as_deref(), expected, "{path:?}");
    }
    check("/run/docker.sock", Some("/run/docker.sock"));
    check("/run//x/../docker.sock", Some("/run/docker.sock"));
    check("/../run/./docker.sock", Some("/run/docker.sock"));
    check(&format!("/{}", "x".repeat(106)), Some(&*format!("/{}", "x".repeat(106))));
    for wrong in ["", "/", "run/x", "~/x", "@abstract", "/run/x/", "/a b", "/a\tb", "/a\0b"] {
        check(wrong, None);
    }
    check(&format!("/{}", "x".repeat(107)), None);
}

#[test]
fn what_is_judged_is_one_line() {
    #[track_caller]
    fn check(line: &str) {
        let seen = Seen::decode(line.as_bytes());
        let seen = seen.unwrap_or_else(|| panic!("{line:?} is not read"));
        assert_eq!(String::from_utf8(seen.encode()).expect("text"), line);
    }
    check("# forwards");
    check("# a forwarded agent");
    check("# a forwarded display");
    check("connect db.internal:5432");
    check("connect db.internal:5432 at 10.0.0.5,fd00::5");
    check("connect db.internal:5432 at 10.0.0.5 of orders,web-1");
    check("connect /run/postgresql/.s.PGSQL.5432 of orders");
    check("listen *:8080");
    check("listen /run/x.sock");
    // Anything else is nothing that could be sent: two lines never mean the same.
    for wrong in [
        "",
        "connect",
        "connect  a:1",
        "connect a:1 ",
        "connect A:1",
        "connect a:01",
        "connect 127.1:22",
        "connect a:0",
        "connect [::ffff:1.2.3.4]:1",
        "open a:1",
        "#forwards",
        "connect a:1 at",
        "connect a:1 of orders at 1.2.3.4",
        "connect a:1 at 1.2.3.4 at 1.2.3.4",
        "connect a:1 at x",
        "connect a:1 of A b",
        "listen a:1\n",
        "connect /a/../b",
    ] {
        assert_eq!(Seen::decode(wrong.as_bytes()), None, "{wrong:?}");
    }
}
