//! The network, with plain programs: what is cut is cut, one way or both, also for connections
//! that were open before, and comes back; all of it goes away.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::live::network::{Host, Network, unavailable};
use crate::live::{Client, SHORT, Target, run, until};

/// How long a cut is looked at, to see that nothing passes.
const QUIET: Duration = Duration::from_millis(500);

/// Whether the tests can run; says loudly when not.
fn root() -> bool {
    if let Some(why) = unavailable() {
        eprintln!("SKIPPED, and nothing was tested: {why}");
        return false;
    }
    true
}

/// Datagrams that came to a closed port of a host: its kernel counts them, and no listener is
/// needed.
fn arrived(host: &Host) -> u64 {
    let read = run(host.command("cat").arg("/proc/net/snmp"), Vec::new(), SHORT).unwrap().text();
    let mut lines = read.lines().filter(|line| line.starts_with("Udp: "));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let mut pairs = names.split(' ').zip(values.split(' '));
    let found = pairs.find(|(name, _)| *name == "NoPorts");
    found.expect("the kernel counts NoPorts").1.parse().unwrap()
}

/// Whether a datagram from one host arrives at another: one way, without an answer.
fn reaches(from: &Host, to: &Host) -> bool {
    let before = arrived(to);
    let script = format!("echo x > /dev/udp/{}/9", to.address);
    // A way that was just opened may still have to learn the other's hardware address.
    for _ in 0..3 {
        run(from.command("bash").args(["-c", &script]), Vec::new(), SHORT).unwrap();
    }
    let came = until("a datagram", QUIET, || Ok((arrived(to) > before).then_some(())));
    came.is_ok()
}

/// Which of three hosts reach which.
#[track_caller]
fn check(hosts: &[Host], wanted: &[&str]) {
    let mut ways = Vec::new();
    for (from, to) in hosts.iter().flat_map(|from| hosts.iter().map(move |to| (from, to))) {
        if from != to && reaches(from, to) {
            ways.push(format!("{}{}", from.name, to.name));
        }
    }
    assert_eq!(ways, wanted);
}

#[test]
fn ways_are_cut_and_opened() {
    if !root() {
        return;
    }
    let mut network = Network::new().unwrap();
    let hosts: Vec<_> = ["a", "b", "c"].iter().map(|name| network.add(name).unwrap()).collect();
    let all = ["ab", "ac", "ba", "bc", "ca", "cb"];
    check(&hosts, &all);
    network.cut(&["a"], &["b", "c"]).unwrap();
    check(&hosts, &["bc", "cb"]);
    network.cut_one_way(&["b"], &["c"]).unwrap();
    check(&hosts, &["cb"]);
    network.heal().unwrap();
    check(&hosts, &all);
    network.cut_one_way(&["b", "a"], &["a"]).unwrap();
    check(&hosts, &["ab", "ac", "bc", "ca", "cb"]);
    network.heal().unwrap();
    check(&hosts, &all);
    assert!(network.cut(&["a"], &["nobody"]).is_err());
    assert!(network.add("a").is_err() && network.add("bridge").is_err());
}

#[test]
fn an_open_connection_is_cut_as_well_and_goes_on_after() {
    if !root() {
        return;
    }
    let mut network = Network::new().unwrap();
    let (near, far) = (network.add("near").unwrap(), network.add("far").unwrap());
    let folder = TempDir::new().unwrap();
    let target = Target::start_on(&folder.path().join("target"), Some(&far)).unwrap();
    let known_hosts = folder.path().join("known_hosts");
    let line = format!("[{}]:{} {}\n", far.address, target.port, target.host_key.public);
    std::fs::write(&known_hosts, line).unwrap();
    let key = target.credential.file.clone();
    let client = Client::new(target.login.clone(), target.port.to_string(), key, known_hosts);
    let client = client.between(&near, &far);
    let mut beats = client.talk("while echo beat; do sleep 0.02; done").unwrap();
    beats.said("beats", SHORT, |output, _| output.contains("beat\nbeat\n").then_some(())).unwrap();
    network.cut_one_way(&["near"], &["far"]).unwrap();
    // What the target says still comes, until it waits for acknowledgements.
    network.cut(&["near"], &["far"]).unwrap();
    let heard = beats.heard().len();
    let more = until("more beats", QUIET, || Ok((beats.heard().len() > heard + 1).then_some(())));
    assert!(more.is_err(), "beats came over a way that was cut");
    let refused = client.with(&["-o", "ConnectTimeout=1"]).run("true").unwrap();
    assert_eq!(refused.status, Some(255), "{refused:?}");
    assert!(beats.process().ended().unwrap().is_none(), "the connection is only silent");
    network.heal().unwrap();
    until("beats again", SHORT, || Ok((beats.heard().len() > heard + 1).then_some(()))).unwrap();
    assert_eq!(client.run("echo back").unwrap().text(), "back\n");
    assert_eq!(target.log().unwrap().len(), 2);
}

/// Namespaces of this process that the machine knows, and processes in them.
fn left(prefix: &str) -> Vec<String> {
    let listed = run(Command::new("ip").arg("netns"), Vec::new(), SHORT).unwrap().text();
    listed.lines().filter(|line| line.starts_with(prefix)).map(str::to_owned).collect()
}

#[test]
fn a_network_goes_with_its_guard_even_in_a_panic() {
    if !root() {
        return;
    }
    let mut prefix = String::new();
    let mut sleeper = None;
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let mut network = Network::new().unwrap();
        let host = network.add("a").unwrap();
        prefix = host.command("x").get_args().nth(2).unwrap().to_str().unwrap().to_owned();
        prefix.truncate(prefix.len() - "a".len());
        assert_eq!(left(&prefix).len(), 2, "a bridge and a host");
        sleeper = Some(host.command("sleep").arg("600").spawn().unwrap());
        network.cut(&["a"], &["nobody"]).unwrap();
    }));
    assert!(panicked.is_err());
    assert_eq!(left(&prefix), [""; 0]);
    let status = sleeper.unwrap().wait().unwrap();
    assert!(!status.success(), "what ran in there was ended: {status}");
}
