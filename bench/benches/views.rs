//! The audit views: events folded a second into redb and into PostgreSQL, beside putting the same
//! rows there without folding anything: plain inserts of redb, `COPY` of PostgreSQL. The three
//! rounds of each are interleaved, and the best of each counts.
//!
//! Processor time is this process's and that of the server with all that it started.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bench::{cpu, heading, rate, row, timed};
use chaos_tests::live::{PASSWORD, Postgres};
use redb::{Database, Durability, TableDefinition};
use store_disk::{Files, ViewsHome};
use store_postgres::{Options, PostgresHome, Tls};
use store_views::conformance::{Record, record, tables};
use store_views::{Begins, Delivered, Home, Projector};
use tempfile::TempDir;
use zeroize::Zeroizing;

/// Sessions of the record; each has about fourteen events.
const SESSIONS: u64 = 8_000;
/// How often each is measured.
const ROUNDS: usize = 3;
/// Events in one step, as a node reads them from its journal.
const STEP: usize = store_views::STEP_EVENTS;
/// Rows in one commit of plain redb.
const COMMIT: usize = 1024;

const PLAIN: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("plain");

fn main() -> Result<()> {
    heading("Audit views: events folded a second, from bytes")?;
    let record = record(SESSIONS);
    let rows = rows(&record)?;
    let server = Postgres::with(|_| Ok(Vec::new()))?;
    let mut best = [Took::MAX; 5];
    for _ in 0..ROUNDS {
        let folder = TempDir::with_prefix("sallyport-bench-")?;
        let embedded = ViewsHome::open(Arc::new(Files::open(&folder.path().join("views"))?))?;
        let database = server.database()?;
        let password = Arc::new(|| Ok(Zeroizing::new(PASSWORD.to_owned())));
        let options = Options::new(&server.url(&database), Some(password), Tls::Disable, "acme")?;
        let mut postgres = PostgresHome::new(options)?;
        // The schema is there before the clock runs.
        postgres.cursors()?;
        let took = [
            took(&server, || read(&record))?,
            took(&server, || fold(&record, embedded))?,
            took(&server, || plain_redb(folder.path(), &rows))?,
            took(&server, || fold(&record, postgres))?,
            took(&server, || plain_copy(&server, &database, &rows))?,
        ];
        for (best, took) in best.iter_mut().zip(took) {
            best.wall = took.wall.min(best.wall);
            best.worked = took.worked.min(best.worked);
        }
    }
    let events = record.bytes.len() as f64;
    let [reading, redb, plain, postgres, copy] = best;
    row(&format!("{events} events become {} rows.\n", rows.len()))?;
    row(
        "| home | events/s | events/s of processor time | the same rows, plain, events/s | ratio |",
    )?;
    row("|---|---|---|---|---|")?;
    let both = |took: Took| (rate(events, took.wall), rate(events, took.worked));
    let (wall, worked) = both(reading);
    row(&format!("| reading alone | {wall:.0} | {worked:.0} | | |"))?;
    for (name, took, plain) in [("redb", redb, plain), ("PostgreSQL", postgres, copy)] {
        let ((wall, worked), (plain, _)) = (both(took), both(plain));
        row(&format!("| {name} | {wall:.0} | {worked:.0} | {plain:.0} | {:.2} |", wall / plain))?;
    }
    Ok(())
}

/// How long something took, and how long processors worked for it.
#[derive(Clone, Copy)]
struct Took {
    wall: Duration,
    worked: Duration,
}

impl Took {
    const MAX: Self = Self { wall: Duration::MAX, worked: Duration::MAX };
}

fn took(server: &Postgres, run: impl FnOnce() -> Result<()>) -> Result<Took> {
    let process = "select split_part(pg_read_file('postmaster.pid'), chr(10), 1)";
    let process = server.sql("postgres", "postgres", process)?.parse()?;
    let worked = || -> Result<Duration> {
        let mine = cpu::mine()?;
        Ok(mine.own + mine.children + cpu::of_family(process)?)
    };
    let before = worked()?;
    let wall = timed(run)?.1;
    Ok(Took { wall, worked: worked()?.saturating_sub(before) })
}

/// The rows that the record comes to, as JSON, with their names.
fn rows(record: &Record) -> Result<Vec<(String, String)>> {
    let mut projector = Projector::new(store_views::Memory::new(), "bench", Begins::AtOne);
    for delivered in &record.events {
        projector.offer(delivered.clone());
    }
    while projector.fold(None)?.0 > 0 {}
    let rows = tables(projector.home())?;
    let named = rows.iter().map(|row| {
        let name = format!("{}/{}/{}", row.table().name(), row.chain(), row.id());
        Ok((name, serde_json::to_string(row)?))
    });
    named.collect()
}

fn read(record: &Record) -> Result<()> {
    for bytes in &record.bytes {
        Delivered::read(bytes)?;
    }
    Ok(())
}

fn fold(record: &Record, home: impl Home) -> Result<()> {
    let mut projector = Projector::new(home, "bench", Begins::AtOne);
    projector.look()?;
    let mut folded = 0;
    for step in record.bytes.chunks(STEP) {
        for bytes in step {
            projector.offer(Delivered::read(bytes)?);
        }
        folded += projector.fold(None)?.0;
    }
    ensure!(folded == record.bytes.len(), "{folded} events were folded");
    Ok(())
}

fn plain_redb(folder: &Path, rows: &[(String, String)]) -> Result<()> {
    let database = Database::create(folder.join("plain.redb"))?;
    for (count, rows) in rows.chunks(COMMIT).enumerate() {
        let mut transaction = database.begin_write()?;
        if count % 16 != 15 {
            transaction.set_durability(Durability::None)?;
        }
        let mut table = transaction.open_table(PLAIN)?;
        for (name, json) in rows {
            table.insert(name.as_str(), json.as_bytes())?;
        }
        drop(table);
        transaction.commit()?;
    }
    Ok(())
}

fn plain_copy(server: &Postgres, database: &str, rows: &[(String, String)]) -> Result<()> {
    let table = "create schema mine; create table mine.plain (name text primary key, said json)";
    server.sql("sallyport_projector", database, table)?;
    let mut copy = server.psql("sallyport_projector", database);
    copy.args(["-c", "copy mine.plain from stdin with (format csv)"]).stdin(Stdio::piped());
    let mut copying = copy.spawn()?;
    let mut input = std::io::BufWriter::new(copying.stdin.take().context("its input")?);
    for (name, json) in rows {
        writeln!(input, "{name},\"{}\"", json.replace('"', "\"\""))?;
    }
    input.flush()?;
    drop(input);
    ensure!(copying.wait()?.success(), "COPY failed");
    Ok(())
}
