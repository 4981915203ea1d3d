//! A request to cancel comes on a connection of its own, to whatever node answers: it is passed on
//! to the node that the key names, and nobody learns whether there is such a key.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use anyhow::{Result, ensure};
use chaos_tests::live::fleet::{Fleet, Made, on_made_fleet};
use chaos_tests::live::wire::{Wire, bytes, query};
use chaos_tests::live::{SHORT, until};

/// Asks a node to end what runs for a key; the node closes the connection and says nothing.
fn cancel(fleet: &Fleet, node: &str, (process, secret): (u32, &[u8])) -> Result<()> {
    let address = fleet.postgres_address(node);
    fleet.outside().inside(|| {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(SHORT))?;
        let length = u32::try_from(12 + secret.len())?;
        let numbers = [length, 80_877_102, process].map(u32::to_be_bytes).concat();
        stream.write_all(&[&numbers, secret].concat())?;
        let mut said = Vec::new();
        stream.read_to_end(&mut said)?;
        ensure!(said.is_empty(), "{node} says {said:?}");
        Ok(())
    })
}

/// Begins a statement that takes as long as the test, and waits until it runs.
fn sleep(fleet: &Fleet, wire: &mut Wire, mark: &str) -> Result<()> {
    let text = format!("select pg_sleep(600), '{mark}'");
    wire.send(&bytes(&[query(&text)]))?;
    until("it runs", SHORT, || {
        let running = fleet.database(|database| database.running(&format!("%{mark}%")))?;
        Ok((running == 1).then_some(()))
    })
}

#[test]
fn a_statement_is_cancelled_through_any_node() -> Result<()> {
    on_made_fleet(Made { viewed: true, ..Made::of(3) }, |fleet| {
        fleet.serve_database()?;
        let mut wire = fleet.wire("alice", "gw-1")?;
        let mut other = fleet.wire("eve", "gw-2")?;
        for node in fleet.names() {
            let (process, secret) = wire.key.clone();
            // Guessed: the secret, the connection, the node. What runs meanwhile comes to its end.
            wire.send(&bytes(&[query("select pg_sleep(2)")]))?;
            let guessed: Vec<u8> = secret.iter().map(|byte| !byte).collect();
            cancel(fleet, &node, (process, &guessed))?;
            cancel(fleet, &node, (process ^ 1, &secret))?;
            cancel(fleet, &node, (process ^ (1 << 21), &secret))?;
            cancel(fleet, &node, (other.key.0, &secret))?;
            let said = wire.heard(b'Z')?;
            ensure!(said == "T D[] C(SELECT-1) ZI", "through {node}: {said}");
            sleep(fleet, &mut wire, &format!("through {node}"))?;
            cancel(fleet, &node, (process, &secret))?;
            let said = wire.heard(b'Z')?;
            ensure!(said == "T E(57014) ZI", "through {node}: {said}");
        }
        // Nothing that was guessed has reached anybody else.
        ensure!(other.ask(&[query("select 7")])? == "T D[7] C(SELECT-1) ZI");
        Ok(())
    })
}
