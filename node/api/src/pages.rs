//! Pages of a list whose rows have a place of their own: what comes after a place, and so many.

use proto::refusal::Code;

use crate::refuse::Refused;

/// How many rows a page has when it is not said.
const PAGE: usize = 100;
/// How many rows a page has at most.
const LARGEST_PAGE: usize = 1000;

/// How many rows a page has.
pub(crate) fn limit(asked: Option<usize>) -> usize {
    asked.unwrap_or(PAGE).clamp(1, LARGEST_PAGE)
}

/// One page of rows, and where the next one begins; nowhere at the end.
pub(crate) fn page<T>(
    rows: impl IntoIterator<Item = T>,
    limit: usize,
    place: impl Fn(&T) -> String,
) -> (Vec<T>, Option<String>) {
    let mut rows = rows.into_iter();
    let items: Vec<_> = rows.by_ref().take(limit).collect();
    let more = rows.next().is_some();
    let next = items.last().filter(|_| more).map(place);
    (items, next)
}

/// An `after` that no list ever gave.
pub(crate) fn not_a_place() -> Refused {
    Refused::new(Code::BadRequest, "`after` is not the `next` of a page; begin anew")
}
