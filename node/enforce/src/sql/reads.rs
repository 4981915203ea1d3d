//! Whether all that is known of a reading is that it reads: only then a verdict may be on its way
//! to the disk while its statements run.
//!
//! A function may do anything, so only those are let pass here that are known to compute. What
//! runs behind a view, an operator or a cast cannot be seen.

use proto::reading::{Effect, Reading, Statement};

/// Functions that compute, by name, in alphabetical order.
const COMPUTE: &[&str] = &[
    "abs",
    "age",
    "array_agg",
    "array_length",
    "avg",
    "bool_and",
    "bool_or",
    "btrim",
    "ceil",
    "char_length",
    "concat",
    "concat_ws",
    "count",
    "date_part",
    "date_trunc",
    "dense_rank",
    "extract",
    "floor",
    "format",
    "greatest",
    "json_agg",
    "json_build_object",
    "jsonb_agg",
    "jsonb_build_object",
    "lag",
    "lead",
    "least",
    "left",
    "length",
    "lower",
    "ltrim",
    "max",
    "md5",
    "min",
    "mod",
    "now",
    "nullif",
    "octet_length",
    "position",
    "rank",
    "regexp_replace",
    "repeat",
    "replace",
    "right",
    "round",
    "row_number",
    "row_to_json",
    "rtrim",
    "split_part",
    "string_agg",
    "strpos",
    "substr",
    "substring",
    "sum",
    "to_char",
    "to_date",
    "to_json",
    "to_jsonb",
    "to_number",
    "to_timestamp",
    "trim",
    "trunc",
    "upper",
    "version",
];
/// The schema that they are in.
const CATALOG: &str = "pg_catalog.";

/// Whether it only reads.
#[must_use]
pub fn only_reads(reading: &Reading) -> bool {
    let is_known = reading.unreadable.is_none() && reading.reader.starts_with("sql/");
    is_known && reading.statements.iter().all(|one| reads(one, reading))
}

fn reads(statement: &Statement, reading: &Reading) -> bool {
    // By another search path, any name may be anything.
    let has_path = reading.session.contains_key("search_path");
    let computes = |name: &String| {
        let (is_catalog, name) = match name.strip_prefix(CATALOG) {
            Some(name) => (true, name),
            None => (false, name.as_str()),
        };
        COMPUTE.binary_search(&name).is_ok() && (is_catalog || !has_path)
    };
    statement.effects.iter().all(|effect| *effect == Effect::Read)
        && statement.functions.iter().all(computes)
}

#[cfg(test)]
pub(super) fn compute() -> &'static [&'static str] {
    COMPUTE
}
