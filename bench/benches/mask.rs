//! Masking with what is on by default and with all families, beside looking for one byte in the
//! same text (memchr): texts of five kinds in chunks as bulk and terminals make them, and texts
//! made to be slow. Rates are per second of processor time, which other work on the machine changes
//! less. A name behind the command, as of a text or a unit, measures that alone; `default` or `all`
//! and a size of chunks behind it, that column alone; `memory`, what a stream holds.

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use bench::{MB, cpu, heading, rate, row};
use node_enforce::mask::{Action, Class, Detect, MaskKey, MaskPlan, MaskRule, Masker, Raw};

/// What the product allocates with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How much of each text is masked, in bytes.
const SIZE: usize = 32 * 1024 * 1024;
/// No line is longer, in bytes.
const LINE_BYTES: usize = 1024;
/// How much of a text that is made to be slow, in bytes.
const SLOW_SIZE: usize = 16 * 1024 * 1024;
/// What bulk output, one packet, and a terminal give at a time, in bytes.
const CHUNKS: [usize; 3] = [32 * 1024, 1400, 64];
/// How often each row is measured; the best counts.
const RUNS: usize = 5;
/// So many streams are held at once, to see what one takes.
const STREAMS: usize = 20_000;
/// Units of texts that are made to be slow.
const SLOW: &[&str] = &[
    "A",
    "a@",
    "1",
    "1.",
    "a@b.",
    "eyJ",
    "token=\"",
    "password=",
    "auth:",
    "4111 1111 ",
    "ghp_",
    "AKIA",
    "xoxb-",
    "://a:",
    "-----BEGIN ",
    "\\\"password\\\":",
    "\x1b[m",
];

const ALL: &[Class] =
    &[Class::Secrets, Class::Credentials, Class::Personal, Class::Financial, Class::Network];

fn main() -> Result<()> {
    heading("Masking: MB a second of processor time")?;
    row(
        "| text | memchr | by default, 32 KiB | all families, 32 KiB | 1,400 B by default | all | \
         ns per 64 B by default | all | memchr / all |",
    )?;
    row("|---|---|---|---|---|---|---|---|---|")?;
    let mut words = std::env::args().skip(1).filter(|one| !one.starts_with("--"));
    let asked = words.next();
    if asked.as_deref() == Some("memory") {
        return memory();
    }
    if let (Some(name), Some(families), Some(chunk)) = (&asked, words.next(), words.next()) {
        let made = TEXTS.iter().find(|(known, _)| known == name);
        let slow = SLOW.iter().find(|unit| *unit == name).map(|unit| repeated(unit));
        let text = made.map(|(_, make)| text(SIZE, *make)).or(slow).context("no such text")?;
        let plan = plan(if families == "default" { &[] } else { ALL })?;
        let masked = mask(&plan, &text, chunk.parse()?);
        return row(&format!("{name}, {families}, {chunk} B: {masked:.0} MB/s"));
    }
    let is_asked = |name: &str| asked.as_ref().is_none_or(|asked| asked == name);
    for (name, make) in TEXTS.iter().filter(|(name, _)| is_asked(name)) {
        measure(name, &text(SIZE, *make))?;
    }
    heading("Masking of texts that are made to be slow: MB a second of processor time")?;
    row(
        "| repeated | memchr | by default, 32 KiB | all families, 32 KiB | ns per 64 B by default | \
         all | memchr / all |",
    )?;
    row("|---|---|---|---|---|---|---|")?;
    for unit in SLOW.iter().filter(|unit| is_asked(unit)) {
        let name = format!("`{}`", unit.escape_debug());
        let text = repeated(unit);
        let searched = search(&text);
        let [default, bulk] = [&plan(&[])?, &plan(ALL)?].map(|plan| {
            let [bulk, _, small] = CHUNKS.map(|chunk| mask(plan, &text, chunk));
            (bulk, 64.0 * 1e3 / small)
        });
        let ratio = searched / bulk.0;
        row(&format!(
            "| {name} | {searched:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {ratio:.1} |",
            default.0, bulk.0, default.1, bulk.1
        ))?;
    }
    if asked.is_none() { memory() } else { Ok(()) }
}

