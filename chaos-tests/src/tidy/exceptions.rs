//! What may break a rule, and why. The lists only get shorter: an entry that is no longer needed
//! fails as well.

use super::Finding;

/// One exception: the beginning of a place, and the reason.
#[derive(Clone, Copy, Debug)]
pub struct Exception {
    /// The file or package that may.
    pub place: &'static str,
    /// Why.
    pub reason: &'static str,
}

const fn may(place: &'static str, reason: &'static str) -> Exception {
    Exception { place, reason }
}

/// Files that read a clock or randomness.
pub const EDGES: &[Exception] = &[
    may("node/session/src/clock.rs", "the node's clocks, behind the port that everybody else uses"),
    may("node/session/src/door.rs", "draws who of a crowd has to go"),
    may("node/session/src/seal.rs", "a new audit key"),
    may("node/session/src/seal/backup.rs", "a new key for backups"),
    may("node/peer/src/random.rs", "draws keys, one-time secrets and nonces between nodes"),
    may("node/daemon/src/secrets.rs", "the node's randomness, handed on as values"),
    may("node/daemon/src/cluster_secrets.rs", "makes the secrets of a cluster that is founded"),
    may("node/session/src/seal/backup.rs", "a new key for backups, and a fresh one for each"),
    may("node/api/src/handlers/login.rs", "draws challenges and tokens"),
    may("node/cli/src/commands/mask.rs", "a policy's times are judged by the clock of who masks"),
    may("node/cli/src/commands/pages.rs", "`generate` writes shell completions and draws nothing"),
    may("node/postgres/src/driver/random.rs", "nonces of logins and keys of cancel requests"),
    may("node/ssh/src/spool/vault.rs", "the spool's key exists only in memory"),
    may(
        "store/disk/src/storage/files.rs",
        "the salt of a journal, so that nobody can forge its checksums",
    ),
    may("store/log/src/conformance/waiting.rs", "the deadline of a test suite"),
];

/// Files over the limit.
pub const LONG_FILES: &[Exception] = &[];

/// Files with functions over the limit.
pub const LONG_FUNCTIONS: &[Exception] = &[
    may("node/enforce/src/policy/tests.rs", "a table of grants"),
    may("proto/src/tests/samples.rs", "one sample of each kind of event"),
];

/// Files with lines over the limit.
pub const WIDE_LINES: &[Exception] = &[];

const RKYV: &str = "the archived twins that rkyv derives have no documentation";

/// Files that switch a lint off.
pub const ALLOWED_LINTS: &[Exception] = &[
    may("consensus/state/src/approvals/mod.rs", RKYV),
    may("consensus/state/src/denied.rs", RKYV),
    may("consensus/state/src/locks.rs", RKYV),
    may("consensus/state/src/membership.rs", RKYV),
    may("consensus/state/src/nodes.rs", RKYV),
    may("consensus/state/src/reply.rs", RKYV),
    may("consensus/state/src/seals.rs", RKYV),
    may("consensus/state/src/secrets.rs", RKYV),
    may("consensus/state/src/sessions.rs", RKYV),
    may("consensus/state/src/snapshot.rs", RKYV),
    may("chaos-tests/src/live/wait.rs", "the one place that polls: processes give no event"),
    may("node/api/src/views/follower.rs", "metrics are floats"),
    may("node/daemon/src/myself.rs", "metrics are floats"),
    may("node/identity/src/targets/raw.rs", "fields of kinds that are not served yet are named"),
    may("node/session/src/door.rs", "metrics are floats"),
    may("proto/src/entry/mod.rs", RKYV),
    may("store/disk/src/raft/facts.rs", RKYV),
    may("proto/src/peer.rs", "the archived twins that rkyv derives have no documentation"),
    may("store/disk/src/shared.rs", "metrics are floats"),
    may("store/postgres/src/tests.rs", "the server of its tests is a file of chaos-tests"),
];

/// Files that name a path which only looks like one of a machine.
pub const MACHINE_PATHS: &[Exception] = &[may(
    "node/enforce/src/mask/tests/detectors.rs",
    "PWD of a made-up shell, which is no password",
)];

/// Refusal codes that no test names yet.
pub const UNTESTED_CODES: &[Exception] =
    &[may("SP-1405", "a gigabyte of input that no target reads: too long for each run")];

/// Findings that are no exception, and exceptions without a finding.
#[must_use]
pub fn judge(findings: Vec<Finding>, exceptions: &[Exception]) -> Vec<Finding> {
    let is = |finding: &Finding, exception: &Exception| finding.place == exception.place;
    let unused = exceptions
        .iter()
        .filter(|exception| !findings.iter().any(|finding| is(finding, exception)))
        .map(|unused| {
            let what = format!("needs its exception no longer ({}): take it off", unused.reason);
            Finding::whole(unused.place, what)
        });
    let unused: Vec<_> = unused.collect();
    let listed = |finding: &Finding| exceptions.iter().any(|exception| is(finding, exception));
    findings.into_iter().filter(|finding| !listed(finding)).chain(unused).collect()
}
