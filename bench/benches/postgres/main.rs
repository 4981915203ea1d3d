//! PostgreSQL through Sallyport, beside the same clients straight to the same server and through
//! PgBouncer, in one run: transactions a second, rows in bulk, new connections, idle ones.
//!
//! Everything is taken in short rounds in which each path has its turn, so that what else the
//! machine does disturbs all of them alike; only ratios within a round mean anything. Nothing is
//! encrypted on any path: clients, PgBouncer and Sallyport all speak in the clear on loopback.

mod bouncer;
mod bulk;
mod connects;
mod drain;
mod idle;
mod load;
mod rig;

use anyhow::Result;
use bench::heading;

use rig::Rig;

/// What the product allocates with as well.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A part of the whole, by its name.
type Part = (&'static str, &'static str, fn(&Rig) -> Result<()>);

const PARTS: [Part; 4] = [
    ("load", "transactions a second (pgbench)", load::measure),
    ("bulk", "rows in bulk", bulk::measure),
    ("connects", "new connections a second", connects::measure),
    ("idle", "idle connections", idle::measure),
];

fn main() -> Result<()> {
    let rig = Rig::start()?;
    for (name, what, measure) in PARTS {
        if wanted("PARTS", name) {
            heading(&format!("PostgreSQL: {what}"))?;
            measure(&rig)?;
        }
    }
    Ok(())
}

/// Whether the environment asks for this one: `SALLYPORT_BENCH_…` names some, between commas, or
/// is not there.
fn wanted(what: &str, name: &str) -> bool {
    let asked = std::env::var(format!("SALLYPORT_BENCH_{what}"));
    asked.map_or(true, |asked| asked.split(',').any(|one| one == name))
}

/// A number from the environment.
fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// The middle one.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
