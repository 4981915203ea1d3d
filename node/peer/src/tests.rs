//! Real endpoints with real TLS on loopback, and the pure parts below them.

mod calls;
mod certificates;
mod flood;
mod frames;
mod handler;
mod join_file;
mod joining;
mod raw;
mod relay;
mod rotation;
mod streams;
mod trust;
mod world;
mod wrapping;

use std::time::Duration;

use proto::ids::Name;
use proto::time::Utc;

/// A moment long ago, so that nothing here works by chance of the machine's clock.
const NOW: Utc = Utc(1_764_403_200_000_000);

const DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// The end of a test that hangs.
const PATIENCE: Duration = Duration::from_secs(20);

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

/// What a test waits for; it fails when that does not come.
#[track_caller]
fn soon<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        let waited = tokio::time::timeout(PATIENCE, future).await;
        waited.unwrap_or_else(|_| panic!("nothing came within {PATIENCE:?} at {caller}"))
    }
}
