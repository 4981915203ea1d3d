//! What ends statements and transfers: from what was written to what it means.

use super::check::Checker;
use super::compile;
use super::parts::{Limited, Limits};
use super::places::At;
use super::{raw, words};

/// The most of anything that is counted.
const MOST: u64 = 1 << 40;

impl Checker<'_> {
    pub(super) fn limited(&mut self, raw: raw::Limited) -> Limited {
        let (place, limit) = (raw.limit.place, raw.limit.value);
        let raw::Limit { rows, file, bytes, time, statements_per_second } = &limit;
        let of_statement = rows.is_some() || bytes.is_some() || time.is_some();
        if !of_statement && file.is_none() && statements_per_second.is_none() {
            let what = "the limit limits nothing, expected one of: rows, bytes, time, \
                        statements_per_second, file";
            self.error(place, what);
        }
        let size = "a size such as 64KiB, 16MiB or 1GiB";
        let limits = Limits {
            rows: limit.rows.and_then(|written| self.count(&written, MOST)),
            file: limit.file.and_then(|written| self.form(&written, words::size, size)),
            bytes: limit.bytes.and_then(|written| self.form(&written, words::size, size)),
            time: limit.time.and_then(|written| self.duration(&written)),
            statements_per_second: limit
                .statements_per_second
                .and_then(|written| self.count(&written, 1_000_000))
                .and_then(|count| u32::try_from(count).ok()),
        };
        Limited { when: compile::when(&raw.when, self, 0), limits }
    }

    fn count(&mut self, written: &At<u64>, most: u64) -> Option<u64> {
        let fits = (1..=most).contains(&written.value);
        if !fits {
            self.error(written.place, format!("expected a number from 1 to {most}"));
        }
        fits.then_some(written.value)
    }
}
