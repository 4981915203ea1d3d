//! A home in memory: for tests, and as the model that the others are compared with.

use std::collections::BTreeMap;

use crate::home::{Cursor, Home, HomeError, Reached, Step, Taken, natural};
use crate::tables::{Key, Row, Table};

/// The name of a row among all rows of a home.
type Place = (Table, String, String);

/// Tables in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    cursors: BTreeMap<String, Cursor>,
    sources: BTreeMap<String, Reached>,
    rows: BTreeMap<Place, Row>,
}

impl Memory {
    /// An empty home.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn of_chain<'a>(
        &'a self,
        table: Table,
        chain: &'a str,
        after: Option<&str>,
    ) -> impl DoubleEndedIterator<Item = &'a Row> {
        let after = after.map(natural);
        let from = (table, chain.to_owned(), after.clone().unwrap_or_default());
        self.rows
            .range(from..)
            .take_while(move |((one, other, _), _)| (*one, other.as_str()) == (table, chain))
            .filter(move |((_, _, id), _)| after.as_ref() != Some(id))
            .map(|(_, row)| row)
            .collect::<Vec<_>>()
            .into_iter()
    }
}

fn place(row: &Row) -> Place {
    (row.table(), row.chain().to_owned(), natural(row.id()))
}

impl Home for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn cursors(&mut self) -> Result<Vec<(String, Cursor)>, HomeError> {
        let cursors = self.cursors.iter();
        Ok(cursors.map(|(chain, cursor)| (chain.clone(), cursor.clone())).collect())
    }

    fn reached(&mut self, source: &str) -> Result<Option<Reached>, HomeError> {
        Ok(self.sources.get(source).cloned())
    }

    fn rows(&mut self, chain: &str, keys: &[Key]) -> Result<Vec<Row>, HomeError> {
        let places = keys.iter().map(|key| (key.table, chain.to_owned(), natural(&key.id)));
        Ok(places.filter_map(|place| self.rows.get(&place).cloned()).collect())
    }

    fn take(&mut self, step: &Step) -> Result<Taken, HomeError> {
        if step.moves.iter().any(|one| self.cursors.get(&one.chain) != one.from.as_ref()) {
            return Ok(Taken::Moved);
        }
        self.rows.extend(step.rows.iter().map(|row| (place(row), row.clone())));
        for one in &step.moves {
            self.cursors.insert(one.chain.clone(), one.to.clone());
        }
        if let Some((source, reached)) = &step.source {
            self.sources.insert(source.clone(), reached.clone());
        }
        Ok(Taken::Whole)
    }

    fn forget(&mut self, chains: &[String], source: &str) -> Result<(), HomeError> {
        self.rows.retain(|(_, chain, _), _| !chains.contains(chain));
        self.cursors.retain(|chain, _| !chains.contains(chain));
        self.sources.remove(source);
        Ok(())
    }

    fn start_anew(&mut self) -> Result<(), HomeError> {
        *self = Self::new();
        Ok(())
    }

    fn scan(
        &mut self,
        table: Table,
        chain: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Row>, HomeError> {
        Ok(self.of_chain(table, chain, after).take(limit).cloned().collect())
    }

    fn newest(&mut self, table: Table, chain: &str, limit: usize) -> Result<Vec<Row>, HomeError> {
        Ok(self.of_chain(table, chain, None).rev().take(limit).cloned().collect())
    }
}
