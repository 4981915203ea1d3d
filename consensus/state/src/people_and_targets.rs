//! People and targets: each is replaced as a whole, and the event lists what that changed.
//!
//! Sessions that are open are not touched here: whoever runs them judges them again.

use std::collections::BTreeMap;

use proto::event::{Kind, PeopleChanged, Stamped, TargetsChanged};
use proto::ids::Name;
use proto::person::Person;
use proto::target::Target;

use crate::limits;
use crate::policy::{check_by, check_length};
use crate::reply::{Changed, Denied, Effects, Reply};
use crate::state::State;

impl State {
    pub(crate) fn set_people(
        &mut self,
        people: &[Person],
        by: &str,
    ) -> Result<(Reply, Effects), Denied> {
        check_by(by)?;
        check_length(people.len(), "the number of people", limits::PEOPLE)?;
        let people = by_name(people, "person", |person| &person.name)?;
        let (set, removed) = difference(&self.people, &people);
        if set.is_empty() && removed.is_empty() {
            return Ok((Reply::Done, Effects::default()));
        }
        let by = by.to_owned();
        let event = self.draw_up(Kind::PeopleChanged(PeopleChanged { set, removed, by }))?;
        self.append_to_chain(&event);
        self.people = people;
        Ok(done(event, Changed { people: true, ..Changed::default() }))
    }

    pub(crate) fn set_targets(
        &mut self,
        targets: &[Target],
        by: &str,
    ) -> Result<(Reply, Effects), Denied> {
        check_by(by)?;
        check_length(targets.len(), "the number of targets", limits::TARGETS)?;
        let targets = by_name(targets, "target", |target| &target.name)?;
        let (set, removed) = difference(&self.targets, &targets);
        if set.is_empty() && removed.is_empty() {
            return Ok((Reply::Done, Effects::default()));
        }
        let by = by.to_owned();
        let event = self.draw_up(Kind::TargetsChanged(TargetsChanged { set, removed, by }))?;
        self.append_to_chain(&event);
        self.targets = targets;
        Ok(done(event, Changed { targets: true, ..Changed::default() }))
    }
}

fn done(event: Stamped, changed: Changed) -> (Reply, Effects) {
    (Reply::Done, Effects { event: Some(event), changed, ..Effects::default() })
}

fn by_name<T: Clone>(
    items: &[T],
    what: &'static str,
    name: impl Fn(&T) -> &Name,
) -> Result<BTreeMap<Name, T>, Denied> {
    let mut map = BTreeMap::new();
    for item in items {
        if map.insert(name(item).clone(), item.clone()).is_some() {
            return Err(Denied::Duplicate { what, name: name(item).clone() });
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
