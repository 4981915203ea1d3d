//! The journal: appends of one event by 1, 64 and 1,024 writers that each wait for their receipt,
//! beside a plain file that is appended to and synced for each record.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use bench::{heading, percentiles, rate, row, timed};
use proto::event::{About, CommandStarted, Draft, Kind};
use proto::ids::{Epoch, Name, SessionId};
use proto::time::Utc;
use store_disk::{Journal, Options};
use store_log::{Log, Share, Urgency};
use tempfile::TempDir;

/// How long each row is measured.
const PERIOD: Duration = Duration::from_secs(3);

fn main() -> Result<()> {
    heading("Journal: events made durable a second")?;
    row("| writers | events/s | p50 | p99 | events a sync | plain file, a sync each | ratio |")?;
    row("|---|---|---|---|---|---|---|")?;
    for writers in [1, 64, 1024] {
        let folder = TempDir::with_prefix("sallyport-bench-")?;
        let plain = plain(folder.path())?;
        let journal = Arc::new(open(&folder.path().join("journal"))?);
        let log = Arc::new(Log::open(journal.clone(), name("bench")?, name("gw-1")?, Epoch(1))?);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let (latencies, took) = timed(|| runtime.block_on(append(&log, writers)))?;
        let count = latencies.len() as f64;
        let (p50, p99) = percentiles(latencies);
        let written = journal.written();
        let group = written.records as f64 / written.syncs.max(1) as f64;
        let events = rate(count, took);
        row(&format!(
            "| {writers} | {events:.0} | {p50:.1?} | {p99:.1?} | {group:.1} | {plain:.0}/s | {:.2} |",
            events / plain
        ))?;
    }
    Ok(())
}

fn name(text: &str) -> Result<Name> {
    text.parse().map_err(|error| anyhow!("{error}"))
}

fn open(folder: &Path) -> Result<Journal> {
    std::fs::create_dir(folder)?;
    Ok(Journal::open(folder, Options::default())?.0)
}

fn draft(session: u64) -> Result<Draft> {
    let session = Some(SessionId::new(&name("gw-1")?, Epoch(1), session));
    let about = About { session, session_seq: Some(1), ..About::default() };
    let kind = Kind::CommandStarted(CommandStarted { command: 1 });
    Ok(Draft { time: Utc(0), applied: 1, about, kind })
}

/// What a record of the same size costs without any journal: append, fdatasync, again.
fn plain(folder: &Path) -> Result<f64> {
    let path = folder.join("plain");
    let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
    let record = vec![b'x'; 512];
    let begun = Instant::now();
    let mut count = 0.0;
    while begun.elapsed() < PERIOD {
        file.write_all(&record)?;
        file.sync_data()?;
        count += 1.0;
    }
    Ok(rate(count, begun.elapsed()))
}

async fn append(log: &Arc<Log<Journal>>, writers: u64) -> Result<Vec<Duration>> {
    let until = Instant::now() + PERIOD;
    let mut tasks = Vec::new();
    for writer in 0..writers {
        let log = log.clone();
        let draft = draft(writer)?;
        tasks.push(tokio::spawn(async move {
            let mut latencies = Vec::new();
            while Instant::now() < until {
                let begun = Instant::now();
                let appending = log.append(&draft, Share::NODE, Urgency::Ordinary)?;
                drop(appending.queued);
                drop(appending.pending.await?);
                latencies.push(begun.elapsed());
            }
            Ok::<_, store_log::AppendError>(latencies)
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.context("a writer panicked")??);
    }
    Ok(all)
}
