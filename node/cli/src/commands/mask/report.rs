//! What masking found: where, by which detector, and how sure it is. Never the value.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write;

use node_enforce::mask::{Finding, Window};
use serde::Serialize;

use crate::failure::Outcome;

/// So many beginnings of lines are remembered; a finding that begins before these has no line.
const LINES_LIMIT: usize = 1 << 20;

/// One finding, as it is reported.
#[derive(Debug, Serialize)]
struct Row<'a> {
    /// From 1, in what was written.
    line: Option<u64>,
    /// From 1, in bytes.
    column: Option<u64>,
    /// From 0, in bytes.
    offset: u64,
    length: u64,
    detector: &'a str,
    rule: &'a str,
    action: &'a str,
    confidence: &'a str,
}

/// How much was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    places: u64,
    bytes: u64,
}

/// A report that is written while masking goes on.
pub(crate) struct Report<W> {
    to: Option<W>,
    /// Where the lines begin that are remembered, the first of which has this number.
    begins: VecDeque<u64>,
    first: u64,
    written: u64,
    counts: BTreeMap<String, Count>,
}

impl<W: Write> Report<W> {
    /// A report to a writer; without one it only counts.
    pub(crate) fn new(to: Option<W>) -> Self {
        let begins = VecDeque::from([0]);
        Self { to, begins, first: 1, written: 0, counts: BTreeMap::new() }
    }

    /// Takes what was written, and what was found in it: one JSON line for each finding.
    pub(crate) fn take(&mut self, window: &Window) -> Outcome {
        if self.to.is_some() {
            self.begin_lines(window.client.bytes());
        }
        self.written += window.client.bytes().len() as u64;
        for finding in window.findings.iter() {
            let count = self.counts.entry(finding.detector.to_string()).or_default();
            count.places += 1;
            count.bytes += finding.length;
            self.write(&finding)?;
        }
        Ok(())
    }

    fn begin_lines(&mut self, bytes: &[u8]) {
        for at in memchr::memchr_iter(b'\n', bytes) {
            self.begins.push_back(self.written + at as u64 + 1);
            if self.begins.len() > LINES_LIMIT {
                self.begins.pop_front();
                self.first += 1;
            }
        }
    }

    fn write(&mut self, finding: &Finding) -> Outcome {
        let Some(to) = &mut self.to else { return Ok(()) };
        let before = self.begins.partition_point(|begin| *begin <= finding.offset);
        let place = before.checked_sub(1).map(|at| (self.first + at as u64, self.begins[at]));
        let row = Row {
            line: place.map(|(line, _)| line),
            column: place.map(|(_, begin)| finding.offset - begin + 1),
            offset: finding.offset,
            length: finding.length,
            detector: &finding.detector,
            rule: &finding.rule,
            action: finding.action,
            confidence: finding.confidence.name(),
        };
        let line = serde_json::to_string(&row).map_err(std::io::Error::other)?;
        writeln!(to, "{line}")?;
        Ok(())
    }

    /// The last of it, and all of it in one line.
    pub(crate) fn finish(mut self) -> Outcome<String> {
        if let Some(to) = &mut self.to {
            to.flush()?;
        }
        let all = self.counts.values().fold(Count::default(), |all, one| Count {
            places: all.places + one.places,
            bytes: all.bytes + one.bytes,
        });
        let each = self.counts.iter().map(|(name, count)| format!("{name} {}", count.places));
        let each = each.collect::<Vec<_>>().join(", ");
        let Count { places, bytes } = all;
        let written = self.written;
        Ok(match places {
            0 => format!("nothing masked in {written} bytes"),
            _ => format!("masked {bytes} of {written} bytes in {places} places: {each}"),
        })
    }
}

/// Progress is told every so many bytes.
const TOLD_EVERY: u64 = 16 * 1024 * 1024;

/// Says how far a long input is, on a terminal.
#[derive(Default)]
pub(crate) struct Progress {
    bytes: u64,
    told: u64,
}

impl Progress {
    /// So many bytes more are done.
    pub(crate) fn take(&mut self, bytes: usize) -> Outcome {
        self.bytes += bytes as u64;
        if self.bytes - self.told >= TOLD_EVERY {
            self.told = self.bytes;
            let mut out = std::io::stderr();
            write!(out, "\r{} MB ", self.bytes / 1_000_000)?;
            out.flush()?;
        }
        Ok(())
    }

    /// Ends the line that it wrote.
    pub(crate) fn finish(self) -> Outcome {
        if self.told > 0 {
            writeln!(std::io::stderr())?;
        }
        Ok(())
    }
}
