//! The search for an order of operations that explains all answers.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::time::Duration;

use super::super::history::{Operation, Outcome};
use super::{Calls, Model};

/// How many pairs of (what has a place, state) are tried before the search gives up. Giving up is
/// reported as a violation: an oracle that does not know must not say that all is well.
const TRIED_LIMIT: usize = 2_000_000;

/// Which operations have a place: one bit each.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Placed(Box<[u64]>);

impl Placed {
    fn none(count: usize) -> Self {
        Self(vec![0; count.div_ceil(64)].into_boxed_slice())
    }

    fn has(&self, at: usize) -> bool {
        self.0[at / 64] & (1 << (at % 64)) != 0
    }

    fn with(&self, at: usize) -> Self {
        let mut more = self.clone();
        more.0[at / 64] |= 1 << (at % 64);
        more
    }
}

/// A place in the search: what was placed, and what may come next.
struct Step<S> {
    placed: Placed,
    next: Vec<(usize, S)>,
    /// The operation that led here.
    by: Option<usize>,
}

/// An operation that may matter: what was refused has no effect and says nothing.
struct Entry<'a, M: Model> {
    operation: &'a Operation<M::Call, M::Reply>,
    reply: Option<&'a M::Reply>,
    /// None when the outcome is unknown: it stays open for ever.
    returned: Option<Duration>,
}

fn entries<M: Model>(calls: &Calls<M>) -> Vec<Entry<'_, M>> {
    let mut entries: Vec<_> = calls.iter().filter_map(entry::<M>).collect();
    entries.sort_by_key(|entry| entry.operation.invoked);
    entries
}

fn entry<M: Model>(operation: &Operation<M::Call, M::Reply>) -> Option<Entry<'_, M>> {
    match &operation.outcome {
        Outcome::Done(reply) => {
            Some(Entry { operation, reply: Some(reply), returned: Some(operation.returned) })
        }
        Outcome::Unknown => Some(Entry { operation, reply: None, returned: None }),
        Outcome::Refused => None,
    }
}

/// Looks for an order; says how far it got when there is none.
pub(super) fn search<M: Model>(model: &M, first: M::State, calls: &Calls<M>) -> Result<(), String> {
    let entries = entries::<M>(calls);
    let answered: Vec<_> =
        (0..entries.len()).filter(|at| entries[*at].returned.is_some()).collect();
    let mut tried = HashSet::new();
    let begin = Placed::none(entries.len());
    let next = candidates(model, &entries, &begin, &first);
    let mut path = vec![Step { placed: begin, next, by: None }];
    let mut longest = Vec::new();
    while let Some(step) = path.last_mut() {
        if answered.iter().all(|at| step.placed.has(*at)) {
            return Ok(());
        }
        let Some((at, state)) = step.next.pop() else {
            path.pop();
            continue;
        };
        let placed = step.placed.with(at);
        if !tried.insert((placed.clone(), state.clone())) {
            continue;
        }
        if tried.len() > TRIED_LIMIT {
            return Err(format!("undecided: more than {TRIED_LIMIT} orders were tried"));
        }
        let next = candidates(model, &entries, &placed, &state);
        path.push(Step { placed, next, by: Some(at) });
        if path.len() > longest.len() {
            longest = path.iter().filter_map(|step| step.by).collect();
        }
    }
    Err(explain(&entries, &longest))
}

/// What may take the next place, with the state that it leads to; the earliest are tried first.
fn candidates<M: Model>(
    model: &M,
    entries: &[Entry<'_, M>],
    placed: &Placed,
    state: &M::State,
) -> Vec<(usize, M::State)> {
    let waiting = || (0..entries.len()).filter(|at| !placed.has(*at));
    // Whatever was invoked after an answer came must be placed after what was answered.
    let first_return = waiting().filter_map(|at| entries[at].returned).min();
    let mut next = Vec::new();
    for at in waiting() {
        let entry = &entries[at];
        if first_return.is_some_and(|first| entry.operation.invoked > first) {
            break;
        }
        let Some(after) = model.step(state, &entry.operation.call, entry.reply) else { continue };
        // What nobody heard an answer from and changes nothing may as well never have been.
        if entry.reply.is_none() && after == *state {
            continue;
        }
        next.push((at, after));
    }
    next.reverse();
    next
}

fn explain<M: Model>(entries: &[Entry<'_, M>], longest: &[usize]) -> String {
    let mut text = String::from("no order explains the answers; the longest that was found:");
    let line = |at: usize| {
        let operation = entries[at].operation;
        let (client, call, outcome) = (&operation.client, &operation.call, &operation.outcome);
        let (invoked, returned) = (operation.invoked, operation.returned);
        format!("\n  {client}: {call:?} = {outcome:?} in {invoked:?}..{returned:?}")
    };
    let mut say = |more: &str| text.write_str(more).expect("a string takes all");
    for at in longest {
        say(&line(*at));
    }
    say("\n without a place:");
    for at in (0..entries.len()).filter(|at| !longest.contains(at)) {
        say(&line(at));
    }
    text
}
