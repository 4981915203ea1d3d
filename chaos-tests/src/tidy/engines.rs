//! Who may name which engine: a database, a broker, a protocol library or a runtime has few
//! owners, so that it can be replaced, and so that the pure crates stay pure.

use super::Finding;
use super::packages::Package;
use super::rust::{blank, line_of, words};
use super::sources::Source;

/// Engines and the only crates that may depend on them.
const OWNERS: &[(&str, &[&str])] = &[
    ("redb", &["store-disk"]),
    ("async-nats", &["store-jetstream"]),
    ("tokio-postgres", &["store-postgres"]),
    // The client's side of SCRAM; framing is node-postgres's own.
    ("postgres-protocol", &["node-postgres"]),
    ("openraft", &["consensus-raft"]),
    // The daemon and the command line read key files; nobody else speaks SSH.
    ("russh", &["node-ssh", "node-identity", "node-daemon", "node-cli"]),
    ("axum", &["node-api"]),
    ("brush-parser", &["node-enforce"]),
    ("pg_query", &["node-enforce"]),
];

/// Crates that never await: no runtime, no sockets.
const NEVER_AWAIT: &[&str] = &[
    "proto",
    "store-log",
    "store-proof",
    "store-views",
    "consensus-state",
    "node-enforce",
    "node-gate",
];

/// What makes a crate await or touch the outside.
const RUNTIMES: &[&str] = &["tokio", "tokio-util", "tokio-stream", "hyper", "reqwest", "async-std"];

/// Protocol crates: in them, only what is named `driver` awaits.
const PROTOCOLS: &[&str] = &["node/ssh/src/", "node/postgres/src/", "node/kubernetes/src/"];

const TEST_CRATES: &[&str] = &["chaos-tests", "bench"];

/// Crates that depend on an engine which is not theirs; what only their tests need is their own.
#[must_use]
pub fn wrong_owners(packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages.iter().filter(|one| !TEST_CRATES.contains(&one.name.as_str())) {
        for (name, only_tests) in &package.dependencies {
            let owners = OWNERS.iter().find(|(engine, _)| engine == name);
            if let Some((engine, owners)) = owners
                && !owners.contains(&package.name.as_str())
                && !only_tests
            {
                let what = format!("depends on {engine}, which only {owners:?} may name");
                findings.push(Finding::whole(&package.name, what));
            }
            let awaits = RUNTIMES.contains(&name.as_str()) && !only_tests;
            if awaits && NEVER_AWAIT.contains(&package.name.as_str()) {
                let what = format!("depends on {name}, but it is pure and never awaits");
                findings.push(Finding::whole(&package.name, what));
            }
        }
    }
    findings
}

/// Files of a protocol crate that name the runtime without being its driver.
#[must_use]
pub fn awaiting_outside_drivers(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.is_product()) {
        let of_protocol = PROTOCOLS.iter().any(|folder| source.path.starts_with(folder));
        let is_driver = source.path.contains("/driver/") || source.path.ends_with("/driver.rs");
        if !of_protocol || is_driver {
            continue;
        }
        let blanked = blank(&source.text);
        for at in words(&blanked, "tokio") {
            let line = line_of(&blanked, at);
            findings.push(Finding::at(&source.path, line, "only a driver may name tokio"));
        }
    }
    findings
}
