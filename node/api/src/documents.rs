//! People and targets, replaced as a whole by those of a document.
//!
//! Each change is proposed with the revision that it was made from, so that nobody's change is
//! lost without a word; who did not say which revision they saw is served anew.

mod people;
mod targets;

pub(crate) use people::{People, read as read_people};
pub(crate) use targets::{Targets, read as read_targets};

use std::collections::BTreeMap;
use std::future::Future;

use consensus_state::{Denied, Reply, State};
use node_session::ControlExt as _;
use proto::api::DocumentApplied;
use proto::entry::{By, Entry};
use proto::ids::Name;
use proto::refusal::Code;

use crate::change::failed;
use crate::refuse::Refused;
use crate::state::Api;

/// How often it is tried anew when others change the same list at the same time.
const ATTEMPTS: usize = 3;

/// The longest name of a file that errors repeat, in bytes.
const FILE_BYTES: usize = 256;

/// A list that is replaced as a whole.
pub(crate) trait List: Send + Sync {
    /// What it lists.
    type Item: Clone + PartialEq + Send + Sync;

    /// What is in it, by name, and its revision.
    fn now(state: &State) -> (BTreeMap<Name, Self::Item>, u64);

    /// The entry that replaces it.
    fn entry(items: Vec<Self::Item>, expected_revision: Option<u64>, by: By) -> Entry;
}

/// Replaces a list by what `next` makes of it.
pub(crate) async fn replace<L: List, F>(
    api: &Api,
    by: &By,
    expected: Option<u64>,
    mut next: impl FnMut(BTreeMap<Name, L::Item>) -> F,
) -> Result<DocumentApplied, Refused>
where
    F: Future<Output = Result<Vec<L::Item>, Refused>> + Send,
{
    for _ in 0..ATTEMPTS {
        let (before, revision) = api.given.control.look(L::now);
        let items = next(before.clone()).await?;
        let entry = L::entry(items, Some(expected.unwrap_or(revision)), by.clone());
        match api.given.control.propose(entry).await {
            Ok(Reply::Refused(Denied::StaleRevision { .. })) if expected.is_none() => {}
            Ok(Reply::Refused(denied)) => return Err(denied.into()),
            Ok(_) => {
                let (after, revision) = api.given.control.look(L::now);
                return Ok(applied(&before, &after, revision));
            }
            Err(error) => return Err(failed(&error)),
        }
    }
    let text = "others change the same list at this moment; look at it again";
    Err(Refused::new(Code::StaleRevision, text))
}

/// Takes one out.
pub(crate) async fn remove<L: List>(
    api: &Api,
    by: &By,
    expected: Option<u64>,
    name: &str,
    unknown: &str,
) -> Result<DocumentApplied, Refused> {
    let none = || Refused::new(Code::NotFound, unknown);
    let name: Name = name.parse().map_err(|_| none())?;
    replace::<L, _>(api, by, expected, |mut now| {
        let found = now.remove(&name);
        std::future::ready(found.map(|_| now.into_values().collect()).ok_or_else(none))
    })
    .await
}

fn applied<T: PartialEq>(
    before: &BTreeMap<Name, T>,
    after: &BTreeMap<Name, T>,
    revision: u64,
) -> DocumentApplied {
    let set = after.iter().filter(|(name, item)| before.get(*name) != Some(*item));
    let removed = before.keys().filter(|name| !after.contains_key(*name));
    DocumentApplied {
        revision,
        set: set.map(|(name, _)| name.clone()).collect(),
        removed: removed.cloned().collect(),
        problems: Vec::new(),
    }
}

/// What errors call a document: what the editor calls it, when that fits on a line.
pub(crate) fn file_name(said: Option<String>, otherwise: &str) -> Result<String, Refused> {
    let Some(said) = said else { return Ok(otherwise.to_owned()) };
    if said.is_empty() || said.len() > FILE_BYTES || said.chars().any(char::is_control) {
        let text = format!("`file` is 1 to {FILE_BYTES} bytes of plain text");
        return Err(Refused::new(Code::BadRequest, text));
    }
    Ok(said)
}