/// What streams hold that have shown something and go on.
fn memory() -> Result<()> {
    heading("Masking: memory of a stream between two chunks")?;
    row("| text | bytes by default | all families |")?;
    row("|---|---|---|")?;
    // What is given back would be used again: all are held to the end.
    let mut kept = Vec::new();
    for (name, make) in TEXTS {
        let text = text(STREAMS + 4 * CHUNKS[0], *make);
        let [default, all] = [&plan(&[])?, &plan(ALL)?].map(|plan| held(plan, &text, &mut kept));
        row(&format!("| {name} | {} | {} |", default?, all?))?;
    }
    Ok(())
}

/// Memory of one of many streams, each of which ends at another place of a text.
fn held(plan: &Arc<MaskPlan>, text: &[u8], kept: &mut Vec<Vec<Masker>>) -> Result<u64> {
    let before = resident()?;
    let mut streams = Vec::with_capacity(STREAMS);
    for from in 0..STREAMS {
        let mut masker = Masker::new(Arc::clone(plan));
        for chunk in text[from..].chunks(CHUNKS[1]).take(4) {
            black_box(masker.feed(Raw::new(chunk)));
        }
        streams.push(masker);
    }
    let grown = resident()?.saturating_sub(before);
    kept.push(streams);
    Ok(grown / STREAMS as u64)
}

/// Memory of this process, in bytes.
fn resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("RssAnon")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<u64>()? * 1024)
}

fn repeated(unit: &str) -> Vec<u8> {
    unit.repeat(SLOW_SIZE / unit.len()).into_bytes()
}

fn measure(name: &str, text: &[u8]) -> Result<()> {
    let searched = search(text);
    let [default, all] = [&plan(&[])?, &plan(ALL)?].map(|plan| {
        let [bulk, packets, small] = CHUNKS.map(|chunk| mask(plan, text, chunk));
        (bulk, packets, 64.0 * 1e3 / small)
    });
    let ratio = searched / all.0;
    row(&format!(
        "| {name} | {searched:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {ratio:.1} |",
        default.0, all.0, default.1, all.1, default.2, all.2
    ))
}

fn plan(classes: &[Class]) -> Result<Arc<MaskPlan>> {
    let detect = classes.iter().copied().map(Detect::Class).collect();
    let rule = MaskRule::new("all", detect, Action::Redact);
    let plan = MaskPlan::compile(&[rule], &[], MaskKey::new([1; 32]));
    Ok(Arc::new(plan.map_err(|error| anyhow!("{error}"))?))
}

/// The least processor time that something takes.
fn least(mut run: impl FnMut()) -> Duration {
    let mut least = Duration::MAX;
    for _ in 0..RUNS {
        let before = cpu::own();
        run();
        least = least.min(cpu::own().saturating_sub(before));
    }
    least
}

/// MB/s of a search that finds nothing.
fn search(text: &[u8]) -> f64 {
    let time = least(|| {
        for chunk in text.chunks(CHUNKS[0]) {
            black_box(memchr::memchr(0, black_box(chunk)));
        }
    });
    rate(text.len() as f64 / MB, time)
}

/// MB/s of masking in chunks.
fn mask(plan: &Arc<MaskPlan>, text: &[u8], chunk: usize) -> f64 {
    let time = least(|| {
        let mut masker = Masker::new(Arc::clone(plan));
        for chunk in text.chunks(chunk) {
            black_box(masker.feed(Raw::new(chunk)));
        }
        black_box(masker.finish());
    });
    rate(text.len() as f64 / MB, time)
}

/// Numbers that look random, the same at every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn word(&mut self) -> &'static str {
        const WORDS: &[&str] = &[
            "request",
            "served",
            "connection",
            "closed",
            "order",
            "cache",
            "miss",
            "timeout",
            "retry",
            "session",
            "handler",
            "worker",
            "started",
            "finished",
            "dispatch",
            "queue",
        ];
        WORDS[(self.next() >> 20) as usize % WORDS.len()]
    }
}

