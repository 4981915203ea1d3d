//! Masking beside copying the same bytes and beside one regular expression over them; reading and
//! deciding of commands, of SQL with and without what was read before.

use std::hint::black_box;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use bench::{MB, best, heading, rate, row};
use chaos_tests::live::fresh_secrets;
use node_enforce::decide::{Facts, decide, read_command};
use node_enforce::mask::{Action, Class, Detect, MaskKey, MaskPlan, MaskRule, Masker, Raw};
use node_enforce::policy::{Policy, TargetFacts, Who};
use node_enforce::sql::{self, Options};
use proto::ids::Name;
use proto::reading::Channel;
use proto::target::TargetKind;
use proto::time::{Moment, Utc};

/// How much is masked at a time, in bytes: what the SSH driver hands over.
const CHUNK: usize = 32 * 1024;
/// How much is masked in all, in bytes.
const SIZE: usize = 64 * 1024 * 1024;
/// How often each row is measured; the best counts.
const RUNS: usize = 3;
/// How many decisions are measured.
const DECISIONS: u32 = 20_000;

fn main() -> Result<()> {
    heading("Masking: one core, in chunks of 32 KiB")?;
    row(
        "| text | memcpy MB/s | one regex MB/s | masked MB/s | memcpy / masked | regex / masked |",
    )?;
    row("|---|---|---|---|---|---|")?;
    masking("zeroes", &vec![0; SIZE])?;
    let line =
        "2026-11-22T10:11:12Z INFO request served in 12 ms, 200, GET /orders/1234 user=alice\n";
    masking("lines of a log", &line.repeat(SIZE / line.len()).into_bytes())?;
    let json = r#"{"id":1234,"name":"Alice","mail":"a@b.example","url":"https://x.example/a?b=c"}"#;
    masking("JSON", &json.repeat(SIZE / json.len()).into_bytes())?;
    let secrets = fresh_secrets();
    let lines: Vec<_> = secrets.iter().map(|secret| secret.line.as_str()).collect();
    let mixed = format!("{}{}\n", line.repeat(40), lines.join("\n"));
    masking("a log with secrets", &mixed.repeat(SIZE / mixed.len()).into_bytes())?;
    let mut random = vec![0; SIZE];
    rand::Rng::fill_bytes(&mut rand::rng(), &mut random);
    masking("random bytes", &random)?;
    deciding()?;
    deciding_sql()
}

fn plan() -> Result<Arc<MaskPlan>> {
    let detect = vec![Detect::Class(Class::Secrets), Detect::Class(Class::Credentials)];
    let rule = MaskRule::new("default", detect, Action::Redact);
    let plan = MaskPlan::compile(&[rule], &[], MaskKey::new([1; 32]));
    Ok(Arc::new(plan.map_err(|error| anyhow!("{error}"))?))
}

fn masking(what: &str, text: &[u8]) -> Result<()> {
    let size = text.len() as f64 / MB;
    let copied = best(RUNS, || {
        let mut to = vec![0; text.len()];
        for (to, from) in to.chunks_mut(CHUNK).zip(text.chunks(CHUNK)) {
            to.copy_from_slice(from);
        }
        black_box(to);
        Ok(())
    })?;
    let regex = regex::bytes::Regex::new(r"(?i)(ghp_|glpat-|AKIA|password=|secret)[A-Za-z0-9]+")?;
    let searched = best(RUNS, || {
        for chunk in text.chunks(CHUNK) {
            black_box(regex.find_iter(chunk).count());
        }
        Ok(())
    })?;
    let plan = plan()?;
    let masked = best(RUNS, || {
        let mut masker = Masker::new(plan.clone());
        for chunk in text.chunks(CHUNK) {
            black_box(masker.feed(Raw::new(chunk)));
        }
        black_box(masker.finish());
        Ok(())
    })?;
    let (copied, searched, masked) = (rate(size, copied), rate(size, searched), rate(size, masked));
    let (one, other) = (copied / masked, searched / masked);
    row(&format!("| {what} | {copied:.0} | {searched:.0} | {masked:.0} | {one:.1} | {other:.1} |"))
}

const POLICY: &str = r#"version: 1
grants:
  - name: all
    who: { groups: [engineering] }
    targets: { labels: { env: staging } }
    as: [deploy]
    channels: [exec]
rules:
  - { name: no-environment, when: { shell: { programs: [env, printenv] } }, then: block }
  - { name: no-secrets, when: { regex: ["(?i)secret", "\\.pem\\b"] }, then: block }
  - { name: no-deletes, when: { shell: { programs: [rm, shred, dd] } }, then: block }
"#;

const SQL_POLICY: &str = r#"version: 1
grants:
  - { name: all, who: { groups: [engineering] }, targets: {}, as: [app], channels: [query, copy] }
rules:
  - { name: no-drops, when: { sql: { statements: "drop *" } }, then: block }
  - { name: no-programs, when: { sql: { effects: [program, file, remote] } }, then: block }
  - name: second-pair-of-eyes
    when: { sql: { effects: [write, ddl], tables: ["public.*"] } }
    then: hold
    approval: { by: { groups: [dba] } }
  - { name: all-rows, when: { sql: { unbounded: true } }, then: block }
