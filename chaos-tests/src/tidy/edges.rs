//! Clock and randomness are read at the edge only: everything else gets them as values, so that
//! it can be tested, simulated and run again.

use super::Finding;
use super::exceptions::{EDGES, Exception, judge};
use super::rust::{blank, line_of, words};
use super::sources::Source;

const CLOCK: &[&str] =
    &["SystemTime::now", "Timestamp::now", "Zoned::now", "clock_gettime", "Utc::now"];

const RANDOMNESS: &[&str] =
    &["rand::", "getrandom", "SystemRandom", "gen_keypair", "::generate(", "thread_rng", "OsRng"];

/// Files of the product that read a clock or randomness and are not on the list of edges, and
/// edges that no longer do.
#[must_use]
pub fn unlisted(sources: &[Source]) -> Vec<Finding> {
    unlisted_but(sources, EDGES)
}

pub(super) fn unlisted_but(sources: &[Source], edges: &[Exception]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.is_product()) {
        let blanked = blank(&source.text);
        for pattern in CLOCK.iter().chain(RANDOMNESS) {
            for at in words(&blanked, pattern) {
                // `operand::`, `node_identity::getrandom…` and a file of one's own are no edge.
                if blanked[..at].ends_with("::") && *pattern == "rand::" {
                    continue;
                }
                findings.push(read_at(source, &blanked, at, pattern));
            }
        }
        // tokio's clock can be paused in tests; the standard library's cannot.
        if blanked.contains("std::time") && !blanked.contains("tokio::time") {
            for at in words(&blanked, "Instant::now") {
                // The clock of the runtime that a replica is given: a port.
                if blanked[..at].ends_with("R::") {
                    continue;
                }
                findings.push(read_at(source, &blanked, at, "Instant::now"));
            }
        }
    }
    judge(findings, edges)
}

fn read_at(source: &Source, blanked: &str, at: usize, pattern: &str) -> Finding {
    let what = format!("{pattern}: clock and randomness are read at the edge only");
    Finding::at(&source.path, line_of(blanked, at), what)
}
