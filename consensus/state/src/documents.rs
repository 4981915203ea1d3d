//! People and targets: each is replaced as a whole, and the event lists what that changed.
//!
//! Sessions that are open are not touched here: whoever runs them judges them again.

use std::collections::BTreeMap;

use proto::entry::{PeopleSetting, TargetsSetting};
use proto::event::{Kind, PeopleChanged, TargetsChanged};
use proto::ids::Name;

use crate::denied::Denied;
use crate::effects::Effects;
use crate::limits;
use crate::policy::check_revision;
use crate::reply::Reply;
use crate::state::State;

/// Things by name, and how often they were replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed<T> {
    pub(crate) by_name: BTreeMap<Name, T>,
    pub(crate) revision: u64,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { by_name: BTreeMap::new(), revision: 0 }
    }
}

impl State {
    pub(crate) fn set_people(
        &mut self,
        setting: &PeopleSetting,
        effects: &mut Effects,
    ) -> Result<Reply, Denied> {
        let PeopleSetting { people, expected_revision, by } = setting;
        self.check_by(by)?;
        check_revision("the list of people", *expected_revision, self.people.revision)?;
        limits::check(people.len(), "the number of people", limits::PEOPLE)?;
        let people = by_name(people, "person", |person| &person.name)?;
        let (set, removed) = difference(&self.people.by_name, &people);
        if set.is_empty() && removed.is_empty() {
            return Ok(Reply::Done);
        }
        let changed = PeopleChanged { set, removed, by: by.to_string() };
        self.record(Kind::PeopleChanged(changed), effects)?;
        let revision = self.people.revision + 1;
        self.people = Listed { by_name: people, revision };
        effects.changed.people = true;
        Ok(Reply::People(revision))
    }

    pub(crate) fn set_targets(
        &mut self,
        setting: &TargetsSetting,
        effects: &mut Effects,
    ) -> Result<Reply, Denied> {
        let TargetsSetting { targets, expected_revision, by } = setting;
        self.check_by(by)?;
        check_revision("the list of targets", *expected_revision, self.targets.revision)?;
        limits::check(targets.len(), "the number of targets", limits::TARGETS)?;
        let targets = by_name(targets, "target", |target| &target.name)?;
        let (set, removed) = difference(&self.targets.by_name, &targets);
        if set.is_empty() && removed.is_empty() {
            return Ok(Reply::Done);
        }
        let changed = TargetsChanged { set, removed, by: by.to_string() };
        self.record(Kind::TargetsChanged(changed), effects)?;
        let revision = self.targets.revision + 1;
        self.targets = Listed { by_name: targets, revision };
        effects.changed.targets = true;
        Ok(Reply::Targets(revision))
    }
}

fn by_name<T: Clone>(
    items: &[T],
    what: &str,
    name: impl Fn(&T) -> &Name,
) -> Result<BTreeMap<Name, T>, Denied> {
    let mut map = BTreeMap::new();
    for item in items {
        if map.insert(name(item).clone(), item.clone()).is_some() {
            return Err(Denied::Duplicate { what: what.to_owned(), name: name(item).clone() });
        }
    }
    Ok(map)
}

/// Names that are new or different, and names that are gone, each in order.
fn difference<T: PartialEq>(
    old: &BTreeMap<Name, T>,
    new: &BTreeMap<Name, T>,
) -> (Vec<Name>, Vec<Name>) {
    let set = new.iter().filter(|(name, item)| old.get(*name) != Some(*item));
    let removed = old.keys().filter(|name| !new.contains_key(*name));
    (set.map(|(name, _)| name.clone()).collect(), removed.cloned().collect())
}
