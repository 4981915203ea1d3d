//! Ways that are cut: the receiver drops what comes from the sender, without a word to either.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use anyhow::{Context, Result, ensure};

use super::Host;
use crate::live::process::run;
use crate::live::wait::SHORT;

/// A cut way: from whom, to whom.
type Cuts = BTreeSet<(String, String)>;

/// Puts the rules of each host in force that differ from before, each host's at once.
pub(super) fn enforce(hosts: &[Host], before: &Cuts, after: &Cuts) -> Result<()> {
    for cut in after {
        let known = |name: &str| hosts.iter().any(|host| host.name == name);
        ensure!(known(&cut.0) && known(&cut.1), "no such hosts: {cut:?}");
    }
    for host in hosts {
        let (old, new) = (senders(hosts, before, host), senders(hosts, after, host));
        if old != new {
            set(host, &new).with_context(|| format!("the rules of {}", host.name))?;
        }
    }
    Ok(())
}

/// From whom a host hears nothing.
fn senders(hosts: &[Host], cuts: &Cuts, to: &Host) -> Vec<Ipv4Addr> {
    let is_cut = |from: &&Host| cuts.contains(&(from.name.clone(), to.name.clone()));
    hosts.iter().filter(is_cut).map(|from| from.address).collect()
}

fn set(host: &Host, senders: &[Ipv4Addr]) -> Result<()> {
    // Naming the table first makes it exist, so that it can be deleted in the same transaction.
    let mut rules = "table ip faults\ndelete table ip faults\n".to_owned();
    if !senders.is_empty() {
        let listed: Vec<_> = senders.iter().map(ToString::to_string).collect();
        let listed = listed.join(", ");
        rules += &format!(
            "table ip faults {{ chain heard {{ type filter hook input priority 0; \
             ip saddr {{ {listed} }} drop; }}; }}\n"
        );
    }
    let mut nft = host.command("nft");
    let said = run(nft.args(["-f", "-"]), rules.into_bytes(), SHORT)?;
    ensure!(said.status.success(), "nft (network tests need nftables): {}", said.said());
    Ok(())
}
