//! What must occur in a test: every refusal code and every kind of event. Holes are listed, and
//! the lists only get shorter.

use super::Finding;
use super::exceptions::{Exception, UNTESTED_CODES, judge};
use super::sources::Source;

/// Files that list every code or kind for another purpose: naming something there tests nothing.
const LISTS: &[&str] = &["chaos-tests/src/tidy/"];

/// A refusal code, as tests may name it.
#[derive(Clone, Debug)]
pub struct CodeName {
    /// `SP-1234`.
    pub code: String,
    /// The variant's name.
    pub variant: String,
}

/// All codes.
#[must_use]
pub fn codes() -> Vec<CodeName> {
    let name = |code: &proto::refusal::Code| CodeName {
        code: code.to_string(),
        variant: format!("{code:?}"),
    };
    proto::refusal::Code::ALL.iter().map(name).collect()
}

/// Codes without a page.
#[must_use]
pub fn codes_without_page(codes: &[CodeName], sources: &[Source]) -> Vec<Finding> {
    let page = |code: &CodeName| format!("proto/refusals/{}.md", code.code);
    let missing = codes.iter().filter(|code| !sources.iter().any(|one| one.path == page(code)));
    missing.map(|code| Finding::whole(&code.code, "has no page in proto/refusals")).collect()
}

/// Codes that no test names and that are not listed as holes, and holes that were closed.
#[must_use]
pub fn untested_codes(codes: &[CodeName], sources: &[Source]) -> Vec<Finding> {
    untested_codes_but(codes, sources, UNTESTED_CODES)
}

pub(super) fn untested_codes_but(
    codes: &[CodeName],
    sources: &[Source],
    holes: &[Exception],
) -> Vec<Finding> {
    let untested = codes.iter().filter(|code| {
        let variant = format!("Code::{}", code.variant);
        !named_in_a_test(sources, &[&code.code, &variant])
    });
    let finding = |code: &CodeName| {
        Finding::whole(&code.code, format!("Code::{} occurs in no test", code.variant))
    };
    judge(untested.map(finding).collect(), holes)
}

/// Kinds of events that no test names.
#[must_use]
pub fn untested_kinds(kinds: &[&str], sources: &[Source]) -> Vec<Finding> {
    let untested = kinds.iter().filter(|kind| !named_in_a_test(sources, &[kind]));
    untested.map(|kind| Finding::whole(kind, "occurs in no test")).collect()
}

fn named_in_a_test(sources: &[Source], names: &[&str]) -> bool {
    let tests = sources.iter().filter(|source| {
        source.is_test() && !LISTS.iter().any(|list| source.path.starts_with(list))
    });
    tests.into_iter().any(|source| names.iter().any(|name| has_word(&source.text, name)))
}

/// `Code::Full` is not in `Code::FullOfHoles`.
fn has_word(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        !text[at + name.len()..].starts_with(|after: char| after.is_ascii_alphanumeric())
    })
}
