//! What masking does to text that holds no secret: almost nothing, or people turn it off.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::*;

/// Masked bytes in a million that plain text may lose.
const PER_MEGABYTE: usize = 50;
const SIZE: usize = 1_000_000;

/// Bytes that the default families take away, and where: what is found, and the line.
fn lost(plan: &Arc<MaskPlan>, text: &str) -> (usize, Vec<String>) {
    let (masked, findings) = feed(plan, [text.as_bytes()]);
    let bytes = findings.iter().map(|finding| finding.length).sum::<u64>();
    let place = |finding: &Finding| {
        let at = usize::try_from(finding.offset).expect("it is short");
        let from = masked[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let line: Vec<u8> = masked[from..].iter().copied().take(160).collect();
        let line = String::from_utf8_lossy(&line).lines().next().unwrap_or_default().to_owned();
        format!("{}: {line}", finding.detector)
    };
    (usize::try_from(bytes).expect("it is short"), findings.iter().map(place).collect())
}

#[track_caller]
fn check_lost(what: &str, text: &str) {
    let (bytes, places) = lost(&by_default(), text);
    let allowed = text.len() * PER_MEGABYTE / 1_000_000;
    assert!(bytes <= allowed, "{what}: {bytes} of {}:\n{}", text.len(), places.join("\n"));
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

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[usize::try_from(self.next() % words.len() as u64).expect("it is short")]
    }
}

const LEVELS: &[&str] = &["INFO", "WARN", "DEBUG", "ERROR"];
const PARTS: &[&str] = &[
    "http.server",
    "auth.session",
    "db.pool",
    "token-bucket",
    "key-value-store",
    "scheduler",
    "com.example.orders.OrderService",
    "kubelet",
    "secret-manager",
    "password-policy",
];
const WORDS: &[&str] = &[
    "request",
    "served",
    "token",
    "expired",
    "for",
    "user",
    "alice",
    "key",
    "rotated",
    "password",
    "changed",
    "by",
    "session",
    "authorization",
    "required",
    "secret",
    "mounted",
    "in",
    "retry",
    "after",
    "pod",
    "web-7d9f8b6c5-x2x4z",
    "api",
    "version",
    "v1.28.3",
    "node",
];

/// Lines that speak of tokens, keys and passwords, and show none.
fn logs(size: usize) -> String {
    let mut random = Random(0x2545_F491_4F6C_DD1D);
    let mut text = String::new();
    while text.len() < size {
        let number = random.next();
        write!(
            text,
            "2026-11-{:02}T{:02}:{:02}:{:02}.{:06}Z {} [{}] ",
            number % 28 + 1,
            number % 24,
            number % 60,
            (number >> 8) % 60,
            (number >> 16) % 1_000_000,
            random.of(LEVELS),
            random.of(PARTS),
        )
        .expect("a text takes all");
        for _ in 0..number % 9 + 2 {
            text.push_str(random.of(WORDS));
            text.push(' ');
        }
        let (a, b) = (random.next(), random.next());
        writeln!(
            text,
            "id={:08x}-{:04x}-4{:03x}-a{:03x}-{:012x} took={}ms bytes={} commit={:016x}{:016x} \
             sha256:{:016x}{:016x}{:016x}{:016x} blk_-{} image=registry.example/app:{}",
            a & 0xFFFF_FFFF,
            b & 0xFFFF,
            a & 0xFFF,
            b & 0xFFF,
            a >> 16,
            number % 900,
            b % 100_000,
            a,
            b,
            b,
            a,
            number,
            a,
            b >> 1,
            number % 300,
        )
        .expect("a text takes all");
    }
    text
}

#[test]
fn logs_of_engineers() {
    check_lost("logs", &logs(SIZE));
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("it is a folder").flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            // What is made to hold secrets is no plain source.
            if !["target", "tests", "fuzz", "cases", "scripts", "detector"].contains(&&*name)
                && !name.starts_with('.')
            {
                sources(&path, found);
            }
        } else if name.ends_with(".rs") && !name.contains("test") {
            found.push(path);
        }
    }
}

#[test]
fn sources_of_this_product() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for folder in ["proto", "store", "consensus", "node"] {
        sources(&root.join(folder), &mut files);
    }
    files.sort();
    let mut text = String::new();
    for file in files {
        text.push_str(&std::fs::read_to_string(file).expect("it is text"));
    }
    assert!(text.len() > 1_000_000, "{} bytes of sources", text.len());
    check_lost("sources", &text);
}

/// How often a cut through plain text holds anything back.
#[test]
fn few_cuts_hold_anything_back() {
    let mut masker = Masker::new(by_default());
    let (mut held, mut cuts) = (0, 0);
    for byte in logs(50_000).bytes() {
        masker.feed(Raw::new(&[byte]));
        held += usize::from(masker.held() > 0);
        cuts += 1;
    }
    assert!(held * 200 <= cuts, "{held} of {cuts} cuts");
}
