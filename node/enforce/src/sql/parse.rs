//! From text to trees, by PostgreSQL's own grammar (libpg_query), which is C.
//!
//! Nothing reaches it that is longer than [`TEXT_LIMIT`]. It measures the stack that is left under
//! each call and answers with an error before it runs out of it; what it gives is decoded with a
//! limit on depth. It must never be called without the cap on length.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pg_query::ParserOptions;

use super::tree::Tree;
use super::{Options, STATEMENT_LIMIT, TEXT_LIMIT};

pub(super) const NOT_SQL: &str = "PostgreSQL's grammar does not take it";
pub(super) const TOO_DEEP: &str = "it is nested too deeply";

/// The trees of a text's statements.
pub(super) fn trees(text: &str, options: Options) -> Result<Vec<Tree>, &'static str> {
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
        Err(_) => return Err("its tree is not of the form that is known"),
    };
    let statements = &parsed.protobuf.stmts;
    if statements.len() > STATEMENT_LIMIT {
        return Err("it has more than 1000 statements");
    }
    let tree = |raw: &pg_query::protobuf::RawStmt| Tree::of(&raw.stmt);
    let trees: Result<Vec<_>, _> = statements.iter().map(tree).collect();
    trees.map_err(|_| "its tree is not of the form that is known")
}

/// Whether the library gave up because of nesting: its stack, its parser's, or its writer's.
fn is_about_depth(why: &str) -> bool {
    ["stack depth", "memory exhausted", "nested too deeply"].iter().any(|text| why.contains(text))
}
