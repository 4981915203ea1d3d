//! Which of the cluster's own targets a forward would lead to.
//!
//! Pure. What is done with a target through a forward is in no record, so a forward to one needs a
//! grant that says so. It counts where it cannot be ruled out: a name that nobody here can look up
//! may be that of any machine. Another address of a machine, which no target names, and a port that
//! something else carries on are not seen.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use node_enforce::forward::{Address, Host};
use proto::ids::Name;
use proto::reading::ForwardOperation;
use proto::target::{Target, TargetKind};

/// The port of a machine's own `sshd`, whatever port of another machine leads to it.
const SSH_PORT: u16 = 22;
/// How the file of a PostgreSQL server's socket begins; its port stands behind it.
const POSTGRES_SOCKET: &str = ".s.PGSQL.";
/// Addresses in which networks without IPv4 write those of others (RFC 6052, 2.1).
const TRANSLATED: [u16; 6] = [0x64, 0xff9b, 0, 0, 0, 0];

/// A target, and where it is.
pub(crate) struct Known {
    pub(crate) name: Name,
    pub(crate) kind: TargetKind,
    pub(crate) port: u16,
    pub(crate) machine: Machine,
}

/// A machine, as far as it is known on this node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Machine {
    /// The name that it was asked for by.
    pub(crate) name: Option<String>,
    /// Where it is; none when that is not known.
    pub(crate) at: Vec<IpAddr>,
    /// Whether it is the machine of this node.
    pub(crate) is_here: bool,
}

impl Machine {
    /// Whether two may be one.
    fn may_be(&self, other: &Self) -> bool {
        let named = self.name.is_some() && self.name == other.name;
        let unknown = self.at.is_empty() || other.at.is_empty();
        let shared = || {
            let mut at = self.at.iter().map(|address| plain(*address));
            at.any(|one| other.at.iter().any(|address| plain(*address) == one))
        };
        named || unknown || self.is_here && other.is_here || shared()
    }
}

/// An address as it is compared.
fn plain(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(long) if long.segments().starts_with(&TRANSLATED) => {
            let [.., high, low] = long.segments();
            Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)).into()
        }
        address => address,
    }
}

/// A target's port, and its host when that is in a form that is known here.
pub(crate) fn place(target: &Target) -> Option<(Option<Host>, u16)> {
    let (host, port) = target.address.rsplit_once(':')?;
    Some((Host::normal(host, ForwardOperation::Connect), port.parse().ok()?))
}

/// The port that tells which targets a forward may lead to.
pub(crate) fn port(address: &Address) -> Option<u16> {
    match address {
        Address::Place { port, .. } => Some(*port),
        Address::Socket(path) => {
            let (_, file) = path.rsplit_once('/')?;
            file.strip_prefix(POSTGRES_SOCKET)?.parse().ok()
        }
    }
}

/// The targets that an address may lead to: `own` is the target that the forward goes through, `at`
/// is where a name leads, and `here` says which addresses are this node's own.
pub(crate) fn targets(
    address: &Address,
    at: &[IpAddr],
    here: &dyn Fn(IpAddr) -> bool,
    own: &Known,
    known: &[Known],
) -> Vec<Name> {
    let Some(port) = port(address) else { return Vec::new() };
    let mut machine = seen_from(&own.machine, address, at);
    machine.is_here |= machine.at.iter().any(|address| here(*address));
    let leads_to = |one: &&Known| {
        let reaches = match address {
            Address::Place { .. } => true,
            Address::Socket(_) => one.kind == TargetKind::Postgres,
        };
        reaches && one.port == port && machine.may_be(&one.machine)
    };
    let mut names: Vec<_> = known.iter().filter(leads_to).map(|one| one.name.clone()).collect();
    // What its machine calls its own port may have another number outside.
    let is_own = matches!(address, Address::Place { host, .. } if host.is_local());
    if is_own && port == SSH_PORT {
        names.push(own.name.clone());
    }
    names.sort();
    names.dedup();
    names
}

/// Where the target is sent, one after the other: to the addresses of a name that is known here,
/// so that it leads nowhere else in between.
pub(crate) fn hosts(host: &Host, at: &[IpAddr]) -> Vec<String> {
    if at.is_empty() { vec![written(host)] } else { at.iter().map(IpAddr::to_string).collect() }
}

/// A host as a target takes it: without brackets.
pub(crate) fn written(host: &Host) -> String {
    match host {
        Host::Every => String::new(),
        Host::Name(name) => name.clone(),
        Host::At(address) => address.to_string(),
    }
}

/// The machine at an address, as it is seen from another.
fn seen_from(own: &Machine, address: &Address, at: &[IpAddr]) -> Machine {
    let host = match address {
        Address::Place { host, .. } => host,
        Address::Socket(_) => return own.clone(),
    };
    let (local, others): (Vec<IpAddr>, Vec<IpAddr>) =
        at.iter().partition(|address| address.is_loopback());
    let mut machine = Machine::default();
    match host {
        Host::At(address) if !address.is_loopback() => machine.at.push(*address),
        Host::Name(name) if !host.is_local() => machine.name = Some(name.clone()),
        _ => return own.clone(),
    }
    machine.at.extend(others);
    if !local.is_empty() {
        machine.at.extend(&own.at);
        machine.is_here = own.is_here;
    }
    machine
}

/// Whether an address is one by which every machine means itself.
pub(crate) fn is_own(address: IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_loopback()
        || [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)].contains(&address)
}
