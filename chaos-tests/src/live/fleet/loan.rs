//! Lends a fleet to one test at a time: starting one takes seconds, and two side by side would
//! disturb each other's times. A fleet that a test left well is lent again; it goes when nobody
//! waits for it any more, and with each test that fails.

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};

use super::{Fleet, Made};
use crate::live::network::unavailable;

/// How much of each node's log a failure shows, in lines.
const SHOWN: usize = 30;

/// Tests that use the fleet or wait for it.
static USERS: AtomicUsize = AtomicUsize::new(0);
static FLEET: Mutex<Option<Fleet>> = Mutex::new(None);

/// Counts a user for as long as it lives.
struct User;

impl User {
    fn new() -> Self {
        USERS.fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl Drop for User {
    fn drop(&mut self) {
        USERS.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Runs a test on a fleet of three, after which all must heal.
///
/// # Errors
/// Those of the test, with what the nodes logged.
pub fn on_fleet(test: impl FnOnce(&Fleet) -> Result<()>) -> Result<()> {
    on_fleet_of(3, test)
}

/// Runs a test on a fleet of some size, after which all must heal. Without root nothing is tested,
/// and that is said aloud.
///
/// # Errors
/// Those of the test, with what the nodes logged.
pub fn on_fleet_of(size: usize, test: impl FnOnce(&Fleet) -> Result<()>) -> Result<()> {
    if let Some(why) = unavailable() {
        // Not by `eprintln`, which the test's harness would swallow.
        writeln!(std::io::stderr(), "SKIPPED, and nothing was tested: {why}").ok();
        return Ok(());
    }
    let _user = User::new();
    let mut slot = FLEET.lock().unwrap_or_else(PoisonError::into_inner);
    let fits = slot.take().filter(|fleet| fleet.gateways.len() == size);
    let fleet = fits.map_or_else(|| Fleet::start(Made::of(size)), Ok)?;
    let all = || {
        test(&fleet)?;
        fleet.comes_back()
    };
    match catch_unwind(AssertUnwindSafe(all)) {
        Ok(Ok(())) => {
            // This test is a user as well; without another one the fleet ends here.
            let wanted = USERS.load(Ordering::SeqCst) > 1;
            let used_up = fleet.used_up.load(Ordering::Relaxed);
            *slot = (wanted && !used_up).then_some(fleet);
            Ok(())
        }
        Ok(Err(error)) => Err(error).with_context(|| logs(&fleet)),
        Err(panic) => {
            writeln!(std::io::stderr(), "{}", logs(&fleet)).ok();
            resume_unwind(panic)
        }
    }
}

/// Runs a test on a fleet of its own that publishes to a broker. Without root nothing is tested,
/// and that is said aloud.
///
/// # Errors
/// Those of the test, with what the nodes logged.
pub fn on_streamed_fleet(size: usize, test: impl FnOnce(&Fleet) -> Result<()>) -> Result<()> {
    on_made_fleet(Made { streamed: true, ..Made::of(size) }, test)
}

/// Runs a test on a fleet of its own that is made so. Without root nothing is tested, and that is
/// said aloud.
///
/// # Errors
/// Those of the test, with what the nodes logged.
pub fn on_made_fleet(made: Made, test: impl FnOnce(&Fleet) -> Result<()>) -> Result<()> {
    if let Some(why) = unavailable() {
        writeln!(std::io::stderr(), "SKIPPED, and nothing was tested: {why}").ok();
        return Ok(());
    }
    let _user = User::new();
    // Two fleets side by side would disturb each other's times, so one that waits to be lent goes;
    // and nobody may be left to end it.
    let mut slot = FLEET.lock().unwrap_or_else(PoisonError::into_inner);
    drop(slot.take());
    let fleet = Fleet::start(made)?;
    test(&fleet).and_then(|()| fleet.comes_back()).with_context(|| logs(&fleet))
}

/// The end of each node's log.
fn logs(fleet: &Fleet) -> String {
    let log = |gateway: &super::Gateway| {
        let text = gateway.logged().unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        let shown = lines[lines.len().saturating_sub(SHOWN)..].join("\n");
        format!("--- the log of {}\n{shown}\n", gateway.name())
    };
    fleet.gateways.iter().map(log).collect()
}
