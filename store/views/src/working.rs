//! The rows that a fold works on, taken out of a home and put back changed.
//!
//! The fold itself says which rows it needs: it first runs over rows that are all unknown, and what
//! it asks for then is fetched. So no second list can disagree with it.

use std::collections::{BTreeSet, HashMap};

use crate::tables::{Key, Row, Tabled};

/// Rows of one chain.
#[derive(Debug, Default)]
pub struct Working {
    chain: String,
    slots: HashMap<Key, Slot>,
    unknown: BTreeSet<Key>,
}

#[derive(Debug)]
struct Slot {
    row: Option<Row>,
    changed: bool,
}

impl Working {
    /// Rows of a chain, none of them known.
    #[must_use]
    pub fn of(chain: String) -> Self {
        Self { chain, ..Self::default() }
    }

    /// The chain.
    #[must_use]
    pub fn chain(&self) -> &str {
        &self.chain
    }

    /// What was asked for and is not known; it is forgotten by asking.
    pub fn take_unknown(&mut self) -> BTreeSet<Key> {
        std::mem::take(&mut self.unknown)
    }

    /// What the home has under a key; nothing when it has no such row.
    pub fn know(&mut self, key: Key, row: Option<Row>) {
        self.slots.insert(key, Slot { row, changed: false });
    }

    /// The rows that changed, in order.
    #[must_use]
    pub fn changed(self) -> Vec<Row> {
        let changed = self.slots.into_iter().filter(|(_, slot)| slot.changed);
        let mut rows: Vec<_> = changed.filter_map(|(key, slot)| Some((key, slot.row?))).collect();
        rows.sort_by(|(one, _), (other, _)| one.cmp(other));
        rows.into_iter().map(|(_, row)| row).collect()
    }

    /// Changes a row, if there is one.
    pub(crate) fn change<R: Tabled>(&mut self, id: &str, change: impl FnOnce(&mut R)) {
        let key = Key::new(R::TABLE, id);
        let Some(slot) = self.slots.get_mut(&key) else {
            self.unknown.insert(key);
            return;
        };
        if let Some(row) = slot.row.as_mut().and_then(R::of_mut) {
            change(row);
            slot.changed = true;
        }
    }

    /// Changes a row; one that is not there is made first.
    pub(crate) fn change_or<R: Tabled>(
        &mut self,
        id: &str,
        make: impl FnOnce() -> R,
        change: impl FnOnce(&mut R),
    ) {
        let key = Key::new(R::TABLE, id);
        let Some(slot) = self.slots.get_mut(&key) else {
            self.unknown.insert(key);
            return;
        };
        slot.changed = true;
        if let Some(row) = R::of_mut(slot.row.get_or_insert_with(|| make().into())) {
            change(row);
        }
    }

    /// Asks for a row, so that it is fetched together with others.
    pub(crate) fn want<R: Tabled>(&mut self, id: &str) {
        let key = Key::new(R::TABLE, id);
        if !self.slots.contains_key(&key) {
            self.unknown.insert(key);
        }
    }

    /// Something of a row as it is now.
    pub(crate) fn see<R: Tabled, T>(&mut self, id: &str, see: impl FnOnce(&R) -> T) -> Option<T> {
        let key = Key::new(R::TABLE, id);
        let Some(slot) = self.slots.get(&key) else {
            self.unknown.insert(key);
            return None;
        };
        slot.row.as_ref().and_then(R::of).map(see)
    }

    /// Puts a row whose name can occur only once, so that nothing need be fetched for it.
    pub(crate) fn put(&mut self, row: impl Into<Row>) {
        let row = row.into();
        let key = Key::new(row.table(), row.id());
        self.slots.insert(key, Slot { row: Some(row), changed: true });
    }
}