"#;

/// What pgbench sends most, and what a report asks.
const STATEMENTS: [(&str, &str); 3] = [
    ("pgbench -S", "SELECT abalance FROM pgbench_accounts WHERE aid = 4711;"),
    (
        "insert",
        "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) \
         VALUES ($1, $2, $3, $4, CURRENT_TIMESTAMP)",
    ),
    (
        "report",
        "WITH recent AS (SELECT * FROM public.orders WHERE placed > now() - interval '7 days') \
         SELECT c.country, count(*), sum(r.total) FILTER (WHERE r.paid) AS paid FROM recent r \
         JOIN public.customers c ON c.id = r.customer LEFT JOIN public.refunds f USING (order_id) \
         WHERE c.kind IN ('a', 'b', 'c') AND r.total BETWEEN 10 AND 10000 GROUP BY c.country \
         HAVING count(*) > 5 ORDER BY paid DESC NULLS LAST LIMIT 50",
    ),
];

fn deciding_sql() -> Result<()> {
    heading("SQL: read and decided, one core")?;
    row("| statement | read anew/s | read again/s | read again and decided/s | decided/s |")?;
    row("|---|---|---|---|---|")?;
    let parsed = Policy::parse("policy", SQL_POLICY, &|_| true);
    let (policy, _) = parsed.map_err(|errors| anyhow!("{errors}"))?;
    let groups = ["engineering".parse::<Name>().map_err(|error| anyhow!("{error}"))?];
    let labels = std::collections::BTreeMap::new();
    let moment = Moment { utc: Utc(0), offset_minutes: 0, elapsed: std::time::Duration::ZERO };
    let facts = Facts {
        who: Who::new("alice", &groups),
        target: TargetFacts { name: "orders", kind: TargetKind::Postgres, labels: &labels },
        login: "app",
        channel: Channel::Query,
        moment: &moment,
        reading: None,
    };
    for (name, text) in STATEMENTS {
        let per_second = |run: &mut dyn FnMut()| -> Result<f64> {
            let time = best(RUNS, || {
                (0..DECISIONS).for_each(|_| run());
                Ok(())
            })?;
            Ok(rate(f64::from(DECISIONS), time))
        };
        let options = Options::default();
        let anew = per_second(&mut || drop(black_box(sql::read_anew(black_box(text), options))))?;
        let again = per_second(&mut || drop(black_box(sql::read(black_box(text), options))))?;
        let both = per_second(&mut || {
            let reading = read_command(&policy, &facts, black_box(text.as_bytes()));
            black_box(decide(&policy, &Facts { reading: Some(&reading), ..facts }));
        })?;
        let reading = read_command(&policy, &facts, text.as_bytes());
        let facts = Facts { reading: Some(&reading), ..facts };
        let alone = per_second(&mut || drop(black_box(decide(&policy, black_box(&facts)))))?;
        row(&format!("| {name} | {anew:.0} | {again:.0} | {both:.0} | {alone:.0} |"))?;
    }
    Ok(())
}

fn deciding() -> Result<()> {
    heading("Commands: read and decided, one core")?;
    row("| command | read and decided/s | decided/s |")?;
    row("|---|---|---|")?;
    let parsed = Policy::parse("policy", POLICY, &|_| true);
    let (policy, _) = parsed.map_err(|errors| anyhow!("{errors}"))?;
    let name = |text: &str| text.parse::<Name>().map_err(|error| anyhow!("{error}"));
    let groups = [name("engineering")?];
    let labels = [("env".to_owned(), "staging".to_owned())].into();
    let moment = Moment { utc: Utc(0), offset_minutes: 0, elapsed: std::time::Duration::ZERO };
    let facts = Facts {
        who: Who::new("alice", &groups),
        target: TargetFacts { name: "web-1", kind: TargetKind::Ssh, labels: &labels },
        login: "deploy",
        channel: Channel::Exec,
        moment: &moment,
        reading: None,
    };
    for command in [
        "uptime",
        "cd /srv/app && git pull --ff-only && systemctl restart app",
        "for f in $(ls *.log); do gzip \"$f\" | tee -a out; done; sh -c 'echo a; cat b | wc -l'",
    ] {
        let text = command.as_bytes();
        let both = best(RUNS, || {
            for _ in 0..DECISIONS {
                let reading = read_command(&policy, &facts, black_box(text));
                black_box(decide(&policy, &Facts { reading: Some(&reading), ..facts }));
            }
            Ok(())
        })?;
        let reading = read_command(&policy, &facts, text);
        let facts = Facts { reading: Some(&reading), ..facts };
        let alone = best(RUNS, || {
            for _ in 0..DECISIONS {
                black_box(decide(&policy, black_box(&facts)));
            }
            Ok(())
        })?;
        let count = f64::from(DECISIONS);
        let (both, alone) = (rate(count, both), rate(count, alone));
        row(&format!("| `{command}` | {both:.0} | {alone:.0} |"))?;
    }
    Ok(())
}
