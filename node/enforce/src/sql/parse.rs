//! From text to trees, by PostgreSQL's own grammar (libpg_query), which is C.
//!
//! Nothing reaches it that is longer than [`TEXT_LIMIT`]. It measures the stack that is left under
//! each call and answers with an error before it runs out of it; what it gives is decoded with a
//! limit on depth. It must never be called without the cap on length.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pg_query::ParserOptions;
use pg_query::protobuf::RawStmt;

use super::tree::Tree;
use super::{Options, STATEMENT_LIMIT, TEXT_LIMIT};

/// A statement's tree, and the bytes of the text that it was read from.
pub(super) type Placed = (Tree, Range<usize>);

pub(super) const NOT_SQL: &str = "PostgreSQL's grammar does not take it";
const UNKNOWN: &str = "its tree is not of the form that is known";
pub(super) const TOO_DEEP: &str = "it is nested too deeply";

/// The trees of a text's statements, and where in it each of them is.
pub(super) fn trees(text: &str, options: Options) -> Result<Vec<Placed>, &'static str> {
    let statements = parsed(text, options)?;
    statements.iter().map(|raw| Ok((tree_of(raw)?, place(raw, text.len())))).collect()
}

/// Each statement of a text: its tree, as the library has it too, and its own text.
pub(super) fn statements(
    text: &str,
    options: Options,
) -> Result<Vec<(Tree, RawStmt, &str)>, &'static str> {
    let each = parsed(text, options)?.into_iter().map(|raw| {
        let start = usize::try_from(raw.stmt_location).map_err(|_| UNKNOWN)?;
        let own = match usize::try_from(raw.stmt_len).map_err(|_| UNKNOWN)? {
            0 => text.get(start..),
            length => text.get(start..start + length),
        };
        Ok((tree_of(&raw)?, raw, own.ok_or(UNKNOWN)?))
    });
    each.collect()
}

fn tree_of(raw: &RawStmt) -> Result<Tree, &'static str> {
    Tree::of(&raw.stmt).map_err(|_| UNKNOWN)
}

fn parsed(text: &str, options: Options) -> Result<Vec<RawStmt>, &'static str> {
    if text.len() > TEXT_LIMIT {
        return Err("it is longer than 1 MiB");
    }
    let mut flags = ParserOptions::DISABLE_ESCAPE_STRING_WARNING;
    if !options.standard_conforming_strings {
        flags |= ParserOptions::DISABLE_STANDARD_CONFORMING_STRINGS;
    }
    // The library indexes into lists of the tree while it gathers what is not needed here.
    let parsed = catch_unwind(AssertUnwindSafe(|| pg_query::parse(text, flags)));
    let parsed = match parsed {
        Ok(Ok(parsed)) => parsed,
        Ok(Err(pg_query::Error::Parse(why))) if is_about_depth(&why) => return Err(TOO_DEEP),
        Ok(Err(pg_query::Error::Decode(_))) => return Err(TOO_DEEP),
        Ok(Err(_)) => return Err(NOT_SQL),
        Err(_) => return Err(UNKNOWN),
    };
    let statements = parsed.protobuf.stmts;
    if statements.len() > STATEMENT_LIMIT {
        return Err("it has more than 1000 statements");
    }
    Ok(statements)
}

fn place(raw: &RawStmt, end: usize) -> Range<usize> {
    let start = usize::try_from(raw.stmt_location).unwrap_or(0);
    match usize::try_from(raw.stmt_len) {
        // No length: to the end.
        Ok(0) | Err(_) => start..end,
        Ok(length) => start..start + length,
    }
}

/// Whether the library gave up because of nesting: its stack, its parser's, or its writer's.
fn is_about_depth(why: &str) -> bool {
    ["stack depth", "memory exhausted", "nested too deeply"].iter().any(|text| why.contains(text))
}