/// Writes one line.
type Line = fn(&mut Random, &mut String) -> std::fmt::Result;

const TEXTS: &[(&str, Line)] = &[
    ("logs", log),
    ("JSON", json),
    ("terminal", terminal),
    ("personal data", people),
    ("base64", base64),
];

fn text(size: usize, line: Line) -> Vec<u8> {
    let mut random = Random(0x2545_F491_4F6C_DD1D);
    let mut text = String::with_capacity(size + LINE_BYTES);
    while text.len() < size {
        // A text takes all that is written.
        if line(&mut random, &mut text).is_err() {
            break;
        }
    }
    text.into_bytes()
}

fn log(random: &mut Random, to: &mut String) -> std::fmt::Result {
    let (a, b) = (random.next(), random.next());
    let (what, how, part) = (random.word(), random.word(), random.word());
    writeln!(
        to,
        "2026-11-{:02}T10:{:02}:{:02}.{:03}Z INFO [{part}-{}] {what} {how} in {} ms, status={}, \
         GET /orders/{}/{part} user={} trace={b:016x}",
        a % 28 + 1,
        a % 60,
        (a >> 8) % 60,
        (a >> 16) % 1000,
        a % 32,
        (a >> 30) % 500,
        200 + a % 5 * 100,
        b % 100_000,
        random.word(),
    )
}

fn json(random: &mut Random, to: &mut String) -> std::fmt::Result {
    let (a, b) = (random.next(), random.next());
    writeln!(
        to,
        "{{\"id\":{},\"name\":\"user{}\",\"active\":true,\"at\":\"2026-11-{:02}T{:02}:00:00Z\",\
         \"url\":\"https://example.com/items/{}\",\"tags\":[\"{}\",\"{}\"],\"price\":{}.{:02},\
         \"text\":\"A small item with some words\",\"uuid\":\"{:08x}-{:04x}-{:012x}\"}},",
        a % 1_000_000,
        a % 9999,
        a % 28 + 1,
        a % 24,
        (a >> 8) % 100_000,
        random.word(),
        random.word(),
        a % 1000,
        a % 100,
        a & 0xFFFF_FFFF,
        b & 0xFFFF,
        b >> 16,
    )
}

fn terminal(random: &mut Random, to: &mut String) -> std::fmt::Result {
    let a = random.next();
    write!(
        to,
        "\x1b[01;34mdrwxr-xr-x\x1b[0m  {} deploy deploy {:6} Nov {:2} {:02}:{:02} \
         \x1b[01;32m{}-{}.log\x1b[0m\r\n",
        a % 9,
        a % 100_000,
        a % 28 + 1,
        a % 24,
        a % 60,
        random.word(),
        a % 1000,
    )
}

fn people(random: &mut Random, to: &mut String) -> std::fmt::Result {
    let (a, b, c) = (random.next(), random.next(), random.next());
    writeln!(
        to,
        "{},Ann{} Miller{},ann{}.m{}@example{}.com,+1 {}{:02} {}{:02} {:04},{:03}-{:02}-{:04},\
         4111 1111 {:04} {:04},GB29 NWBK 6016 1331 {:04} {:02},{} High Street",
        a % 100_000,
        a % 77,
        b % 99,
        a % 1000,
        b % 100,
        c % 50,
        2 + a % 8,
        a % 100,
        2 + b % 8,
        b % 100,
        c % 10_000,
        100 + a % 566,
        1 + b % 99,
        1 + c % 9999,
        a % 10_000,
        b % 10_000,
        c % 10_000,
        a % 100,
        b % 300,
    )
}

fn base64(random: &mut Random, to: &mut String) -> std::fmt::Result {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for _ in 0..76 {
        to.push(char::from(LETTERS[(random.next() >> 20) as usize % LETTERS.len()]));
    }
    to.push('\n');
    Ok(())
}
