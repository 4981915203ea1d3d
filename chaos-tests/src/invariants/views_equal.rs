//! O5: the rows of every home of the audit views are what a fold of the record from its first event
//! gives, no row more and none less: so each event is in the views exactly once.
//!
//! A home follows at its own pace, so the record is folded as far as the home says that it is; how
//! far it must be at least is said beside it.

use std::collections::BTreeMap;

use store_views::{Begins, Delivered, Home as _, Memory, Projector, Row, Table, whole_table};

use super::Events;

/// How many differing rows of a home are listed; the rest is counted.
const LISTED: usize = 5;

/// What a home of the audit views holds.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// Which home, for people who read a violation.
    pub home: String,
    /// How far each chain is folded.
    pub cursors: BTreeMap<String, u64>,
    /// How far each chain must be folded at least.
    pub least: BTreeMap<String, u64>,
    /// The rows of all tables.
    pub rows: Vec<Row>,
}

/// What a row is called among all rows.
type Name = (Table, String, String);

/// Violations, given the record and the homes that were folded from it.
#[must_use]
pub fn violations(record: &Events, homes: &[Kept]) -> Vec<String> {
    homes.iter().flat_map(|kept| of_home(record, kept)).collect()
}

fn of_home(record: &Events, kept: &Kept) -> Vec<String> {
    let home = &kept.home;
    let mut violations = Vec::new();
    let has = |chain: &String| kept.cursors.get(chain).copied().unwrap_or(0);
    let short = kept.least.iter().filter(|(chain, least)| has(chain) < **least);
    violations.extend(short.map(|(chain, least)| {
        format!("{home}: {chain} is folded to {}, and not to {least}", has(chain))
    }));
    let folded = match fold(record, &kept.cursors) {
        Ok(folded) => folded,
        Err(why) => {
            violations.push(format!("{home}: the record cannot be folded so far: {why}"));
            return violations;
        }
    };
    let folded = by_name(&folded);
    let rows = by_name(&kept.rows);
    if rows.len() != kept.rows.len() {
        violations.push(format!("{home}: rows are there more than once"));
    }
    let mut differ = Vec::new();
    for (name, row) in &folded {
        match rows.get(name) {
            Some(other) if other == row => {}
            Some(other) => differ.push(format!("{home}: {other:?} instead of {row:?}")),
            None => differ.push(format!("{home}: no {row:?}")),
        }
    }
    let more = rows.iter().filter(|(name, _)| !folded.contains_key(*name));
    differ.extend(more.map(|(_, row)| format!("{home}: {row:?} comes from no event")));
    let unlisted = differ.len().saturating_sub(LISTED);
    differ.truncate(LISTED);
    violations.append(&mut differ);
    if unlisted > 0 {
        violations.push(format!("{home}: … and {unlisted} more like it"));
    }
    violations
}

fn by_name(rows: &[Row]) -> BTreeMap<Name, &Row> {
    let name = |row: &Row| (row.table(), row.chain().to_owned(), row.id().to_owned());
    rows.iter().map(|row| (name(row), row)).collect()
}

/// Folds the record anew, each chain up to a place.
fn fold(record: &Events, to: &BTreeMap<String, u64>) -> Result<Vec<Row>, String> {
    let mut projector = Projector::new(Memory::new(), "the record", Begins::AtOne);
    for (chain, to) in to {
        for line in record.of_chain(chain) {
            let delivered = Delivered::read(line.as_bytes()).map_err(|error| error.to_string())?;
            if delivered.event.id.seq <= *to {
                projector.offer(delivered);
            }
        }
    }
    while projector.in_line() > 0 {
        projector.fold(None).map_err(|error| error.to_string())?;
    }
    let cursors = projector.home().cursors().map_err(|error| error.to_string())?;
    let reached: BTreeMap<_, _> =
        cursors.into_iter().map(|(chain, cursor)| (chain, cursor.seq)).collect();
    if reached != *to {
        return Err(format!("it goes to {reached:?}, and the home to {to:?}"));
    }
    let mut rows = Vec::new();
    for table in Table::ALL {
        rows.extend(whole_table(projector.home(), *table).map_err(|error| error.to_string())?);
    }
    Ok(rows)
}
